"""Packs the entries of a report, to be pickled or copied.

Owns the stand-ins for what does not pickle, and what the copy of an exception needs to be shown in
the same words. Knows nothing of executors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeGuard

from dojobber._exceptions import (
    attach_traceback,
    cause,
    is_of_process,
    is_stand_in,
    notes,
    parts,
    safe_repr,
    shown,
    trace,
)
from dojobber._executors.pickling import try_pickle, try_unpickle
from dojobber._failures import Failure, is_failure
from dojobber._record import Record, as_dict
from dojobber.job import Job
from dojobber.remote import RemoteBaseException, RemoteError, RemoteValue
from dojobber.report import JobReport

_FAILURES = 'check_failure', 'run_failure', 'failure', 'cleanup_failure'
_set_cause: Any = vars(BaseException)['__cause__'].__set__
_attributes: Any = vars(BaseException)['__dict__'].__get__


class PackedEntries(Record):
    """The entries of a report, with numbers in place of objects that may not pickle."""

    #: The fields of each entry, by their names.
    entries: tuple[dict[str, Any], ...]
    #: The packed objects, in the order of their numbers.
    objects: tuple[_Packed, ...]


def pack(entries: Iterable[JobReport]) -> PackedEntries:
    """Pack the entries of a report, for `unpack`."""
    packer = _Packer()
    packed = tuple([packer.entry(each) for each in entries])
    return PackedEntries(packed, packer.objects())


def unpack(packed: PackedEntries) -> tuple[JobReport, ...]:
    """Return the entries that were packed."""
    objects = [each.made() for each in packed.objects]
    for made, each in zip(objects, packed.objects):
        if isinstance(each, _PackedException):
            _restore(made, each, packed.objects, objects)
    return tuple([_entry(each, objects) for each in packed.entries])


def _entry(packed: dict[str, Any], objects: Sequence[Any]) -> JobReport:
    values = {**packed, 'job': objects[packed['job']], 'result': objects[packed['result']]}
    for name in _FAILURES:
        if packed[name] is not None:
            number, *place = packed[name]
            values[name] = Failure(objects[number], *place)
    return JobReport(**values)


class _PackedClass(Record):
    data: bytes | None
    name: str
    attributes: dict[str, Any]

    def made(self) -> type[Job]:
        found = try_unpickle(self.data)
        return found if isinstance(found, type) else type(self.name, (Job,), dict(self.attributes))


class _PackedValue(Record):
    data: bytes | None
    #: The text of its stand-in.
    text: str

    def made(self) -> Any:
        return try_unpickle(self.data, RemoteValue(self.text))


class _PackedException(Record):
    data: bytes | None
    #: The name of its class, and its message.
    shown: tuple[str, str]
    notes: list[str]
    is_failure: bool
    #: Its traceback; '' if it is only the cause of another exception, whose trace contains it.
    trace: str
    place: tuple[str, int, str, int]
    #: The numbers of the exceptions in it, if it is a group, and of its cause.
    parts: tuple[int, ...]
    cause: int | None
    #: Of a failed process: the numbers of the attributes, by name.
    process: dict[str, int]

    def made(self) -> BaseException:
        error = try_unpickle(self.data)
        if self._is_like(error):
            return error
        return (RemoteError if self.is_failure else RemoteBaseException)(*self.shown)

    def _is_like(self, error: Any) -> TypeGuard[BaseException]:
        if not isinstance(error, BaseException):
            return False
        return shown(error) == self.shown and len(parts(error)) == len(self.parts)


_Packed = _PackedClass | _PackedValue | _PackedException


def _restore(
    error: Any,
    of: _PackedException,
    packed: Sequence[_Packed],
    objects: Sequence[Any],
) -> None:
    """Restore what an exception, and the exceptions in it, lose when they are pickled."""
    seen, pairs = set(), [(error, of)]
    for made, each in pairs:
        if id(made) not in seen:
            seen.add(id(made))
            _restore_one(made, each, objects)
            within = zip(parts(made), each.parts)
            pairs += [(part, packed[number]) for part, number in within]  # type: ignore[misc]


def _restore_one(error: BaseException, of: _PackedException, objects: Sequence[Any]) -> None:
    attributes = _attributes(error)
    if is_stand_in(error):
        attributes.update({name: objects[number] for name, number in of.process.items()})
        if of.parts:
            attributes['exceptions'] = tuple([objects[number] for number in of.parts])
    if notes(error) != of.notes:
        attributes['__notes__'] = list(of.notes)
    if of.cause is not None:
        _set_cause(error, objects[of.cause])
    attach_traceback(error, of.trace, *of.place)


class _Packer:
    """Numbers each object once, so that it stays one object in the copy."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, int], int] = {}
        self._objects: list[tuple[str, Any]] = []
        self._with_trace = 0

    def entry(self, entry: JobReport) -> dict[str, Any]:
        packed = as_dict(entry)
        packed['job'] = self._number('class', entry.job)
        packed['result'] = self._number('value', entry.result)
        for name in _FAILURES:
            if packed[name] is not None:
                exception, *place = packed[name]
                packed[name] = (self._number('exception', exception), *place)
        return packed

    def objects(self) -> tuple[_Packed, ...]:
        """Pack the objects that have a number, and all that belongs to them."""
        for kind, each in self._objects:
            if kind == 'exception':
                for part in parts(each):
                    self._number('exception', part)
        self._with_trace = len(self._objects)
        pack: dict[str, Callable[[Any], _Packed]] = {
            'class': _packed_class,
            'value': _packed_value,
            'exception': self._exception,
        }
        # The list grows meanwhile: an exception that is packed gives a number to its cause.
        return tuple([pack[kind](each) for kind, each in self._objects])

    def _number(self, kind: str, each: object) -> int:
        key = kind, id(each)
        if key not in self._numbers:
            self._numbers[key] = len(self._objects)
            # Kept alive, so that no other object gets the same id.
            self._objects.append((kind, each))
        return self._numbers[key]

    def _exception(self, error: BaseException) -> _PackedException:
        before = cause(error)
        is_with_trace = self._number('exception', error) < self._with_trace
        return _PackedException(
            data=try_pickle(error),
            shown=shown(error),
            notes=notes(error),
            is_failure=is_failure(error),
            trace=trace(error) if is_with_trace else '',
            place=Failure.of(error)[1:],
            parts=tuple([self._number('exception', each) for each in parts(error)]),
            cause=None if before is None else self._number('exception', before),
            process={name: self._number('value', each) for name, each in _process(error).items()},
        )


def _packed_class(job: type[Job]) -> _PackedClass:
    names = '__module__', '__qualname__', '__doc__'
    attributes = {name: getattr(job, name) for name in names}
    return _PackedClass(try_pickle(job), job.__name__, attributes)


def _packed_value(value: object) -> _PackedValue:
    data = try_pickle(value)
    if data is not None:
        # Unpickling it elsewhere may still fail; keep a cheap repr() for that case.
        return _PackedValue(data, object.__repr__(value))
    with suppress(Exception, SystemExit):  # the data of a dict or list of another class
        data = try_pickle(json.loads(json.dumps(value, allow_nan=False)))
    return _PackedValue(data, safe_repr(value))


def _process(error: BaseException) -> dict[str, Any]:
    """Return the attributes of a failed process, by name; {} for other exceptions."""
    found = {}
    for name in ('cmd', 'output', 'stderr') if is_of_process(error) else ():
        with suppress(Exception, SystemExit):
            found[name] = getattr(error, name)
    return found

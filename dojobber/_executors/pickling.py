"""Pickles classes, values and exceptions for other processes.

Owns the parts from which they are rebuilt, and the stand-ins for those that don't pickle. Knows
nothing of executors.
"""

from __future__ import annotations

import os
import sys
from abc import ABCMeta
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from pickle import HIGHEST_PROTOCOL, dumps, loads
from types import CellType, FunctionType, MappingProxyType, MemberDescriptorType
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from dojobber._exceptions import attach_traceback, class_name, safe_repr, safe_str, trace
from dojobber._failures import Failure, is_failure
from dojobber._record import Record
from dojobber.remote import RemoteBaseException, RemoteError, RemoteValue

# Attributes that Python sets anew; and DEPS and WATCH, which may be long and no worker needs.
_LEFT_OUT = {
    '__dict__', '__weakref__', '_abc_impl', 'DEPS', 'WATCH', '__annotate__', '__annotate_func__',
    '__annotations_cache__',
}  # fmt: skip
# Objects of these classes don't pickle, but the functions in these attributes may.
_WRAPPERS: dict[type, tuple[str, ...]] = {
    staticmethod: ('__func__',),
    classmethod: ('__func__',),
    property: ('fget', 'fset', 'fdel', '__doc__'),
    cached_property: ('func',),
}
# How many rebuilt classes a process remembers.
_CLASSES = 1000


class PackedClass(Record):
    """A class that can't be imported by its name, such as one made with type()."""

    #: Identifies the class among those of all drivers.
    token: str
    metaclass: type
    name: str
    bases: tuple[Any, ...]
    attributes: dict[str, Any]


_tokens: WeakKeyDictionary[type, str] = WeakKeyDictionary()
_made: dict[str, type] = {}


def pack_class(job_class: type, by_reference: Callable[[type], bool]) -> Any:
    """Return the parts from which `unpack_class` rebuilds a class.

    Args:
        job_class: the class.
        by_reference: returns whether a class may be pickled by its name.
    """
    own = vars(job_class)
    if by_reference(job_class) or any(is_tied(each, job_class) for each in own.values()):
        return job_class
    bases = tuple(pack_class(base, by_reference) for base in job_class.__bases__)
    return pack_shallow(job_class, bases)


def pack_shallow(job_class: type, bases: tuple[Any, ...]) -> PackedClass:
    """Pack a class, but not its bases.

    Args:
        job_class: the class.
        bases: its bases, packed or not.
    """
    return PackedClass(
        token=_tokens.setdefault(job_class, os.urandom(16).hex()),
        metaclass=type(job_class),
        name=job_class.__name__,
        bases=bases,
        attributes=dict(_attributes(job_class)),
    )


def _attributes(job_class: type) -> Iterator[tuple[str, Any]]:
    """Yield the attributes that are needed to rebuild a class."""
    for name, value in vars(job_class).items():
        # __slots__ makes its descriptors again.
        if name not in _LEFT_OUT and not isinstance(value, MemberDescriptorType):
            yield name, value


def is_tied(value: object, job_class: type) -> bool:
    """Return whether a function refers to its class, so that the class can't be rebuilt.

    In a rebuilt class the function would still refer to the original. Functions that use super()
    do so, and those of frozen dataclasses. A decorator has the original function in its closure.
    """
    looked_at: list[Any] = [value]
    for each in looked_at:
        if isinstance(each, property):
            looked_at += [each.fget, each.fset, each.fdel]
        if isinstance(each, cached_property):
            each = each.func
        function = getattr(each, '__func__', each)
        if isinstance(function, FunctionType):
            if '__class__' in function.__code__.co_freevars:
                return True
            cells = function.__closure__ or ()
            known = [found for cell in cells for found in content_of(cell)]
            if any(found is job_class for found in known):
                return True
            functions = [found for found in known if isinstance(found, FunctionType)]
            looked_at += [found for found in functions if found not in looked_at]
    return False


def content_of(cell: CellType) -> tuple[Any, ...]:
    """Return the object in a cell of a closure; () if it is empty."""
    try:
        return (cell.cell_contents,)
    except ValueError:
        return ()


def unpack_class(packed: Any, update: Callable[[type, dict[str, Any]], None] | None = None) -> Any:
    """Return the class that was packed, or rebuild it from its parts.

    A process rebuilds a class once, since its bases may register or refuse subclasses.

    Args:
        packed: by `pack_class` or `pack_shallow`.
        update: sets the attributes of a class that was rebuilt before; None means `update_class`.
    """
    if not isinstance(packed, PackedClass):
        return packed
    made = _made.get(packed.token)
    if made is None:
        made = _made[packed.token] = _create(packed)
        if len(_made) > _CLASSES:
            del _made[next(iter(_made))]
    else:
        (update or update_class)(made, packed.attributes)
    return made


def update_class(made: type, attributes: dict[str, Any]) -> None:
    """Set the attributes of a class."""
    for name, value in attributes.items():
        type.__setattr__(made, name, value)
        if isinstance(value, cached_property):
            value.__set_name__(made, name)


class _Bare:
    """The base of a class until its own bases are set."""


def _create(packed: PackedClass) -> type:
    """Rebuild a class without the metaclasses and __init_subclass__ of the script itself.

    They were called in the driver, and what they stored there travels, too.
    """
    attributes, bases = dict(packed.attributes), tuple(map(unpack_class, packed.bases))
    metaclass = next(each for each in packed.metaclass.__mro__ if each.__module__ != '__main__')
    if attributes.get('__module__') == '__main__' and metaclass in (type, ABCMeta):
        above = {each for base in bases for each in base.__mro__} - {object}
        builtin = [each for each in above if each.__module__ == 'builtins']
        bare = (_Bare, *builtin[:1])
        with suppress(TypeError):  # raised where a base has __slots__
            made: type = metaclass.__new__(packed.metaclass, packed.name, bare, attributes)
            made.__bases__ = bases
            return made
    whole: type = packed.metaclass(packed.name, bases, attributes)
    return whole


def reduce_wrapper(value: object) -> tuple[Any, ...] | str | None:
    """Reduce a wrapper of functions or a constant of dataclasses; return None for all else."""
    kind = type(value)
    if kind in _WRAPPERS:
        return kind, tuple(getattr(value, part) for part in _WRAPPERS[kind])
    if kind is MappingProxyType:
        return _make_proxy, (dict(value),)  # type: ignore[call-overload]
    if kind.__module__ == 'dataclasses':  # its constants are compared by identity
        known = vars(sys.modules['dataclasses']).items()
        return next((name for name, each in known if each is value), None)
    return None


def _make_proxy(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(items)  # pickle can't find the class by name


def unpicklable_attribute(
    job_class: type, by_reference: Callable[[type], bool], pickle: Callable[[Any], object]
) -> str | None:
    """Return the name of an attribute of a class that does not pickle, if there is one."""
    for each in job_class.__mro__:
        if not by_reference(each):
            for name, value in _attributes(each):
                try:
                    pickle(value)
                except Exception:
                    return name
    return None


def is_importable(value: Any) -> bool:
    """Return whether a class or function is found by its module and name."""
    found: Any = sys.modules.get(value.__module__)
    for name in value.__qualname__.split('.'):
        found = getattr(found, name, None)
    return found is value


class PickledValue(NamedTuple):
    """A pickled value, and what its stand-in needs."""

    #: Its pickle; None if it has none.
    data: bytes | None
    #: The text of its stand-in: its repr(), or the message of an exception.
    text: str
    #: Of an exception: the name of its class (None for other values), its traceback, and its
    #: place as in a Failure.
    class_name: str | None = None
    trace: str = ''
    place: tuple[str, int, str, int] = ('', 0, '', 0)
    #: Of an exception: the class of its stand-in.
    stand_in: type[BaseException] = RemoteError


class ValuePickler:
    """Packs each object once, so that it stays one object in the other process."""

    def __init__(self) -> None:
        """Begin without any."""
        #: The values, too: kept alive, so that no other object gets the same id.
        self._packed: dict[int, tuple[object, PickledValue]] = {}

    def pack(self, value: object) -> Any:
        """Return a value as it is if it is None, else as a `PickledValue`."""
        if value is None:
            return None
        if id(value) not in self._packed:
            self._packed[id(value)] = value, _packed(value)
        return self._packed[id(value)][1]

    def pack_failure(self, failure: Failure | None) -> Any:
        """Return the exception of a failure as a `PickledValue`, which has the place, too."""
        return None if failure is None else self.pack(failure.exception)


class ValueUnpickler:
    """Unpacks each `PickledValue` once."""

    def __init__(self) -> None:
        """Begin without any."""
        self._values: dict[int, Any] = {}

    def unpack(self, packed: PickledValue | None) -> Any:
        """Return the value that was packed, or its stand-in."""
        if packed is None:
            return None
        if id(packed) not in self._values:
            self._values[id(packed)] = _unpacked(packed)
        return self._values[id(packed)]

    def unpack_failure(self, packed: PickledValue | None) -> Failure | None:
        """Return the failure that was packed, of its exception or the stand-in."""
        return None if packed is None else Failure.of(self.unpack(packed))


def _packed(value: object) -> PickledValue:
    if not isinstance(value, BaseException):
        data = try_pickle(value)
        # Unpickling it in the driver may still fail; keep a cheap repr() for that case.
        return PickledValue(data, safe_repr(value) if data is None else object.__repr__(value))
    return PickledValue(
        try_pickle(value),
        safe_str(value),
        class_name(value),
        trace(value),
        Failure.of(value)[1:],
        _stand_in(value),
    )


def _stand_in(error: BaseException) -> type[BaseException]:
    if is_failure(error):
        return RemoteError
    is_interrupt = issubclass(type(error), KeyboardInterrupt)
    return KeyboardInterrupt if is_interrupt else RemoteBaseException


def _unpacked(packed: PickledValue) -> Any:
    value = try_unpickle(packed.data, RemoteValue(packed.text))
    if packed.class_name is None:
        return value
    if not _is_same(value, packed):
        is_interrupt = packed.stand_in is KeyboardInterrupt
        args = () if is_interrupt else (packed.class_name,)
        value = packed.stand_in(*args, packed.text)
    attach_traceback(value, packed.trace, *packed.place)
    return value


def _is_same(value: object, packed: PickledValue) -> bool:
    """Return whether an unpickled exception has the class and the message of the original.

    A message may differ for a good reason, such as an address in it, unless it is an argument.
    """
    if not isinstance(value, BaseException) or class_name(value) != packed.class_name:
        return False
    args, text = value.args, safe_str(value)
    is_argument = len(args) == 1 and type(args[0]) is str and args[0] == text
    return text == packed.text or not is_argument


def try_pickle(value: object) -> bytes | None:
    """Return a pickle that this process can load; None if there is none."""
    with suppress_all_but_interrupts():
        data = dumps(value, HIGHEST_PROTOCOL)
        return data if is_pickle(data) else None
    return None


def try_unpickle(data: bytes | None, stand_in: object = None) -> Any:
    """Return the value of a pickle; its stand-in where there is none, or it can't be loaded."""
    with suppress_all_but_interrupts():
        return stand_in if data is None else loads(data)
    return stand_in


def is_pickle(data: bytes) -> bool:
    """Return whether this process can load a pickle."""
    with suppress_all_but_interrupts():
        loads(data)
        return True
    return False


@contextmanager
def suppress_all_but_interrupts() -> Iterator[None]:
    """Ignore all that a value raises while it is packed or unpacked, except KeyboardInterrupt.

    Some values raise no Exception, but SystemExit, or the panic of an extension module.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException:
        pass


def pack_items(items: Mapping[Any, Any]) -> tuple[list[bytes], list[str]]:
    """Pack a dict's items one by one.

    Returns:
        The pickled pairs of key and value; and the repr() of each key that has none.
    """
    packed, lost = [], []
    for pair in list(items.items()):
        data = try_pickle(pair)
        if data is None:
            lost.append(safe_repr(pair[0]))
        else:
            packed.append(data)
    return packed, lost


def unpack_items(packed: Iterable[bytes | memoryview]) -> tuple[dict[Any, Any], int]:
    """Return the dict of pickled pairs, and how many of them could not be unpickled."""
    items, lost = {}, 0
    for data in packed:
        lost += 1
        with suppress_all_but_interrupts():
            key, value = loads(data)
            items[key] = value
            lost -= 1
    return items, lost

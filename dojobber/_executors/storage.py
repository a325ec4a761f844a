"""The global storage of a run in several processes, where each try works on a copy.

Owns which of its values were accessed, what has changed in it, and the journal that is sent to
workers. A value is pickled where it is set, and unpickled only where it is accessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import wraps
from pickle import dumps, loads
from typing import Any, NamedTuple

from dojobber._executors.pickling import suppress_all_but_interrupts, try_pickle, unpack_items

# How many bytes the length takes that precedes each record of a journal.
_HEAD = 8
# How many journals a worker process remembers.
_RUNS = 8


class Packed(NamedTuple):
    """The pickle of a value that was not accessed in this process."""

    data: bytes


def _accessing_one(name: str) -> Any:
    """Return a method of dict that accesses the value of its first argument."""
    method: Any = getattr(dict, name)

    @wraps(method)
    def call(self: SharedDict, key: Any, /, *args: Any) -> Any:
        self._load(key)
        return method(self, key, *args)

    return call


def _accessing_all(name: str) -> Any:
    """Return a method of dict that accesses all values."""
    method: Any = getattr(dict, name)

    @wraps(method)
    def call(self: SharedDict, /, *args: Any) -> Any:
        self._load_all()
        return method(self, *args)

    return call


class SharedDict(dict[Any, Any]):
    """A dict whose values are unpickled when they are accessed.

    A value that can't be unpickled is missing, so asking for all keys unpickles all values.
    """

    __slots__ = ('dropped', '_known', '_accessed')

    def __init__(self, packed: Mapping[Any, Packed] | None = None) -> None:
        """Begin with packed values."""
        super().__init__(packed or {})
        #: The keys of the values that could not be unpickled.
        self.dropped: set[Any] = set()
        #: The values as they were unpickled, or at the last call of `changes`, and their pickles.
        self._known: dict[Any, tuple[Any, bytes | None]] = {}
        #: The keys that were accessed since then.
        self._accessed: set[Any] = set()

    # For the library

    def put(self, key: Any, packed: Packed) -> None:
        """Set a packed value."""
        self._known.pop(key, None)
        super().__setitem__(key, packed)

    def discard(self, key: Any) -> None:
        """Delete a key if it is there."""
        self.dropped.discard(key)
        self._known.pop(key, None)
        super().pop(key, None)

    def changes(self, before: Mapping[Any, Packed]) -> tuple[dict[Any, Packed | None], list[Any]]:
        """Return what was set, changed or deleted since the last call.

        Only values that are new or were accessed are pickled for that.

        Args:
            before: the values that the other process has.

        Returns:
            The new values by key, None for a deleted one; and the keys of those that don't pickle.
        """
        live = {key: value for key, value in super().items() if type(value) is not Packed}
        changed: dict[Any, Packed | None] = {}
        known, unpicklable = {}, []
        for key, value in live.items():
            last = self._known.get(key)
            if last and last[0] is value and key not in self._accessed:
                known[key] = last
                continue
            data = try_pickle(value)
            known[key] = value, data
            if data is None:
                unpicklable.append(key)
            elif not (last and last[1] == data) and before.get(key) != (data,):
                changed[key] = Packed(data)
        there = super().keys()
        absent = len(before) + sum(key not in before for key in live) - len(there)
        # Mostly none is deleted, and to compare all keys would take long.
        if absent > sum(key not in there for key in self.dropped):
            changed |= dict.fromkeys(before.keys() - there - self.dropped)
        self._known = known
        self._accessed.clear()
        return changed, unpicklable

    def _load(self, key: Any) -> None:
        packed = super().get(key)
        self._accessed.add(key)
        if type(packed) is not Packed:
            return
        with suppress_all_but_interrupts():
            value = loads(packed.data)
            self._known[key] = value, try_pickle(value)
            super().__setitem__(key, value)
            return
        super().__delitem__(key)
        self.dropped.add(key)

    def _load_all(self) -> None:
        self._accessed.update(super().keys())
        for key in [key for key, value in super().items() if type(value) is Packed]:
            self._load(key)

    # As in a dict, for users

    __getitem__ = _accessing_one('__getitem__')
    __delitem__ = _accessing_one('__delitem__')
    __contains__ = _accessing_one('__contains__')
    get = _accessing_one('get')
    pop = _accessing_one('pop')
    setdefault = _accessing_one('setdefault')

    # Without an __iter__ of our own, dict(...) and update() would copy packed values.
    __iter__ = _accessing_all('__iter__')
    __reversed__ = _accessing_all('__reversed__')
    __len__ = _accessing_all('__len__')
    __eq__ = _accessing_all('__eq__')
    __ne__ = _accessing_all('__ne__')
    __repr__ = _accessing_all('__repr__')
    keys = _accessing_all('keys')
    values = _accessing_all('values')
    items = _accessing_all('items')
    popitem = _accessing_all('popitem')
    __hash__ = None

    def copy(self) -> dict[Any, Any]:
        return dict(self.items())

    def __or__(self, other: Any) -> Any:
        return self.copy() | other

    def __ror__(self, other: Any) -> Any:
        return other | self.copy()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return dict, (self.copy(),)


class Journal:
    """The changes of a dict, in their order; sent to workers as bytes."""

    def __init__(self) -> None:
        """Begin without any records."""
        #: How often it was rewritten without outdated records.
        self.edition = 0
        #: The values by key.
        self.index: dict[Any, Packed] = {}
        self._written = bytearray()
        #: The current records by key, and their total length.
        self._records: dict[Any, bytes] = {}
        self._length = 0

    def __bytes__(self) -> bytes:
        """Return all that was written."""
        return bytes(self._written)

    def put(self, key: Any, packed: Packed, record: bytes) -> None:
        """Note that a key was set."""
        self._forget(key)
        self.index[key] = packed
        self._records[key] = _framed(record)
        self._length += len(self._records[key])
        self._write(self._records[key])

    def discard(self, key: Any) -> None:
        """Note that a key was deleted, if it was there."""
        if key in self.index:
            del self.index[key]
            self._forget(key)
            self._write(_framed(dumps((key, None))))

    def _forget(self, key: Any) -> None:
        self._length -= len(self._records.pop(key, b''))

    def _write(self, record: bytes) -> None:
        self._written += record
        if len(self._written) > 1000 + 2 * self._length:
            self.edition += 1
            self._written = bytearray().join(self._records.values())


def _framed(record: bytes) -> bytes:
    return len(record).to_bytes(_HEAD, 'big') + record


def record_of(key: Any, packed: Packed | None) -> bytes | None:
    """Return the record of a change, where None means that the key was deleted.

    Returns:
        None if the key can't travel.
    """
    return try_pickle((key, packed and packed.data))


def read_records(records: Iterable[bytes | memoryview]) -> tuple[dict[Any, Packed | None], int]:
    """Return the changes in records, and how many records could not be unpickled."""
    items, lost = unpack_items(records)
    return {key: None if data is None else Packed(data) for key, data in items.items()}, lost


class _Read(NamedTuple):
    """What was read of a journal."""

    edition: int
    length: int
    values: dict[Any, Packed]
    lost: int


#: By run.
_read: dict[str, _Read] = {}


def read_journal(run: str, edition: int, journal: bytes) -> tuple[dict[Any, Packed], int]:
    """Return the values in a journal by key, and how many records could not be unpickled.

    Only records that are new to this process are read, so that the cost of a try does not grow
    with the journal.

    Args:
        run: identifies the journal.
        edition: of the journal.
        journal: its bytes.
    """
    known = _read.get(run)
    if known is None or known.edition != edition or known.length > len(journal):
        known = _Read(edition, 0, {}, 0)
    if known.length < len(journal):
        changed, lost = read_records(_split(journal, known.length))
        values: dict[Any, Any] = {**known.values, **changed}
        for key in [key for key, packed in changed.items() if packed is None]:
            del values[key]
        known = _Read(edition, len(journal), values, known.lost + lost)
        _read.pop(run, None)
        _read[run] = known
        while len(_read) > _RUNS:
            del _read[next(iter(_read))]
    return known.values, known.lost


def _split(journal: bytes, place: int) -> Iterator[memoryview]:
    view = memoryview(journal)
    while place < len(journal):
        end = place + _HEAD + int.from_bytes(view[place : place + _HEAD], 'big')
        yield view[place + _HEAD : end]
        place = end

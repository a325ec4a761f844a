"""The base of records: classes of named fields that are set once.

Owns what a frozen dataclass with slots would have. `dataclasses` compiles six functions for each
class, and loads `inspect`: with it, the import of this package took a third more time. It is only
loaded for someone who sets a field, or asks what the fields are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # whoever checks types has it; `typing` has had it since Python 3.11
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**options):
        return lambda cls: cls


class _RecordType(type):
    """Makes the annotations of a class its fields, behind those of its bases."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> Any:
        own = tuple(namespace.get('__annotations__', ()))
        inherited = [each for base in bases for each in getattr(base, '__match_args__', ())]
        fields = {'__slots__': own, '__match_args__': (*inherited, *own)}
        made: Any = super().__new__(cls, name, bases, namespace | fields)
        made._setters = [getattr(made, each).__set__ for each in made.__match_args__]
        return made


class _OfDataclass:
    """An attribute that a record has in common with its dataclass."""

    def __init__(self, get: Callable[[Any], Any]) -> None:
        self._get = get

    def __get__(self, record: object, owner: type) -> Any:
        return self._get(_dataclass_of(owner))


@cache
def _dataclass_of(cls: type) -> type:
    """Return the dataclass of the same fields as a record."""
    from dataclasses import make_dataclass

    fields: dict[str, Any] = {}
    for each in reversed(cls.__mro__):
        fields |= vars(each).get('__annotations__', {})
    return make_dataclass(cls.__name__, fields.items(), frozen=True)


def _signature(cls: type) -> Any:
    from inspect import signature

    return signature(cls)


@dataclass_transform(frozen_default=True)
class Record(metaclass=_RecordType):
    """Base of records. What a subclass annotates are its fields; they have no defaults."""

    __dataclass_fields__ = _OfDataclass(lambda cls: cls.__dataclass_fields__)
    __dataclass_params__ = _OfDataclass(lambda cls: cls.__dataclass_params__)
    __signature__ = _OfDataclass(_signature)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        cls: Any = type(self)
        if kwargs or len(args) != len(cls._setters):
            args = _in_order(cls, args, kwargs)
        for set_field, value in zip(cls._setters, args):
            set_field(self, value)

    def __setattr__(self, name: str, value: object) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f'cannot assign to field {name!r}')

    def __delattr__(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f'cannot delete field {name!r}')

    def __eq__(self, other: object) -> bool:
        return as_dict(self) == as_dict(other) if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(as_dict(self).values()))

    def __repr__(self) -> str:
        fields = ', '.join([f'{name}={value!r}' for name, value in as_dict(self).items()])
        return f'{type(self).__qualname__}({fields})'

    def __reduce__(self) -> Any:
        return type(self), tuple(as_dict(self).values())

    def __replace__(self, **changes: Any) -> Any:
        """Return a copy with other values for some fields, as `copy.replace` does."""
        return type(self)(**as_dict(self) | changes)


def as_dict(record: Any) -> dict[str, Any]:
    """Return the fields of a record, as they are."""
    return {name: getattr(record, name) for name in record.__match_args__}


def _in_order(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    names: tuple[str, ...] = cls.__match_args__
    values = {**dict(zip(names, args)), **kwargs}
    if len(args) + len(kwargs) != len(names) or values.keys() != {*names}:
        given = f'{len(args)} values and the names ({", ".join(kwargs)})'
        raise TypeError(f'{cls.__name__} takes ({", ".join(names)}), got {given}')
    return tuple([values[name] for name in names])

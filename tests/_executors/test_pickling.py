"""Pickles of values: their size, and stand-ins for values that can't be unpickled."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from pickle import HIGHEST_PROTOCOL, dumps, loads
from typing import Any

import pytest

from dojobber import DummyJob, Job
from dojobber._executors import pickling
from dojobber._executors.pickling import (
    PackedClass,
    ValuePickler,
    ValueUnpickler,
    is_importable,
    pack_class,
    pack_items,
    try_pickle,
    unpack_class,
    unpack_items,
)
from dojobber.remote import RemoteBaseException, RemoteError, RemoteValue
from tests._executors.travelling import Locked, Once, Unloadable


def nothing_by_reference(job_class: type) -> bool:
    return job_class.__module__ == 'dojobber.job' and job_class.__name__ in ('Job', 'DummyJob')


def test_class_of_a_module_travels_by_its_name() -> None:
    assert pack_class(Once, is_importable) is Once
    assert unpack_class(Once) is Once


def test_class_made_at_run_time_is_made_again_with_its_bases_and_attributes() -> None:
    made = type('made', (Once,), {'TEXT': 'x'})
    again = unpack_class(loads(dumps(pack_class(type('again', (made,), {'TRIES': 5}),
                                                is_importable))))  # fmt: skip
    assert [each.__name__ for each in again.__mro__[:3]] == ['again', 'made', 'Once']
    assert (again.TEXT, again.TRIES, again.__module__) == ('x', 5, __name__)
    assert again.__bases__[0] is not made
    assert again.__bases__[0].__bases__ == (Once,)


def test_end_of_a_long_chain_is_packed_small() -> None:
    chain: type[Job] = DummyJob.clone('0')
    for number in range(1, 1500):
        chain = Once.clone(str(number), DEPS=(chain, DummyJob))
    assert len(dumps(pack_class(chain, is_importable), HIGHEST_PROTOCOL)) < 500


def test_metaclass_makes_the_class_again() -> None:
    class Meta(type):
        pass

    packed = pack_class(Meta('made', (Once,), {}), is_importable)
    assert type(unpack_class(packed)) is Meta


REGISTRY: list[type] = []


class Registers(Job):
    """Refuses two subclasses of one name, and has members that pickle does not know."""

    __slots__ = ('slot',)

    def __init_subclass__(cls) -> None:
        assert cls.__name__ not in [each.__name__ for each in REGISTRY[1:]]
        REGISTRY.append(cls)

    @staticmethod
    def static() -> str:
        return 'static'

    @classmethod
    def name(cls) -> str:
        return cls.__name__

    @property
    def word(self) -> str:
        return 'property'

    @functools.cached_property
    def cached(self) -> str:
        return 'cached'

    def Check(self) -> list[Any]:
        self.slot = 5
        return [self.static(), self.name(), self.word, self.cached, self.slot]


def test_members_of_all_kinds_travel_and_a_class_is_made_once() -> None:
    REGISTRY.clear()
    job = Registers.clone('below')
    made = [unpack_class(loads(dumps(pack_class(job, is_importable)))) for _ in 'ab']
    assert made[0] is made[1] is not job
    assert made[0]().Check() == ['static', 'below', 'property', 'cached', 5]


def test_process_remembers_the_last_classes_that_it_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickling, '_CLASSES', 2)
    monkeypatch.setattr(pickling, '_made', {})
    jobs = [Once.clone(name) for name in 'abc']
    packed = [pack_class(job, is_importable) for job in jobs]
    made = [unpack_class(each) for each in packed]
    assert unpack_class(packed[2]) is made[2]
    assert len(pickling._made) <= 2
    assert unpack_class(packed[0]) is not made[0]


def test_frozen_dataclass_is_not_taken_to_pieces() -> None:
    @dataclasses.dataclass(frozen=True)
    class Frozen(Job):
        host: str = 'ada'

        def Check(self) -> str:
            return self.host

    assert pack_class(Frozen, nothing_by_reference) is Frozen


def wrapped(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


class Above(Job):
    def look(self) -> str:
        return 'above'

    def Check(self) -> str:
        return 'above'


class Plain(Above):
    def Check(self) -> str:
        return 'below ' + super().Check()


class Wrapped(Above):
    @wrapped
    @wrapped
    def Check(self) -> str:
        return 'below ' + super().Check()


class Static(Above):
    @classmethod
    def name(cls) -> str:
        return f'below {super().__name__}'  # type: ignore[misc]

    def Check(self) -> str:
        return self.name()


class Shown(Above):
    @property
    def word(self) -> str:
        return 'below ' + super().look()

    def Check(self) -> str:
        return self.word


@pytest.mark.parametrize('job', [Plain, Wrapped, Static, Shown])
def test_class_that_uses_super_is_not_taken_to_pieces(job: type[Job]) -> None:
    assert pack_class(job, nothing_by_reference) is job
    below = unpack_class(pack_class(job.clone('below'), nothing_by_reference))
    assert below.__bases__ == (job,)


def test_functions_that_know_themselves_and_empty_cells_are_no_hindrance() -> None:
    def check(self: Any) -> Any:
        return check if self else never

    job = Job.clone('odd', Check=check)
    assert isinstance(pack_class(job, nothing_by_reference), PackedClass)
    never = check
    assert isinstance(pack_class(job, nothing_by_reference), PackedClass)
    assert never is check


def test_one_object_is_packed_once_and_is_one_object_again() -> None:
    pack, unpack, error = ValuePickler().pack, ValueUnpickler().unpack, ValueError('x')
    packed = loads(dumps([pack(each) for each in (error, 'text', error, None)]))
    values = [unpack(each) for each in packed]
    assert packed[0] is packed[2]
    assert (type(values[0]), *values[1:]) == (ValueError, 'text', values[0], None)


def travelled(value: Any) -> Any:
    """Pack a value and unpack it."""
    return ValueUnpickler().unpack(ValuePickler().pack(value))


class Elsewhere(Exception):
    """Pickles only in the process that it was made in."""

    pid = 0

    def __reduce__(self) -> Any:
        return _made_in, (os.getpid() if not self.pid else self.pid, str(self))


def _made_in(pid: int, text: str) -> Elsewhere:
    if pid != os.getpid():
        raise LookupError
    return Elsewhere(text)


def from_elsewhere(value: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pack a value here and unpack it as in another process."""
    packed = ValuePickler().pack(value)
    monkeypatch.setattr(os, 'getpid', lambda: -1)
    return ValueUnpickler().unpack(packed)


def test_exception_that_can_not_be_made_in_the_driver_has_a_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = from_elsewhere(Elsewhere('text'), monkeypatch)
    assert isinstance(error, RemoteError)
    assert str(error) == 'Elsewhere: text'


class Turns(Exception):
    """Is unpickled as something else."""

    def __init__(self, *into: Any) -> None:
        super().__init__('text')
        self.into = into

    def __reduce__(self) -> Any:
        return self.into


@pytest.mark.parametrize(
    'into', [(list, ()), (str, ('x',)), (KeyError, ()), (ValueError, ('text',))]
)
def test_exception_that_is_made_again_as_something_else_has_a_stand_in(into: Any) -> None:
    error = travelled(Turns(*into))
    assert isinstance(error, RemoteError)
    assert str(error) == 'Turns: text'


class HostDown(Exception):
    """Has an argument that is not its message, as many exceptions have."""

    def __init__(self, host: str) -> None:
        super().__init__(f'{host} is down')


def test_exception_that_is_made_again_with_another_message_has_a_stand_in() -> None:
    error = travelled(HostDown('ant'))
    assert (type(error), str(error)) == (RemoteError, 'HostDown: ant is down')


def test_exception_whose_message_has_an_address_is_made_again() -> None:
    error = travelled(ValueError(Unnamed()))
    assert type(error) is ValueError
    assert type(error.args[0]) is Unnamed


class Unnamed:
    """Has its address in its repr()."""


def test_interrupt_that_is_made_again_as_something_else_is_an_interrupt() -> None:
    class Stops(KeyboardInterrupt):
        def __reduce__(self) -> Any:
            return list, ()

    error = travelled(Stops('text'))
    assert isinstance(error, KeyboardInterrupt)
    assert str(error) == 'text'


@pytest.mark.parametrize(
    ('base', 'stand_in'),
    [
        (BaseException, RemoteBaseException), (GeneratorExit, RemoteBaseException),
        (SystemExit, RemoteError), (KeyboardInterrupt, KeyboardInterrupt),
    ],
)  # fmt: skip
def test_exception_that_is_no_exception_has_a_stand_in_of_its_kind(
    base: type[BaseException], stand_in: type[BaseException]
) -> None:
    error = travelled(type('Odd', (base,), {'__module__': 'nowhere'})('text'))
    assert type(error) is stand_in
    assert str(error) == ('text' if base is KeyboardInterrupt else 'Odd: text')
    assert type(travelled(base('text'))) is base


@pytest.mark.parametrize('error', [SystemExit(3), GeneratorExit()])
def test_exit_while_a_value_is_packed_or_unpacked_costs_the_value_alone(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raising(data: Any, *args: Any) -> Any:
        raise error

    packed = ValuePickler().pack([1])
    monkeypatch.setattr(pickling, 'loads', raising)
    assert isinstance(ValueUnpickler().unpack(packed), RemoteValue)
    assert try_pickle([1]) is None
    monkeypatch.setattr(pickling, 'dumps', raising)
    assert try_pickle([1]) is None


def test_exception_whose_class_has_no_name_is_one() -> None:
    error = travelled(type('', (Exception,), {})('text'))
    assert isinstance(error, RemoteError)


def test_value_that_can_not_be_made_in_the_driver_has_a_stand_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = from_elsewhere(Unloadable(), monkeypatch)
    assert isinstance(value, RemoteValue)
    assert 'Unloadable object at' in value.text


def test_items_that_can_not_be_made_again_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    packed, lost = pack_items({'good': 1, 'bad': Unloadable(), 'worse': Locked('x')})
    items, none = unpack_items(packed)
    assert (list(items), none, lost) == (['good', 'bad'], 0, ["'worse'"])
    monkeypatch.setattr(os, 'getpid', lambda: -1)
    assert unpack_items(packed) == ({'good': 1}, 1)


class Odd:
    """Pickles, but can't be unpickled."""

    def __reduce__(self) -> Any:
        return int, ('odd',)


@pytest.mark.parametrize('value', [Odd(), Locked('x'), lambda: None])
def test_pickle_that_does_not_work_both_ways_is_none(value: object) -> None:
    assert try_pickle(value) is None


@pytest.mark.parametrize(
    ('error', 'text'), [(RemoteError('Odd', 'text'), 'Odd: text'), (RemoteError('Odd', ''), 'Odd')]
)
def test_stand_in_pickles_and_shows_class_and_text(error: RemoteError, text: str) -> None:
    again = loads(dumps(error))
    assert (str(again), again.class_name) == (text, 'Odd')


def test_cached_property_works_in_a_class_that_is_made_again() -> None:
    class Roots(Job):
        @functools.cached_property
        def root(self) -> int:
            return 3

    packed = pack_class(Roots, lambda each: each is Job)
    assert unpack_class(packed) is unpack_class(packed) is not Roots
    made: Any = unpack_class(packed)
    assert made().root == 3

"""What the attributes of a Job must be, and what is refused."""

from __future__ import annotations

import functools
import logging
import math
import re
import sys
from abc import ABC, abstractmethod
from array import array
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import pytest

from dojobber import ConfigurationError, DoJobber, DummyJob, Job, NotAJobError, RunonlyJob
from tests.fakes import FakeClock
from tests.graphs import configured, nodes

A = DummyJob.clone('A')
B = DummyJob.clone('B', DEPS=[A])


@pytest.mark.parametrize(
    'deps',
    [(A, B), [A, B], {A: 1, B: 2}, {A: 1, B: 2}.keys(), (A, B, A), {B, A}, frozenset({B, A})],
    ids=['tuple', 'list', 'dict', 'keys', 'twice', 'set', 'frozenset'],
)
def test_deps_may_be_any_iterable_that_lasts(deps: Any) -> None:
    graph = configured(DummyJob.clone('Root', DEPS=deps)).graph
    assert graph.edges()[1:] == [('Root', 'A'), ('Root', 'B')]


def test_set_of_deps_is_taken_in_the_order_of_names() -> None:
    jobs = {DummyJob.clone(name) for name in 'hcafbged'}
    assert nodes(DummyJob.clone('Root', DEPS=jobs)) == [*'abcdefgh', 'Root']


def test_deps_may_be_an_object_that_is_iterable_again() -> None:
    class Lazy:
        def __iter__(self) -> Iterator[type[Job]]:
            yield A

    assert nodes(DummyJob.clone('Root', DEPS=Lazy())) == ['A', 'Root']


def test_deps_are_read_once() -> None:
    class Vanishing:
        reads = 0

        def __iter__(self) -> Iterator[type[Job]]:
            self.reads += 1
            return iter([A] if self.reads == 1 else [])

    assert nodes(DummyJob.clone('Root', DEPS=Vanishing())) == ['A', 'Root']


def no_words(self: object) -> str:
    raise RuntimeError('no words')


def test_deps_that_can_not_be_shown_work() -> None:
    deps = type('Mute', (list,), {'__repr__': no_words})([A, B])
    assert nodes(DummyJob.clone('Root', DEPS=deps)) == ['A', 'B', 'Root']


def test_deps_added_before_configure_are_in_the_graph() -> None:
    class Group(DummyJob):
        DEPS: ClassVar[list[type[Job]]] = []

    Group.DEPS.append(type('Invite Lawyer Cat', (DummyJob,), {}))
    assert nodes(Group) == ['Invite Lawyer Cat', 'Group']


def test_root_without_deps_attribute_of_its_own_has_those_of_its_base() -> None:
    class Base(DummyJob):
        DEPS = (A,)

    class Leaf(Base):
        pass

    assert nodes(Leaf) == ['A', 'Leaf']


@pytest.mark.parametrize(
    ('deps', 'text'),
    [
        (A, r"must be an iterable of Job classes, got <class '.*A'>; write DEPS = \(A,\)"),
        (7, 'must be an iterable of Job classes, got 7$'),
        (None, 'must be an iterable of Job classes, got None$'),
        ('AB', "must be an iterable of Job classes, got 'AB'$"),
        (b'AB', "must be an iterable of Job classes, got b'AB'$"),
        (iter([A]), 'must be .* got <list_iterator .*>; it can be read only once: write a tuple'),
        ((A, 'B'), "must hold Job classes, got 'B' in it"),
        ((A, B()), r'must hold Job classes, got <.*B object at .*> in it'),
        ((A, int), "must hold Job classes, got <class 'int'> in it"),
    ],
)
def test_deps_that_can_not_work_are_a_type_error_that_names_job_and_value(
    deps: Any, text: str
) -> None:
    with pytest.raises(TypeError, match=f'^Root.DEPS {text}'):
        configured(DummyJob.clone('Root', DEPS=deps))


def test_value_that_can_not_be_shown_is_refused_like_any() -> None:
    mute = type('Mute', (), {'__repr__': no_words})()
    shown = re.escape(object.__repr__(mute))
    with pytest.raises(NotAJobError, match=f'a Job class as its root, got {shown}$'):
        configured(mute)
    with pytest.raises(NotAJobError, match=f'^Root.DEPS must hold Job classes, got {shown} in it'):
        configured(DummyJob.clone('Root', DEPS=[A, mute]))
    with pytest.raises(ConfigurationError, match=f'^Tea.TRIES must be a number >= 1, got {shown}$'):
        configured(DummyJob.clone('Tea', TRIES=mute))
    with pytest.raises(ConfigurationError, match=f'^Tea.RETRY_DELAY must be .*, got {shown}$'):
        configured(DummyJob.clone('Tea', RETRY_DELAY=mute))
    with pytest.raises(ConfigurationError, match=f'^Tea.Run must be callable, got {shown}$'):
        configured(DummyJob.clone('Tea', Run=mute))


def test_deps_not_iterable_are_logged_as_critical(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotAJobError):
        configured(DummyJob.clone('Root', DEPS=7))
    assert capsys.readouterr().err == (
        'DoJobber CRITICAL           : DEPS for Root is not iterable; is "7"\n'
    )


@pytest.mark.parametrize('error', [ValueError, SystemExit])
def test_deps_not_iterable_without_a_text_are_logged_all_the_same(
    capsys: pytest.CaptureFixture[str], error: type[BaseException]
) -> None:
    class Silent:
        def __str__(self) -> str:
            raise error

        def __repr__(self) -> str:
            return 'silent'

    with pytest.raises(NotAJobError, match='got silent$'):
        configured(DummyJob.clone('Root', DEPS=Silent()))
    assert capsys.readouterr().err.endswith('not iterable; is "silent"\n')


@pytest.mark.parametrize(
    ('tries', 'allowed'),
    [
        (1, 1),
        (1.1, 2),
        (3.0, 3),
        (Fraction(5, 2), 3),
        (Decimal('1.5'), 2),
        (True, 1),
        (10**400, None),
    ],
)
def test_tries_round_up(tries: Any, allowed: int | None) -> None:
    made = []

    class Fails(Job):
        TRIES = tries

        def Check(self) -> None:
            made.append(1)
            if len(made) > 20:
                raise KeyboardInterrupt
            raise ValueError

    dojob = configured(Fails, default_retry_delay=0)
    try:
        dojob.checknrun()
    except KeyboardInterrupt:
        assert allowed is None
    else:
        assert allowed is not None
        assert len(made) == allowed * 2  # a check and a recheck in each


@pytest.mark.parametrize('value', [0, 0.9, -1, math.nan, '3', -math.inf, 1j, [], Decimal('sNaN')])
def test_tries_that_can_not_work_are_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configured(DummyJob.clone('Tea', TRIES=value))
    assert str(refused.value) == f'Tea.TRIES must be a number >= 1, got {value!r}'
    with pytest.raises(ConfigurationError, match='^default_tries must be a number >= 1, got '):
        configured(A, default_tries=value)


def sleeps(job: type[Job], **options: Any) -> list[float]:
    """Return how long a run of a Job sleeps between its tries."""
    clock = FakeClock()
    dojob = clock.drive(DoJobber())
    dojob.configure(job, **options)
    dojob.checknrun()
    return clock.sleeps


class Fails(Job):
    """Always fail."""

    def Check(self) -> None:
        raise ValueError


@pytest.mark.parametrize(
    'delays', [(1, 2.5, 5), [1, 2.5, 5], deque([1, 2.5, 5]), array('d', [1, 2.5, 5])]
)
def test_retry_delays_hold_for_one_failed_try_each_and_the_last_for_all_others(delays: Any) -> None:
    assert sleeps(Fails.clone('Tea', TRIES=6, RETRY_DELAY=delays)) == [1, 2.5, 5, 5, 5]


def test_default_retry_delay_may_grow_too_and_counts_for_each_job() -> None:
    root = DummyJob.clone('Root', DEPS=(Fails.clone('Tea'), Fails.clone('Pot')))
    assert sleeps(root, default_retry_delay=range(1, 3)) == [1, 2]


def test_retry_delay_of_its_own_holds_against_a_default_that_grows() -> None:
    job = Fails.clone('Tea', RETRY_DELAY=Fraction(1, 2))
    assert sleeps(job, default_retry_delay=(1, 2)) == [0.5, 0.5]


@pytest.mark.parametrize('delays', [(), [], range(0)])
def test_empty_retry_delay_is_refused(delays: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configured(DummyJob.clone('Tea', RETRY_DELAY=delays))
    assert str(refused.value) == f'Tea.RETRY_DELAY must have a delay in it, got {delays!r}'


@pytest.mark.parametrize('delays', [{1, 2}, iter([1, 2]), {1: 2}, frozenset()])
def test_retry_delay_that_has_no_order_or_does_not_last_is_refused(delays: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configured(A, default_retry_delay=delays)
    assert str(refused.value) == (
        f'default_retry_delay must be a finite number >= 0 (seconds), got {delays!r};'
        f' write delays that grow as a tuple or a list'
    )


@pytest.mark.parametrize('value', [-1, math.nan, math.inf, '1', None, (1,)])
def test_retry_delay_is_refused_for_one_wrong_entry(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r'^Tea.RETRY_DELAY\[1\] must be a finite number'):
        configured(DummyJob.clone('Tea', RETRY_DELAY=(1, value)))


@pytest.mark.parametrize(
    'value', [-1, math.nan, math.inf, '1', b'1', bytearray(b'1'), 10**400, Decimal('NaN')]
)
def test_retry_delay_that_can_not_work_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        configured(DummyJob.clone('Tea', RETRY_DELAY=value))
    text = 'must be a finite number >= 0 (seconds), got'
    assert str(refused.value) == f'Tea.RETRY_DELAY {text} {value!r}'
    with pytest.raises(ConfigurationError, match='^default_retry_delay must be a finite number'):
        configured(A, default_retry_delay=value)


def test_tries_and_delay_of_none_mean_the_defaults() -> None:
    job = DummyJob.clone('Tea', TRIES=None, RETRY_DELAY=None)
    graph = configured(job, default_tries=7, default_retry_delay=0.25).graph
    assert (graph.tries, graph.delays) == ([7], [0.25])


async def wait(self: Any) -> None:
    """Never awaited."""


def count(self: Any) -> Iterator[int]:
    """Never iterated."""
    yield 1


async def stream(self: Any) -> Any:
    """Never iterated either."""
    yield 1


class Generates:
    """Be callable, but only in name."""

    def __call__(self) -> Iterator[int]:
        yield 1


@pytest.mark.parametrize(
    'hook',
    [
        wait,
        count,
        stream,
        functools.partial(count, 1),
        staticmethod(wait),
        Generates(),
        functools.partial(Generates()),
        functools.partialmethod(wait),
        functools.partialmethod(functools.partial(count), 1),
    ],
)
def test_check_that_would_execute_nothing_is_refused(hook: Any) -> None:
    with pytest.raises(ConfigurationError, match='^Tea.Check must do its work when called, got '):
        configured(DummyJob.clone('Tea', Check=hook))


@pytest.mark.parametrize('name', ['Run', 'Cleanup'])
def test_other_hooks_that_would_execute_nothing_are_refused_too(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f'^Tea.{name} must do its work when called, got '):
        configured(DummyJob.clone('Tea', **{name: wait}))


def test_partialmethod_that_does_its_work_is_a_hook() -> None:
    def look(self: Job, host: str) -> str:
        return host

    dojob = configured(DummyJob.clone('Tea', Check=functools.partialmethod(look, 'db')))
    dojob.checknrun()
    assert dojob.noderesults == {'Tea': 'db'}


@pytest.mark.parametrize('name', ['Check', 'Run', 'Cleanup'])
def test_hook_that_is_not_callable_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^Tea.{name} must be callable, got 'no'"):
        configured(DummyJob.clone('Tea', **{name: 'no'}))


def test_job_without_check_is_refused() -> None:
    with pytest.raises(ConfigurationError, match='^Unchecked has no Check; write one or use Runo'):
        configured(Job.clone('Unchecked'))
    with pytest.raises(ConfigurationError, match='^Unchecked has no Check'):
        configured(DummyJob.clone('Unchecked', Check=None))


def test_job_whose_only_check_is_set_by_init_is_refused() -> None:
    class Unchecked(Job):
        def __init__(self) -> None:
            self.Check = lambda: None

    with pytest.raises(ConfigurationError, match='^Unchecked has no Check'):
        configured(Unchecked)


def test_job_without_check_that_has_a_check_is_told_so() -> None:
    class Tea(Job):
        def check(self) -> None:
            """Never called."""

    with pytest.raises(ConfigurationError, match='^Tea has no Check; rename check to Check$'):
        configured(Tea)


def test_runonly_job_that_has_a_run_alone_is_told_so() -> None:
    class Tea(RunonlyJob):
        def run(self) -> None:
            """Never called."""

    class Late(Tea):
        def __init__(self) -> None:
            self.Run = self.run

    class Looks(Tea):
        def Check(self) -> None:
            """Pass."""

    for run in {}, {'Run': None}:
        with pytest.raises(ConfigurationError, match='^Tea has no Run; rename run to Run$'):
            configured(Tea.clone('Tea', **run))
    assert nodes(DummyJob.clone('Root', DEPS=[Late, Looks])) == ['Late', 'Looks', 'Root']


def test_watch_must_be_as_deps() -> None:
    text = r"^Tea.WATCH must be an iterable of Job classes, got .*A'>; write WATCH = \(A,\)$"
    with pytest.raises(NotAJobError, match=text):
        configured(DummyJob.clone('Tea', WATCH=A))
    with pytest.raises(NotAJobError, match="^Tea.WATCH must hold Job classes, got 'A' in it$"):
        configured(DummyJob.clone('Tea', WATCH=['A']))


@pytest.mark.parametrize('watch', [None, 0, ''])
def test_watch_that_is_nothing_but_no_tuple_is_refused(watch: Any) -> None:
    text = f'^Tea.WATCH must be an iterable of Job classes, got {watch!r}$'
    with pytest.raises(NotAJobError, match=text):
        configured(DummyJob.clone('Tea', WATCH=watch))


def test_job_with_watch_needs_no_check_but_one_that_can_be_called() -> None:
    assert nodes(Job.clone('Reload', WATCH=[A])) == ['A', 'Reload']
    with pytest.raises(ConfigurationError, match='^Reload has no Check'):
        configured(Job.clone('Reload', WATCH=()))
    with pytest.raises(ConfigurationError, match="^Reload.Check must be callable, got 'no'"):
        configured(Job.clone('Reload', WATCH=[A], Check='no'))


# Objects that can't be made.


def test_abstract_job_is_refused_with_what_is_missing() -> None:
    class Unwritten(Job, ABC):
        @abstractmethod
        def Check(self) -> None:
            """Look."""

        @property
        @abstractmethod
        def host(self) -> str:
            """Return where."""

    class Half(Unwritten):
        host = 'ada'  # pyright: ignore[reportAssignmentType]

    with pytest.raises(ConfigurationError) as refused:
        configured(DummyJob.clone('Root', DEPS=[Unwritten]))
    assert str(refused.value) == 'Unwritten is abstract; it must override Check, host'
    with pytest.raises(ConfigurationError, match='^Half is abstract; it must override Check$'):
        configured(Half)
    assert nodes(Half.clone('Whole', Check=lambda self: None)) == ['Whole']


def test_job_with_a_required_argument_is_refused_with_its_name() -> None:
    class Greet(DummyJob):
        def __init__(self, name: str, language: str = 'en', *, tone: str, **options: str) -> None:
            """Never called."""

    with pytest.raises(ConfigurationError) as refused:
        configured(DummyJob.clone('Root', DEPS=[Greet]))
    assert str(refused.value) == (
        'Greet.__init__ must work without arguments, but name, tone have no default'
    )


def test_job_with_a_required_argument_of_new_is_refused() -> None:
    class Greet(DummyJob):
        def __new__(cls, name: str, /, *more: str) -> Any:
            """Never called."""

    text = '^Greet.__new__ must work without arguments, but name has no default$'
    with pytest.raises(ConfigurationError, match=text):
        configured(Greet)


def test_dataclass_with_a_field_without_default_is_refused() -> None:
    @dataclass
    class Greet(DummyJob):
        name: str
        language: str = 'en'
        names: list[str] = field(default_factory=list)

    text = '^Greet.__init__ must work without arguments, but name has no default$'
    with pytest.raises(ConfigurationError, match=text):
        configured(Greet)


class Meta(type):
    """Make objects with an argument."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__call__('Ada')


def passes_its_arguments(init: Any) -> Any:
    @functools.wraps(init)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *(args or ('Ada',)), **kwargs)

    return wrapped


def test_jobs_that_can_be_made_all_the_same_are_let_through() -> None:
    def greet(self: Any, name: str) -> None:
        self.name = name

    class Factory(DummyJob, ABC):
        def __new__(cls) -> Any:
            return object.__new__(A)

        def __init__(self, name: str) -> None:
            """Never called."""

        @abstractmethod
        def write(self) -> None:
            """Never called."""

    class Called(DummyJob, metaclass=Meta):
        __init__ = greet  # pyright: ignore[reportAssignmentType]

    class Wrapped(DummyJob):
        __init__ = passes_its_arguments(greet)

    class Partial(DummyJob):
        __init__ = functools.partialmethod(greet, 'Ada')  # pyright: ignore[reportAssignmentType]

    class Default(DummyJob):
        def __init__(
            self, name: str = 'Ada', *args: str, tone: str = 'calm', **kwargs: str
        ) -> None:
            """Do nothing."""

    class Text(DummyJob, str):
        """Have a constructor written in C, and an abstract method that it does not mind."""

    @dataclass(frozen=True)
    class Frozen(DummyJob):
        name: str = 'Ada'

    jobs = Factory, Called, Wrapped, Partial, Default, Text, Frozen
    dojob = configured(DummyJob.clone('Root', DEPS=jobs))
    assert len(dojob.graph.nodes()) == 8


def test_jobs_whose_objects_are_made_with_a_say_of_their_own_are_known() -> None:
    class Makes(DummyJob):
        def __new__(cls) -> Any:
            return super().__new__(cls)

    class Begins(DummyJob):
        def __init__(self) -> None:
            """Do nothing."""

    class Sets(DummyJob):
        def __setattr__(self, name: str, value: Any) -> None:
            super().__setattr__(name, value)

    special = {Makes, Begins, Sets, Meta('Called', (DummyJob,), {})}
    graph = configured(DummyJob.clone('Root', DEPS=[A, *special])).graph
    assert graph.special == special
    assert graph.subgraph('Sets').special >= {Sets}


# Near misses: logged as warnings.


def warnings_of(job: type[Job], caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    dojob = DoJobber(dojobber_loglevel=logging.WARNING)
    dojob.configure(job)
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('DEP', 'DEPS'),
        ('RETRIES', 'TRIES'),
        ('LOCK', 'LOCKS'),
        ('RETRY_DELAYS', 'RETRY_DELAY'),
        ('WATCHES', 'WATCH'),
        ('INDRIVER', 'IN_DRIVER'),
        ('Deps', 'DEPS'),
        ('Retry_Delay', 'RETRY_DELAY'),
    ],
)
def test_attribute_like_one_of_ours_is_logged(
    name: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = DummyJob.clone('Tea', **{name: 1})
    assert warnings_of(job, caplog) == [f'Tea.{name}: did you mean {meant}?']


def test_attributes_of_other_words_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    capitals = 'EMAIL', 'TIMES', 'DEPTH', 'PATCH', 'DRIVER', 'HOST', '_DEPS'
    others = '', 'dep', 'Dep', 'deps', 'Lock', '_Deps'
    attributes = dict.fromkeys(capitals + others, 1)
    assert warnings_of(DummyJob.clone('Tea', **attributes), caplog) == []


def test_attribute_beside_the_one_of_ours_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings_of(DummyJob.clone('Tea', TRIES=3, RETRIES=1), caplog) == []


def test_each_class_is_logged_once_however_many_jobs_it_is_a_base_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Mixin:
        RETRIES = 5

    class Tea(DummyJob, Mixin):
        pass

    root = DummyJob.clone('Root', RETRIES=7, DEPS=[Tea.clone(f'Tea{n}') for n in range(3)])
    assert warnings_of(root, caplog) == [
        'Mixin.RETRIES: did you mean TRIES?',
        'Root.RETRIES: did you mean TRIES?',
    ]


def test_job_without_run_that_has_a_run_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Tea(DummyJob):
        def run(self) -> None:
            """Never called."""

    class Pot(Tea):
        def Run(self) -> None:
            """Never called either."""

    expected = ['Tea has no Run, but a run; did you mean Run?']
    assert warnings_of(Tea, caplog) == expected
    assert warnings_of(Tea.clone('More tea', DEPS=[Tea]), caplog) == expected
    assert warnings_of(Pot, caplog) == []
    assert warnings_of(RunonlyJob.clone('Run', run='fast', RUN=1), caplog) == []


def test_job_without_cleanup_that_has_a_cleanup_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Tea(DummyJob):
        def cleanup(self) -> None:
            """Never called."""

    class Pot(Tea):
        Cleanup = Tea.cleanup

    expected = 'Tea has no Cleanup, but a cleanup; did you mean Cleanup?'
    assert warnings_of(Tea, caplog) == [expected]
    assert warnings_of(Pot, caplog) == []


def test_near_misses_are_not_looked_for_where_no_warning_is_logged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, 'difflib', raising=False)
    DoJobber().configure(DummyJob.clone('Tea', DEP=1))
    assert 'difflib' not in sys.modules

"""Walking DEPS into a graph, and what is refused meanwhile."""

from __future__ import annotations

import functools
import logging
import math
import pickle
import re
import sys
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import pytest

from dojobber import (
    ConfigurationError,
    CycleError,
    DoJobber,
    DummyJob,
    DuplicateNameError,
    Job,
    NotAJobError,
)


def configured(root: Any, **options: Any) -> DoJobber:
    dojob = DoJobber()
    dojob.configure(root, **options)
    return dojob


def nodes(root: Any) -> list[str]:
    return configured(root).graph.nodes()


def chain(length: int) -> list[type[Job]]:
    jobs: list[type[Job]] = []
    for number in range(length):
        jobs.append(DummyJob.clone(f'J{number}', DEPS=tuple(jobs[-1:])))
    return jobs


A = DummyJob.clone('A')
B = DummyJob.clone('B', DEPS=[A])
C = DummyJob.clone('C', DEPS=(A, B))


def test_graph_is_empty_before_configure() -> None:
    graph = DoJobber().graph
    assert (graph.nodes(), graph.edges()) == ([], [])


def test_graph_has_names_and_edges_from_dependents_to_dependencies() -> None:
    graph = configured(C).graph
    assert graph.nodes() == ['A', 'B', 'C']
    assert graph.edges() == [('B', 'A'), ('C', 'A'), ('C', 'B')]


def test_nodes_are_in_depth_first_post_order() -> None:
    d = DummyJob.clone('D', DEPS=(B,))
    e = DummyJob.clone('E')
    assert nodes(DummyJob.clone('Root', DEPS=(e, d, C))) == ['E', 'A', 'B', 'D', 'C', 'Root']


def test_changing_what_nodes_returned_changes_nothing() -> None:
    graph = configured(A).graph
    graph.nodes().clear()
    assert graph.nodes() == ['A']


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


def test_chain_far_beyond_the_recursion_limit_is_configured() -> None:
    length = sys.getrecursionlimit() * 10
    assert len(nodes(chain(length)[-1])) == length


def test_ladder_is_walked_once_per_job_not_once_per_path() -> None:
    walked = []

    class Looked(type):
        @property
        def DEPS(cls) -> tuple[type[Job], ...]:
            walked.append(cls.__name__)
            return below[cls.__name__]

    class Rung(DummyJob, metaclass=Looked):
        pass

    below: dict[str, tuple[type[Job], ...]] = {}
    jobs: tuple[type[Job], ...] = ()
    for rung in range(50):
        pair = [Rung.clone(f'{side}{rung}') for side in 'ab']
        below.update({job.__name__: jobs for job in pair})
        jobs = tuple(pair)
    configured(pair[0])
    assert len(walked) == len(set(walked)) == 99


@pytest.mark.parametrize('root', [None, 'A', A(), int, [A]])
def test_root_that_is_no_job_class_is_a_type_error(root: Any) -> None:
    with pytest.raises(TypeError, match='configure\\(\\) needs a Job class as its root, got '):
        configured(root)


@pytest.mark.parametrize(
    ('deps', 'text'),
    [
        (A, r"must be an iterable of Job classes, got <class '.*A'>; write DEPS = \(A,\)"),
        (7, 'must be an iterable of Job classes, got 7$'),
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


def test_errors_of_configuration_are_runtime_errors() -> None:
    assert issubclass(ConfigurationError, RuntimeError)
    for each in (NotAJobError, CycleError, DuplicateNameError):
        assert issubclass(each, ConfigurationError)


def test_two_jobs_of_one_name_are_refused_with_both_places() -> None:
    other = DummyJob.clone('A', __qualname__='Elsewhere.A')
    root = DummyJob.clone('Root', DEPS=(B, other))
    with pytest.raises(DuplicateNameError) as refused:
        configured(root)
    assert str(refused.value) == (
        "two Jobs are named 'A': dojobber.job.A (in B.DEPS) and "
        'dojobber.job.Elsewhere.A (in Root.DEPS); rename one, results are kept by name'
    )


def test_root_with_the_name_of_another_job_is_refused() -> None:
    with pytest.raises(DuplicateNameError, match=r'dojobber.job.A \(the root\)'):
        configured(DummyJob.clone('A', DEPS=(A,)))


@pytest.mark.parametrize('truth', [{'__len__': lambda cls: 0}, {'__bool__': no_words}])
def test_holder_of_a_name_is_told_whatever_its_truth(truth: dict[str, Any]) -> None:
    holder = type('Meta', (type,), truth)('Holder', (DummyJob,), {'DEPS': (A,)})
    other = DummyJob.clone('A', __qualname__='Elsewhere.A')
    with pytest.raises(DuplicateNameError, match=r'A \(in Holder.DEPS\) and .*in Root.DEPS'):
        configured(DummyJob.clone('Root', DEPS=(holder, other)))


def test_cycle_is_refused_with_its_path() -> None:
    one = DummyJob.clone('One')
    two = DummyJob.clone('Two', DEPS=(A, one))
    one.DEPS = (two,)
    with pytest.raises(CycleError, match='^DEPS go in a circle: Two -> One -> Two$') as refused:
        configured(DummyJob.clone('Root', DEPS=(two,)))
    assert refused.value.cycle == ('Two', 'One', 'Two')
    copy = pickle.loads(pickle.dumps(refused.value))
    assert (copy.cycle, str(copy)) == (refused.value.cycle, str(refused.value))


def test_job_that_depends_on_itself_is_refused() -> None:
    job = DummyJob.clone('Me')
    job.DEPS = [job]
    with pytest.raises(CycleError, match='Me -> Me'):
        configured(job)


def test_cycle_of_thousands_is_no_recursion_error() -> None:
    jobs = chain(5000)
    jobs[0].DEPS = (jobs[-1],)
    with pytest.raises(CycleError) as refused:
        configured(jobs[-1])
    assert len(refused.value.cycle) == 5001


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


@pytest.mark.parametrize('value', [-1, math.nan, math.inf, '1', 10**400, Decimal('NaN')])
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


@pytest.mark.parametrize('name', ['Check', 'Run', 'Cleanup'])
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
def test_hook_that_would_execute_nothing_is_refused(name: str, hook: Any) -> None:
    with pytest.raises(ConfigurationError, match=f'^Tea.{name} must do its work when called, got '):
        configured(DummyJob.clone('Tea', **{name: hook}))


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


def test_refused_configure_leaves_no_graph() -> None:
    dojob = configured(C)
    dojob.checknrun()
    with pytest.raises(ConfigurationError):
        dojob.configure(Job)
    assert (dojob.graph.nodes(), dojob.nodestatus, dojob.success()) == ([], {}, False)
    with pytest.raises(RuntimeError, match=r'call configure\(\)'):
        dojob.checknrun()


def test_refused_graph_was_logged_as_far_as_it_was_walked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    dojob = DoJobber(dojobber_loglevel=logging.DEBUG)
    with pytest.raises(NotAJobError):
        dojob.configure(DummyJob.clone('Root', DEPS=(DummyJob.clone('Bad', DEPS='x'),)))
    assert 'Root depends on Bad\n' in capsys.readouterr().err

"""Walking DEPS into a graph, and what is refused meanwhile."""

from __future__ import annotations

import logging
import pickle
import sys
from typing import Any

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
from tests.graphs import configured, nodes


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


def test_chain_far_beyond_the_recursion_limit_is_configured() -> None:
    length = sys.getrecursionlimit() * 2
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


@pytest.mark.parametrize('truth', [{'__len__': lambda cls: 0}, {'__bool__': None}])
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
    jobs = chain(2000)
    jobs[0].DEPS = (jobs[-1],)
    with pytest.raises(CycleError) as refused:
        configured(jobs[-1])
    assert len(refused.value.cycle) == 2001


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


# Parts of a graph.

#: Root depends on C, D and E; C on A and B; B on A; D on B.
D = DummyJob.clone('D', DEPS=(B,))
E = DummyJob.clone('E')
ROOT = DummyJob.clone('Root', DEPS=(C, D, E))


def tried(nodes: Any) -> list[str]:
    dojob = configured(ROOT)
    dojob.checknrun(nodes)
    return list(dojob.nodestatus)


@pytest.mark.parametrize(
    ('nodes', 'order'),
    [
        (D, 'ABD'),
        ('D', 'ABD'),
        ([E, D], 'EABD'),
        ((D, 'E', A), 'ABDE'),
        (['E', 'E'], 'E'),
        (iter([E, A]), 'EA'),
        ({'E': 1, 'A': 2}, 'EA'),
        ({E, D, 'C'}, 'ABCDE'),
        (frozenset({E}), 'E'),
    ],
)
def test_some_jobs_are_run_in_the_order_as_if_they_were_deps(nodes: Any, order: str) -> None:
    assert tried(nodes) == list(order)


def test_root_and_others_are_run_in_their_order() -> None:
    assert tried('Root') == ['A', 'B', 'C', 'D', 'E', 'Root']
    assert tried([E, ROOT]) == ['E', 'A', 'B', 'C', 'D', 'Root']


@pytest.mark.parametrize('given', [[], (), set(), {}])
def test_no_job_at_all_is_refused(given: Any) -> None:
    with pytest.raises(RuntimeError) as refused:
        tried(given)
    assert str(refused.value) == f'checknrun() needs at least one Job, got {given!r}'


@pytest.mark.parametrize(
    ('given', 'text'),
    [
        ('F', "'F' is not in the graph that was configured"),
        ([A, 'Rot'], "'Rot' is not in the graph that was configured; did you mean 'Root'?"),
        (DummyJob, "<class '.*DummyJob'> is not in the graph that was configured"),
        ([DummyJob.clone('Root')], "<class '.*Root'> is not .*; did you mean 'Root'?"),
        (7, '7 is not in the graph that was configured'),
        ([['A']], r"\['A'\] is not in the graph that was configured"),
        (b'A', "b'A' is not in the graph that was configured"),
        ([None], 'None is not in the graph that was configured'),
    ],
)
def test_node_that_is_not_in_the_graph_is_refused_by_name(given: Any, text: str) -> None:
    with pytest.raises(RuntimeError, match=f'^{text.replace("?", "[?]")}$'):
        tried(given)


def test_part_of_a_graph_keeps_attributes_and_what_is_watched() -> None:
    reload = Job.clone('Reload', WATCH=(B,), TRIES=7, RETRY_DELAY=(1, 2))
    other = Job.clone('Other', WATCH=(E,))
    graph = configured(DummyJob.clone('Top', DEPS=(E, other, reload))).graph
    part = graph.subgraph(['Reload'])
    assert (part.nodes(), part.watched) == (['A', 'B', 'Reload'], {2: (1,)})
    assert (part.tries, part.delays) == ([3, 3, 7], [1, 1, (1, 2)])
    assert graph.subgraph('Top') is graph


# WATCH and more_deps.


def test_watched_jobs_are_dependencies_behind_deps_each_once() -> None:
    job = DummyJob.clone('Job', DEPS=(B,), WATCH=[E, B])
    graph = configured(job).graph
    assert graph.edges() == [('B', 'A'), ('Job', 'B'), ('Job', 'E')]
    assert graph.watched == {3: (2, 1)}


def test_set_of_watched_jobs_is_taken_in_the_order_of_names() -> None:
    assert nodes(DummyJob.clone('Job', WATCH={E, B, A})) == ['A', 'B', 'E', 'Job']


def test_job_that_watches_itself_is_refused() -> None:
    job = DummyJob.clone('Me')
    job.WATCH = [job]
    with pytest.raises(CycleError, match='Me -> Me'):
        configured(job)


def test_more_deps_hold_for_one_configure_behind_deps_and_watch() -> None:
    group = DummyJob.clone('Group', DEPS=[A], WATCH=[E])
    dojob = configured(group, more_deps={group: [D, A, D], D: {E}})
    assert dojob.graph.nodes() == ['A', 'E', 'B', 'D', 'Group']
    assert dojob.graph.edges()[1:] == [
        ('D', 'B'), ('D', 'E'), ('Group', 'A'), ('Group', 'E'), ('Group', 'D'),
    ]  # fmt: skip
    dojob.configure(group)
    assert dojob.graph.nodes() == ['A', 'E', 'Group']


def test_no_more_deps_are_as_none() -> None:
    for more in (None, {}, {A: ()}):
        assert configured(B, more_deps=more).graph.edges() == [('B', 'A')]


@pytest.mark.parametrize(
    ('more', 'text'),
    [
        ([A], r'^more_deps must be a dict from Job classes to their DEPS, got \['),
        ({'A': [B]}, "^more_deps must have Job classes as keys, got 'A'$"),
        ({A: E}, r'^more_deps\[A\] must be an iterable of Job .*; write more_deps\[A\] = \(E,\)$'),
        ({A: None}, r'^more_deps\[A\] must be an iterable of Job classes, got None$'),
        ({A: iter([E])}, r'^more_deps\[A\] must .*; it can be read only once'),
        ({A: 'E'}, r"^more_deps\[A\] must be an iterable of Job classes, got 'E'$"),
        ({A: [E, 7]}, r'^more_deps\[A\] must hold Job classes, got 7 in it$'),
        ({E: [A]}, "^more_deps must have Jobs of the graph of B as keys, got <class '.*E'>$"),
    ],
)
def test_more_deps_that_can_not_work_are_refused(more: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        configured(B, more_deps=more)


def test_more_deps_may_bring_the_jobs_that_others_of_them_are_for() -> None:
    job = DummyJob.clone('Job')
    graph = configured(job, more_deps={E: [B], job: [E]}).graph
    assert graph.nodes() == ['A', 'B', 'E', 'Job']


def test_cycle_through_more_deps_is_refused() -> None:
    with pytest.raises(CycleError, match='^DEPS go in a circle: A -> B -> A$'):
        configured(A, more_deps={A: [B]})


def test_jobs_of_one_name_are_told_with_watch_and_more_deps() -> None:
    job = DummyJob.clone('Job', WATCH=[A])
    other = DummyJob.clone('A', __qualname__='Elsewhere.A')
    with pytest.raises(DuplicateNameError) as refused:
        configured(DummyJob.clone('Root', DEPS=[job, E]), more_deps={E: [other]})
    assert 'job.A (in Job.WATCH) and dojobber.job.Elsewhere.A (in more_deps[E]);' in str(
        refused.value
    )

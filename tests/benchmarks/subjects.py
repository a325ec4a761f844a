"""What is measured: graphs of Jobs, and the references that do the same work without dojobber."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from graphlib import TopologicalSorter
from typing import Any

from dojobber import DoJobber, Job
from tests.benchmarks.floor import Done, Graph, floor

#: For each Job the numbers of those that it depends on. The last one is the root.
Deps = Sequence[tuple[int, ...]]


def chain(size: int) -> Deps:
    """Put every Job on the one before."""
    return [(), *((number - 1,) for number in range(1, size))]


def wide(size: int) -> Deps:
    """Put all Jobs under one root."""
    return [()] * (size - 1) + [tuple(range(size - 1))]


def layered(size: int) -> Deps:
    """Make layers of ten, every Job on three of the layer below."""

    def three_below(number: int) -> tuple[int, ...]:
        layer = number // 10 * 10 - 10
        return tuple(sorted(layer + (number + each) % 10 for each in range(3)))

    inner = [three_below(number) if number >= 10 else () for number in range(size - 1)]
    return [*inner, tuple(range(size - 1)[-10:])]


def ladder(size: int) -> Deps:
    """Make rungs of two, every Job on both of the rung below."""
    inner = [tuple(range(number // 2 * 2)[-2:]) for number in range(size - 1)]
    return [*inner, tuple(range(size - 1)[-2:])]


def tree(size: int) -> Deps:
    """Put every Job on two that no other depends on, as long as there are some."""

    def two_below(number: int) -> tuple[int, ...]:
        last = 2 * number - size
        return tuple(each for each in (last - 1, last) if each >= 0)

    return [two_below(number) for number in range(size)]


SHAPES = {shape.__name__: shape for shape in (chain, wide, layered, ladder, tree)}


@dataclass(frozen=True, slots=True)
class Case:
    """What the Jobs of a graph do."""

    name: str
    #: How often the Run of a Job must be called until it passes, by its number.
    runs: Callable[[int], float]
    no_act: bool = False
    #: Whether the bare loop is over the same graph with all Jobs passing.
    bare_passes: bool = False


PASSING = Case('passing', lambda number: 0)
CASES = (
    PASSING,
    Case('running', lambda number: 1),
    Case('retrying', lambda number: 0 if number % 10 else 3),
    # In all shapes number 0 is at the bottom.
    Case('blocked', lambda number: 0 if number else math.inf, bare_passes=True),
    Case('no_act', lambda number: 1 if number % 10 == 9 else 0, no_act=True, bare_passes=True),
)


#: What the hooks are called with.
ARGS = ('kitchen',)
KWARGS = {'guests': 4, 'movie': 'Zardoz'}


class Counting(Job):
    """Pass once Run has been called often enough, which may be at once."""

    number: int
    #: How often the Run of each Job of the graph must still be called.
    runs_left: list[float]

    def Check(self, *args: Any, **kwargs: Any) -> None:
        if self.runs_left[self.number]:
            raise RuntimeError('not yet')

    def Run(self, *args: Any, **kwargs: Any) -> None:
        self.runs_left[self.number] -= 1


class Subject:
    """A graph of Jobs with what can be timed of it.

    Each of the last six methods does what must be done before the time is taken, and returns what
    is to be timed.
    """

    def __init__(self, shape: str, size: int, case: Case = PASSING) -> None:
        self.size = size
        self.case = case
        self.runs = [case.runs(number) for number in range(size)]
        self.runs_left = list(self.runs)
        self.jobs: list[type[Job]] = []
        base = Counting.clone('Base', runs_left=self.runs_left)
        for number, deps in enumerate(SHAPES[shape](size)):
            jobs = tuple([self.jobs[each] for each in deps])
            self.jobs.append(base.clone(f'Job{number}', DEPS=jobs, number=number))

    def configured(self, **options: Any) -> DoJobber:
        """Return a DoJobber that is about to run the graph."""
        self.runs_left[:] = self.runs
        dojob = DoJobber()
        dojob.set_args(*ARGS, **KWARGS)
        no_act = self.case.no_act
        dojob.configure(self.jobs[-1], no_act=no_act, default_retry_delay=0, **options)
        return dojob

    @cached_property
    def order(self) -> list[type[Job]]:
        """What the bare loop tries: the Jobs in our order, each as often as it must be tried."""
        jobs = {job.__name__: (job, runs) for job, runs in zip(self.jobs, self.runs)}
        order = [jobs[name] for name in self.configured().graph.nodes()]
        if self.case.bare_passes:
            return [job for job, _ in order]
        return [job for job, runs in order for _ in range(int(runs) or 1)]

    def checknrun(self, **options: Any) -> Callable[[], object]:
        """Prepare a run."""
        return self.configured(**options).checknrun

    def listened_to(self) -> Callable[[], object]:
        """Prepare a run with a listener that does nothing."""
        return self.configured(listeners=[ignore]).checknrun

    @cached_property
    def graph(self) -> Graph:
        """What the floor runs."""
        jobs = {job.__name__: job for job in self.jobs}
        order = [jobs[name] for name in self.configured().graph.nodes()]
        positions = {job: position for position, job in enumerate(order)}
        dependents: list[list[int]] = [[] for _ in order]
        for position, job in enumerate(order):
            for each in job.DEPS:
                dependents[positions[each]].append(position)
        return Graph(order, [len(job.DEPS) for job in order], dependents, [3] * len(order))

    def floor(self) -> Callable[[], Done]:
        """Prepare the other reference of `checknrun`."""
        graph = self.graph
        self.runs_left[:] = self.runs
        return partial(floor, graph, ARGS, KWARGS, self.case.no_act)

    def bare_loop(self) -> Callable[[], object]:
        """Prepare the reference of `checknrun`."""
        order = self.order
        self.runs_left[:] = [0] * self.size if self.case.bare_passes else self.runs
        return partial(bare_loop, order, ARGS, KWARGS)

    def configure(self) -> Callable[[], object]:
        """Prepare what configures the graph."""
        return partial(DoJobber().configure, self.jobs[-1])

    def static_order(self) -> Callable[[], object]:
        """Prepare the reference of `configure`."""
        return partial(static_order, self.jobs)


def ignore(event: object) -> None:
    """Listen, but do nothing."""


def bare_loop(order: Iterable[type[Job]], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Do the work of the Jobs and nothing else."""
    for job_class in order:
        job: Any = job_class()
        try:
            job.Check(*args, **kwargs)
        except Exception:
            try:
                job.Run(*args, **kwargs)
                job.Check(*args, **kwargs)
            except Exception:
                pass


def static_order(jobs: Iterable[type[Job]]) -> list[type[Job]]:
    """Sort the Jobs with what Python brings along."""
    sorter: TopologicalSorter[type[Job]] = TopologicalSorter()
    for job in jobs:
        sorter.add(job, *job.DEPS)
    return list(sorter.static_order())

"""Walks DEPS into a graph without cycles, and refuses what can't work.

Owns the order of the Jobs and what each depends on. Knows nothing of time, of tries that were
made or of how they ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from dojobber._attributes import (
    as_delay,
    as_tries,
    check_hooks,
    dependencies_of,
    is_job,
    is_special,
)
from dojobber._failures import safe_repr
from dojobber.errors import CycleError, DuplicateNameError, NotAJobError
from dojobber.job import Job

_LOG = logging.getLogger('DoJobber')
_Node = TypeVar('_Node')


class Graph:
    """Hold Jobs in depth-first post-order and what each of them depends on."""

    __slots__ = ('jobs', 'names', 'dependencies', 'tries', 'delays', 'special', 'watched')

    def __init__(self) -> None:
        """Make an empty graph; `walk` fills it. Once returned it doesn't change."""
        #: The classes, dependencies first; the root is the last.
        self.jobs: list[type[Job]] = []
        #: The name of each Job.
        self.names: list[str] = []
        #: For each Job the positions of the Jobs that it depends on, each once, in their order.
        self.dependencies: list[tuple[int, ...]] = []
        #: How often each Job may be tried: whole numbers >= 1, or math.inf.
        self.tries: list[float] = []
        #: Seconds from the start of a try of each Job to the start of its next.
        self.delays: list[float] = []
        #: The Jobs in whose objects' making or filling users' code has a say.
        self.special: set[type[Job]] = set()
        #: For each Job with WATCH, the positions of the Jobs in it.
        self.watched: dict[int, tuple[int, ...]] = {}

    def nodes(self) -> list[str]:
        """Return the names of the Jobs, dependencies first."""
        return list(self.names)

    def edges(self) -> list[tuple[str, str]]:
        """Return pairs of names: a Job, and one that it depends on."""
        return [
            (name, self.names[dependency])
            for name, dependencies in zip(self.names, self.dependencies)
            for dependency in dependencies
        ]

    def below(self, node: type[Job] | str) -> Graph:
        """Return the graph of one Job and what it depends on, in the order as if it were the root.

        Args:
            node: the Job's class or name.

        Raises:
            RuntimeError: there is no such Job in the graph.
        """
        try:
            root = (self.names if isinstance(node, str) else self.jobs).index(node)  # type: ignore[arg-type]
        except ValueError:
            raise RuntimeError(
                f'{safe_repr(node)} is not in the graph that was configured'
            ) from None
        if root == len(self.jobs) - 1:
            return self
        order = post_order(root, self.dependencies.__getitem__)
        part = Graph()
        part.special = self.special
        moved = {old: new for new, old in enumerate(order)}
        for old in order:
            part.jobs.append(self.jobs[old])
            part.names.append(self.names[old])
            part.dependencies.append(tuple([moved[each] for each in self.dependencies[old]]))
            part.tries.append(self.tries[old])
            part.delays.append(self.delays[old])
        return part


def walk(root: type[Job], default_tries: float, default_retry_delay: float) -> Graph:
    """Return the graph of a Job and all that it depends on.

    Args:
        root: the Job class to begin at.
        default_tries: for Jobs whose TRIES is None.
        default_retry_delay: seconds, for Jobs whose RETRY_DELAY is None.

    Raises:
        NotAJobError: the root or an entry of DEPS is no Job class, or DEPS can't hold any.
        CycleError: Jobs depend on each other in a circle.
        DuplicateNameError: two classes share a name.
        ConfigurationError: an attribute of a Job, or a default, can't work.
    """
    default_tries = as_tries('default_tries', default_tries)
    default_retry_delay = as_delay('default_retry_delay', default_retry_delay)
    if not is_job(root):
        raise NotAJobError(f'configure() needs a Job class as its root, got {safe_repr(root)}')
    found: dict[type[Job], tuple[type[Job], ...]] = {}

    logs = _LOG.isEnabledFor(logging.DEBUG)

    def visit(job: type[Job]) -> tuple[type[Job], ...]:
        found[job] = dependencies = dependencies_of(job)
        if logs:
            _log(job, dependencies)
        return dependencies

    graph = Graph()
    graph.jobs = post_order(root, visit)
    graph.names = [job.__name__ for job in graph.jobs]
    if len(set(graph.names)) < len(graph.names):
        raise _duplicate(graph, found)
    position = {job: number for number, job in enumerate(graph.jobs)}
    for job in graph.jobs:
        graph.dependencies.append(tuple([position[each] for each in found[job]]))
        check_hooks(job)
        if is_special(job):
            graph.special.add(job)
        tries, delay = job.TRIES, job.RETRY_DELAY
        graph.tries.append(
            default_tries if tries is None else as_tries(f'{job.__name__}.TRIES', tries)
        )
        graph.delays.append(
            default_retry_delay if delay is None else as_delay(f'{job.__name__}.RETRY_DELAY', delay)
        )
    return graph


def post_order(root: _Node, dependencies_of: Callable[[_Node], Sequence[_Node]]) -> list[_Node]:
    """Return what can be reached from a node, depth first, each node after its dependencies.

    Args:
        root: the node to begin at; it comes last.
        dependencies_of: called once for each node.

    Raises:
        CycleError: a node can be reached from itself.
    """
    order: list[_Node] = []
    done = {root: False}
    # Two lists, since pairs of a deep path would keep the garbage collector busy.
    path, left = [root], [iter(dependencies_of(root))]
    while path:
        for dependency in left[-1]:
            if dependency not in done:
                done[dependency] = False
                path.append(dependency)
                left.append(iter(dependencies_of(dependency)))
                break
            if not done[dependency]:
                raise _cycle(path, dependency)
        else:
            node = path.pop()
            left.pop()
            done[node] = True
            order.append(node)
    return order


def _cycle(path: list[Any], again: Any) -> CycleError:
    circle = path[path.index(again) :]
    return CycleError(tuple(job.__name__ for job in [*circle, again]))


def _duplicate(graph: Graph, found: dict[type[Job], tuple[type[Job], ...]]) -> DuplicateNameError:
    """Return the error for the first two Jobs of one name, with the DEPS that hold them."""
    first: dict[str, type[Job]] = {}
    job = next(each for each in graph.jobs if first.setdefault(each.__name__, each) is not each)

    def place(job: type[Job]) -> str:
        holder = next((each for each in graph.jobs if job in found[each]), None)
        where = 'the root' if holder is None else f'in {holder.__name__}.DEPS'
        return f'{job.__module__}.{job.__qualname__} ({where})'

    return DuplicateNameError(
        f'two Jobs are named {job.__name__!r}: {place(first[job.__name__])} and {place(job)};'
        f' rename one, results are kept by name'
    )


def _log(job: type[Job], dependencies: tuple[type[Job], ...]) -> None:
    _LOG.debug('Job %s', job.__name__)
    for dependency in dependencies:
        _LOG.debug('%s depends on %s', job.__name__, dependency.__name__)

"""Walks DEPS into a graph without cycles, and refuses what can't work.

Owns the order of the Jobs and what each depends on. Knows nothing of time, of tries that were
made or of how they ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from dojobber._attributes import (
    as_delay,
    as_more_deps,
    as_tries,
    check_constructor,
    check_hooks,
    dependencies_of,
    is_job,
    warn_of_near_misses,
    watched_by,
)
from dojobber._exceptions import safe_repr
from dojobber.errors import ConfigurationError, CycleError, DuplicateNameError, NotAJobError
from dojobber.job import Job

_LOG = logging.getLogger('DoJobber')
_Node = TypeVar('_Node')


class Graph:
    """Jobs in depth-first post-order, and what each of them depends on."""

    def __init__(self) -> None:
        """Make an empty graph; `walk` fills it. Once returned it doesn't change."""
        #: The classes, dependencies first.
        self.jobs: list[type[Job]] = []
        #: The name of each Job.
        self.names: list[str] = []
        #: For each Job the positions of the Jobs that it depends on, each once, in their order.
        self.dependencies: list[tuple[int, ...]] = []
        #: For the positions of the Jobs that have a WATCH, the positions of the Jobs in it.
        self.watched: dict[int, tuple[int, ...]] = {}
        #: How often each Job may be tried: whole numbers >= 1, or math.inf.
        self.tries: list[float] = []
        #: Seconds from the start of a try of each Job to the start of its next; a tuple has one
        #: for each failed try, and the last one holds from then on.
        self.delays: list[float | tuple[float, ...]] = []
        #: The Jobs whose objects are made or filled with a say of the user's code.
        self.special: set[type[Job]] = set()

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

    def subgraph(self, nodes: Any) -> Graph:
        """Return the graph of some Jobs and what they depend on.

        The order is as if they were the DEPS of one root, which is not there.

        Args:
            nodes: a Job's class or name, or an iterable of these.

        Raises:
            RuntimeError: one of them is not in the graph, or there are none.
        """
        roots = self._positions(nodes)
        if roots == [len(self.jobs) - 1]:
            return self
        order = post_order(roots, self.dependencies.__getitem__)
        moved = {old: new for new, old in enumerate(order)}

        def move(positions: tuple[int, ...]) -> tuple[int, ...]:
            return tuple([moved[each] for each in positions])

        part = Graph()
        part.jobs = [self.jobs[old] for old in order]
        part.names = [self.names[old] for old in order]
        part.dependencies = [move(self.dependencies[old]) for old in order]
        part.watched = {
            moved[old]: move(watched) for old, watched in self.watched.items() if old in moved
        }
        part.tries = [self.tries[old] for old in order]
        part.delays = [self.delays[old] for old in order]
        part.special = self.special
        return part

    def _positions(self, nodes: Any) -> list[int]:
        is_one = isinstance(nodes, (str, bytes, type)) or not isinstance(nodes, Iterable)
        given: list[Any] = [nodes] if is_one else [*nodes]  # pyright: ignore[reportGeneralTypeIssues]
        if not given:
            raise RuntimeError(f'checknrun() needs at least one Job, got {safe_repr(nodes)}')
        known: dict[Any, int] = {job: position for position, job in enumerate(self.jobs)}
        known.update(zip(self.names, range(len(self.names))))
        for each in given:
            if not isinstance(each, (str, type)) or each not in known:
                raise self._unknown(each)
        if isinstance(nodes, (set, frozenset)):
            given.sort(key=lambda each: self.names[known[each]])
        return [known[each] for each in given]

    def _unknown(self, node: Any) -> RuntimeError:
        from difflib import get_close_matches  # late: it takes long to import

        name = node if isinstance(node, str) else getattr(node, '__name__', '')
        close = ' or '.join(map(repr, get_close_matches(name, self.names)))
        hint = f'; did you mean {close}?' if close else ''
        return RuntimeError(f'{safe_repr(node)} is not in the graph that was configured{hint}')


def walk(
    root: type[Job],
    default_tries: float,
    default_retry_delay: float | Sequence[float],
    more_deps: Mapping[type[Job], Collection[type[Job]]] | None = None,
) -> Graph:
    """Return the graph of a Job and all that it depends on.

    Args:
        root: the Job class to begin at.
        default_tries: for Jobs whose TRIES is None.
        default_retry_delay: seconds, for Jobs whose RETRY_DELAY is None.
        more_deps: what Jobs depend on beside their own DEPS and WATCH, behind these.

    Raises:
        NotAJobError: the root or an entry of DEPS is no Job class, or DEPS can't hold any; the
            like of WATCH and `more_deps`.
        CycleError: Jobs depend on each other in a circle.
        DuplicateNameError: two classes share a name.
        ConfigurationError: an attribute of a Job, or a default, can't work.
    """
    tries = as_tries('default_tries', default_tries)
    delay = as_delay('default_retry_delay', default_retry_delay)
    if not is_job(root):
        raise NotAJobError(f'configure() needs a Job class as its root, got {safe_repr(root)}')
    graph, found = Graph(), _Found(as_more_deps(more_deps))
    graph.jobs = post_order([root], found.visit)
    graph.names = [job.__name__ for job in graph.jobs]
    if len(set(graph.names)) < len(graph.names):
        raise _duplicate(graph, found)
    found.check_more_deps(root)
    position = {job: number for number, job in enumerate(graph.jobs)}
    for job in graph.jobs:
        graph.dependencies.append(tuple([position[each] for each in found.dependencies[job]]))
        _add_attributes(graph, job, tries, delay)
        check_hooks(job, needs_check=job not in found.watched)
        if check_constructor(job):
            graph.special.add(job)
    graph.watched = {
        position[job]: tuple([position[each] for each in watched])
        for job, watched in found.watched.items()
    }
    if _LOG.isEnabledFor(logging.WARNING):
        warn_of_near_misses(graph.jobs)
    return graph


def _add_attributes(
    graph: Graph,
    job: type[Job],
    default_tries: float,
    default_delay: float | tuple[float, ...],
) -> None:
    tries, delay = job.TRIES, job.RETRY_DELAY
    graph.tries.append(default_tries if tries is None else as_tries(f'{job.__name__}.TRIES', tries))
    graph.delays.append(
        default_delay if delay is None else as_delay(f'{job.__name__}.RETRY_DELAY', delay)
    )


class _Found:
    """The dependencies of the Jobs reached so far, and their sources."""

    def __init__(self, more_deps: dict[type[Job], tuple[type[Job], ...]]) -> None:
        self.more_deps = more_deps
        #: All that a Job depends on, in order.
        self.dependencies: dict[type[Job], tuple[type[Job], ...]] = {}
        #: The Jobs that have a WATCH, and it.
        self.watched: dict[type[Job], tuple[type[Job], ...]] = {}
        self._is_logged = _LOG.isEnabledFor(logging.DEBUG)

    def visit(self, job: type[Job]) -> tuple[type[Job], ...]:
        """Return what a Job depends on."""
        dependencies, watched = dependencies_of(job), watched_by(job)
        more = self.more_deps.get(job, ())
        if watched:
            self.watched[job] = watched
        if watched or more:
            dependencies = tuple(dict.fromkeys((*dependencies, *watched, *more)))
        self.dependencies[job] = dependencies
        if self._is_logged:
            _log(job, dependencies)
        return dependencies

    def check_more_deps(self, root: type[Job]) -> None:
        """Refuse a key of more_deps that was not reached."""
        for job in self.more_deps:
            if job not in self.dependencies:
                raise ConfigurationError(
                    f'more_deps must have Jobs of the graph of {root.__name__} as keys,'
                    f' got {safe_repr(job)}'
                )

    def place(self, job: type[Job], jobs: Iterable[type[Job]]) -> str:
        """Return where the first of some Jobs that depends on another names it."""
        for holder in jobs:
            if job in self.dependencies[holder]:
                if job in self.watched.get(holder, ()):
                    return f'in {holder.__name__}.WATCH'
                if job in self.more_deps.get(holder, ()):
                    return f'in more_deps[{holder.__name__}]'
                return f'in {holder.__name__}.DEPS'
        return 'the root'


def post_order(
    roots: Iterable[_Node], dependencies_of: Callable[[_Node], Sequence[_Node]]
) -> list[_Node]:
    """Return what can be reached from some nodes, depth first, each after its dependencies.

    Args:
        roots: the nodes to begin at, in their order.
        dependencies_of: called once for each node.

    Raises:
        CycleError: a node can be reached from itself.
    """
    order: list[_Node] = []
    done: dict[_Node, bool] = {}
    # Two lists, since pairs of a deep path would keep the garbage collector busy.
    path: list[_Node] = []
    left = [iter(roots)]
    while left:
        for dependency in left[-1]:
            if dependency not in done:
                done[dependency] = False
                path.append(dependency)
                left.append(iter(dependencies_of(dependency)))
                break
            if not done[dependency]:
                raise _cycle(path, dependency)
        else:
            left.pop()
            if path:
                node = path.pop()
                done[node] = True
                order.append(node)
    return order


def _cycle(path: list[Any], again: Any) -> CycleError:
    circle = path[path.index(again) :]
    return CycleError(tuple(job.__name__ for job in [*circle, again]))


def _duplicate(graph: Graph, found: _Found) -> DuplicateNameError:
    """Return the error for the first two Jobs of one name, with the DEPS that hold them."""
    first: dict[str, type[Job]] = {}
    job = next(each for each in graph.jobs if first.setdefault(each.__name__, each) is not each)

    def place(job: type[Job]) -> str:
        return f'{job.__module__}.{job.__qualname__} ({found.place(job, graph.jobs)})'

    return DuplicateNameError(
        f'two Jobs are named {job.__name__!r}: {place(first[job.__name__])} and {place(job)};'
        f' rename one, results are kept by name'
    )


def _log(job: type[Job], dependencies: tuple[type[Job], ...]) -> None:
    _LOG.debug('Job %s', job.__name__)
    for dependency in dependencies:
        _LOG.debug('%s depends on %s', job.__name__, dependency.__name__)

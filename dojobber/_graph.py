"""Walks DEPS into a graph without cycles, and refuses what can't work.

Owns the order of the Jobs and what each depends on. Knows nothing of time, of tries that were
made or of how they ended.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial, partialmethod
from numbers import Real
from types import FunctionType
from typing import Any, TypeVar

from dojobber._text import shown
from dojobber.errors import ConfigurationError, CycleError, DuplicateNameError, NotAJobError
from dojobber.job import Job

_LOG = logging.getLogger('DoJobber')
_UNCALLED = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
# What a class gives for any partialmethod: a function that looks plain, whatever it calls.
_PARTIAL = partialmethod(print).__get__(None, object).__code__
# What classes have that do nothing of their own when an object is made.
_NO_INIT, _NO_NEW, _NO_CALL = object.__init__, object.__new__, type.__call__
_Node = TypeVar('_Node')


class Graph:
    """Hold Jobs in depth-first post-order and what each of them depends on."""

    __slots__ = ('jobs', 'names', 'dependencies', 'tries', 'delays', 'inits')

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
        #: The Jobs that call code of the user's when an object is made.
        self.inits: set[type[Job]] = set()

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
            raise RuntimeError(f'{shown(node)} is not in the graph that was configured') from None
        if root == len(self.jobs) - 1:
            return self
        order = post_order(root, self.dependencies.__getitem__)
        part = Graph()
        part.inits = self.inits
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
    default_tries = _tries('default_tries', default_tries)
    default_retry_delay = _delay('default_retry_delay', default_retry_delay)
    if not _is_job(root):
        raise NotAJobError(f'configure() needs a Job class as its root, got {shown(root)}')
    found: dict[type[Job], tuple[type[Job], ...]] = {}

    logs = _LOG.isEnabledFor(logging.DEBUG)

    def dependencies_of(job: type[Job]) -> tuple[type[Job], ...]:
        found[job] = dependencies = _dependencies(job)
        if logs:
            _log(job, dependencies)
        return dependencies

    graph = Graph()
    graph.jobs = post_order(root, dependencies_of)
    graph.names = [job.__name__ for job in graph.jobs]
    if len(set(graph.names)) < len(graph.names):
        raise _duplicate(graph, found)
    position = {job: number for number, job in enumerate(graph.jobs)}
    for job in graph.jobs:
        graph.dependencies.append(tuple([position[each] for each in found[job]]))
        _check_hooks(job)
        if _has_init(job):
            graph.inits.add(job)
        tries, delay = job.TRIES, job.RETRY_DELAY
        graph.tries.append(
            default_tries if tries is None else _tries(f'{job.__name__}.TRIES', tries)
        )
        graph.delays.append(
            default_retry_delay if delay is None else _delay(f'{job.__name__}.RETRY_DELAY', delay)
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


def _is_job(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Job)


def _dependencies(job: type[Job]) -> tuple[type[Job], ...]:
    """Return the DEPS of a Job, each once, a set's in the order of their names."""
    deps: Any = job.DEPS
    found = deps if type(deps) is tuple else _as_tuple(job, deps)
    for each in found:
        if not _is_job(each):
            raise NotAJobError(
                f'{job.__name__}.DEPS must hold Job classes, got {shown(each)} in it'
            )
    if isinstance(deps, (set, frozenset)):
        return tuple(sorted(found, key=lambda each: (each.__name__, each.__module__)))
    if len(found) > 1 and len(set(found)) < len(found):
        return tuple(dict.fromkeys(found))
    return found


def _as_tuple(job: type[Job], deps: Any) -> tuple[Any, ...]:
    fix = f'; write DEPS = ({deps.__name__},)' if _is_job(deps) else ''
    try:
        entries = iter(deps)
    except TypeError:
        try:
            text = str(deps)
        except (Exception, SystemExit):
            text = shown(deps)
        _LOG.critical('DEPS for %s is not iterable; is "%s"', job.__name__, text)
    else:
        if entries is deps:
            fix = '; it can be read only once: write a tuple or a list'
        elif not isinstance(deps, (str, bytes)):
            return tuple(entries)
    rule = f'{job.__name__}.DEPS must be an iterable of Job classes'
    raise NotAJobError(f'{rule}, got {shown(deps)}{fix}')


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


def _check_hooks(job: type[Job]) -> None:
    """Refuse a Job whose Check, Run or Cleanup could never do its work."""
    for name in ('Check', 'Run', 'Cleanup'):
        hook = getattr(job, name, None)
        # The usual case, and fast: the flags of a plain function tell all.
        if type(hook) is FunctionType and hook.__code__ is not _PARTIAL:
            if not hook.__code__.co_flags & _UNCALLED:
                continue
        elif hook is None:
            if name != 'Check':
                continue
            raise ConfigurationError(f'{job.__name__} has no Check; write one or use RunonlyJob')
        # A property's value is known only once there is an object.
        elif not callable(hook) and not hasattr(type(hook), '__get__'):
            raise ConfigurationError(f'{job.__name__}.{name} must be callable, got {shown(hook)}')
        refuse_lazy(f'{job.__name__}.{name}', hook)


def _has_init(job: type[Job]) -> bool:
    """Tell whether a Job calls code of the user's when an object is made."""
    return (
        job.__init__ is not _NO_INIT
        or job.__new__ is not _NO_NEW
        or type(job).__call__ is not _NO_CALL
    )


def refuse_lazy(what: str, given: Any) -> None:
    """Refuse a callable of which a call would only make a coroutine or a generator.

    Args:
        what: how the user knows it.
        given: the callable.

    Raises:
        ConfigurationError: it is such a one.
    """
    function = given
    # The name of the attribute has changed with Python 3.13.
    function = getattr(function, '__partialmethod__', getattr(function, '_partialmethod', function))
    while isinstance(function, (partial, partialmethod)):
        function = function.func
    tests = inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction
    calls = function, getattr(type(function), '__call__', None)
    if any(test(each) for test in tests for each in calls):
        raise ConfigurationError(
            f'{what} must do its work when called, got {shown(given)},'
            f' an async or generator function'
        )


def _tries(name: str, value: Any) -> float:
    number = _number(value)
    if not number >= 1:
        raise ConfigurationError(f'{name} must be a number >= 1, got {shown(value)}')
    return number if math.isinf(number) else math.ceil(value)


def _delay(name: str, value: Any) -> float:
    number = _number(value)
    if not 0 <= number < math.inf:
        raise ConfigurationError(
            f'{name} must be a finite number >= 0 (seconds), got {shown(value)}'
        )
    return number


def _number(value: Any) -> float:
    """Return a number as a float, and what is none as NaN."""
    try:
        return float(value) if isinstance(value, (Real, Decimal)) else math.nan
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except ValueError:
        return math.nan


def _log(job: type[Job], dependencies: tuple[type[Job], ...]) -> None:
    _LOG.debug('Job %s', job.__name__)
    for dependency in dependencies:
        _LOG.debug('%s depends on %s', job.__name__, dependency.__name__)

"""The tries that are owed a Cleanup, unwound last one first.

Owns which Cleanups are due, and which are held back because one before them failed. Knows nothing
of how the tries ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from operator import attrgetter

from dojobber._attempt import PhaseResult, release_exceptions
from dojobber._failures import run_all, strip_own_frame
from dojobber._graph import Graph
from dojobber._workdir import Workdir
from dojobber.job import Job


@dataclass(frozen=True, slots=True)
class PendingCleanup:
    """A try that is owed a Cleanup."""

    #: Of the try, among those of all runs.
    number: int
    #: The position of its Job in the graph.
    node: int
    #: The object of the try.
    job: Job
    #: The graph of its run.
    graph: Graph
    #: The directory in which its Cleanup is called.
    workdir: Workdir
    #: The monotonic clock, in seconds.
    clock: Callable[[], float]
    #: Hears that the Cleanup begins (None) and how it ended.
    tell: Callable[[PhaseResult | None], None]


class CleanupStack:
    """Hold what is due, for all runs of a DoJobber."""

    __slots__ = ('numbers', '_due', '_under_way', '_has_stragglers')

    def __init__(self) -> None:
        """Make an empty stack."""
        #: Numbers the tries of all runs: Cleanups are called from the highest number down.
        self.numbers: Iterator[int] = count(1)
        self._due: list[PendingCleanup] = []
        #: Jobs that a run left under way, with what tells whether their tries have ended.
        self._under_way: list[tuple[Graph, int, Callable[[], bool]]] = []
        #: Whether threads that nobody waits for any more may make Cleanups due.
        self._has_stragglers = False

    @property
    def workdir(self) -> Workdir | None:
        """The directory of the Cleanup at the top; None if none is due."""
        return self._due[-1].workdir if self._due else None

    def push(self, debt: PendingCleanup) -> None:
        """Make a Cleanup due."""
        debt.workdir.share()
        if self._has_stragglers:
            # Not between the Cleanup at the top, which may be under way, and its end.
            self._due.insert(0, debt)
        else:
            self._due.append(debt)

    def owes(self, number: int) -> bool:
        """Tell whether the Cleanup of a try is due."""
        return any(debt.number == number for debt in self._due)

    def hold_back(self, graph: Graph, under_way: Mapping[int, Callable[[], bool]]) -> None:
        """Leave alone what Jobs need that are under way still, as long as they are.

        Args:
            graph: their graph.
            under_way: for each of them, by its position, what tells whether its try has ended.
        """
        self._under_way += [(graph, node, has_ended) for node, has_ended in under_way.items()]
        self._has_stragglers |= bool(under_way)

    def unwind(self, errors: list[BaseException]) -> None:
        """Call the Cleanups that are due; those that fail or are held back stay due.

        Args:
            errors: gets what they raise, in order.
        """
        self._under_way = [
            (graph, node, has_ended)
            for graph, node, has_ended in self._under_way
            if not has_ended()
        ]
        held_back = _HeldBack()
        for graph, node, _ in self._under_way:
            held_back.below(graph, node)
        unwinding = _Unwinding(self._due, held_back)
        self._due.sort(key=attrgetter('number'))
        run_all(errors, unwinding.go_on, unwinding.put_back)

    def unwind_all(self, errors: list[BaseException]) -> None:
        """Do as `unwind`, but hold back nothing for what a run left under way."""
        self._under_way = []
        self.unwind(errors)


class _Unwinding:
    """Work a stack off from its top; Ctrl-C at any moment neither ends that nor repeats a call."""

    __slots__ = ('_due', '_kept', '_held_back')

    def __init__(self, due: list[PendingCleanup], held_back: _HeldBack) -> None:
        self._due = due
        self._kept: list[PendingCleanup] = []
        self._held_back = held_back

    def go_on(self, errors: list[BaseException]) -> None:
        while self._due:
            debt = self._due[-1]
            if debt in self._held_back:
                # With other DEPS in its run than in a later one, it may need other Jobs.
                self._held_back.below(debt.graph, debt.node)
                _move_last(self._due, self._kept)
            else:
                self._call(errors)

    def _call(self, errors: list[BaseException]) -> None:
        debt, result, error, began = self._due[-1], None, None, 0.0
        try:
            debt.tell(None)
        except BaseException as caught:  # Ctrl-C in a listener costs no Cleanup
            errors.append(strip_own_frame(caught))
        try:
            began = debt.clock()
            debt.workdir.go()
            hook = debt.job.Cleanup  # type: ignore[attr-defined]
            if hook is None:  # since Run was called
                hook = _nothing
            # In one line: what is popped has been called to its end, whatever comes after that.
            result, _ = hook(), self._due.pop()
        except BaseException as caught:
            error = strip_own_frame(caught)
            errors.append(error)
        if self._due and self._due[-1] is debt:
            self._held_back.below(debt.graph, debt.node)
            _move_last(self._due, self._kept)
        else:
            error = None  # Ctrl-C that came after its end is no failure of it
            release_exceptions(debt.job)
            debt.workdir.release()
        try:
            debt.tell(PhaseResult(result, error, debt.clock() - began))
        finally:
            del error  # its traceback leads back to this frame

    def put_back(self, errors: list[BaseException]) -> None:
        while self._kept:
            _move_last(self._kept, self._due)


def _move_last(source: list[PendingCleanup], target: list[PendingCleanup]) -> None:
    """Move a debt so that Ctrl-C leaves it in both lists at worst; the next call sees that."""
    if not target or target[-1] is not source[-1]:
        target.append(source[-1])
    source.pop()


def _nothing() -> None:
    """Take the place of a Cleanup that there is not."""


class _HeldBack:
    """The Jobs that may still be in use."""

    __slots__ = ('_jobs', '_seen')

    def __init__(self) -> None:
        self._jobs: set[type[Job]] = set()
        self._seen: dict[Graph, set[int]] = {}

    def __contains__(self, debt: PendingCleanup) -> bool:
        return debt.graph.jobs[debt.node] in self._jobs

    def below(self, graph: Graph, node: int) -> None:
        """Add a Job and all that it depends on."""
        seen = self._seen.setdefault(graph, set())
        reached = [node]
        found: set[int] = set()
        while reached:
            node = reached.pop()
            if node not in seen and node not in found:
                found.add(node)
                reached += graph.dependencies[node]
        # All at once, or nothing: Ctrl-C may come at any moment.
        self._jobs |= {graph.jobs[node] for node in found}
        seen |= found

"""The tries that are owed a Cleanup, unwound last one first.

Owns which Cleanups are due, and which are held back because one before them failed. Knows nothing
of how the tries ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from operator import attrgetter

from dojobber._graph import Graph
from dojobber._phase import Context, forget_exceptions, phase
from dojobber.job import Job


@dataclass(frozen=True, slots=True)
class Debt:
    """A try that is owed a Cleanup."""

    #: Of the try, among those of all runs.
    number: int
    #: The position of its Job in the graph.
    node: int
    #: The object of the try.
    job: Job
    #: The graph of its run.
    graph: Graph
    #: For the Cleanups of its run.
    context: Context


class CleanupStack:
    """Hold what is due, for all runs of a DoJobber."""

    __slots__ = ('numbers', '_due')

    def __init__(self) -> None:
        """Make an empty stack."""
        #: Numbers the tries of all runs: Cleanups are called from the highest number down.
        self.numbers: Iterator[int] = count(1)
        self._due: list[Debt] = []

    def push(self, debt: Debt) -> None:
        """Make a Cleanup due."""
        debt.context.workdir.share()
        self._due.append(debt)

    def unwind(self) -> list[BaseException]:
        """Call the Cleanups that are due; those that fail or are held back stay due.

        Returns:
            What they raised, in order.
        """
        errors = []
        kept = []
        held_back = _HeldBack()
        self._due.sort(key=attrgetter('number'))
        try:
            while self._due:
                debt = self._due[-1]
                error = None
                if debt in held_back:
                    kept.append(debt)
                elif error := _clean_up(debt):
                    errors.append(error)
                    kept.append(debt)
                    held_back.below(debt)
                self._due.pop()
        finally:
            self._due += reversed(kept)
        return errors


def _clean_up(debt: Debt) -> BaseException | None:
    """Call one Cleanup and return what it raised."""
    context = debt.context
    try:
        _, error, _ = phase(debt.node, 'cleanup', context.clock(), debt.job, 'Cleanup', context)
    except BaseException as caught:  # Ctrl-C, just before or after the call
        return caught
    if error is None:
        forget_exceptions(debt.job)
        debt.context.workdir.release()
    return error


class _HeldBack:
    """The Jobs that may still be in use by one whose Cleanup failed."""

    __slots__ = ('_jobs', '_seen')

    def __init__(self) -> None:
        self._jobs: set[type[Job]] = set()
        self._seen: dict[Graph, set[int]] = {}

    def __contains__(self, debt: Debt) -> bool:
        return debt.graph.jobs[debt.node] in self._jobs

    def below(self, debt: Debt) -> None:
        """Add the Job of a try and all that it depends on."""
        seen = self._seen.setdefault(debt.graph, set())
        reached = [debt.node]
        while reached:
            node = reached.pop()
            if node not in seen:
                seen.add(node)
                self._jobs.add(debt.graph.jobs[node])
                reached += debt.graph.dependencies[node]

"""Finds out which of the Jobs that a Job watches changed.

Owns when a Job counts as changed for those that watch it. Leaves what follows from a change to
`_attempt`.
"""

from __future__ import annotations

from dojobber._attributes import is_plain_dummy
from dojobber._results import Results
from dojobber.outcome import Outcome


class Watcher:
    """The changes in a run so far. Each Job is looked at a few times only, whoever watches it."""

    def __init__(self, results: Results) -> None:
        """Get ready to look at the results of a run."""
        self._results = results
        #: The Jobs that are known to have changed or not.
        self._changed: set[int] = set()
        self._unchanged: set[int] = set()

    def changes(self, node: int) -> tuple[str, ...]:
        """Return the names of the Jobs in a Job's WATCH that changed, and note them.

        Args:
            node: the Job, whose dependencies have all succeeded.
        """
        graph = self._results.graph
        changed = tuple([graph.names[e] for e in graph.watched[node] if self._has_changed(e)])
        if changed:
            self._results.changed[node] = changed
        return changed

    def _has_changed(self, node: int) -> bool:
        """Return whether a Job changed; a plain DummyJob, whether any of its DEPS did."""
        graph, outcome = self._results.graph, self._results.outcome
        reached, seen = [node], set[int]()
        while reached:
            each = reached.pop()
            if each in self._changed or outcome(each) is Outcome.CHANGED:
                self._changed.add(node)
                return True
            if each not in seen and each not in self._unchanged:
                seen.add(each)
                if is_plain_dummy(graph.jobs[each]):
                    reached += graph.dependencies[each]
        self._unchanged |= seen
        return False

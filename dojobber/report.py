"""What came of a run, for whoever asks: one entry for each Job.

Owns the report and how it is made from what a run has left. Knows nothing of how a run goes.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from dojobber._failures import Failure, class_name, notes, safe_repr, safe_str, trace
from dojobber._graph import Graph
from dojobber._output.summary import summary
from dojobber._results import BLOCKING, Results
from dojobber.outcome import JobReport, Outcome

__all__ = ['Report']

# What is nested deeper is no JSON that all programs can write and read.
_DEEPEST = 100


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What came of a run: iterable over a `JobReport` for each Job, dependencies first."""

    #: An entry for each Job.
    jobs: tuple[JobReport, ...]
    #: Whether no Run was called.
    no_act: bool
    #: How long the run took, with its automatic Cleanup; None before its end.
    seconds: float | None

    def __iter__(self) -> Iterator[JobReport]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)

    @property
    def success(self) -> bool:
        """Whether each Job succeeded; False if there is none."""
        good = (Outcome.OK, Outcome.CHANGED)
        return bool(self.jobs) and all(each.outcome in good for each in self.jobs)

    def select(self, *outcomes: Outcome | str) -> tuple[JobReport, ...]:
        """Return the entries of these outcomes, in their order."""
        return tuple(each for each in self.jobs if each.outcome in outcomes)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as dicts, lists, strings, numbers and None, for JSON.

        An exception is a dict of its type, message and notes, of the file and line of the user's
        own code that it came through, and of its traceback; a result that has no form in JSON is
        its ``repr()``.
        """
        return {
            'success': self.success,
            'no_act': self.no_act,
            'seconds': self.seconds,
            'jobs': [_as_dict(each) for each in self.jobs],
        }

    def __str__(self) -> str:
        """Return the summary as plain text, as wide as the terminal."""
        return summary(self.jobs, self.seconds, shutil.get_terminal_size().columns)


def make_report(results: Results) -> Report:
    """Make the report of a run from what it has left."""
    outcomes = results.outcomes()
    blocking = _Blocking(outcomes, results.graph)
    jobs = tuple(
        _job_report(results, node, outcome, blocking) for node, outcome in enumerate(outcomes)
    )
    return Report(jobs, results.no_act, results.seconds)


def _job_report(results: Results, node: int, outcome: Outcome, blocking: _Blocking) -> JobReport:
    tries, cleanups, name = results.tries, results.cleanups, results.graph.names[node]
    record, span, seconds = tries.last.get(node), tries.span(node), tries.seconds(node)
    if node in cleanups.seconds:
        seconds = {**(seconds or {}), 'cleanup': cleanups.seconds[node]}
    why, zero = results.nodeexceptions.get(name), results.started or 0.0
    if outcome is Outcome.INTERRUPTED and record is not None and record.exception is not why:
        record = None  # it is of the try before the one that was interrupted
    return JobReport(
        name=name,
        job=results.graph.jobs[node],
        outcome=outcome,
        tries=tries.used(node, results.nodestatus.get(name)),
        seconds=None if seconds is None else MappingProxyType(seconds),
        start=None if span is None else span[0] - zero,
        end=None if span is None else span[1] - zero,
        result=results.noderesults.get(name),
        cleanup=cleanups.status(node),
        _phase=None if record is None else record.phase,
        _check=None if record is None else record.check,
        _run=tries.run_failure(node),
        _last=tries.failures.get(node) if why is None else Failure.of(why),
        _cleanup=cleanups.failures.get(node),
        _blocked_by=partial(blocking.blocked_by, node),
        _blocks=partial(blocking.blocks, node),
        _weight=partial(blocking.weight, node),
    )


class _Blocking:
    """Which failed Jobs block which others, worked out when asked for and kept."""

    __slots__ = ('_outcomes', '_names', '_dependencies', '_roots', '_blocked_above', '_weights')

    def __init__(self, outcomes: Sequence[Outcome], graph: Graph) -> None:
        self._outcomes = outcomes
        self._names = graph.names
        self._dependencies = graph.dependencies
        self._roots: dict[int, tuple[int, ...]] = {}
        #: For each Job the blocked ones that depend on it directly; empty until asked for.
        self._blocked_above: dict[int, list[int]] = {}
        self._weights: Counter[int] = Counter()

    def blocked_by(self, node: int) -> tuple[str, ...]:
        """Return the failed Jobs that a blocked one depends on, over blocked ones only."""
        return tuple(self._names[each] for each in self._roots_of(node))

    def blocks(self, node: int) -> tuple[str, ...]:
        """Return the Jobs that a failed one blocks, directly or not."""
        self._look_above()
        found = {node}
        reached = [node]
        while reached:
            new = set(self._blocked_above.get(reached.pop(), ())) - found
            found |= new
            reached += new
        return tuple(self._names[each] for each in sorted(found - {node}))

    def weight(self, node: int) -> int:
        """Return how many Jobs count for a failed one: itself, and others that it blocks.

        Each blocked Job counts for one failed one alone, which is less work than to find them all:
        it is sought below that dependency that blocks most Jobs directly.
        """
        if not self._weights:
            self._look_above()
            above, root = self._blocked_above, dict[int, int]()
            for each, outcome in enumerate(self._outcomes):
                if outcome is Outcome.FAILED:
                    root[each] = each
                elif outcome is Outcome.BLOCKED:
                    root[each] = root[max(self._stuck(each), key=lambda other: len(above[other]))]
            self._weights.update(root.values())
        return self._weights[node]

    def _look_above(self) -> None:
        if not self._blocked_above:
            for blocked, dependencies in enumerate(self._dependencies):
                if self._outcomes[blocked] is Outcome.BLOCKED:
                    for each in dependencies:
                        self._blocked_above.setdefault(each, []).append(blocked)

    def _roots_of(self, node: int) -> tuple[int, ...]:
        path = [node]
        while path:
            node = path[-1]
            below = [] if node in self._roots else self._stuck(node)
            missing = [each for each in below if each not in self._roots]
            path += missing
            if not missing:
                path.pop()
                self._roots.setdefault(node, self._joined(node, below))
        return self._roots[node]

    def _stuck(self, node: int) -> list[int]:
        """Return those of a Job's dependencies that failed or are blocked."""
        return [each for each in self._dependencies[node] if self._outcomes[each] in BLOCKING]

    def _joined(self, node: int, below: list[int]) -> tuple[int, ...]:
        """Join what blocks the dependencies of a Job; mostly that is one and the same tuple."""
        if not below:
            return (node,)
        parts = {id(self._roots[each]): self._roots[each] for each in below}
        if len(parts) == 1:
            return self._roots[below[0]]
        return tuple(sorted(set().union(*parts.values())))


def _as_dict(entry: JobReport) -> dict[str, Any]:
    return {
        'name': entry.name,
        'job': f'{entry.job.__module__}.{entry.job.__qualname__}',
        'outcome': str(entry.outcome),
        'tries': entry.tries,
        'seconds': None if entry.seconds is None else dict(entry.seconds),
        'start': entry.start,
        'end': entry.end,
        'check_exception': _failure_as_dict(entry._check),
        'run_exception': _failure_as_dict(entry._run),
        'exception': _failure_as_dict(entry._last),
        'result': _plain(entry.result),
        'blocked_by': list(entry.blocked_by),
        'cleanup': entry.cleanup,
        'cleanup_exception': _failure_as_dict(entry._cleanup),
    }


def _failure_as_dict(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    error, file, line = failure
    return {
        'type': class_name(error),
        'message': safe_str(error),
        'notes': notes(error),
        'file': file,
        'line': line,
        'traceback': trace(error),
    }


def _plain(value: Any) -> Any:
    """Return a copy of a value as JSON would bring it back, or its repr."""
    try:
        plain = json.loads(json.dumps(value, allow_nan=False))
    except (Exception, SystemExit):
        return safe_repr(value)
    return plain if _is_shallow(plain, _DEEPEST) else safe_repr(value)


def _is_shallow(plain: Any, levels: int) -> bool:
    """Tell whether lists and dicts are in each other at so many levels at most."""
    if not isinstance(plain, (list, dict)):
        return True
    within = plain.values() if isinstance(plain, dict) else plain
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in within)

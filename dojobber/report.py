"""The report of a run, with one entry for each Job.

Owns the report, and makes it from the results of a run. Knows nothing of the course of a run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dojobber._failures import Failure
from dojobber._graph import Graph
from dojobber._record import Record
from dojobber._results import BLOCKING, Results
from dojobber.job import Job
from dojobber.outcome import Outcome, Phase

if TYPE_CHECKING:
    from datetime import datetime

    from dojobber._executors.reports import PackedEntries

__all__ = ['Failure', 'JobReport', 'Report']

# The attributes of a report that are pickled as they are.
_PLAIN = 'no_act', 'seconds', 'started', 'host', 'python', 'version', '_mask'


class JobReport(Record):
    """Report of one Job.

    Attributes:
        name: the name of the Job.
        job: its class.
        outcome: its outcome.
        tries: the number of tries that were used.
        phase: the phase that decided the last try; None without a try.
        phase_seconds: the duration of each phase in all tries together, by its name; that of
            ``cleanup``, too, if one was called. A phase that no try reached is missing.
        spans: the start and end of each try, in seconds from the start of the run; of more than 100
            tries, those of the first and the last 99.
        result: the value that the passing Check returned; None if the Job did not succeed.
        deps: the names of the Jobs that it depends on.
        changed_deps: the names of the Jobs in its WATCH whose change led to its Run.
        gave_up: whether it failed with `GiveUp`, so that no other try was made.
        check_failure: why the first Check of the last try failed: with no_act or for a change, the
            reason. None if it passed.
        run_failure: why Run failed, in the latest try in which it did; often the true reason.
            Where it did not decide, the exception is kept without its frames.
        failure: why the last failed try failed; also of a Job that succeeded later.
        cleanup: ``pass`` if all its Cleanups passed, ``fail`` if one failed, ``due`` if one is
            pending; None if it needs none.
        cleanup_failure: why its Cleanup failed, if ``cleanup`` is ``fail``.
    """

    name: str
    job: type[Job]
    outcome: Outcome
    tries: int
    phase: Phase | None
    phase_seconds: dict[str, float]
    spans: tuple[tuple[float, float], ...]
    result: Any
    deps: tuple[str, ...]
    changed_deps: tuple[str, ...]
    gave_up: bool
    check_failure: Failure | None
    run_failure: Failure | None
    failure: Failure | None
    cleanup: str | None
    cleanup_failure: Failure | None
    _node: int
    _blocking: _Blocking

    def __repr__(self) -> str:
        name = self._blocking.mask(self.name)
        return f'JobReport(name={name!r}, outcome={self.outcome!r}, tries={self.tries})'

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    @property
    def seconds(self) -> float:
        """The duration of all phases together; 0.0 without a try."""
        return sum(self.phase_seconds.values(), 0.0)

    @property
    def start(self) -> float | None:
        """The start of its first try, in seconds from the start of the run; None without a try."""
        return self.spans[0][0] if self.spans else None

    @property
    def end(self) -> float | None:
        """The end of its last try, in seconds from the start of the run; None without a try."""
        return self.spans[-1][1] if self.spans else None

    @property
    def check_exception(self) -> BaseException | None:
        """The exception of ``check_failure``."""
        return self.check_failure and self.check_failure.exception

    @property
    def run_exception(self) -> BaseException | None:
        """The exception of ``run_failure``."""
        return self.run_failure and self.run_failure.exception

    @property
    def exception(self) -> BaseException | None:
        """The exception of ``failure``."""
        return self.failure and self.failure.exception

    @property
    def cleanup_exception(self) -> BaseException | None:
        """The exception of ``cleanup_failure``."""
        return self.cleanup_failure and self.cleanup_failure.exception

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """The failed Jobs at the roots of what blocks this one, in graph order."""
        return self._blocking.blocked_by(self._node) if self.outcome is Outcome.BLOCKED else ()

    @property
    def blocks(self) -> tuple[str, ...]:
        """The Jobs that a failed one blocks, directly or not, in graph order."""
        return self._blocking.blocks(self._node) if self.outcome is Outcome.FAILED else ()

    def __copy__(self) -> JobReport:
        return self

    def __reduce__(self) -> Any:
        """Pickle it, with stand-ins for values that can't be pickled, as with executors."""
        from dojobber._executors.reports import pack

        return _make_entry, (pack([self]),)


class Report:
    """Report of a run: iterable over a `JobReport` for each Job, dependencies first.

    Attributes:
        no_act: whether no Run was called.
        seconds: the duration of the run and its automatic Cleanup; None before its end.
        started: its start, in UTC; None before that.
        host: the name of the machine.
        python: the version of Python.
        version: the version of dojobber.
    """

    __slots__ = (*_PLAIN, '_results', '_jobs')

    def __init__(self, results: Results, mask: Callable[[str], str] = str) -> None:
        """Make it from the results of a run; `DoJobber.report` does.

        Args:
            results: of the run.
            mask: takes the secrets out of a text that is written.
        """
        self._mask = mask
        self.no_act = results.no_act
        self.seconds = results.seconds
        self.started = _utc(results.started_at)
        self.host = (
            os.uname().nodename if hasattr(os, 'uname') else os.environ.get('COMPUTERNAME', '')
        )
        self.python = sys.version.partition(' ')[0]
        self.version: str = sys.modules['dojobber'].__version__
        # Most callers of checknrun() never look at the report: it is made when someone does.
        self._results: Results | None = results
        self._jobs: tuple[JobReport, ...] = ()

    @property
    def jobs(self) -> tuple[JobReport, ...]:
        """An entry for each Job."""
        return self.taken()._jobs

    def taken(self) -> Report:
        """Fix the entries as they are at this moment, and return the report itself."""
        if self._results is not None:
            self._jobs = _job_reports(self._results, self._mask)
            self._results = None
        return self

    def __getitem__(self, name: str) -> JobReport:
        """Return the entry of the Job of a name.

        Raises:
            KeyError: there is no such Job.
        """
        for each in self.jobs:
            if each.name == name:
                return each
        raise KeyError(name)

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
        """Return the entries of these outcomes, in their order.

        Raises:
            ValueError: there is no such outcome.
        """
        wanted = {Outcome(each) for each in outcomes}
        return tuple([each for each in self.jobs if each.outcome in wanted])

    def as_dict(self) -> dict[str, Any]:
        """Return the report as dicts, lists, strings, numbers and None, for JSON.

        The reference describes the keys. ``schema`` is the number of that description.
        """
        from dojobber._output.plain import as_dict

        return as_dict(self, self._mask)

    def as_junit(self) -> str:
        """Return the report as JUnit XML, which Jenkins, GitLab and other CI systems read.

        Each Job is a test case, with its module as the class name. It is a failure if it failed or,
        with ``no_act``, would run; an error if it was interrupted, or if only its Cleanup failed;
        skipped if it is blocked, might run or was not reached. All of the text is ASCII.
        """
        from dojobber._output.junit import as_junit

        return as_junit(self, self._mask)

    def as_html(self) -> str:
        """Return a page for people, which needs no other file: counts, table, timeline and graph.

        It has no script and fetches nothing. Of more than a thousand Jobs it leaves out what a
        browser could not show at once, and says so.
        """
        from dojobber._output.html import page

        return page(self, self._mask)

    def _repr_html_(self) -> str:
        """Return the HTML that a notebook shows: counts, table and graph."""
        from dojobber._output.html import fragment

        return fragment(self, self._mask)

    def __copy__(self) -> Report:
        return self

    def __reduce__(self) -> Any:
        """Pickle it, with stand-ins for values that can't be pickled, as with executors."""
        from dojobber._executors.reports import pack

        attributes = {name: getattr(self, name) for name in _PLAIN}
        return _make_report, (attributes, pack(self.jobs))

    def __repr__(self) -> str:
        what = 'Job' if len(self) == 1 else 'Jobs'
        return f'<Report of {len(self)} {what}, success={self.success}>'

    def __str__(self) -> str:
        """Return the summary as plain text, as wide as the terminal."""
        import shutil

        from dojobber._output.summary import summary

        return summary(self.jobs, self.seconds, shutil.get_terminal_size().columns, mask=self._mask)


def _make_report(attributes: Mapping[str, Any], packed: PackedEntries) -> Report:
    """Make a report from its pickle."""
    from dojobber._executors.reports import unpack

    report = Report.__new__(Report)
    for name, value in attributes.items():
        setattr(report, name, value)
    report._results, report._jobs = None, unpack(packed)
    return report


def _make_entry(packed: PackedEntries) -> JobReport:
    """Make the entry of a Job from its pickle."""
    from dojobber._executors.reports import unpack

    return unpack(packed)[0]


def _utc(seconds: float | None) -> datetime | None:
    from datetime import datetime, timezone

    return None if seconds is None else datetime.fromtimestamp(seconds, timezone.utc)


def _job_reports(results: Results, mask: Callable[[str], str]) -> tuple[JobReport, ...]:
    outcomes = results.outcomes()
    blocking = _Blocking(outcomes, results.graph, mask)
    return tuple(
        [_job_report(results, node, outcome, blocking) for node, outcome in enumerate(outcomes)]
    )


def _job_report(results: Results, node: int, outcome: Outcome, blocking: _Blocking) -> JobReport:
    graph, cleanups, name = results.graph, results.cleanups, results.graph.names[node]
    totals, last, zero = results.totals(node), results.last(node), results.started or 0.0
    why = results.nodeexceptions.get(name)
    if last and outcome is Outcome.INTERRUPTED and last.exception is not why:
        last = None  # it is of the try before
    seconds = totals.phase_seconds()
    if node in cleanups.seconds:
        seconds[Phase.CLEANUP.value] = cleanups.seconds[node]
    return JobReport(
        name=name,
        job=graph.jobs[node],
        outcome=outcome,
        tries=results.tries(node),
        phase=last and last.phase,
        phase_seconds=seconds,
        spans=tuple([(start - zero, end - zero) for start, end in totals.spans]),
        result=results.noderesults.get(name),
        deps=tuple([graph.names[each] for each in graph.dependencies[node]]),
        changed_deps=results.changed.get(node, ()),
        gave_up=bool(last and last.gave_up),
        check_failure=last and last.check,
        run_failure=totals.run,
        failure=results.failures.get(node),
        cleanup=cleanups.status(node),
        cleanup_failure=cleanups.failures.get(node),
        _node=node,
        _blocking=blocking,
    )


class _Blocking:
    """The mask of names, and the pairs of failed and blocked Jobs, made on demand and cached."""

    def __init__(
        self, outcomes: Sequence[Outcome], graph: Graph, mask: Callable[[str], str]
    ) -> None:
        self.mask = mask
        self._outcomes = outcomes
        self._names = graph.names
        self._dependencies = graph.dependencies

    def blocked_by(self, node: int) -> tuple[str, ...]:
        """Return the failed Jobs that a blocked one depends on, over blocked ones only."""
        return tuple(self._names[each] for each in self._roots[node])

    def blocks(self, node: int) -> tuple[str, ...]:
        """Return the Jobs that a failed one blocks, directly or not."""
        found = {node}
        reached = [node]
        while reached:
            new = set(self._blocked_above[reached.pop()]) - found
            found |= new
            reached += new
        return tuple(self._names[each] for each in sorted(found - {node}))

    @cached_property
    def _roots(self) -> dict[int, tuple[int, ...]]:
        """For each blocked Job the failed ones that block it; for a failed one itself."""
        roots: dict[int, tuple[int, ...]] = {}
        for node, outcome in enumerate(self._outcomes):  # dependencies come first
            if outcome in BLOCKING:
                below = [roots[each] for each in self._dependencies[node] if each in roots]
                roots[node] = _joined(below) if below else (node,)
        return roots

    @cached_property
    def _blocked_above(self) -> list[list[int]]:
        """For each Job the blocked ones that depend on it directly."""
        above: list[list[int]] = [[] for _ in self._outcomes]
        for node, outcome in enumerate(self._outcomes):
            if outcome is Outcome.BLOCKED:
                for each in self._dependencies[node]:
                    above[each].append(node)
        return above


def _joined(parts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Join the roots of some dependencies; mostly they share one tuple."""
    distinct = {id(each): each for each in parts}
    return parts[0] if len(distinct) == 1 else tuple(sorted(set().union(*distinct.values())))

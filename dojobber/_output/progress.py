"""Shows how far a run is, on the last row of a terminal: a listener.

Owns what the line says. The driver takes events in, and for each makes a `_Snapshot` that nothing
changes; the ticking thread makes text of the latest one. They share nothing else.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from dojobber import events
from dojobber._output.status_line import StatusLine
from dojobber._output.text import counted, duration, escape, truncate
from dojobber._record import Record
from dojobber.outcome import Phase

_WORDS = {'ok': 'done', 'changed': 'done', 'failed': 'failed', 'would_run': 'would run'}


class _Activity(Record):
    """A try or a Cleanup that is under way, or a try that the run waits for."""

    label: str
    number: int
    allowed: float
    #: When it began or may begin, by the monotonic clock.
    instant: float


class _Snapshot(Record):
    """The content of the line."""

    #: The number of Jobs, and how many of them have each outcome.
    jobs: int
    counts: dict[str, int]
    #: The oldest activity in flight, or else the next one; and the number of the others.
    activity: _Activity | None
    more: int


class Progress:
    """Show how far one run is, if `sys.stderr` is a terminal when it starts: a listener."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        mask: Callable[[str], str] = str,
        status_line: type[StatusLine] = StatusLine,
    ) -> None:
        """Get ready, with a monotonic clock in seconds, and what takes secrets out of a text."""
        self._clock = clock
        self._mask = mask
        self._make_line = status_line
        self._line: StatusLine | None = None
        self._is_interrupted = False
        self._ended: Counter[str] = Counter()
        # By name of the Job: the next try if one has failed; what is under way, oldest first.
        self._next: dict[str, tuple[int, float]] = {}
        self._under_way: dict[str, _Activity] = {}
        self._waits: list[_Activity] = []

    def __call__(self, event: events.Event) -> None:
        """Take an event in; the next tick shows it."""
        if isinstance(event, events.RunStarted):
            self._begin(len(event.jobs))
        elif isinstance(event, events.RunEnded):
            self.close()
        elif self._line is not None:
            self._take(event)
            self._snapshot = self._now()

    def interrupted(self) -> None:
        """Show from now on that Ctrl-C was pressed: a signal handler may call this."""
        self._is_interrupted = True

    def close(self) -> None:
        """Leave the terminal as it would be without this, for good."""
        if self._line is not None:
            self._line.stop()
            self._line = None

    def _begin(self, jobs: int) -> None:
        self._snapshot = _Snapshot(jobs, {}, None, 0)
        with suppress(Exception):  # there is no terminal, or one that can't have a line
            self._line = self._make_line(sys.stderr, self._text)
            self._line.start()

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.Waiting):
            due = self._clock() + event.seconds
            names = [name for name in event.names if name in self._next]
            self._waits = [_Activity(name, *self._next[name], due) for name in names]
        elif isinstance(event, (events.TryStarted, events.PhaseStarted)):
            self._take_start(event)
        elif isinstance(event, events.JobEvent):  # all others
            self._take_end(event)

    def _take_start(self, event: events.TryStarted | events.PhaseStarted) -> None:
        self._waits = []
        self._next.pop(event.name, None)
        label = event.name + (f'.{event.phase}' if isinstance(event, events.PhaseStarted) else '')
        now = self._clock()
        self._under_way[event.name] = _Activity(label, event.number, event.allowed, now)

    def _take_end(self, event: events.JobEvent) -> None:
        if not isinstance(event, events.PhaseEnded) or event.phase == Phase.CLEANUP:
            self._under_way.pop(event.name, None)
        if isinstance(event, events.TryEnded) and event.not_before is not None:
            self._next[event.name] = event.number + 1, event.allowed
        elif isinstance(event, events.JobEnded):
            self._waits = []
            self._next.pop(event.name, None)
            self._ended[_WORDS.get(event.outcome, '')] += 1

    def _now(self) -> _Snapshot:
        counts = {**self._ended, 'waiting': len(self._next)}
        activities = self._under_way.values() or self._waits
        first = next(iter(activities), None)
        return _Snapshot(self._snapshot.jobs, counts, first, len(activities) - 1)

    def _text(self, width: int) -> str:
        """Return the line, in which a long name gives way to what must be read."""
        now, clock, is_interrupted = self._snapshot, self._clock(), self._is_interrupted
        activity, counts = now.activity, now.counts
        before = f'{counts.get("done", 0)} of {counted(now.jobs, "Job", "Jobs")} done'
        words = 'failed', 'would run', 'waiting'
        before += ''.join(f', {counts[word]} {word}' for word in words if counts.get(word))
        after = ''
        if is_interrupted:
            before, after = 'Interrupted', '; Ctrl-C again gives up'
            if activity is None or activity.instant > clock:
                return before + after
        if activity is None:
            return before
        link = '; next ' if activity.instant > clock else ', waits for ' if is_interrupted else '; '
        after = _about(activity, clock) + (f' and {now.more} more' if now.more else '') + after
        label = escape(self._mask(activity.label))
        return before + link + truncate(label, max(width - len(before + link + after), 4)) + after


def _about(activity: _Activity, clock: float) -> str:
    """Return which try something is, and how long it has been under way or will be waited for."""
    number, seconds = activity.number, math.floor(clock - activity.instant)
    of = f' of {activity.allowed}' if math.isfinite(activity.allowed) else ''
    text = f' (try {number}{of})' if number > 1 else ''
    if seconds:
        text += f' {"for" if seconds > 0 else "in"} {duration(abs(seconds))}'
    return text

"""Shows how far a run is, on a line of a terminal: a listener.

Owns what the line says, and which events are worth a draw. Has neither thread nor timer: the line
changes when an event comes or text is written. That is why it tells times of day. It never names a
Job that has ended: where the next one can't be shown for lack of draws, it names none and says
``as of`` when that was. So nothing but the counts can be stale.
"""

from __future__ import annotations

import math
import sys
import time
from collections import Counter
from collections.abc import Callable

from dojobber import events
from dojobber._output.status_line import Claim, Line, is_free_terminal
from dojobber._output.text import escape, truncate

# Of the draws that a second may have, so many stay for what matters more than the start of a try,
# than text in a Run, than the start of a Run or of a wait, which may be long. The last one is for
# taking back what is no longer true.
_TRY, _TEXT, _SLOW = 7, 2, 1
# Seconds: waits that are not worth a draw, and those that no calendar holds.
_SHORT, _LONGEST = 0.2, 1e11
_DAY = 86400
_WORDS = {'ok': 'done', 'changed': 'done', 'failed': 'failed', 'would_run': 'would run'}


class Progress:
    """Show how far one run is, if `sys.stderr` is a terminal when it starts: a listener."""

    __slots__ = ('_clock', '_now', '_state', '_line', '_over')

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        """Get ready with a monotonic clock and one for the time of day, both in seconds."""
        self._clock = clock
        self._now = now
        self._line: Line | None = None
        self._over = False

    def __call__(self, event: events.Event) -> None:
        """Take an event in, and draw the line anew if that is worth it."""
        try:
            if isinstance(event, events.RunEnded):
                self.close()
            elif isinstance(event, events.RunStarted):
                self._begin(len(event.jobs))
            elif self._line is not None:
                leaves = self._state.take(event)
                if leaves is not None:
                    self._line.want(leaves)
        except BaseException:
            self.close()
            raise

    def close(self, errors: object = None) -> None:
        """Leave the screen and the streams as they would be without this, for good."""
        self._over = True
        if self._line is not None:
            self._line.close()
            self._line = None

    def _begin(self, count: int) -> None:
        if not self._over and is_free_terminal(sys.stderr):
            self._state = _State(count, self._now)
            self._line = Line(self._state, self._clock)
            self._line.make_way_for(sys.stderr)
            if is_free_terminal(sys.stdout):
                self._line.make_way_for(sys.stdout)


class _State:
    """What there is to say."""

    __slots__ = ('text_leaves', '_count', '_now', '_ended', '_waiting', '_trying', '_until')

    def __init__(self, count: int, now: Callable[[], float]) -> None:
        #: How many draws must be left to put the line back after text.
        self.text_leaves = _TRY
        self._count = count
        self._now = now
        self._ended: Counter[str] = Counter()
        self._waiting: set[str] = set()
        # By name of the Job, oldest first.
        self._trying: dict[str, Claim] = {}
        self._until = 0.0

    def take(self, event: events.Event) -> int | None:
        """Take an event in; return how many draws must be left to spend one on it, if any may."""
        if isinstance(event, events.TryStarted):
            self._until = 0.0
            self._waiting.discard(event.name)
            self._trying[event.name] = event.name, self._now()
            return _TRY
        if isinstance(event, events.PhaseStarted):
            return self._phase_started(event)
        if isinstance(event, events.JobEvent):
            self._end(event)
        elif isinstance(event, events.Waiting) and event.seconds >= _SHORT:
            self._until = math.ceil(self._now() + min(event.seconds, _LONGEST))
            return _SLOW
        return None

    def _phase_started(self, event: events.PhaseStarted) -> int | None:
        if event.phase not in ('run', 'cleanup'):
            return None
        if event.phase == 'cleanup':
            self._trying[event.name] = f'{event.name}.cleanup', self._now()
        self.text_leaves = _TEXT
        return _SLOW

    def _end(self, event: events.JobEvent) -> None:
        if isinstance(event, events.PhaseEnded):
            self.text_leaves = _TRY
            if event.phase != 'cleanup':
                return
        self._trying.pop(event.name, None)
        if isinstance(event, events.TryEnded) and event.not_before is not None:
            self._waiting.add(event.name)
        elif isinstance(event, events.JobEnded):
            self._waiting.discard(event.name)
            self._ended[_WORDS.get(event.outcome, '')] += 1

    def claim(self) -> Claim | None:
        """Return what has been under way for longest."""
        wait = ('', self._until) if self._until else None
        return next(iter(self._trying.values()), wait)

    def line(self, claim: Claim | None, width: int, encoding: str) -> str:
        """Return the line with a claim or without, in about so many columns."""
        now, done = self._now(), self._ended['done']
        rest = {word: self._ended[word] for word in ('failed', 'would run')}
        rest['waiting'] = len(self._waiting)
        line = f'{done} of {self._count} Job{"s" if self._count > 1 else ""} done'
        line += ''.join(f', {count} {word}' for word, count in rest.items() if count) + '; '
        if claim is None:
            return f'{line}as of {_time_of_day(now)}'
        label, instant = claim
        if not label:
            return f'{line}waits until {_time_of_day(instant, instant - now > _DAY)}'
        more = len(self._trying) - 1
        since = f' since {_time_of_day(instant)}' + (f' and {more} more' if more else '')
        label = escape(label).encode(encoding, 'backslashreplace').decode(encoding)
        return line + truncate(label, max(width - len(line + since), 4)) + since


def _time_of_day(instant: float, is_far: bool = False) -> str:
    return time.strftime('%Y-%m-%d %H:%M' if is_far else '%H:%M:%S', time.localtime(instant))

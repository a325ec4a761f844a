"""The summary of a run: what to fix, on one screen.

Owns the words and the order of the summary. Works out in full only what it shows, and writes
nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from dojobber._failures import Failure, is_failure
from dojobber._output.palette import COLOURS, WORDS
from dojobber._output.reasons import reason_lines
from dojobber._output.text import (
    colorize,
    counted,
    display_width,
    escape,
    listed_lines,
    truncate,
    wrapped,
)
from dojobber.outcome import Outcome, Phase
from dojobber.report import JobReport

# The lines that tell why Jobs failed or would run; of the other Jobs there are the names.
# With the counts and the lists of names, that is a screen.
_ROOM = 17
# Names are listed below what is said of them if there are fewer columns beside it.
_LEAST = 20
_NO_BREAK = '\xa0'


def summary(
    jobs: Sequence[JobReport],
    seconds: float | None,
    width: int,
    colours: bool = False,
    mask: Callable[[str], str] = str,
) -> str:
    """Return the summary of a run, without a line break at its end.

    Args:
        jobs: the report of each Job.
        seconds: the duration of the run; None if it has not ended.
        width: of a line, in columns.
        colours: whether to mark words with colours.
        mask: takes the secrets out of a text.
    """
    return '\n'.join(_Summary(width, colours, mask).lines(jobs, seconds))


class _Summary:
    def __init__(self, width: int, colours: bool, mask: Callable[[str], str]) -> None:
        self._width = max(width, 20)
        self._colours = colours
        self._mask = mask
        self._room = _ROOM

    def lines(self, jobs: Sequence[JobReport], seconds: float | None) -> Iterator[str]:
        yield from self._counts(jobs, seconds)
        by = {outcome: [each for each in jobs if each.outcome is outcome] for outcome in Outcome}
        weights = blocking_weights(jobs)
        # Those first that block most; sorted() keeps the order of the others.
        worst = sorted(by[Outcome.FAILED], key=lambda each: -weights[each.name])
        failed = by[Outcome.INTERRUPTED] + worst
        yield from self._told(self._failed, failed, 'Also failed')
        yield from self._told(self._would_run, by[Outcome.WOULD_RUN], 'Would run too')
        yield from self._names('Might run', by[Outcome.MIGHT_RUN])
        unclean = [each for each in jobs if each.cleanup == 'fail']
        yield from self._told(self._unclean, unclean, 'Cleanups that failed too')
        if seconds is not None:
            due = [each for each in jobs if each.cleanup == 'due']
            yield from self._names('Cleanups still due', due)
        if len(jobs) > 1:
            yield from self._names('Changed', by[Outcome.CHANGED], max(self._room, 1))
        false = [each for each in jobs if each.result is False]
        yield from self._names('Passed with a result of False', false)

    def _counts(self, jobs: Sequence[JobReport], seconds: float | None) -> Iterator[str]:
        counts = Counter(each.outcome for each in jobs)
        parts = {each: f'{counts[each]} {WORDS[each]}' for each in Outcome if counts[each]}
        total = counted(len(jobs), 'Job', 'Jobs')
        took = '' if seconds is None else ' ' + _unbroken(f'in {seconds:.1f} s')
        tries = counted(sum(each.tries for each in jobs), 'try', 'tries')
        text = f'{total}: {", ".join(map(_unbroken, parts.values())) or "none"}'
        text += f'{took}, {_unbroken(tries)}'
        for line in wrapped(text, self._width, '', '  ', len(text)):
            line = line.replace(_NO_BREAK, ' ')
            for outcome, part in parts.items():
                line = line.replace(part, colorize(part, COLOURS[outcome], self._colours))
            yield line

    def _told(
        self, tell: Callable[[JobReport], Iterator[str]], jobs: Sequence[JobReport], rest: str
    ) -> Iterator[str]:
        """Tell of the first Job, and of others while there is room; name the rest."""
        for number, entry in enumerate(jobs):
            lines = list(tell(entry))
            self._room -= len(lines)
            if number and self._room < 0:
                yield from self._names(rest, jobs[number:])
                break
            yield from lines

    def _failed(self, entry: JobReport) -> Iterator[str]:
        yield from self._head(entry, fate(entry))
        lines: list[str] = []
        failures = list(why_failed(entry))
        while failures:  # the last one first: what it leaves free is for the others
            room = (_ROOM - 2 - len(lines)) // len(failures)
            lines[:0] = self._reason(*failures.pop(), room)
        yield from lines
        if entry.outcome is Outcome.FAILED:
            blocked = entry.blocks
            yield from self._listed(f'  blocks {counted(len(blocked), "Job", "Jobs")}', blocked)

    def _would_run(self, entry: JobReport) -> Iterator[str]:
        yield from self._head(entry, 'would run')
        yield from self._reason(Phase.CHECK, entry.check_failure)

    def _unclean(self, entry: JobReport) -> Iterator[str]:
        yield from self._head(entry, 'could not be cleaned up')
        yield from self._reason(Phase.CLEANUP, entry.cleanup_failure)

    def _head(self, entry: JobReport, what: str) -> Iterator[str]:
        name, colour = escape(self._mask(entry.name)), COLOURS[entry.outcome]
        room = self._width - len(what) - 1
        if room >= min(display_width(name), 8):
            yield f'{colorize(truncate(name, room), colour, self._colours)} {what}'
        else:
            yield colorize(truncate(name, self._width), colour, self._colours)
            yield from wrapped(what, self._width, '  ', '  ', _ROOM)

    def _reason(self, phase: str, failure: Failure | None, most: int = _ROOM - 1) -> list[str]:
        return reason_lines(phase, failure, self._width, most, self._mask) if failure else []

    def _names(self, what: str, jobs: Sequence[JobReport], most: int = 1) -> Iterator[str]:
        return self._listed(what, [each.name for each in jobs], most)

    def _listed(self, what: str, names: Sequence[str], most: int = 1) -> Iterator[str]:
        names = [self._mask(each) for each in names]
        head = f'{what}: '
        if names and self._width - len(head) >= _LEAST:
            yield from listed_lines(names, self._width, head, '  ', most)
        elif names:
            yield from wrapped(f'{what}:', self._width, '', '  ', _ROOM)
            yield from listed_lines(names, self._width, '    ', '    ', most)


def blocking_weights(jobs: Sequence[JobReport]) -> Counter[str]:
    """Return, by the name of a failed Job, 1 + the blocked Jobs that are attributed to it.

    To keep the work linear, each blocked Job is attributed to one failed Job only: the one below
    the dependency that directly blocks the most Jobs.
    """
    blocked = [each for each in jobs if each.outcome is Outcome.BLOCKED]
    above = Counter(name for each in blocked for name in each.deps)
    roots = {each.name: each.name for each in jobs if each.outcome is Outcome.FAILED}
    for each in blocked:
        stuck = [name for name in each.deps if name in roots]
        roots[each.name] = roots[max(stuck, key=above.__getitem__)]
    return Counter(roots.values())


def why_failed(entry: JobReport) -> Iterator[tuple[str, Failure]]:
    """Yield why a Job failed, with the phases: what Run raised, then what decided if not that."""
    run, last = entry.run_failure, entry.failure
    if run is not None:
        yield Phase.RUN, run
    if last is not None and (run is None or run.exception is not last.exception):
        yield entry.phase or 'try', last


def fate(entry: JobReport) -> str:
    """Return how the last try of an unsuccessful Job ended, in words."""
    tries = counted(entry.tries, 'try', 'tries')
    if entry.outcome is Outcome.FAILED:
        return f'gave up in try {entry.tries}' if entry.gave_up else f'failed after {tries}'
    # A try that a broken pool has cut short was not decided by any phase.
    if entry.phase and entry.failure and is_failure(entry.failure.exception):
        return f'was interrupted after {tries}, with tries left'
    return f'was interrupted in try {entry.tries}'


def _unbroken(text: str) -> str:
    return text.replace(' ', _NO_BREAK)

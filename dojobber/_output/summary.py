"""The summary of a run: what to fix, on one screen.

Owns the words and the order of the summary. Works out in full only what it shows, and writes
nothing.
"""

from __future__ import annotations

import linecache
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from dojobber._failures import Failure, captured, class_name, notes, safe_str
from dojobber._output.palette import COLOURS, WORDS
from dojobber._output.text import colorize, display_width, escape, listed, truncate, wrapped
from dojobber.outcome import Outcome
from dojobber.report import JobReport

# So many lines at most tell why Jobs failed or would run; of the other Jobs there are the names.
# With the counts and the lists of names, that is a screen.
_ROOM = 17
# So many lines at most are given to a message, a note or an output.
_LINES = 3
# Names are listed below what is said of them if there are fewer columns beside it.
_LEAST = 20
_NO_BREAK = '\xa0'


def summary(
    jobs: Sequence[JobReport], seconds: float | None, width: int, colours: bool = False
) -> str:
    """Return the summary of a run, without a line break at its end.

    Args:
        jobs: what became of each Job.
        seconds: how long the run took; None if it has not ended.
        width: of a line, in columns.
        colours: whether to mark words with colours.
    """
    return '\n'.join(_Summary(width, colours).lines(jobs, seconds))


class _Summary:
    __slots__ = ('_width', '_colours', '_room')

    def __init__(self, width: int, colours: bool) -> None:
        self._width = max(width, 20)
        self._colours = colours
        self._room = _ROOM

    def lines(self, jobs: Sequence[JobReport], seconds: float | None) -> Iterator[str]:
        yield from self._counts(jobs, seconds)
        by = {outcome: [each for each in jobs if each.outcome is outcome] for outcome in Outcome}
        # Those first that block most; sorted() keeps the order of the others.
        worst = sorted(by[Outcome.FAILED], key=lambda each: -len(each.blocks))
        failed = by[Outcome.INTERRUPTED] + worst
        yield from self._told(self._failed, failed, 'Also failed')
        yield from self._told(self._would_run, by[Outcome.WOULD_RUN], 'Would run too')
        yield from self._names('Might run', by[Outcome.MIGHT_RUN])
        unclean = [each for each in jobs if each.cleanup == 'fail']
        yield from self._told(self._unclean, unclean, 'Cleanups that failed too')
        if unclean:
            due = [each for each in jobs if each.cleanup == 'due']
            yield from self._names('Cleanups held back', due)
        false = [each for each in jobs if each.result is False]
        yield from self._names('Passed with a result of False', false)

    def _counts(self, jobs: Sequence[JobReport], seconds: float | None) -> Iterator[str]:
        counts = Counter(each.outcome for each in jobs)
        parts = {each: f'{counts[each]} {WORDS[each]}' for each in Outcome if counts[each]}
        total = _number(len(jobs), 'Job', 'Jobs')
        took = '' if seconds is None else f' in {seconds:.1f} s'
        tries = _number(sum(each.tries for each in jobs), 'try', 'tries')
        text = f'{total}: {", ".join(map(_unbroken, parts.values())) or "none"}'
        text += f'{_unbroken(took)}, {_unbroken(tries)}'
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
        is_failed = entry.outcome is Outcome.FAILED
        if is_failed:
            yield from self._head(entry, f'failed after {_number(entry.tries, "try", "tries")}')
        else:
            yield from self._head(entry, f'was interrupted in try {entry.tries}')
        run, last = entry.run_failure, entry.failure
        yield from self._reason('run', run)
        if last is not None and (run is None or run.exception is not last.exception):
            yield from self._reason(entry.phase or 'try', last)
        if is_failed:
            blocked = entry.blocks
            yield from self._listed(f'  blocks {_number(len(blocked), "Job", "Jobs")}', blocked)

    def _would_run(self, entry: JobReport) -> Iterator[str]:
        yield from self._head(entry, 'would run')
        yield from self._reason('check', entry.check_failure)

    def _unclean(self, entry: JobReport) -> Iterator[str]:
        yield from self._head(entry, 'could not be cleaned up')
        yield from self._reason('cleanup', entry.cleanup_failure)

    def _head(self, entry: JobReport, what: str) -> Iterator[str]:
        name, colour = escape(entry.name), COLOURS[entry.outcome]
        room = self._width - len(what) - 1
        if room >= min(display_width(name), 8):
            yield f'{colorize(truncate(name, room), colour, self._colours)} {what}'
        else:
            yield colorize(truncate(name, self._width), colour, self._colours)
            yield from wrapped(what, self._width, '  ', '  ', _LINES)

    def _reason(self, phase: str, failure: Failure | None) -> Iterator[str]:
        """Tell where an exception came from, and all that it has to say."""
        if failure is None:
            return
        error = failure.exception
        text = f'{phase}: {_place(failure)}{class_name(error)}{_said(failure)}'
        yield from wrapped(text, self._width, '  ', '    ', _LINES)
        for line in captured(error, _LINES):
            yield truncate(f'    | {escape(line)}', self._width)
        lines = [
            line
            for note in notes(error)[: _LINES + 1]
            for line in wrapped(f'note: {note}', self._width, '    ', '      ', _LINES)
        ]
        yield from lines[:_LINES]
        if len(lines) > _LINES:
            yield '    ...'

    def _names(self, what: str, jobs: Sequence[JobReport]) -> Iterator[str]:
        return self._listed(what, [each.name for each in jobs])

    def _listed(self, what: str, names: Sequence[str]) -> Iterator[str]:
        head = f'{what}: '
        if names and self._width - len(head) >= _LEAST:
            yield head + listed(names, self._width - len(head))
        elif names:
            yield from wrapped(f'{what}:', self._width, '', '  ', _LINES)
            yield '    ' + listed(names, self._width - 4)


def _unbroken(text: str) -> str:
    """Return a text that is not broken at its spaces, but for one at its beginning."""
    return text[:1] + text[1:].replace(' ', _NO_BREAK)


def _number(count: int, one: str, many: str) -> str:
    return f'{count} {one if count == 1 else many}'


def _place(failure: Failure) -> str:
    """Return the user's own file and line, as seen from the current directory if it is below."""
    file = failure.file
    if not file:
        return ''
    try:
        here = os.path.join(os.getcwd(), '')
    except OSError:
        here = ''
    return f'{file[len(here) :] if file.startswith(here) else file}:{failure.line}: '


def _said(failure: Failure) -> str:
    """Return the message of an exception, or else the line that raised it."""
    text = safe_str(failure.exception).strip()
    if text:
        return f': {text}'
    line = linecache.getline(failure.file, failure.line).strip()
    return f' ({line})' if line else ''

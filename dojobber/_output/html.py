"""The report as one page of HTML, or as a part of a notebook.

Owns what is told there and how it looks. The text needs no other file, has no script and fetches
nothing; it never grows beyond what a browser shows at once, and says where it leaves something out.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from dojobber._exceptions import trace
from dojobber._failures import Failure
from dojobber._output.palette import LOOKS, WORDS
from dojobber._output.reasons import reason_lines
from dojobber._output.summary import blocking_weights, fate, why_failed
from dojobber._output.svg import escape_markup, svg
from dojobber._output.text import (
    counted,
    duration,
    escape,
    escape_message,
    listed,
    truncate,
)
from dojobber.outcome import Outcome, Phase
from dojobber.report import JobReport, Report

# All but the style sheet; the graph is left out if there is too much.
_MOST_BYTES = 980_000
_MOST_ROWS = 2000
_MOST_REASONS = 150_000  # letters
_MOST_DRAWN = 5000  # Jobs and dependencies
_MOST_BARS = 50
# Of one Job: the letters of a traceback and of a line, the lines of a reason, a list of names.
_TRACE, _LINE, _LINES, _LIST, _NAME = 20_000, 400, 12, 120, 120
# The width of the timeline in units of its own, and of the shortest bar.
_SCALE, _LEAST_BAR = 1000, 3

_BAD = (Outcome.FAILED, Outcome.INTERRUPTED)

_STYLE = """\
.dojobber{--bg:#fff;--fg:#1f2328;--soft:#59636e;--line:#dfe3e8;--box:#f6f8fa;--again:#e5a3a3;
--lift:0%;color-scheme:light dark;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Liberation Sans',sans-serif}
@media (prefers-color-scheme:dark){.dojobber{--bg:#11151a;--fg:#e6e9ed;--soft:#9da7b3;
--line:#2c333b;--box:#181d23;--again:#8a4a4a;--lift:32%}}
@media print{.dojobber{--bg:#fff;--fg:#000;--soft:#444;--line:#bbb;--box:#fff;--again:#e5a3a3;
--lift:0%;color-scheme:light;font-size:10pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}}
.dojobber *{box-sizing:border-box}
.dojobber h1,.dojobber h2{line-height:1.25;font-weight:650;overflow-wrap:anywhere;
unicode-bidi:isolate;white-space:pre-wrap}
.dojobber h1{font-size:1.75rem;margin:0 0 .35rem;letter-spacing:-.01em}
.dojobber h2{font-size:1.15rem;margin:2.75rem 0 .75rem}
.dojobber p{margin:0}
.dojobber .soft{color:var(--soft)}
.dojobber .counts{font-size:1.05rem}
.dojobber .strip{display:flex;gap:2px;height:8px;margin:1rem 0 .9rem;border-radius:4px;
overflow:hidden}
.dojobber .strip i{background:var(--mark);min-width:4px}
.dojobber p+table{margin-top:1rem}
.dojobber .no-act{margin:.9rem 0 0;padding:.5rem .8rem;background:var(--box);
border-left:3px solid var(--mark)}
.dojobber table{width:100%;border-collapse:collapse;margin:0;font-size:inherit}
.dojobber caption{text-align:left;color:var(--soft);padding:0 0 .5rem;caption-side:top}
.dojobber th,.dojobber td{padding:.45rem 1rem .45rem 0;text-align:left;vertical-align:baseline;
border:0;border-top:1px solid var(--line);background:var(--bg);color:inherit;font-weight:400;
white-space:normal;max-width:none}
.dojobber thead th{color:var(--soft);font-size:.85em;border-top:0}
.dojobber tbody th{font-weight:550;min-width:11rem}
.dojobber tbody th,.dojobber .name{overflow-wrap:anywhere;white-space:pre-wrap;
unicode-bidi:isolate}
.dojobber .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.dojobber .outcome{white-space:nowrap}
.dojobber .why{width:56%;padding:.45rem 0 .45rem 1rem;overflow-wrap:anywhere}
.dojobber .why p{white-space:pre-wrap;unicode-bidi:isolate}
.dojobber .mark::before{content:'';display:inline-block;width:.62em;height:.62em;
margin-right:.5em;border-radius:50%;background:var(--mark)}
.dojobber .mark.failed,.dojobber .mark.interrupted{color:#fff;background:var(--fill);
padding:.12em .6em;border-radius:1em;font-weight:600;font-size:.9em}
.dojobber .mark.failed::before,.dojobber .mark.interrupted::before{display:none}
.dojobber pre{margin:.4rem 0;padding:.6rem .8rem;background:var(--box);color:inherit;border:0;
border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;
font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}
.dojobber details{margin:.15rem 0}
.dojobber summary{color:var(--soft);cursor:pointer;width:fit-content}
.dojobber figure{margin:0}
.dojobber figcaption{color:var(--soft);margin:0 0 .75rem}
.dojobber ol{list-style:none;margin:0;padding:0}
.dojobber .row{display:grid;grid-template-columns:13rem minmax(0,1fr) 4.5rem;gap:0 1rem;
align-items:center;margin:0;font-size:.93em;break-inside:avoid}
.dojobber .row .name{overflow:hidden;text-overflow:ellipsis;white-space:pre}
.dojobber .row svg{display:block;width:100%;height:1.75em;overflow:visible}
.dojobber .axis{position:relative;height:1.6em;font-size:.85em;color:var(--soft)}
.dojobber .axis span{position:absolute;white-space:nowrap;transform:translateX(-50%)}
.dojobber .axis span:first-child{transform:none}
.dojobber .track{background:repeating-linear-gradient(to right,var(--line) 0 1px,
transparent 1px var(--tick));border-right:1px solid transparent}
.dojobber .again{fill:var(--again)}
.dojobber .last{fill:var(--mark)}
.dojobber .wait{fill:var(--soft);opacity:.45}
.dojobber .graph{overflow:auto;max-height:85vh;background:var(--box);border-radius:8px;
padding:.5rem}
.dojobber .graph div{position:relative;width:max-content;margin:0 auto}
.dojobber .graph svg{display:block;max-width:none}
.dojobber .graph i{position:absolute;left:50%;top:0;scroll-initial-target:nearest;
scroll-margin:0 40vw}
.dojobber nav{margin:.9rem 0 0;display:flex;gap:1.2rem}
.dojobber nav a{color:var(--soft);text-underline-offset:.25em}
.dojobber :focus-visible{outline:2px solid var(--fg);outline-offset:2px}
@media screen and (max-width:760px){
.dojobber thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.dojobber table,.dojobber caption,.dojobber tbody{display:block}
.dojobber tbody tr{display:grid;grid-template-columns:minmax(0,1fr) auto auto;gap:.1rem .9rem;
padding:.6rem 0;border-top:1px solid var(--line);align-items:baseline}
.dojobber tbody th,.dojobber tbody td{border:0;padding:0;width:auto;min-width:0}
.dojobber tbody th{grid-column:1/-1}
.dojobber .tries::before{content:'tries ';color:var(--soft)}
.dojobber .seconds::after{content:' s';color:var(--soft)}
.dojobber tbody .why{grid-column:1/-1;width:auto;padding:0}
.dojobber .why:empty,.dojobber .seconds:empty{display:none}
.dojobber .row{grid-template-columns:minmax(0,1fr) auto}
.dojobber .row .track,.dojobber .row .axis{grid-area:2/1/3/3}
.dojobber .row .track{height:1.3em;margin-bottom:.35em}
}
@media print{.dojobber nav{display:none}.dojobber .graph div{width:auto}
.dojobber .graph{overflow:visible;max-height:none;padding:0}
.dojobber .graph svg{max-width:100%;height:auto}
.dojobber tr{break-inside:avoid}.dojobber h2{break-after:avoid}}
"""
# On a dark page, marks of the dark fills have to be lighter.
_MARK = '--mark:color-mix(in srgb,var(--fill),#fff var(--lift))'
_PAGE_STYLE = """\
html{background:#fff;color-scheme:light dark;-webkit-text-size-adjust:100%}
@media (prefers-color-scheme:dark){html{background:#11151a}}
@media print{html{background:#fff}}
body{margin:0}
main{max-width:74rem;margin:0 auto;padding:2.5rem 2rem 4rem}
@media (max-width:760px){main{padding:1.5rem 1rem 3rem}}
@media print{main{padding:0;max-width:none}}
"""


def page(report: Report, mask: Callable[[str], str] = str) -> str:
    """Return a whole page: counts, a table of the Jobs, when each was tried, and the graph.

    Args:
        report: of a run, which may still be going on.
        mask: takes the secrets out of a text.
    """
    parts = _Parts(report, mask)
    sections = {'Jobs': list(parts.table()), 'Timeline': list(parts.timeline())}
    sections['Graph'] = list(parts.graph(*sections.values()))
    lines = [
        '<!DOCTYPE html>',
        '<html lang="en">',
        '<head>',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>{parts.roots()}: {parts.counts()}</title>',
        '<link rel="icon" href="data:,">',
        f'<style>\n{_PAGE_STYLE}{_style()}</style>',
        '</head>',
        '<body>',
        '<main class="dojobber">',
        '<header>',
        f'<h1>{parts.roots()}</h1>',
        *parts.told(),
        '<nav aria-label="Sections">',
        *[f'<a href="#{name.lower()}">{name}</a>' for name in sections],
        '</nav>',
        '</header>',
        *chain.from_iterable(_section(name, lines) for name, lines in sections.items()),
        '</main>',
        '</body>',
        '</html>',
        '',
    ]
    return '\n'.join(lines)


def fragment(report: Report, mask: Callable[[str], str] = str) -> str:
    """Return the counts, the table and the graph, for a page that is there already."""
    parts = _Parts(report, mask)
    table = list(parts.table())
    lines = [
        '<div class="dojobber" style="padding:.75rem">',
        f'<style>\n{_style()}</style>',
        *parts.told(),
        *table,
        *parts.graph(table),
        '</div>',
        '',
    ]
    return '\n'.join(lines)


def _section(name: str, lines: Sequence[str]) -> Iterator[str]:
    yield f'<section aria-labelledby="{name.lower()}">\n<h2 id="{name.lower()}">{name}</h2>'
    yield from lines
    yield '</section>'


def _style() -> str:
    """Return the style sheet with the colours of the outcomes."""
    fills = {each: LOOKS[each].fill if each in LOOKS else 'var(--line)' for each in Outcome}
    rules = [f'.dojobber .{each.value}{{--fill:{fill};{_MARK}}}' for each, fill in fills.items()]
    return _STYLE + '\n'.join(rules) + '\n'


class _Parts:
    """Writes the parts of a page."""

    def __init__(self, report: Report, mask: Callable[[str], str]) -> None:
        self._report = report
        self._jobs = report.jobs
        self._mask = mask
        self._room = _MOST_REASONS

    def roots(self) -> str:
        """Return the names of the Jobs that no other depends on."""
        needed = {name for each in self._jobs for name in each.deps}
        roots = [each.name for each in self._jobs if each.name not in needed]
        return self._names(roots) if roots else 'No Jobs'

    def counts(self) -> str:
        """Return how many Jobs there are of each outcome, as text."""
        parts = [f'{count} {WORDS[outcome]}' for outcome, count in self._counted()]
        return f'{counted(len(self._jobs), "Job", "Jobs")}: {", ".join(parts) or "none"}'

    def told(self) -> Iterator[str]:
        """Return the time and the result of the run."""
        yield f'<p class="counts">{self.counts()}</p>'
        pieces = [
            f'<i class="{outcome.value}" style="flex:{count}"></i>'
            for outcome, count in self._counted()
        ]
        yield f'<div class="strip" aria-hidden="true">{"".join(pieces)}</div>'
        yield f'<p class="soft">{" · ".join(self._facts())}</p>'
        if self._report.no_act:
            yield '<p class="no-act would_run">With no_act: only Checks were called, no Run.</p>'

    def _counted(self) -> list[tuple[Outcome, int]]:
        counts = Counter(each.outcome for each in self._jobs)
        return [(each, counts[each]) for each in Outcome if counts[each]]

    def _facts(self) -> Iterator[str]:
        started = self._report.started
        if started is not None:
            machine = started.isoformat(timespec='seconds')
            yield f'started <time datetime="{machine}">{started:%Y-%m-%d %H:%M:%S} UTC</time>'
        seconds = self._report.seconds
        yield 'has not ended' if seconds is None else f'took {_duration(seconds)}'
        yield counted(sum(each.tries for each in self._jobs), 'try', 'tries')

    # The table

    def table(self) -> Iterator[str]:
        """Return the table of the Jobs, failures first."""
        weights = blocking_weights(self._jobs)
        jobs = sorted(self._jobs, key=lambda each: _rank(each, weights[each.name]))
        why = [''.join(self._why(each)) for each in jobs[:_MOST_ROWS]]
        head = '<th scope="col" class="why">Reason</th>' if any(why) else ''
        yield '<table>'
        yield f'<caption>{_caption(jobs)}</caption>'
        yield (
            '<thead><tr><th scope="col">Job</th><th scope="col">Outcome</th>'
            '<th scope="col" class="number">Tries</th>'
            f'<th scope="col" class="number">Seconds</th>{head}</tr></thead>\n<tbody>'
        )
        for entry, reason in zip(jobs, why):
            cell = f'<td class="why">{reason}</td>' if head else ''
            yield f'{self._row(entry)}{cell}</tr>'
        yield '</tbody>\n</table>'

    def _row(self, entry: JobReport) -> str:
        outcome = entry.outcome
        seconds = escape_markup(_seconds(entry.seconds)) if entry.phase_seconds else ''
        return (
            f'<tr><th scope="row">{self._name(entry.name)}</th>'
            f'<td class="outcome"><span class="mark {outcome.value}">{WORDS[outcome]}</span></td>'
            f'<td class="number tries">{entry.tries}</td>'
            f'<td class="number seconds">{seconds}</td>'
        )

    def _why(self, entry: JobReport) -> Iterator[str]:
        """Return all details of a Job."""
        if entry.outcome is Outcome.INTERRUPTED or entry.gave_up:
            yield f'<p>{fate(entry)}</p>'
        failures = list(_failures(entry))
        for phase, failure in failures:
            yield self._reason(phase, failure, _LINES)
        if entry.failure is not None and not failures:
            yield self._reason('earlier try', entry.failure, 1, ' class="soft"')
        yield from self._related(entry)
        if entry.outcome in _BAD or entry.cleanup_failure is not None:
            yield self._traces(failures)

    def _reason(self, phase: str, failure: Failure, most: int, look: str = '') -> str:
        first, *others = reason_lines(phase, failure, _LINE, most, self._mask)
        text = f'<p{look}>{escape_markup(first.strip())}</p>'
        if others:
            text += '<pre>' + escape_markup('\n'.join(each[4:] for each in others)) + '</pre>'
        return self._if_room(text) or '<p class="soft">The reason is left out here.</p>'

    def _related(self, entry: JobReport) -> Iterator[str]:
        blocked = entry.blocks
        if blocked:
            count = counted(len(blocked), 'Job', 'Jobs')
            yield f'<p>blocks {count}: {self._names(blocked)}</p>'
        if entry.blocked_by:
            yield f'<p class="soft">blocked by {self._names(entry.blocked_by)}</p>'
        if entry.changed_deps:
            yield f'<p class="soft">for a change of {self._names(entry.changed_deps)}</p>'
        if entry.result is False:
            yield '<p>passed with a result of False</p>'
        if entry.cleanup == 'due':
            yield '<p class="soft">its Cleanup is still due</p>'

    def _traces(self, failures: Sequence[tuple[str, Failure]]) -> str:
        told = ''
        for _, failure in failures:
            text = self._mask(trace(failure.exception)).expandtabs()
            if len(text) > _TRACE:
                text = f'{text[: _TRACE // 2]}\n...\n{text[-_TRACE // 2 :]}'
            if text.count('\n') > 1:
                told += f'<pre>{escape_markup(escape_message(text))}</pre>'
        if not told:
            return ''
        told = f'<details><summary>Traceback</summary>{told}</details>'
        return self._if_room(told) or '<p class="soft">The traceback is left out here.</p>'

    def _if_room(self, text: str) -> str:
        if len(text) > self._room:
            return ''
        self._room -= len(text)
        return text

    # The timeline

    def timeline(self) -> Iterator[str]:
        """Return when each Job was tried, of many Jobs only of those that took longest."""
        tried = [each for each in self._jobs if each.spans]
        if not tried:
            yield '<p class="soft">No Job was tried.</p>'
            return
        longest = sorted(tried, key=lambda each: -each.seconds)[:_MOST_BARS]
        shown = sorted(longest, key=lambda each: each.spans[0])
        total = max(end for each in tried for _, end in each.spans) or 1.0
        tick = _tick(total)
        which = f'The {_MOST_BARS} Jobs that took longest' if len(shown) < len(tried) else 'Jobs'
        yield '<figure>'
        yield f'<figcaption>{which}, by when they were first tried. {_LEGEND}</figcaption>'
        yield f'<div class="row" aria-hidden="true"><span></span>{_axis(total, tick)}</div>'
        yield f'<ol role="list" style="--tick:{100 * tick / total:.4f}%">'
        for entry in shown:
            yield (
                f'<li class="row"><span class="name">{self._name(entry.name)}</span>'
                f'{_bars(entry, _SCALE / total)}'
                f'<span class="number">{escape_markup(_seconds(entry.seconds))} s</span></li>'
            )
        yield '</ol>\n</figure>'

    # The graph

    def graph(self, *before: Sequence[str]) -> Iterator[str]:
        """Return the picture of the graph in a box that can be scrolled, if there is room.

        Args:
            before: the lines of the other parts.
        """
        picture = self._picture()
        used = sum(len(line.encode()) for lines in before for line in lines)
        if not picture or used + len(picture.encode()) > _MOST_BYTES:
            yield '<p class="soft">The graph is too large to be drawn here.</p>'
            return
        yield '<figure>\n<figcaption>Arrows lead from each Job to those that it depends on.'
        yield '</figcaption>\n<div class="graph" tabindex="0" role="region" aria-label="Graph">'
        yield f'<div>{picture}<i></i></div></div>\n</figure>'

    def _picture(self) -> str:
        if len(self._jobs) + sum(len(each.deps) for each in self._jobs) > _MOST_DRAWN:
            return ''
        places = {each.name: place for place, each in enumerate(self._jobs)}
        return svg(
            list(places),
            [[places[name] for name in each.deps] for each in self._jobs],
            {each.name: each.outcome for each in self._jobs},
            {each.name for each in self._jobs if each.phase is Phase.RECHECK},
            self._mask,
        )

    # Names

    def _name(self, name: str) -> str:
        return escape_markup(truncate(escape(self._mask(name)), _NAME))

    def _names(self, names: Sequence[str]) -> str:
        return escape_markup(listed([self._mask(each) for each in names], _LIST))


_LEGEND = 'A line joins the tries of a Job; those that failed and were made again are pale.'


def _rank(entry: JobReport, weight: int) -> tuple[int, int]:
    """Return what to sort Jobs by: failures first, those before others that block most."""
    if entry.outcome in _BAD:
        return 0, -weight
    return (1 if entry.cleanup == 'fail' else 2), 0


def _caption(jobs: Sequence[JobReport]) -> str:
    order = 'What failed comes first, then the others in graph order.'
    if all(each.outcome not in _BAD for each in jobs):
        order = 'In graph order, dependencies first.'
    if len(jobs) > _MOST_ROWS:
        return f'The first {_MOST_ROWS} of {len(jobs)} Jobs; the report has all. {order}'
    return order


def _failures(entry: JobReport) -> Iterator[tuple[str, Failure]]:
    """Yield what is to be told in full, with the phase that it comes from."""
    if entry.outcome is Outcome.WOULD_RUN and entry.check_failure is not None:
        yield Phase.CHECK, entry.check_failure
    if entry.outcome in _BAD:
        yield from why_failed(entry)
    if entry.cleanup_failure is not None:
        yield Phase.CLEANUP, entry.cleanup_failure


def _seconds(seconds: float) -> str:
    return f'{seconds:.2f}' if seconds >= 0.005 else '<0.01'


def _duration(seconds: float) -> str:
    """Spell a time for people."""
    if seconds < 100:
        return f'{seconds:.2f} s' if seconds < 10 else f'{seconds:.1f} s'
    return duration(round(seconds))


def _tick(total: float) -> float:
    """Return a round number of seconds, of which three to seven are in a time."""
    power: float = 10.0 ** math.floor(math.log10(total / 3))
    return next(power * each for each in (5, 2, 1) if power * each <= total / 3)


def _axis(total: float, tick: float) -> str:
    spans = [
        f'<span style="left:{100 * number * tick / total:.2f}%">{number * tick:g} s</span>'
        for number in range(int(total / tick + 1e-9) + 1)
    ]
    return f'<div class="axis">{"".join(spans)}</div>'


def _bars(entry: JobReport, scale: float) -> str:
    """Draw the tries of a Job, and say when they were."""
    places = [(start * scale, max((end - start) * scale, _LEAST_BAR)) for start, end in entry.spans]
    first, last = places[0][0], places[-1][0]
    tries = counted(entry.tries, 'try', 'tries')
    told = f'{tries}, from {entry.spans[0][0]:.2f} to {entry.spans[-1][1]:.2f} s'
    again = ''.join(_bar(*each) for each in places[:-1])
    return (
        f'<svg class="track {entry.outcome.value}" viewBox="0 0 {_SCALE} 20" role="img" '
        f'preserveAspectRatio="none"><title>{told}</title>'
        f'<path class="wait" d="M{first:.1f} 9.5H{last:.1f}v1H{first:.1f}z"/>'
        f'<path class="again" d="{again}"/><path class="last" d="{_bar(*places[-1])}"/></svg>'
    )


def _bar(start: float, length: float) -> str:
    start = min(start, _SCALE - _LEAST_BAR)
    return f'M{start:.1f} 4h{length:.1f}v12h-{length:.1f}z'

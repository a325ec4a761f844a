"""The graph as SVG, without any other program.

Owns how boxes and edges look; `graph_layout` says where they are. The text stands alone as a file,
or in a page of HTML: it has no ids, styles or scripts, and what is outside of filled boxes has the
colour of the text around it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from dojobber._output.graph_layout import BOX_HEIGHT, Layout, Link, layout
from dojobber._output.palette import WORDS, Look, look
from dojobber._output.text import counted, display_width, escape, truncate
from dojobber.outcome import Outcome

_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace"
# Of a monospaced letter of 13 pixels in the widest of these fonts.
_LETTER_WIDTH = 7.85
_NAME_WIDTH = 32  # letters
_LEAST_WIDTH = 9  # letters
_PADDING = 12
_HEAD_LENGTH = 7
_DASHES = 'stroke-dasharray="5 3"'
_GROUP = f'<g font-family="{_FONT}" font-size="13" text-anchor="middle" fill="currentColor">'
_NO_BREAK = '\xa0'
_ENTITIES = str.maketrans({'&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;'})


def svg(
    names: Sequence[str],
    dependencies: Sequence[Sequence[int]],
    outcomes: Mapping[str, Outcome],
    rechecked: Collection[str] = (),
    mask: Callable[[str], str] = str,
) -> str:
    """Return a graph as an SVG element, each Job above those that it depends on.

    Args:
        names: of the Jobs.
        dependencies: for each Job the positions of those that it depends on.
        outcomes: the outcomes by name of the Job.
        rechecked: the names of the Jobs whose last try was decided by its recheck.
        mask: replaces secrets in a text.
    """
    labels = [escape(mask(name)) for name in names]
    lines = [truncate(label, _NAME_WIDTH) for label in labels]
    plan = layout(dependencies, [_box_width(line) for line in lines])
    parts = [*_head(plan, [outcomes.get(name) for name in names]), *_edges(plan.links), _GROUP]
    for name, label, line, (x, y) in zip(names, labels, lines, plan.centres):
        outcome = outcomes.get(name)
        drawn = look(outcome, name in rechecked)
        title, text = escape_markup(label), _text(x, y + 5, line)
        if outcome is not None:
            word = WORDS[outcome]
            title += f': {word}'
            text = _text(x, y - 2, line)
            text += f'<text x="{x}" y="{y + 14}" font-size="11">{word}</text>'
        box = _rect(x, y, _box_width(line), drawn)
        letters = ' fill="#fff"' if drawn else ''
        parts.append(f'<g{letters}><title>{title}</title>{box}{text}</g>')
    return '\n'.join([*parts, '</g>', '</svg>', ''])


def _box_width(line: str) -> float:
    return round(max(display_width(line), _LEAST_WIDTH) * _LETTER_WIDTH) + 2 * _PADDING


def _head(plan: Layout, outcomes: Sequence[Outcome | None]) -> list[str]:
    """Return what comes before the edges and boxes: also the words for who can't see them."""
    counts = Counter(outcomes)
    told = ', '.join(f'{counts[each]} {WORDS[each]}' for each in Outcome if counts[each])
    jobs = counted(len(outcomes), 'Job', 'Jobs')
    size = f'width="{plan.width}" height="{plan.height}"'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} '
        f'viewBox="0 0 {plan.width} {plan.height}" role="img">',
        f'<title>The graph of {jobs}</title>',
        f'<desc>{told or jobs}. Arrows lead from each Job to those that it depends on.</desc>',
    ]


def _edges(links: Sequence[Link]) -> list[str]:
    """Return a path of all edges, and one of their heads."""
    lines, heads = [], []
    for link in links:
        (x, y), (end_x, end_y) = link.start, link.end
        bottom = link.bottom
        if link.dependency is not None:
            heads.append(f'M{end_x} {end_y}l-4-8h8z')
            end_y = bottom = end_y - _HEAD_LENGTH
        middle = (y + end_y) // 2
        curve = '' if x == end_x else f'C{x} {middle} {end_x} {middle} {end_x} {end_y}'
        lines.append(f'M{x} {y}{curve}V{bottom}')
    return [
        f'<path d="{" ".join(lines)}" fill="none" stroke="currentColor" stroke-opacity=".6"/>',
        f'<path d="{" ".join(heads)}" fill="currentColor"/>',
    ]


def _rect(x: int, y: int, width: float, drawn: Look | None) -> str:
    if drawn is None:
        looks = 'fill="none" stroke="currentColor"'
    elif drawn.is_dashed:
        looks = f'fill="{drawn.fill}" stroke="currentColor" stroke-width="1.5" {_DASHES}'
    else:
        looks = f'fill="{drawn.fill}"'
    left, top = x - width / 2, y - BOX_HEIGHT // 2
    return f'<rect x="{left:g}" y="{top}" width="{width:g}" height="{BOX_HEIGHT}" rx="7" {looks}/>'


def _text(x: int, y: int, line: str) -> str:
    # HTML and SVG would make one of several spaces.
    return f'<text x="{x}" y="{y}">{escape_markup(line).replace(" ", _NO_BREAK)}</text>'


def escape_markup(text: str) -> str:
    """Return a text as it is written in SVG and HTML."""
    return text.translate(_ENTITIES)

"""The graph as text: an indented tree, Mermaid, DOT.

Owns how Jobs and their outcomes are spelled and coloured there. Knows nothing of runs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping

from dojobber._graph import Graph
from dojobber._output.palette import COLOURS, LOOKS, WORDS, look
from dojobber._output.text import colorize, escape
from dojobber.outcome import Outcome

# A tree goes so deep; what is below that stands at the left margin again, further down.
_DEEPEST = 30

# Mermaid looks for comments, tags, formulas, addresses and Markdown within quotes, too, and some
# versions for more of these than others. Where these characters would begin one, they are written
# as numbers.
_UNSAFE = re.compile(
    r'["#<>&`\\*%$~@\[\xa0]|(?<![^\W_])_|_(?![^\W_])|\A[-+=]|\A\d(?=\d*[.)])|w(?=ww\.)',
    re.IGNORECASE,
)
# Icons, links, and text that looks like a CSS declaration; Mermaid cuts the ';' off the latter.
_COLON = re.compile(r':(?=\S*(?:[#/]|fa-))')
# Mermaid itself writes '#nn;' as 'ﬂ°nn¶ß'; a character without width keeps a name from being taken
# for that.
_MARKS = re.compile('(?<=\ufb02)(?=\xb0)|(?<=\xb6)(?=\xdf)')
# Spaces that HTML would drop.
_SPACES = re.compile(r'\A | \Z|(?<= ) ')

# Can be seen on light pages and on dark ones.
_MERMAID_STROKE = '#8a9099'

_DOT_ESCAPES = str.maketrans({'\\': r'\\', '"': r'\"', '\n': r'\n', '&': '&amp;'})


def text(
    graph: Graph,
    outcomes: Mapping[str, Outcome],
    colours: bool,
    mask: Callable[[str], str] = str,
) -> str:
    """Return the graph as a tree, each Job above those that it depends on, two spaces further in.

    The dependencies of a Job are listed once; further mentions of the Job refer to that place.

    Args:
        graph: what to show.
        outcomes: the outcomes by name of the Job.
        colours: whether to mark the outcomes with colours.
        mask: replaces secrets in a text.
    """
    lines: list[str] = []
    shown: set[int] = set()
    heads = [len(graph.names) - 1] if graph.names else []
    for head in heads:  # It grows meanwhile.
        if head in shown:
            continue
        if lines:
            lines.append('')
        for node, depth, remark in _branch(graph, head, shown, heads):
            name = graph.names[node]
            label = escape(mask(name)) + _words(name, outcomes)
            if name in outcomes:
                label = colorize(label, COLOURS[outcomes[name]], colours)
            lines.append('  ' * depth + label + remark)
    return ''.join(f'{line}\n' for line in lines)


def _branch(
    graph: Graph, head: int, shown: set[int], later: list[int]
) -> Iterator[tuple[int, int, str]]:
    """Yield the Jobs from one downwards, how deep each is, and a remark.

    Args:
        graph: where they are.
        head: the Job to begin at.
        shown: the Jobs whose dependencies have been shown; grows.
        later: takes the Jobs that are too deep to go on from here.
    """
    left = [(head, 0)]
    while left:
        node, depth = left.pop()
        remark = ''
        if node in shown:
            remark = ' (see above)'
        elif graph.dependencies[node] and depth == _DEEPEST:
            remark = ' (see below)'
            later.append(node)
        elif graph.dependencies[node]:
            shown.add(node)
            left += [(each, depth + 1) for each in reversed(graph.dependencies[node])]
        yield node, depth, remark


def _words(name: str, outcomes: Mapping[str, Outcome]) -> str:
    """Return the words behind a name: the outcome of its Job."""
    return f': {WORDS[outcomes[name]]}' if name in outcomes else ''


def mermaid(graph: Graph, outcomes: Mapping[str, Outcome], mask: Callable[[str], str] = str) -> str:
    """Return the graph as a flowchart of Mermaid, each Job above those that it depends on.

    Args:
        graph: what to show.
        outcomes: the outcomes by name of the Job.
        mask: replaces secrets in a text.
    """
    lines = []
    for node, name in enumerate(graph.names):
        mark = f':::{outcomes[name]}' if name in outcomes else ''
        label = _mermaid_label(mask(name)) + _words(name, outcomes)
        lines.append(f'n{node}["{label}"]{mark}')
        lines += [f'n{node} --> n{dependency}' for dependency in graph.dependencies[node]]
    used = {outcomes.get(name) for name in graph.names}
    for outcome, drawn in LOOKS.items():
        if outcome in used:
            dashes = ',stroke-dasharray:5 3' if drawn.is_dashed else ''
            looks = f'fill:{drawn.fill},color:#ffffff,stroke:{_MERMAID_STROKE}{dashes}'
            lines.append(f'classDef {outcome} {looks}')
    return 'flowchart TD\n' + ''.join(f'    {line}\n' for line in lines)


def _mermaid_label(name: str) -> str:
    """Spell a name so that it is drawn as it is, with control characters made visible."""
    label = _MARKS.sub('\ufeff', _SPACES.sub('\xa0', escape(name)))
    label = _UNSAFE.sub(lambda found: f'#{ord(found[0])};', label)
    return _COLON.sub('#58;', label) or '#160;'


def dot(
    graph: Graph,
    outcomes: Mapping[str, Outcome],
    rechecked: Collection[str] = (),
    mask: Callable[[str], str] = str,
) -> str:
    """Return the graph in the DOT language, each Job above those that it depends on.

    Args:
        graph: what to draw.
        outcomes: the outcomes by name of the Job.
        rechecked: the names of the Jobs whose last try was decided by its recheck.
        mask: replaces secrets in a text.
    """
    lines = []
    for node, name in enumerate(graph.names):
        label = _dot_label(mask(name))
        if name in outcomes:
            label += rf'\n{WORDS[outcomes[name]]}'
        looks = _dot_looks(outcomes.get(name), name in rechecked)
        lines.append(f'n{node} [label="{label}"{looks}]')
        lines += [f'n{node} -> n{dependency}' for dependency in graph.dependencies[node]]
    return 'digraph {\n' + ''.join(f'    {line}\n' for line in lines) + '}\n'


def _dot_looks(outcome: Outcome | None, is_rechecked: bool) -> str:
    drawn = look(outcome, is_rechecked)
    if drawn is None:
        return ''
    style = '"filled,dashed"' if drawn.is_dashed else 'filled'
    fill, letters = drawn.graphviz_fill, drawn.graphviz_letters
    return f' style={style} fillcolor="{fill}" fontcolor={letters}'


def _dot_label(name: str) -> str:
    """Spell a name so that it is drawn as it is, with control characters made visible."""
    return ''.join(map(_drawn, name)).translate(_DOT_ESCAPES)


def _drawn(character: str) -> str:
    # The last two there can't be in XML, which SVG is, either.
    is_odd = unicodedata.category(character) in ('Cc', 'Cs') or character in '\ufffe\uffff'
    return repr(character)[1:-1] if is_odd and character != '\n' else character

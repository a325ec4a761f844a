"""The graph as text: an indented tree, Mermaid, DOT.

Owns how Jobs and their outcomes are spelled and coloured there. Knows nothing of runs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from dojobber._graph import Graph
from dojobber._output.palette import COLOURS, WORDS
from dojobber._output.text import colorize, escape
from dojobber.outcome import Outcome

# A tree goes so deep; what is below that stands at the left margin again, further down.
_DEEPEST = 30

#: For each outcome the fill, the stroke and the letters in Mermaid, which can be read on light
#: pages and on dark ones.
_MERMAID_COLOURS = {
    Outcome.OK: ('#b7e4c7', '#2d6a4f', '#081c15'),
    Outcome.CHANGED: ('#1b5e20', '#81c784', '#ffffff'),
    Outcome.FAILED: ('#c62828', '#7f0000', '#ffffff'),
    Outcome.BLOCKED: ('#fff3c4', '#8d6e00', '#3a2d00'),
    Outcome.WOULD_RUN: ('#bbdefb', '#1565c0', '#0a1f44'),
    Outcome.MIGHT_RUN: ('#e3f2fd', '#64b5f6', '#0a1f44'),
    Outcome.INTERRUPTED: ('#ffb74d', '#bf360c', '#3e1500'),
    Outcome.NOT_RUN: ('#e0e0e0', '#616161', '#212121'),
}

# What Mermaid must be given as numbers: in quotes, too, it looks for comments, tags, formulas,
# addresses and Markdown, some versions of it. An underscore within a word is none of these.
_UNSAFE = re.compile(
    r'["#<>&`\\*%$~@\[\xa0]|(?<![^\W_])_|_(?![^\W_])|\A[-+=]|\A\d(?=\d*[.)])|w(?=ww\.)',
    re.IGNORECASE,
)
# Links and icons; and what looks like a style, of which it drops the end if that ends a number.
_COLON = re.compile(r':(?=\S*(?:[#/]|fa-))')
# The marks by which it knows numbers itself: a character that takes no room breaks them.
_MARKS = re.compile('(?<=\ufb02)(?=\xb0)|(?<=\xb6)(?=\xdf)')
# Spaces that HTML would drop.
_SPACES = re.compile(r'\A | \Z|(?<= ) ')

_DOT_ESCAPES = {'\\': r'\\', '"': r'\"', '\n': r'\n', '&': '&amp;'}


def text(graph: Graph, outcomes: Mapping[str, Outcome], colours: bool) -> str:
    """Return the graph as a tree, each Job above those that it depends on, two spaces further in.

    What a Job depends on stands there once; where the Job comes again, a remark refers to it.

    Args:
        graph: what to show.
        outcomes: what became of the Jobs of these names.
        colours: whether to mark the outcomes with colours.
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
            label = escape(name) + _words(name, outcomes)
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
    """Return what is written behind a name: what became of its Job."""
    return f': {WORDS[outcomes[name]]}' if name in outcomes else ''


def mermaid(graph: Graph, outcomes: Mapping[str, Outcome]) -> str:
    """Return the graph as a flowchart of Mermaid, each Job above those that it depends on.

    Args:
        graph: what to show.
        outcomes: what became of the Jobs of these names.
    """
    lines = []
    for node, name in enumerate(graph.names):
        mark = f':::{outcomes[name]}' if name in outcomes else ''
        label = _mermaid_label(name) + _words(name, outcomes)
        lines.append(f'n{node}["{label}"]{mark}')
        lines += [f'n{node} --> n{dependency}' for dependency in graph.dependencies[node]]
    used = {outcomes[name] for name in graph.names if name in outcomes}
    for outcome in filter(used.__contains__, Outcome):
        fill, stroke, letters = _MERMAID_COLOURS[outcome]
        lines.append(f'classDef {outcome} fill:{fill},stroke:{stroke},color:{letters}')
    return 'flowchart TD\n' + ''.join(f'    {line}\n' for line in lines)


def _mermaid_label(name: str) -> str:
    """Spell a name so that it is drawn as it is, with control characters made visible."""
    label = _MARKS.sub('\ufeff', _SPACES.sub('\xa0', escape(name)))
    label = _UNSAFE.sub(lambda found: f'#{ord(found[0])};', label)
    return _COLON.sub('#58;', label) or '#160;'


def dot(graph: Graph, colours: Mapping[str, str]) -> str:
    """Return the graph in the DOT language, each Job above those that it depends on.

    Args:
        graph: what to draw.
        colours: how to fill the Jobs of these names.
    """
    lines = []
    for node, name in enumerate(graph.names):
        fill = f' style=filled fillcolor={colours[name]}' if name in colours else ''
        lines.append(f'n{node} [label="{_dot_label(name)}"{fill}]')
        lines += [f'n{node} -> n{dependency}' for dependency in graph.dependencies[node]]
    return 'digraph {\n' + ''.join(f'    {line}\n' for line in lines) + '}\n'


def _dot_label(name: str) -> str:
    """Spell a name so that it is drawn as it is, with control characters made visible."""
    return ''.join(_DOT_ESCAPES.get(each) or _drawn(each) for each in name)


def _drawn(character: str) -> str:
    # The last two there can't be in XML, which SVG is, either.
    is_odd = unicodedata.category(character) in ('Cc', 'Cs') or character in '\ufffe\uffff'
    return _dot_label(repr(character)[1:-1]) if is_odd else character

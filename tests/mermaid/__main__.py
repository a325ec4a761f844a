"""Hold the Mermaid text of graphs against the real Mermaid, in a browser without a window.

    python -m tests.mermaid [VERSION ...]

Installs Mermaid (the newest, or each of the versions that are given) and a Chromium for Linux from
npm, in a temporary directory; it needs node and npm. Each text is parsed and drawn as in a page,
and what the parser found and what can be read in the picture is compared with the graph. The exit
status is 1 if something differs.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dojobber import DummyJob
from dojobber._graph import Graph, walk
from dojobber._output.graph_formats import mermaid
from dojobber._output.text import escape
from dojobber.outcome import Outcome

NAMES = [
    *('WatchMovie', 'Pop corn', 'snake_case_name', 'SendInvite:Bob', 'v1.2-rc_3', 'Füße', '映画'),
    *('🎬', '👩‍👩‍👧', 'שלום', 'end', 'END', 'subgraph', 'graph TD', 'style', 'class', 'click', 'x'),
    *('default', 'o', 'say "hi"', "it's", '"', '""', '`', '`code`', '"`md`"', '[a]', '[[a]]'),
    *('(a)', '((a))', '{a}', '{{a}}', '>a]', '/a/', '\\a\\', '|a|', 'a-->b', 'a --- b', '<b>'),
    *('<b>bold</b>', '<br>', '<br/>', 'a<br/>b', '<script>alert(1)</script>', '&amp;', '&lt;b&gt;'),
    *('&', '#', '#35;', '#quot;', '#', '# x', '## x', ';', 'a;b', '%% x', '%%{init: {}}%%', '---'),
    *('- x', '* x', '+ x', '1. x', '1) x', '10. x', '> x', '=', '===', 'a = b', '*x*', '**x**'),
    *('_x_', '__x__', '_private', '__init__', 'a_', '_', '*', '~~x~~', '~', '[x](y)', '![x](y)'),
    *('https://x.y', 'http://x.y/_z_', 'WWW.x.y', 'see www.x.y', 'a@b.c', '\\', '\\\\', '\\n'),
    *('a\\nb', 'C:\\new', '\\*x\\*', '\\_', '$x$', '$$x^2$$', 'fa:fa-car', 'fab:fa-x y', ':::ok'),
    *('a:::ok', ':', '::', '@', 'n0@{ shape: x }', '@{', 'style a:b#c;', 'classDef a:#b;', '¶'),
    *('two\nlines', '\ttab', 'bell\x07', '\x1b[31mred', '\u200b', '\ufeff', 'a\ufeffb', 'ﬂ°35¶ß'),
    *('ﬂ°°35¶ß', 'Straße', ' lead', 'trail ', 'two  spaces', ' ', '', '     x', 'a\xa0b', '\xa0'),
    *('e\u0301', '0', '1', '1.'),
    *('x' * 1000, 'long words ' * 40 + 'end', '!', '^', "'", ',', '.', '...', '?', '100%', '^x^'),
]
Answer = Mapping[str, Any]


def graphs() -> Iterator[tuple[Graph, dict[str, Outcome]]]:
    """Yield each name alone and with an outcome, then all of them in one graph."""
    names = list(dict.fromkeys(NAMES))
    outcomes = cycle(Outcome)
    for name in names:
        graph = walk(DummyJob.clone(name), 1, 0)
        yield graph, {}
        yield graph, {name: next(outcomes)}
    jobs = tuple(map(DummyJob.clone, names))
    graph = walk(DummyJob.clone('all of them', DEPS=jobs), 1, 0)
    yield graph, {}
    yield graph, dict(zip(graph.names, outcomes))


def wanted(graph: Graph, outcomes: Mapping[str, Outcome]) -> Iterator[tuple[str, str, str]]:
    """Yield the id, the label and the class of each box that there should be."""
    for node, name in enumerate(graph.names):
        outcome = outcomes.get(name)
        words = '' if outcome is None else f': {outcome}'.replace('_', ' ')
        yield f'n{node}', escape(name) + words, '' if outcome is None else str(outcome)


def seen(label: str) -> str:
    """Return what a reader sees of a label: no characters without room, and spaces are spaces."""
    return label.replace('\ufeff', '').replace('\xa0', ' ').strip()


def differences(graph: Graph, outcomes: Mapping[str, Outcome], answer: Answer) -> Iterator[str]:
    """Yield what Mermaid made differently."""
    if 'error' in answer:
        yield answer['error']
        return
    boxes = list(wanted(graph, outcomes))
    if len(answer['boxes']) != len(boxes) or answer['arrows'] != len(graph.edges()):
        yield f'{len(answer["boxes"])} boxes and {answer["arrows"]} arrows'
    for (node, label, style), found in zip(boxes, answer['boxes']):
        parsed = (found[0], seen(found[1]), found[2])
        if parsed != (node, seen(label), style):
            yield f'parsed {found} for {(node, label, style)}'
        read = answer['read'].get(node, 'no box')
        if seen(read) != seen(label):
            yield f'drew {read!r} for {label!r}'


def drawn(texts: Sequence[str], version: str) -> tuple[str, list[Answer]]:
    """Return the version of Mermaid that was installed, and its answers."""
    with TemporaryDirectory() as name:
        place = Path(name)
        (place / 'package.json').write_text('{"private": true}')
        packages = [f'mermaid@{version}', 'puppeteer-core', '@sparticuz/chromium']
        subprocess.run(['npm', 'install', '--silent', *packages], cwd=place, check=True)
        (place / 'texts.json').write_text(json.dumps(texts))
        (place / 'draw.mjs').write_text(Path(__file__).with_name('draw.mjs').read_text())
        subprocess.run(['node', 'draw.mjs'], cwd=place, check=True)
        installed = json.loads((place / 'node_modules/mermaid/package.json').read_text())
        return installed['version'], json.loads((place / 'drawn.json').read_text())


def check(version: str) -> bool:
    """Print what a version of Mermaid makes differently, and tell whether it is nothing."""
    cases = list(graphs())
    installed, answers = drawn([mermaid(*case) for case in cases], version)
    found = [each for case, answer in zip(cases, answers) for each in differences(*case, answer)]
    print(f'Mermaid {installed}: {len(cases)} graphs, {len(found)} differences')
    for each in found:
        print(f'    {each[:200]}')
    return not found


if __name__ == '__main__':
    results = [check(version) for version in sys.argv[1:] or ['latest']]
    sys.exit(not all(results))

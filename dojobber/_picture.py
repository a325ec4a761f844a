"""The graph as DOT text, and the programs that draw and show it.

The only place that starts programs; it looks for them when it is called.
"""

from __future__ import annotations

import importlib
import shutil
import unicodedata
from collections.abc import Mapping
from typing import Any

from dojobber._graph import Graph

_ESCAPES = {'\\': r'\\', '"': r'\"', '\n': r'\n', '&': '&amp;'}


def dot(graph: Graph, colours: Mapping[str, str]) -> str:
    """Return the graph in the DOT language, each Job above those that it depends on.

    Args:
        graph: what to draw.
        colours: how to fill the Jobs of these names.
    """
    lines = []
    for node, name in enumerate(graph.names):
        fill = f' style=filled fillcolor={colours[name]}' if name in colours else ''
        lines.append(f'n{node} [label="{_label(name)}"{fill}]')
        lines += [f'n{node} -> n{dependency}' for dependency in graph.dependencies[node]]
    return 'digraph {\n' + ''.join(f'    {line}\n' for line in lines) + '}\n'


def _label(name: str) -> str:
    """Spell a name so that it is drawn as it is, with control characters made visible."""
    return ''.join(_ESCAPES.get(each) or _visible(each) for each in name)


def _visible(character: str) -> str:
    is_drawn = unicodedata.category(character) not in ('Cc', 'Cs')
    return character if is_drawn else _label(repr(character)[1:-1])


def draw(text: str, fmt: str) -> bytes:
    """Return the picture of a DOT text.

    Args:
        text: in the DOT language.
        fmt: one of Graphviz's formats, such as ``png`` or ``svg``.

    Raises:
        RuntimeError: Graphviz is not there, doesn't know the format or fails.
    """
    return _feed('dot', [f'-T{fmt}'], text.encode(), 'Graphviz')


def show(picture: bytes) -> None:
    """Show a PNG picture in a window, and wait until it is closed.

    Raises:
        RuntimeError: ImageMagick is not there or fails.
    """
    _feed('display', ['png:-'], picture, 'ImageMagick')


def _feed(program: str, arguments: list[str], data: bytes, package: str) -> bytes:
    """Give data to a program and return what it answers."""
    # By a call, for imports stand at the top only, and whoever draws no graph is spared this one.
    subprocess: Any = importlib.import_module('subprocess')
    path = shutil.which(program)
    if path is None:
        raise RuntimeError(f'{program!r} was not found; install {package}')
    try:
        done = subprocess.run([path, *arguments], input=data, capture_output=True)
    except (OSError, ValueError) as error:
        raise RuntimeError(f'{program!r} can not be started: {error}; install {package}') from error
    if done.returncode:
        said = done.stderr.decode(errors='replace').strip() or 'it says nothing'
        raise RuntimeError(
            f'{program!r} (of {package}) failed with status {done.returncode}: {said}'
        )
    return bytes(done.stdout)

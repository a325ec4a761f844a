"""The programs that draw and show a graph.

The only place that starts programs; it looks for them when it is called.
"""

from __future__ import annotations

import importlib
import shutil
from typing import Any


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

"""Pictures in files and on the screen: by Graphviz, or by `svg` where it is missing.

The only place that starts programs; it looks for them when it is called.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias

#: The formats that are asked for most; Graphviz knows many more.
PictureFormat: TypeAlias = Literal['gif', 'jpg', 'pdf', 'png', 'ps', 'svg', 'webp']

# The programs that are started, and the packages that have them.
_PACKAGES = {'dot': 'Graphviz', 'display': 'ImageMagick'}
# Browsers of `webbrowser` that would take over the terminal, and wait for the user.
_TEXT_BROWSERS = {'elinks', 'links', 'lynx', 'w3m', 'www-browser'}


class Writable(Protocol):
    """What a picture can be written to."""

    def write(self, data: Any, /) -> object:
        """Take some bytes; a file that is open for text may take a str."""


def draw(dot: str, fmt: str, draw_svg: Callable[[], str]) -> bytes:
    """Return the picture of a graph.

    Args:
        dot: the graph in the DOT language.
        fmt: one of Graphviz's formats.
        draw_svg: draws the graph if ``svg`` is wanted and Graphviz is not there.

    Raises:
        RuntimeError: Graphviz is not there, doesn't know the format or fails.
    """
    if fmt == 'svg' and shutil.which('dot') is None:
        return draw_svg().encode()
    return _feed('dot', f'-T{fmt}', dot.encode())


def write(picture: bytes, filed: str | os.PathLike[str] | Writable) -> None:
    """Write a picture.

    Args:
        picture: its bytes.
        filed: the path of a file, or something to write to.

    Raises:
        TypeError: it takes text only, and the picture is none.
    """
    if isinstance(filed, (str, os.PathLike)):
        with open(filed, 'wb') as opened:
            opened.write(picture)
        return
    file: Any = filed
    if hasattr(file, 'buffer'):  # a text file, which may hold text back
        file.flush()
        file = file.buffer
    file.write(_as_text(picture) if isinstance(file, io.TextIOBase) else picture)


def _as_text(picture: bytes) -> str:
    try:
        return picture.decode()
    except UnicodeDecodeError:
        raise TypeError("filed takes text only; a picture that is not 'svg' needs bytes") from None


def show(dot: str, draw_svg: Callable[[], str]) -> None:
    """Show the picture of a graph: in a window until it is closed, or in a web browser.

    Args:
        dot: the graph in the DOT language.
        draw_svg: draws the graph for a browser if Graphviz or ImageMagick is not there.

    Raises:
        RuntimeError: there is neither, or what there is fails.
    """
    if shutil.which('dot') and shutil.which('display'):
        _feed('display', 'png:-', draw(dot, 'png', draw_svg))
    else:
        _browse(draw_svg())


def _browse(svg: str) -> None:
    """Show a picture in a web browser, from a file that stays: nobody knows when it is read."""
    import tempfile
    import webbrowser
    from pathlib import Path

    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        raise _no_viewer() from None
    if os.path.basename(getattr(browser, 'name', '')) in _TEXT_BROWSERS:
        raise _no_viewer()
    handle, path = tempfile.mkstemp('.svg', 'dojobber-')
    with open(handle, 'w', encoding='utf-8') as file:
        file.write(svg)
    if not browser.open(Path(path).as_uri()):
        os.unlink(path)
        raise _no_viewer()


def _no_viewer() -> RuntimeError:
    missing = [program for program in _PACKAGES if shutil.which(program) is None]
    verb = 'was' if len(missing) == 1 else 'were'
    install = ' and '.join(_PACKAGES[program] for program in missing)
    return RuntimeError(
        f'{" and ".join(map(repr, missing))} {verb} not found;'
        f' install {install}, or a graphical web browser'
    )


def _feed(program: str, argument: str, data: bytes) -> bytes:
    """Give data to a program and return what it answers."""
    import subprocess

    path, package = shutil.which(program), _PACKAGES[program]
    if path is None:
        raise RuntimeError(f'{program!r} was not found; install {package}')
    try:
        done = subprocess.run([path, argument], input=data, capture_output=True)
    except (OSError, ValueError) as error:
        raise RuntimeError(f'{program!r} can not be started: {error}; install {package}') from error
    if done.returncode:
        said = done.stderr.decode(errors='replace').strip() or 'it says nothing'
        raise RuntimeError(
            f'{program!r} (of {package}) failed with status {done.returncode}: {said}'
        )
    return done.stdout

"""Text as a terminal can show it, whatever names and messages hold.

Owns how odd characters are made visible, how numbers are spelled, how wide text is, and whether
colours are wanted. Writes nothing.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from typing import Any

_JOINER = '\u200d'  # of emoji
_COLOURS = {'green': '32', 'red': '31', 'yellow': '33', 'grey': '90'}


def escape(text: str) -> str:
    """Spell characters that would not be seen, or would move the cursor, as escapes."""
    return text if text.isprintable() else ''.join(map(_visible, text))


def escape_message(text: str) -> str:
    """Spell odd characters as escapes, but leave line breaks and tabs as they are."""
    return '\n'.join('\t'.join(map(escape, line.split('\t'))) for line in text.split('\n'))


def _visible(character: str) -> str:
    is_seen = character.isprintable() or unicodedata.category(character) == 'Zs'
    return character if is_seen or character == _JOINER else repr(character)[1:-1]


def display_width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(character: str) -> int:
    if unicodedata.category(character) in ('Mn', 'Me', 'Cf'):
        return 0
    return 2 if unicodedata.east_asian_width(character) in 'WF' else 1


def truncate(text: str, width: int) -> str:
    """Cut a text to a number of columns; ``...`` marks the cut."""
    if display_width(text) <= width:
        return text
    dots = '...'[: max(width, 0)]
    count, left = 0, width - len(dots)
    while left >= _cells(text[count]):
        left -= _cells(text[count])
        count += 1
    return text[:count] + dots


def wrapped(text: str, width: int, first: str, later: str, most: int) -> list[str]:
    """Break a text into lines at its spaces, with odd characters made visible.

    Args:
        text: any.
        width: of a line, in columns.
        first: begins the first line.
        later: begins the others.
        most: the number of lines at most; what is left out is before the last one.
    """
    text = escape(_without_middle(text, 4 * width * most))
    word, *words = text.split(' ')
    lines = _broken(first + word, width, later)
    for word in words:
        line = lines.pop()
        longer = f'{line} {word}'
        # A word that is too long for any line begins in this one.
        if display_width(longer) > width >= display_width(later + word):
            lines.append(line)
            longer = later + word
        lines += _broken(longer, width, later)
    if len(lines) > most:
        end = truncate(text[::-1], width - display_width(later))[::-1]
        lines[most - 1 :] = [later + end]
    return lines


def _broken(line: str, width: int, later: str) -> list[str]:
    """Break a line within a word, as often as it is too long."""
    if display_width(line) <= width:
        return [line]
    parts, start, left = [], 0, width
    for place, character in enumerate(line):
        left -= _cells(character)
        if left < 0:
            parts.append(line[start:place])
            start, left = place, width - display_width(later) - _cells(character)
    parts.append(line[start:])
    return [parts[0], *(later + each for each in parts[1:])]


def _without_middle(text: str, most: int) -> str:
    """Drop the middle of a long text: to wrap it would only cost time."""
    return text if len(text) <= 2 * most else f'{text[:most]}...{text[-most:]}'


def listed(names: Sequence[str], width: int) -> str:
    """Return the names that fit into a width, and the number of the others.

    Args:
        names: one at least.
        width: in columns.
    """
    text = truncate(escape(names[0]), width - len(_more(len(names) - 1)))
    best = text + _more(len(names) - 1)
    for number in range(1, len(names)):
        text += f', {escape(names[number])}'
        if display_width(text) > width:
            break
        whole = text + _more(len(names) - number - 1)
        if display_width(whole) <= width:
            best = whole
    return best


def listed_lines(names: Sequence[str], width: int, first: str, later: str, most: int) -> list[str]:
    """Return lines of the names that fit, and the number of the others.

    Args:
        names: one at least.
        width: of a line, in columns.
        first: begins the first line.
        later: begins the others.
        most: the number of lines at most.
    """
    lines: list[str] = []
    for number, name in enumerate(names):
        begin = later if lines else first
        room = width - display_width(begin)
        if lines and display_width(longer := f'{lines[-1]} {escape(name)},') <= width:
            lines[-1] = longer
        elif len(lines) < most - 1:
            lines.append(f'{begin}{truncate(escape(name), room - 1)},')
        else:
            return [*lines, begin + listed(names[number:], room)]
    return [*lines[:-1], lines[-1][:-1]]


def _more(count: int) -> str:
    return f' and {count} more' if count else ''


def colorize(text: str, colour: str, colours: bool) -> str:
    """Return a text in a colour, if there are to be colours."""
    return f'\x1b[{_COLOURS[colour]}m{text}\x1b[0m' if colours else text


def counted(count: int, one: str, many: str) -> str:
    """Return a number and the word for what it counts."""
    return f'{count} {one if count == 1 else many}'


def duration(seconds: int) -> str:
    """Return a time in hours, minutes and seconds, without those that do not matter."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f'{hours} h {minutes} min'
    return f'{minutes} min {seconds} s' if minutes else f'{seconds} s'


def columns(stream: Any) -> int:
    """Return how wide the terminal is that a stream writes to, or else one of the process."""
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except Exception:
        width = 0
    import shutil

    return width or shutil.get_terminal_size().columns


def wants_colours(stream: Any) -> bool:
    """Tell whether what is written to a stream should be coloured."""
    if os.environ.get('NO_COLOR'):
        return False
    if os.environ.get('FORCE_COLOR'):
        return True
    try:
        return bool(stream.isatty()) and os.environ.get('TERM') != 'dumb'
    except Exception:
        return False

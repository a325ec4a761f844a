"""Text as a terminal can show it."""

from __future__ import annotations

import io
import os
import pty
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from dojobber._exceptions import safe_repr
from dojobber._output.text import (
    colorize,
    columns,
    display_width,
    escape,
    escape_message,
    listed,
    listed_lines,
    truncate,
    wants_colours,
    wrapped,
)

FAMILY = '\U0001f468\u200d\U0001f469'  # two emoji with a joiner between them


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', ''),
        ('plain', 'plain'),
        ('with space', 'with space'),
        ('no-break\xa0ideographic\u3000', 'no-break\xa0ideographic\u3000'),
        ('Füße \u65e5\u672c', 'Füße \u65e5\u672c'),
        ('e\u0301', 'e\u0301'),
        (FAMILY, FAMILY),
        ('two\nlines\r\ttab', r'two\nlines\r\ttab'),
        ('\x1b[31mred\x07\x9b', r'\x1b[31mred\x07\x9b'),
        ('\u202eright to left\u2066', r'\u202eright to left\u2066'),
        ('\u2028\u2029\x85', r'\u2028\u2029\x85'),
        ('\ud800', r'\ud800'),
        ('zero\u200bwidth\ufeff\xad', r'zero\u200bwidth\ufeff\xad'),
        ('\U000e0001', r'\U000e0001'),
    ],
)
def test_escape_spells_what_would_not_be_seen_or_would_move_the_cursor(
    text: str, expected: str
) -> None:
    assert escape(text) == expected


def test_message_keeps_its_line_breaks_and_tabs_alone() -> None:
    assert escape_message('one\n\ttwo\r\n\x1b[2J\x85') == '\n'.join(
        ['one', '\ttwo\\r', '\\x1b[2J\\x85']
    )


def test_escape_leaves_no_control_character_and_nothing_that_changes_direction() -> None:
    every = ''.join(map(chr, range(0x11000))) + '\U000e0020'
    text = escape(every)
    hidden = {each for each in text if not each.isprintable() and each != '\u200d'}
    assert all(each.isspace() for each in hidden)
    assert len(text.splitlines()) == 1


def test_safe_repr_is_the_repr_of_a_value() -> None:
    assert safe_repr({'a': [1]}) == "{'a': [1]}"


@pytest.mark.parametrize('error', [ValueError, SystemExit, RecursionError])
def test_safe_repr_of_a_value_whose_repr_raises_is_its_class_and_address(
    error: type[BaseException],
) -> None:
    class Shy:
        def __repr__(self) -> str:
            raise error

    assert 'Shy object at 0x' in safe_repr(Shy())


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('', 0),
        ('abc', 3),
        ('é', 1),
        ('e\u0301', 1),
        ('\u65e5\u672c', 4),
        ('\u3000', 2),
        ('\uff21', 2),
    ]
    + [('\U0001f600', 2), (FAMILY, 4), ('a\u20dd', 1)],
)
def test_display_width_counts_columns_of_a_terminal(text: str, expected: int) -> None:
    assert display_width(text) == expected


@pytest.mark.parametrize(
    ('text', 'width', 'expected'),
    [
        ('abcdef', 6, 'abcdef'),
        ('abcdefg', 6, 'abc...'),
        ('abcdefg', 3, '...'),
        ('abcdefg', 2, '..'),
        ('abcdefg', 0, ''),
        ('abcdefg', -1, ''),
        ('\u65e5\u672c\u8a9e', 6, '\u65e5\u672c\u8a9e'),
        ('\u65e5\u672c\u8a9e', 5, '\u65e5...'),
        ('\u65e5\u672c\u8a9e', 4, '...'),
        ('e\u0301' * 4, 4, 'e\u0301' * 4),
        ('e\u0301' * 5, 4, 'e\u0301...'),
    ],
)
def test_truncated_text_ends_with_dots_where_some_is_left_out(
    text: str, width: int, expected: str
) -> None:
    assert truncate(text, width) == expected


def test_wrapped_text_breaks_at_spaces() -> None:
    assert wrapped('one two three four', 10, '> ', '    ', 9) == [
        '> one two',
        '    three',
        '    four',
    ]


def test_wrapped_text_that_fits_is_one_line() -> None:
    assert wrapped('one two', 9, '> ', '  ', 1) == ['> one two']
    assert wrapped('', 9, '> ', '  ', 1) == ['> ']


def test_wrapped_text_keeps_its_spaces() -> None:
    assert wrapped('a  b', 9, '', '', 1) == ['a  b']


def test_wrapped_word_that_is_too_long_for_any_line_is_broken() -> None:
    assert wrapped('a ' + 'b' * 20 + ' c', 10, '- ', '  ', 5) == [
        '- a bbbbbb',
        '  bbbbbbbb',
        '  bbbbbb c',
    ]
    assert wrapped('\u65e5' * 8, 10, '', '  ', 5) == ['\u65e5' * 5, '  ' + '\u65e5' * 3]


def test_wrapped_text_that_is_too_long_keeps_its_beginning_and_its_end() -> None:
    text = ' '.join(map(str, range(1000)))
    assert wrapped(text, 20, '- ', '  ', 3) == [
        '- 0 1 2 3 4 5 6 7 8',
        '  9 10 11 12 13 14',
        '  ...996 997 998 999',
    ]
    assert wrapped(text, 12, '- ', '  ', 1) == ['  ...998 999']


def test_wrapped_text_of_many_words_looks_at_few_of_them() -> None:
    class Counting(str):
        parts = 0

        def split(self, *args: Any) -> Any:
            raise AssertionError('the whole text is split')

    assert len(wrapped(Counting('word ' * 100_000), 80, '', '', 3)) == 3


def test_wrapped_text_shows_odd_characters() -> None:
    assert wrapped('a\nb\x1b', 20, '', '', 1) == [r'a\nb\x1b']


@pytest.mark.parametrize(
    ('names', 'width', 'expected'),
    [
        (['a'], 20, 'a'),
        (['a', 'b', 'c'], 20, 'a, b, c'),
        (['first', 'second', 'third'], 20, 'first, second, third'),
        (['first', 'second', 'third'], 19, 'first and 2 more'),
        (['first', 'second', 'third', 'fourth'], 24, 'first, second and 2 more'),
        (['much too long a name', 'b'], 16, 'mu..., b'),
        (['a\nb', '\x1b'], 20, r'a\nb, \x1b'),
    ],
)
def test_listed_names_are_those_that_fit(names: list[str], width: int, expected: str) -> None:
    assert listed(names, width) == expected


@pytest.mark.parametrize(
    ('names', 'width', 'most', 'expected'),
    [
        (['a', 'b', 'c'], 20, 1, ['- a, b, c']),
        (['a', 'b', 'c'], 20, 9, ['- a, b, c']),
        (['first', 'second', 'third'], 16, 9, ['- first, second,', '  third']),
        (['first', 'second', 'three'], 15, 9, ['- first,', '  second,', '  three']),
        (['first', 'second', 'third', 'fourth'], 18, 2, ['- first, second,', '  third, fourth']),
        (['one', 'two', 'three', 'four', 'five'], 18, 2, ['- one, two, three,', '  four, five']),
        (['first'] * 20, 20, 2, ['- first, first,', '  first and 17 more']),
        (['much too long', 'b', '\x1b'], 10, 9, ['- much...,', r'  b, \x1b']),
    ],
)
def test_listed_lines_are_filled_with_names(
    names: list[str], width: int, most: int, expected: list[str]
) -> None:
    assert listed_lines(names, width, '- ', '  ', most) == expected


def test_listed_looks_only_at_names_that_it_shows() -> None:
    class Names(list[str]):
        looked_at: set[int] = set()

        def __getitem__(self, number: Any) -> Any:
            self.looked_at.add(number)
            return super().__getitem__(number)

    names = Names(['name'] * 100_000)
    assert listed(names, 30) == 'name, name and 99998 more'
    assert names.looked_at == set(range(6))


def random_texts() -> Iterator[tuple[str, int]]:
    dice = Random(7)
    odd = ['word', ' ', '\n', '\x1b[2J', '\u202e', '\u65e5', 'e\u0301', FAMILY, '\ud800', '-' * 30]
    for _ in range(50):
        yield ''.join(dice.choices(odd, k=dice.randint(0, 60))), dice.randint(20, 100)


def test_no_text_is_wider_than_it_may_be() -> None:
    for text, width in random_texts():
        lines = wrapped(text, width, '  ', '    ', 3)
        assert len(lines) <= 3
        lines += [listed([text] * 20, width), truncate(escape(text), width)]
        assert max(map(display_width, lines)) <= width, text
        assert all(line == escape(line) for line in lines)


def test_colorized_text_is_the_text_between_escapes_if_there_are_colours() -> None:
    assert colorize('text', 'red', True) == '\x1b[31mtext\x1b[0m'
    assert colorize('text', 'red', False) == 'text'


def test_columns_of_a_stream_that_is_no_terminal_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv('COLUMNS', '77')
    assert columns(io.StringIO()) == 77
    assert columns(None) == 77


@pytest.fixture
def terminal() -> Iterator[io.TextIOWrapper]:
    ours, theirs = pty.openpty()
    with os.fdopen(ours, 'rb'), os.fdopen(theirs, 'w') as stream:
        yield stream


def test_columns_of_a_terminal_are_its_own(
    monkeypatch: pytest.MonkeyPatch, terminal: io.TextIOWrapper
) -> None:
    termios = pytest.importorskip('termios')
    if not hasattr(termios, 'tcsetwinsize'):
        pytest.skip('sizes of terminals can be set from Python 3.11 on')
    monkeypatch.setenv('COLUMNS', '77')
    termios.tcsetwinsize(terminal.fileno(), (24, 99))
    assert columns(terminal) == 99


def test_columns_of_a_terminal_of_unknown_size_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, terminal: io.TextIOWrapper
) -> None:
    assert os.get_terminal_size(terminal.fileno()).columns == 0
    monkeypatch.setenv('COLUMNS', '77')
    assert columns(terminal) == 77


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def isatty(self) -> bool:
        raise ValueError


@pytest.mark.parametrize(
    ('stream', 'environment', 'expected'),
    [
        (Terminal(), {}, True),
        (Terminal(), {'TERM': 'dumb'}, False),
        (Terminal(), {'NO_COLOR': '1'}, False),
        (Terminal(), {'NO_COLOR': ''}, True),
        (Terminal(), {'NO_COLOR': '1', 'FORCE_COLOR': '1'}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {'FORCE_COLOR': '1'}, True),
        (io.StringIO(), {'FORCE_COLOR': ''}, False),
        (io.StringIO(), {'FORCE_COLOR': '1', 'TERM': 'dumb'}, True),
        (Broken(), {}, False),
        (None, {}, False),
    ],
)
def test_colours_are_for_terminals_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, stream: Any, environment: dict[str, str], expected: bool
) -> None:
    for name in ('NO_COLOR', 'FORCE_COLOR', 'TERM'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wants_colours(stream) is expected

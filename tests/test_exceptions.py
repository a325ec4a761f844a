"""What can be told of an exception, whatever its own code does."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from dojobber._exceptions import cause, class_name, notes, parts, safe_repr, safe_str, trace
from tests.odd_errors import ERROR, INTERRUPT, caught


class Panic(BaseException):
    pass


@pytest.mark.parametrize('panic', [Panic, SystemExit, ValueError, KeyboardInterrupt])
def test_only_ctrl_c_comes_through_what_is_shown(panic: type[BaseException]) -> None:
    class Loud(Exception):
        def __str__(self) -> str:
            raise panic

        __repr__ = __str__

    error = Loud()
    if panic is KeyboardInterrupt:
        for show in (safe_str, safe_repr):
            with pytest.raises(KeyboardInterrupt):
                show(error)
    else:
        assert safe_str(error) == '<unprintable Loud object>'
        assert 'Loud object at ' in safe_repr(error)


def test_message_is_plain_text_whatever_str_returns() -> None:
    class Text(str):
        __slots__ = ()

        def __format__(self, spec: str) -> str:
            raise ValueError

    class Error(Exception):
        def __str__(self) -> str:
            return Text('hello')

    assert type(safe_str(Error())) is str
    assert safe_str(Error()) == 'hello'


def test_class_name_is_found_past_a_metaclass() -> None:
    class Meta(type):
        @property
        def __name__(cls) -> str:  # type: ignore[override]
            raise ValueError

    class Odd(Exception, metaclass=Meta):
        pass

    assert class_name(Odd()) == 'Odd'


class Noted(Exception):
    """Have notes on each Python."""

    def __init__(self, found: Any) -> None:
        super().__init__()
        self.__notes__ = found


@pytest.mark.parametrize(
    ('found', 'expected'),
    [(['one', 'two'], ['one', 'two']), (['one', 2, None], ['one']), ([], []), (7, []), (None, [])],
)
def test_notes_are_those_that_are_text(found: Any, expected: list[str]) -> None:
    assert notes(Noted(found)) == expected


@pytest.mark.parametrize('found', [['one'], 7, [], None])
def test_trace_ends_its_last_line_whatever_the_notes_are(found: Any) -> None:
    assert trace(Noted(found)).endswith('\n')
    assert not trace(Noted(found)).endswith('\n\n')


def test_notes_of_an_exception_without_any_are_none() -> None:
    assert notes(ValueError()) == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason='add_note is of Python 3.11')
def test_notes_are_those_that_were_added() -> None:
    error = ValueError()
    error.add_note('see there')  # type: ignore[attr-defined, unused-ignore]
    assert notes(error) == ['see there']


class Group(Exception):
    """Stand for an exception group, which Python 3.10 has not."""

    def __init__(self, exceptions: Any) -> None:
        super().__init__('some')
        self.exceptions = exceptions


class Shut(Exception):
    exceptions = property(lambda self: sys.exit())


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (Group((ERROR, INTERRUPT)), [ERROR, INTERRUPT]),
        (Group([ERROR, 'text']), [ERROR]),
        (Group({ERROR}), []),
        (Group(None), []),
        (Shut(), []),
        (ValueError(), []),
    ],
)
def test_parts_are_the_exceptions_of_a_group(
    error: BaseException, expected: list[BaseException]
) -> None:
    assert parts(error) == expected


@pytest.mark.skipif(sys.version_info < (3, 11), reason='has no exception groups')
def test_parts_are_those_of_the_groups_of_python() -> None:
    group = ExceptionGroup('some', [ERROR])  # type: ignore[name-defined, unused-ignore]  # noqa: F821
    assert parts(group) == [ERROR]


def test_cause_is_what_led_to_an_exception_unless_it_is_hidden() -> None:
    def hook(how: str) -> None:
        try:
            raise LookupError('below')
        except LookupError:
            if how == 'from':
                raise ValueError from ERROR
            if how == 'hidden':
                raise ValueError from None
            raise ValueError  # noqa: B904

    assert cause(caught(lambda: hook('from'))) is ERROR
    assert cause(caught(lambda: hook('hidden'))) is None
    assert repr(cause(caught(lambda: hook('context')))) == "LookupError('below')"
    assert cause(ValueError()) is None

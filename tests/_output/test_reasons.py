"""What is told of an exception: its place, its message, and what it holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dojobber._failures import Failure
from dojobber._output.reasons import reason_lines

FATAL = (
    'connection to server at "db.example.org" (192.0.2.7), port 5432 failed: '
    'FATAL:  password authentication failed for user "backup"'
)


def told(error: BaseException, width: int = 80, most: int = 16, phase: str = 'run') -> list[str]:
    return reason_lines(phase, Failure.of(error), width, most, str)


def raised(code: Callable[[], object]) -> BaseException:
    try:
        code()
    except Exception as error:
        return error.with_traceback(error.__traceback__ and error.__traceback__.tb_next)
    raise AssertionError('nothing raised')


def failed(output: Any = None, stderr: Any = None, command: Any = 'it') -> BaseException:
    return subprocess.CalledProcessError(3, command, output, stderr)


def test_long_message_is_told_whole() -> None:
    assert told(ValueError(FATAL)) == [
        '  run: ValueError: connection to server at "db.example.org" (192.0.2.7), port',
        '    5432 failed: FATAL:  password authentication failed for user "backup"',
    ]
    joined = ''.join(line.strip() for line in told(ValueError('x' * 700), 60))
    assert joined == f'run: ValueError: {"x" * 700}'


def test_message_beyond_all_bounds_keeps_its_beginning_and_its_end() -> None:
    lines = told(ValueError('begin ' + 'word ' * 10_000 + 'end'))
    assert len(lines) == 16
    assert lines[0].startswith('  run: ValueError: begin')
    assert lines[-1].endswith('end')


JOBS = """\
def Run():
    help()

def help():
    raise OSError('no')

def Check():
    raise OSError('no')
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the functions of a file in the current directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'stack.py'
    path.write_text(JOBS)
    names: dict[str, Any] = {}
    exec(compile(JOBS, str(path), 'exec'), names)
    return names


def test_place_is_the_line_of_the_hook_and_the_innermost_own_line(jobs: dict[str, Any]) -> None:
    error = raised(jobs['Run'])
    assert told(error) == ['  run: stack.py:2 in Run, via stack.py:5: OSError: no']
    assert told(error, phase='recheck')[0].startswith('  recheck: stack.py:2 in Check, via ')
    assert told(error, phase='try') == ['  try: stack.py:5: OSError: no']


def test_place_is_one_line_where_the_hook_itself_raises(jobs: dict[str, Any]) -> None:
    assert told(raised(jobs['Check']), phase='check') == ['  check: stack.py:8: OSError: no']


def test_place_is_a_whole_path_where_there_is_no_current_directory(
    jobs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanished() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, 'getcwd', vanished)
    lines = told(raised(jobs['Check']), 500)
    assert lines == [f'  run: {tmp_path}/stack.py:8: OSError: no']


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (failed(stderr='1\n2\n3\n4\n'), ['1', '2', '3', '4']),
        (failed(stderr=b'1\r\n\n  \n2\xff'), ['1', '2\ufffd']),
        (failed(output='out'), ['out']),
        (failed(output='out', stderr='err'), ['err']),
        (failed(output='out', stderr='\n'), ['out']),
        (failed(output=b'out', stderr=b''), ['out']),
        (failed(), []),
        (failed(output=7, stderr=['x']), []),
        (subprocess.TimeoutExpired('command', 1, stderr=b'slow'), ['slow']),
        (failed(stderr='\x1b[2Jcolour\x07'), [r'\x1b[2Jcolour\x07']),
    ],
)
def test_output_of_a_process_is_its_stderr_or_else_its_stdout(
    error: BaseException, expected: list[str]
) -> None:
    assert told(error)[1:] == [f'    | {line}' for line in expected]


def test_output_is_wrapped_and_not_cut() -> None:
    assert told(failed(stderr=f'psql: error: {FATAL}\n'))[1:] == [
        '    | psql: error: connection to server at "db.example.org" (192.0.2.7), port',
        '    |   5432 failed: FATAL:  password authentication failed for user "backup"',
    ]


def test_output_that_is_too_long_keeps_its_first_and_last_lines() -> None:
    lines = told(failed(stderr='\n'.join(map(str, range(100_000)))), most=9)
    assert lines[1:] == [
        *(f'    | {number}' for number in (0, 1, 2)),
        '    ...',
        *(f'    | {number}' for number in (99996, 99997, 99998, 99999)),
    ]


@pytest.mark.parametrize(
    ('command', 'expected'),
    [
        ('make all', "'make all'"),
        (['psql', '-c', 'select 1'], "psql -c 'select 1'"),
        ((Path('make'), b'all'), 'make all'),
        ('x' * 61, f"'{'x' * 57}...'"),
        (['sh', '-c', 'y' * 500], 'sh -c ' + 'y' * 51 + '...'),
        ([7], "'[7]'"),
    ],
)
def test_command_is_told_as_it_is_typed_and_cut_short(command: Any, expected: str) -> None:
    (line,) = told(failed(command=command), 200)
    message = f'Command {expected} returned non-zero exit status 3.'
    assert line == f'  run: CalledProcessError: {message}'


def test_other_exceptions_are_not_taken_for_failed_processes() -> None:
    class Other(Exception):
        stderr = 'not of a process'
        cmd = 'hello'

    assert told(Other('hello')) == ['  run: Other: hello']


def test_nothing_is_a_failed_process_where_none_was_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, 'subprocess')
    assert len(told(failed(stderr='text'))) == 1


class Group(Exception):
    """Look like an exception group, which Python 3.10 has not."""

    def __init__(self, message: str, exceptions: list[BaseException]) -> None:
        super().__init__(message)
        self.exceptions = exceptions


def test_group_is_told_with_its_parts(jobs: dict[str, Any]) -> None:
    process = failed(stderr='no space left\n')
    inner = Group('inner', [process, KeyError('x')])
    assert told(Group('outer', [raised(jobs['Check']), inner])) == [
        '  run: Group: outer',
        '    - stack.py:8: OSError: no',
        '    - Group: inner',
        "      - CalledProcessError: Command 'it' returned non-zero exit status 3.",
        '        | no space left',
        "      - KeyError: 'x'",
    ]


def test_group_of_many_parts_is_told_with_the_first_ones() -> None:
    lines = told(Group('many', [ValueError(number) for number in range(1000)]), most=100)
    assert lines[1:3] == ['    - ValueError: 0', '    - ValueError: 1']
    assert lines[-1] == '    - and 980 more'
    assert len(lines) == 22


def test_group_within_itself_is_told_to_some_depth() -> None:
    group = Group('ring', [])
    group.exceptions.append(group)
    assert len(told(group)) == 4


def test_causes_are_told_below_the_message() -> None:
    low, middle, high = failed(stderr='disk full'), LookupError('low'), ValueError('high')
    high.__cause__, middle.__context__ = middle, low
    assert told(high) == [
        '  run: ValueError: high',
        '    after LookupError: low',
        "      after CalledProcessError: Command 'it' returned non-zero exit status 3.",
        '        | disk full',
    ]
    middle.__suppress_context__ = True
    assert told(high)[1:] == ['    after LookupError: low']
    low.__cause__ = high
    middle.__suppress_context__ = False
    assert len(told(high)) == 5


def test_notes_come_below_the_message() -> None:
    class Noted(Exception):
        __notes__ = ['one', 'two\nlines']

    assert told(Noted('text')) == ['  run: Noted: text', '    note: one', r'    note: two\nlines']


def test_details_and_message_share_the_lines_that_there_are() -> None:
    error = failed(stderr='\n'.join(map(str, range(50))), command='c')
    error.__cause__ = ValueError('word ' * 1000)
    for most in range(4, 30):
        assert len(told(error, 40, most)) == most


def test_secrets_are_masked_before_anything_is_cut_or_broken() -> None:
    command = ['alter', 'x' * 48, 'pa55word' * 2]
    error = failed(stderr=f'{"x" * 66} pa55word', command=command)
    for width in range(20, 100):
        lines = reason_lines(
            'run', Failure.of(error), width, 30, lambda s: s.replace('pa55word', '*')
        )
        text = ''.join(line.strip() for line in lines)
        assert 'pa5' not in text
        assert text.endswith('*')


def test_secret_of_two_lines_is_masked_in_captured_output() -> None:
    failure = Failure.of(failed(stderr='no pa55\nword', command='c'))
    lines = reason_lines('run', failure, 80, 30, lambda s: s.replace('pa55\nword', '*'))
    assert lines[-1] == '    | no *'

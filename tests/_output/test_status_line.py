"""The last row of a terminal that is set apart for a line."""

from __future__ import annotations

import gc
import io
import os
import termios
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dojobber._output.status_line import StatusLine
from tests.terminal import Terminal


@pytest.fixture(autouse=True)
def _term(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TERM', 'xterm')


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


class Said:
    """What a line is to say."""

    def __init__(self, text: str = 'one') -> None:
        self.text = text

    def __call__(self, width: int) -> str:
        return self.text


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def line(terminal: Terminal, said: Said) -> Iterator[StatusLine]:
    line = StatusLine(terminal.file, said)
    yield line
    line.close()


# Where it is.


def test_line_is_in_the_last_row_and_gone_at_the_end(terminal: Terminal, said: Said) -> None:
    terminal.file.write('above\n')
    line = StatusLine(terminal.file, said)
    line.tick()
    assert (terminal.line, terminal.text) == ('one', ['above', ''])
    line.close()
    assert (terminal.line, terminal.text) == ('', ['above', ''])
    terminal.file.write('\n'.join(map(str, range(20))))
    assert terminal.text == ['above', *map(str, range(20))]


def test_text_scrolls_above_the_line(terminal: Terminal, line: StatusLine) -> None:
    line.tick()
    for number in range(20):
        terminal.file.write(f'{number}\n')
    assert terminal.text == [*map(str, range(20)), '']
    assert terminal.line == 'one'


def test_first_draw_on_a_full_screen_hides_no_text(terminal: Terminal, line: StatusLine) -> None:
    texts = [str(number) for number in range(20)]
    terminal.file.write('\n'.join(texts))
    line.tick()
    assert (terminal.text, terminal.line) == (texts, 'one')


def test_prompt_stays_where_it_is(terminal: Terminal, line: StatusLine, said: Said) -> None:
    terminal.file.write('Password: ')
    for said.text in ('one', 'longer', 'x'):
        line.tick()
        assert (terminal.text, terminal.line) == (['Password: '], said.text)
    terminal.file.write('***')
    assert terminal.text == ['Password: ***']


def test_line_that_says_the_same_is_not_drawn_again(terminal: Terminal, line: StatusLine) -> None:
    line.tick()
    terminal.read()
    line.tick()
    assert terminal.read() == b''


@pytest.mark.parametrize('reset', [b'', b'\x1b[r'])
def test_line_comes_back_after_a_program_has_taken_the_last_row(
    terminal: Terminal, line: StatusLine, said: Said, reset: bytes
) -> None:
    line.tick()
    os.write(terminal.theirs, reset + b'\x1b[10;1H\x1b[2Kits last row')
    said.text = 'two'
    line.tick()
    terminal.file.write('\nnext')
    assert terminal.text[-2:] == ['its last row', 'next']
    assert terminal.line == 'two'


@pytest.mark.parametrize('rows', [14, 30])
def test_line_moves_with_the_size_and_leaves_none_behind(
    terminal: Terminal, line: StatusLine, rows: int
) -> None:
    terminal.file.write('above\n')
    line.tick()
    terminal.read()
    terminal.resize(rows, 40)
    line.tick()
    assert terminal.line == 'one'
    assert terminal.screen.rows.count('one') == 1
    assert terminal.text == ['above', '']


# What fits.


def test_line_never_takes_the_last_column(terminal: Terminal, said: Said, line: StatusLine) -> None:
    said.text = 'x' * 100
    line.tick()
    assert terminal.line == 'x' * 76 + '...'


@pytest.mark.parametrize('size', [(2, 80), (10, 3), (0, 0)])
def test_terminal_without_room_gets_nothing(
    terminal: Terminal, line: StatusLine, size: tuple[int, int]
) -> None:
    terminal.resize(*size)
    line.tick()
    assert terminal.read() == b''


def test_line_is_escaped_where_the_encoding_lacks_a_character(said: Said) -> None:
    terminal = Terminal(encoding='ascii')
    said.text = 'Füße' * 20
    line = StatusLine(terminal.file, said)
    line.tick()
    assert terminal.line == (r'F\xfc\xdfe' * 20)[:76] + '...'
    line.close()
    terminal.close()


# Where there is none.


@pytest.mark.parametrize('stream', [None, io.StringIO(), object()])
def test_stream_that_is_no_file_is_refused(stream: Any, said: Said) -> None:
    with pytest.raises((AttributeError, io.UnsupportedOperation), match='fileno'):
        StatusLine(stream, said)


def test_file_is_refused(said: Said, tmp_path: Path) -> None:
    with (tmp_path / 'file').open('w') as file, pytest.raises(OSError, match='ioctl'):
        StatusLine(file, said)


def test_dumb_terminal_is_refused(
    terminal: Terminal, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('TERM', 'dumb')
    with pytest.raises(ValueError, match='could have a line'):
        StatusLine(terminal.file, said)


def test_terminal_has_one_line_at_a_time(terminal: Terminal, said: Said, line: StatusLine) -> None:
    with pytest.raises(ValueError, match='has a line'):
        StatusLine(terminal.file, said)
    line.tick()
    assert terminal.line == 'one'


def test_terminal_that_reads_keys_is_left_alone(terminal: Terminal, line: StatusLine) -> None:
    attributes = termios.tcgetattr(terminal.theirs)
    attributes[3] &= ~termios.ICANON
    termios.tcsetattr(terminal.theirs, termios.TCSANOW, attributes)
    line.tick()
    assert terminal.read() == b''
    attributes[3] |= termios.ICANON
    termios.tcsetattr(terminal.theirs, termios.TCSANOW, attributes)
    line.tick()
    assert terminal.line == 'one'


def test_terminal_of_another_process_group_is_left_alone(
    terminal: Terminal, line: StatusLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, 'tcgetpgrp', lambda descriptor: os.getpgrp() + 1)
    line.tick()
    assert terminal.read() == b''
    monkeypatch.setattr(os, 'tcgetpgrp', lambda descriptor: os.getpgrp())
    line.tick()
    assert terminal.line == 'one'


def test_terminal_that_is_stopped_is_not_waited_for(terminal: Terminal, line: StatusLine) -> None:
    termios.tcflow(terminal.theirs, termios.TCOOFF)
    line.tick()
    termios.tcflow(terminal.theirs, termios.TCOON)
    assert terminal.read() == b''


# What becomes of the descriptors.


def test_stream_that_is_redirected_gets_nothing(
    terminal: Terminal, line: StatusLine, said: Said, tmp_path: Path
) -> None:
    line.tick()
    with (tmp_path / 'file').open('wb+') as file:
        os.dup2(file.fileno(), terminal.file.fileno())
        terminal.file.write('one warning\n')
        said.text = 'two'
        line.tick()
        file.seek(0)
        assert file.read() == b'one warning\n'
    assert terminal.line == 'two'


def test_file_that_has_taken_our_descriptor_gets_nothing(
    terminal: Terminal, said: Said, tmp_path: Path
) -> None:
    line = StatusLine(terminal.file, said)
    with (tmp_path / 'file').open('wb+') as file:
        os.dup2(file.fileno(), line._own)
        line.tick()
        assert terminal.line == 'one'
        os.dup2(file.fileno(), terminal.file.fileno())
        said.text = 'two'
        line.tick()
        line.close()
        assert terminal.line == 'one'
        assert file.read() == b''
    os.fstat(line._own)  # it is not ours to close
    os.close(line._own)


def test_descriptors_that_were_closed_cost_nothing(terminal: Terminal, said: Said) -> None:
    line = StatusLine(terminal.file, said)
    os.close(line._own)
    line.tick()
    line.close()
    assert terminal.line == ''
    assert terminal.received


def test_line_that_was_never_drawn_writes_nothing(terminal: Terminal, said: Said) -> None:
    StatusLine(terminal.file, said).close()
    assert terminal.read() == b''


def test_line_leaves_no_descriptor_open(terminal: Terminal, said: Said) -> None:
    line = StatusLine(terminal.file, said)
    line.close()
    with pytest.raises(OSError, match='Bad file descriptor'):
        os.fstat(line._own)


# The thread.


def test_line_is_drawn_by_its_thread_until_it_is_stopped(terminal: Terminal, said: Said) -> None:
    before = threading.active_count()
    line = StatusLine(terminal.file, said)
    line.start()
    terminal.read_until('one')
    said.text = 'two'
    terminal.read_until('two')
    line.stop()
    line.stop()
    assert terminal.line == ''
    assert threading.active_count() == before
    last = weakref.ref(line)
    del line
    gc.collect()
    assert last() is None


def test_error_ends_the_line_silently(
    terminal: Terminal, capfd: pytest.CaptureFixture[str]
) -> None:
    line = StatusLine(terminal.file, lambda width: os.read(-1, width).decode())
    line.start()
    line._thread.join(30)
    assert not line._thread.is_alive()
    line.stop()
    assert capfd.readouterr() == ('', '')
    assert terminal.received == b''


def test_thread_that_can_not_be_started_leaves_nothing_behind(
    terminal: Terminal, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, 'start', refuse)
    for _ in range(2):
        line = StatusLine(terminal.file, said)
        line.start()
        line.stop()
        with pytest.raises(OSError, match='Bad file descriptor'):
            os.fstat(line._own)


def test_forked_child_stops_nothing(
    terminal: Terminal, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = StatusLine(terminal.file, said)
    line.start()
    with monkeypatch.context() as context:
        context.setattr(os, 'getpid', lambda: 1)
        line.stop()
    terminal.read_until('one')
    line.stop()
    assert terminal.line == ''

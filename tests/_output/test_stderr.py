"""Writing to the stderr of the moment, also where it does not take all at once."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob
from dojobber._output.stderr import write
from tests.seeds import sampled

# More than a pipe holds.
LINES = [f'{number}: {"füllt " * 12}\n' for number in range(1_000)]


class Pipe:
    """A stderr that is a non-blocking pipe, and the end that it is read from."""

    def __init__(self, buffering: int) -> None:
        self.end, ours = os.pipe()
        os.set_blocking(ours, False)
        raw: Any = io.FileIO(ours, 'w')
        self.stream = io.TextIOWrapper(
            io.BufferedWriter(raw, buffering) if buffering else raw,
            encoding='utf-8',
            line_buffering=buffering > 0,
            write_through=not buffering,
        )
        self.read = b''

    def write(self, text: str) -> None:
        """Write to stderr while this is it."""
        with contextlib.redirect_stderr(self.stream):
            write(text)

    def read_all(self, pause: float = 0.0) -> None:
        """Read until the other end is closed."""
        while data := os.read(self.end, 10_000):
            self.read += data
            time.sleep(pause)

    def close(self) -> None:
        """Close both ends, as often as one likes."""
        os.set_blocking(self.stream.fileno(), True)
        os.close(self.end)
        with contextlib.suppress(BrokenPipeError):
            self.stream.close()


@pytest.fixture(params=[0, 100, 1024, 8192])
def pipe(request: pytest.FixtureRequest) -> Iterator[Pipe]:
    made = Pipe(request.param)
    yield made
    made.close()


@pytest.mark.parametrize('pieces', sampled([LINES, [''.join(LINES)]]))
def test_reader_that_reads_gets_all_of_a_stream_that_does_not_block(
    pipe: Pipe, pieces: list[str]
) -> None:
    reader = threading.Thread(target=pipe.read_all, args=(0.001,), daemon=True)
    reader.start()
    for piece in pieces:
        pipe.write(piece)
    writing_end = pipe.stream.fileno()
    pipe.stream.flush()
    os.dup2(os.open(os.devnull, os.O_WRONLY), writing_end)
    reader.join()
    assert pipe.read.decode() == ''.join(LINES)


def test_text_that_was_written_before_comes_before(pipe: Pipe) -> None:
    pipe.stream.write('before, ')
    pipe.write('after\n')
    assert os.read(pipe.end, 100) == b'before, after\n'


def test_reader_that_does_not_read_costs_some_text_and_one_wait_alone(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    now = [0.0]

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    monkeypatch.setattr(time, 'sleep', sleep)
    monkeypatch.setattr(time, 'monotonic', lambda: now[0])
    pipe.write(''.join(LINES))
    assert 0.9 < sum(waits) < 1.1
    waits.clear()
    pipe.write('lost\n')
    assert waits == []
    os.set_blocking(pipe.end, False)
    while True:
        try:
            os.read(pipe.end, 100_000)
        except BlockingIOError:
            break
    pipe.write('heard again\n')
    assert os.read(pipe.end, 100_000).endswith(b'heard again\n')
    pipe.write(''.join(LINES))
    assert 0.9 < sum(waits) < 1.1
    os.set_blocking(pipe.end, True)
    while b'49' not in os.read(pipe.end, 100_000):
        pass


def test_characters_that_a_stream_can_not_take_are_escapes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    end, ours = os.pipe()
    os.set_blocking(ours, False)
    with os.fdopen(ours, 'w', encoding='ascii') as stream:
        monkeypatch.setattr(sys, 'stderr', stream)
        write('Füße\ud800\n')
        assert os.read(end, 100) == b'F\\xfc\\xdfe\\ud800\n'
    os.close(end)


def test_stream_with_a_write_of_its_own_is_written_by_that(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    monkeypatch.setattr(pipe.stream, 'write', written.append)
    pipe.write('text\n')
    assert written == ['text\n']


def test_lines_of_a_run_arrive(pipe: Pipe) -> None:
    dojob = DoJobber()
    dojob.configure(DummyJob, verbose=True)
    with contextlib.redirect_stderr(pipe.stream):
        dojob.checknrun()
    assert os.read(pipe.end, 100) == b'DummyJob.check: pass\n'

"""The line that shows how far a run is."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dojobber import DummyJob, Phase, events
from dojobber._output.progress import Progress
from dojobber._output.status_line import StatusLine
from dojobber.outcome import Outcome
from tests.fakes import FakeClock
from tests.seeds import sampled
from tests.terminal import Terminal

REPOSITORY = Path(__file__).resolve().parent.parent.parent


class ManualLine(StatusLine):
    """Is drawn when it is told to, and has no thread."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        self.close()


class Stage:
    """A Progress that listens to a run that is made up."""

    def __init__(self, terminal: Terminal, patch: pytest.MonkeyPatch) -> None:
        self.terminal = terminal
        self.patch = patch
        self.clock = FakeClock()
        self.progress = self.make()

    def make(self, mask: Callable[[str], str] = str) -> Progress:
        return Progress(self.clock, mask, ManualLine)

    def start(self, count: int = 19) -> Stage:
        with self.patch.context() as context:
            context.setattr(sys, 'stderr', self.terminal.file)
            self.progress(events.RunStarted((DummyJob,) * count, False))
        return self

    def end(self) -> None:
        self.progress(events.RunEnded({}, 1.0))

    def trying(self, name: str, number: int = 1, allowed: float = 3) -> None:
        self.progress(events.TryStarted(name, DummyJob, number, allowed))

    def phase(self, name: str, phase: Phase, number: int = 1) -> None:
        self.progress(events.PhaseStarted(name, DummyJob, number, 3, phase))

    def phase_ended(self, name: str, phase: Phase) -> None:
        self.progress(events.PhaseEnded(name, DummyJob, 1, 3, phase, 'pass', None, None, 1.0))

    def tried(self, name: str, outcome: Outcome | None = Outcome.OK, number: int = 1) -> None:
        """End a try, and the Job with it if there is an outcome."""
        not_before = self.clock.now + 3 if outcome is None else None
        ended = events.TryEnded(name, DummyJob, number, 3, True, Phase.CHECK, 2, not_before)
        self.progress(ended)
        if outcome is not None:
            self.job_ended(name, outcome)

    def job_ended(self, name: str, outcome: Outcome) -> None:
        self.progress(events.JobEnded(name, DummyJob, True, outcome, None, ()))

    @property
    def line(self) -> str:
        """What the next tick shows."""
        assert self.progress._line is not None
        self.progress._line.tick()
        return self.terminal.line


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv('TERM', 'xterm')
    terminal = Terminal()
    stage = Stage(terminal, monkeypatch)
    yield stage
    stage.progress.close()
    terminal.close()


# What it says.


def test_line_follows_a_run(stage: Stage) -> None:
    assert stage.start(2).line == '0 of 2 Jobs done'
    stage.trying('A')
    assert stage.line == '0 of 2 Jobs done; A'
    stage.phase('A', Phase.CHECK)
    stage.clock.advance(2.9)
    assert stage.line == '0 of 2 Jobs done; A.check for 2 s'
    stage.phase_ended('A', Phase.CHECK)
    stage.phase('A', Phase.RUN)
    assert stage.line == '0 of 2 Jobs done; A.run'
    stage.tried('A', Outcome.CHANGED)
    assert stage.line == '1 of 2 Jobs done'
    stage.phase('A', Phase.CLEANUP)
    assert stage.line == '1 of 2 Jobs done; A.cleanup'
    stage.phase_ended('A', Phase.CLEANUP)
    assert stage.line == '1 of 2 Jobs done'
    stage.end()
    assert stage.terminal.line == ''


@pytest.mark.parametrize(
    ('outcomes', 'counts'),
    [
        ([Outcome.OK, Outcome.CHANGED], '2 of 19 Jobs done'),
        ([Outcome.FAILED, Outcome.OK], '1 of 19 Jobs done, 1 failed'),
        ([Outcome.WOULD_RUN], '0 of 19 Jobs done, 1 would run'),
        ([None, None], '0 of 19 Jobs done, 2 waiting'),
        ([Outcome.BLOCKED, Outcome.INTERRUPTED], '0 of 19 Jobs done'),
        (
            [Outcome.OK, Outcome.FAILED, Outcome.WOULD_RUN, None],
            '1 of 19 Jobs done, 1 failed, 1 would run, 1 waiting',
        ),
    ],
)
def test_line_counts_jobs_by_what_became_of_them(
    stage: Stage, outcomes: list[Outcome | None], counts: str
) -> None:
    stage.start()
    for number, outcome in enumerate(outcomes):
        stage.trying(f'Job{number}')
        stage.tried(f'Job{number}', outcome)
    assert stage.line == counts


def test_line_says_job_of_one_job(stage: Stage) -> None:
    assert stage.start(1).line == '0 of 1 Job done'


@pytest.mark.parametrize(
    ('seconds', 'text'),
    [
        (0.9, ''),
        (59, ' for 59 s'),
        (60, ' for 1 min 0 s'),
        (3599, ' for 59 min 59 s'),
        (90_061, ' for 25 h 1 min'),
    ],
)
def test_line_says_how_long_something_takes(stage: Stage, seconds: float, text: str) -> None:
    stage.start().trying('A')
    stage.clock.advance(seconds)
    assert stage.line == f'0 of 19 Jobs done; A{text}'


@pytest.mark.parametrize(('allowed', 'text'), [(40, 'try 12 of 40'), (float('inf'), 'try 12')])
def test_line_says_which_try_it_is(stage: Stage, allowed: float, text: str) -> None:
    stage.start().trying('A', 12, allowed)
    stage.clock.advance(5)
    assert stage.line == f'0 of 19 Jobs done; A ({text}) for 5 s'


def test_line_says_what_is_waited_for_and_when_it_comes(stage: Stage) -> None:
    stage.start()
    for name in 'AB':
        stage.trying(name)
        stage.tried(name, None)
    stage.progress(events.Waiting(2.5, ('A', 'B')))
    line = '0 of 19 Jobs done, 2 waiting; next A (try 2 of 3) in {} s and 1 more'
    assert stage.line == line.format(3)
    stage.clock.advance(1)
    assert stage.line == line.format(2)
    stage.clock.advance(1.5)
    stage.trying('A', 2)
    assert stage.line == '0 of 19 Jobs done, 1 waiting; A (try 2 of 3)'
    stage.tried('A', None, 2)
    assert stage.line == '0 of 19 Jobs done, 2 waiting'


def test_wait_is_over_if_the_run_ends(stage: Stage) -> None:
    stage.start().trying('A')
    stage.tried('A', None)
    stage.progress(events.Waiting(60, ('A',)))
    stage.job_ended('A', Outcome.FAILED)
    assert stage.line == '0 of 19 Jobs done, 1 failed'


def test_oldest_of_several_tries_is_named(stage: Stage) -> None:
    stage.start()
    for name in 'ABCD':
        stage.trying(name)
        stage.clock.advance(60)
    assert stage.line == '0 of 19 Jobs done; A for 4 min 0 s and 3 more'
    stage.tried('A')
    assert stage.line == '1 of 19 Jobs done; B for 3 min 0 s and 2 more'


def test_line_says_after_ctrl_c_what_is_waited_for(stage: Stage) -> None:
    stage.start().trying('A')
    stage.trying('B')
    stage.progress.interrupted()
    stage.clock.advance(5)
    expected = 'Interrupted, waits for A for 5 s and 1 more; Ctrl-C again gives up'
    assert stage.line == expected
    stage.tried('A', None)
    stage.tried('B')
    assert stage.line == 'Interrupted; Ctrl-C again gives up'
    stage.progress(events.Waiting(9, ('A',)))
    assert stage.line == 'Interrupted; Ctrl-C again gives up'


def test_event_of_another_kind_changes_nothing(stage: Stage) -> None:
    stage.start().progress(events.Event())
    assert stage.line == '0 of 19 Jobs done'


# How it fits.


@pytest.mark.parametrize(
    ('columns', 'line'),
    [
        (46, '0 of 19 Jobs done; Installation for 5 s'),
        (39, '0 of 19 Jobs done; Installa... for 5 s'),
        (20, '0 of 19 Jobs don...'),
    ],
)
def test_name_gives_way_to_what_must_be_read(stage: Stage, columns: int, line: str) -> None:
    stage.terminal.resize(10, columns)
    stage.start().trying('Installation')
    stage.clock.advance(5)
    assert stage.line == line


def test_hostile_name_does_not_move_the_cursor(stage: Stage) -> None:
    stage.start().trying('a\nb\x1b[2J\r')
    assert stage.line == '0 of 19 Jobs done; a\\nb\\x1b[2J\\r'


def test_secrets_are_masked(stage: Stage) -> None:
    stage.progress = stage.make(lambda text: text.replace('s3cret', '*****'))
    stage.start().trying('Log in s3cret')
    assert stage.line == '0 of 19 Jobs done; Log in *****'


# When there is none.


def test_stream_that_is_no_terminal_gets_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, 'stderr', stream)
    stage.progress(events.RunStarted((DummyJob,), False))
    stage.trying('A')
    stage.end()
    assert stream.getvalue() == ''


def test_run_within_a_run_has_none(stage: Stage) -> None:
    stage.start().trying('A')
    outer = stage.progress
    stage.progress = stage.make()
    stage.start(1).trying('B')
    stage.end()
    assert stage.terminal.received == b''
    stage.progress = outer
    assert stage.line == '0 of 19 Jobs done; A'


def test_end_comes_once_and_is_the_end(stage: Stage) -> None:
    stage.progress.close()
    stage.start().trying('A')
    stage.end()
    stage.progress.close()
    stage.trying('B')
    assert stage.progress._line is None


# In a run, with its thread.

SCRIPT = """
import os, subprocess, sys, tempfile
from dojobber import DoJobber, DummyJob, Job, RunonlyJob

class Oil(DummyJob):
    def Check(self):
        print('Oil: ', end='', file=sys.stderr, flush=True)
        input()  # until the line was seen

class Kettle(RunonlyJob):
    DEPS = (Oil,)
    def Run(self):
        print('heating', file=sys.stderr)
        print('stdout', flush=True)
        subprocess.run(['sh', '-c', 'echo child; echo of the kettle >&2'])
        with tempfile.TemporaryFile() as file:
            saved = os.dup(2)
            os.dup2(file.fileno(), 2)
            print('one warning', file=sys.stderr)
            input()
            os.dup2(saved, 2)
            file.seek(0)
            print(file.read(), file=sys.stderr)
        raise ValueError('cold')
    def Cleanup(self):
        input()
        END

dojob = DoJobber()
dojob.configure(Kettle, verbose=True, progress=True, summary=True, default_tries=1)
dojob.checknrun()
"""
TEXT = [
    *('Oil: Oil.check: pass', 'Kettle.check: fail', 'heating', 'stdout', 'child'),
    *('of the kettle', "b'one warning\\n'", 'Kettle.run: fail', 'Kettle.recheck: fail "cold"'),
]


LAST = '1 of 2 Jobs done, 1 failed; Kettle.cleanup'


def run(end: str) -> Terminal:
    """Run the script on a terminal; each part of it goes on when the line has named it."""
    terminal = Terminal(rows=6)
    command = [sys.executable, '-c', SCRIPT.replace('END', end)]
    environment = {**os.environ, 'TERM': 'xterm', 'PYTHON_COLORS': '0'}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=terminal.theirs,
        stderr=terminal.theirs,
        cwd=REPOSITORY,
        env=environment,
        bufsize=0,
    ) as process:
        assert process.stdin is not None
        for text in ('0 of 2 Jobs done; Oil.check', '1 of 2 Jobs done; Kettle.run', LAST):
            terminal.read_until(text)
            process.stdin.write(b'\n')
        process.wait()
    terminal.read()
    return terminal


@pytest.mark.parametrize(
    'end',
    sampled(
        [
            *('raise KeyboardInterrupt', 'pass', 'sys.exit()', 'os.closerange(3, 100)'),
            'os.fork() or os._exit(0)',
        ]
    ),
)
def test_text_is_as_without_a_line_which_is_gone_whatever_happens(end: str) -> None:
    terminal = run(end)
    assert terminal.text[: len(TEXT)] == TEXT
    summary = ' '.join(terminal.text[len(TEXT) :][:2])
    assert re.search(r'(^|"" )2 Jobs: 1 ok, 1 failed in ', summary)
    assert ' done' not in ''.join(terminal.screen.rows)
    terminal.screen.show('x\r\n' * 6)
    assert terminal.screen.rows == [*'xxxxx', '']
    terminal.close()

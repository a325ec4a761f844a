"""The line that shows how far a run is."""

from __future__ import annotations

import fcntl
import gc
import io
import logging
import os
import pty
import random
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob, events
from dojobber._output.progress import Progress
from dojobber.outcome import Outcome, Phase
from tests.fakes import FakeClock
from tests.seeds import sampled

REPOSITORY = Path(__file__).resolve().parent.parent.parent
ERASE = '\r\x1b[K'
NOON = 1_700_049_600.0  # of some day, in UTC


class Terminal(io.StringIO):
    """A terminal that remembers when the line was drawn on it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.clock = clock
        self.draws: list[float] = []

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text.startswith(ERASE) and text != ERASE:
            self.draws.append(self.clock())
        return super().write(text)

    @property
    def line(self) -> str:
        """What the row of the cursor shows."""
        return screen(self.getvalue().rpartition('\n')[2], 1000)[-1]


def screen(text: str, columns: int = 80) -> list[str]:
    """Return the rows that a terminal shows."""
    rows, column = [''], 0
    while text:
        character, text = text[0], text[1:]
        if character == '\r':
            column = 0
        elif character == '\n':
            rows.append('')
            column = 0
        elif character == '\x1b':
            assert text.startswith('[K'), repr(text)
            text = text[2:]
            rows[-1] = rows[-1][:column]
        else:
            rows[-1] = f'{rows[-1][:column]:{column}}{character}{rows[-1][column + 1 :]}'
            column += 1
            assert column < columns, 'the next one would go to the next row'
    return rows


class Stage:
    """A Progress that listens to a run that is made up."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.clock = FakeClock()
        self.offset = NOON - self.clock.now
        self.terminal = Terminal(self.clock)
        self.stderr: Any = self.terminal
        self.stdout: Any = io.StringIO()
        self.progress = Progress(self.clock, lambda: self.clock.now + self.offset)

    def place(self) -> None:
        """Put the streams in place; in a fixture would be too early, as pytest comes after it."""
        self.patch.setattr(sys, 'stderr', self.stderr)
        self.patch.setattr(sys, 'stdout', self.stdout)

    def start(self, count: int = 19) -> Stage:
        self.place()
        self.progress(events.RunStarted((DummyJob,) * count, False))
        return self

    def end(self) -> None:
        self.progress(events.RunEnded({}, 1.0))

    def trying(self, name: str) -> None:
        self.progress(events.TryStarted(name, DummyJob, 1, 3))

    def phase(self, name: str, phase: Phase = Phase.RUN) -> None:
        self.progress(events.PhaseStarted(name, DummyJob, 1, 3, phase))

    def phase_ended(self, name: str, phase: Phase = Phase.RUN) -> None:
        self.progress(events.PhaseEnded(name, DummyJob, 1, 3, phase, 'pass', None, None, 1.0))

    def tried(self, name: str, outcome: Outcome | None = Outcome.OK) -> None:
        """End a try, and the Job with it if there is an outcome."""
        not_before = self.clock.now + 3 if outcome is None else None
        self.progress(events.TryEnded(name, DummyJob, 1, 3, True, Phase.CHECK, 2, not_before))
        if outcome is not None:
            self.progress(events.JobEnded(name, DummyJob, True, outcome, None, ()))

    def passes(self, *names: str) -> None:
        for name in names:
            self.trying(name)
            self.tried(name)

    def waits(self, seconds: float) -> None:
        self.progress(events.Waiting(seconds, ()))


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    with monkeypatch.context() as context:
        context.setenv('TZ', 'UTC')
        context.setenv('TERM', 'xterm')
        time.tzset()
        yield Stage(context)
    time.tzset()


# What it says.


def test_line_follows_a_run(stage: Stage) -> None:
    stage.start(3)
    assert stage.terminal.getvalue() == ''
    stage.passes('A')
    stage.clock.advance(2)
    stage.trying('B')
    stage.clock.advance(1)
    stage.phase('B')
    stage.phase_ended('B')
    stage.tried('B', Outcome.CHANGED)
    stage.clock.advance(600)
    stage.trying('C')
    stage.end()
    assert stage.terminal.getvalue().split(ERASE) == [
        '',
        '0 of 3 Jobs done; A since 12:00:00',
        '1 of 3 Jobs done; B since 12:00:02',
        '2 of 3 Jobs done; C since 12:10:03',
        '',
    ]


@pytest.mark.parametrize(
    ('outcomes', 'counts'),
    [
        ([], '0 of 19 Jobs done'),
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
    stage.clock.advance(60)
    stage.trying('Popcorn')
    assert stage.terminal.line == f'{counts}; Popcorn since 12:01:00'


def test_line_says_job_of_one_job(stage: Stage) -> None:
    stage.start(1).trying('A')
    assert stage.terminal.line == '0 of 1 Job done; A since 12:00:00'


def test_line_counts_a_job_as_waiting_until_its_next_try(stage: Stage) -> None:
    stage.start().trying('A')
    stage.tried('A', None)
    stage.waits(3)
    assert stage.terminal.line == '0 of 19 Jobs done, 1 waiting; waits until 12:00:03'
    stage.clock.advance(3)
    stage.trying('A')
    assert stage.terminal.line == '0 of 19 Jobs done; A since 12:00:03'


def test_wait_is_over_once_a_try_starts(stage: Stage) -> None:
    stage.start().waits(3)
    stage.passes('A')
    print('text', file=sys.stderr)
    assert stage.terminal.line == '1 of 19 Jobs done; as of 12:00:00'


def test_job_without_a_next_try_does_not_wait(stage: Stage) -> None:
    stage.start().trying('A')
    stage.progress(events.TryEnded('A', DummyJob, 1, 1, False, Phase.RECHECK, 0, None))
    stage.trying('B')
    assert stage.terminal.line == '0 of 19 Jobs done; B since 12:00:00'


def test_job_that_ends_without_its_next_try_waits_no_more(stage: Stage) -> None:
    stage.start().trying('A')
    stage.tried('A', None)
    stage.progress(events.JobEnded('A', DummyJob, False, Outcome.FAILED, None, ()))
    stage.phase('B', Phase.CLEANUP)
    assert stage.terminal.line == '0 of 19 Jobs done, 1 failed; B.cleanup since 12:00:00'


@pytest.mark.parametrize(
    ('seconds', 'until'),
    [
        (0.2, '12:00:01'),
        (1, '12:00:01'),
        (1.5, '12:00:02'),
        (86400, '12:00:00'),
        (86402, '2023-11-16 12:00'),
        (1e300, '5192-09-29 21:46'),
    ],
)
def test_end_of_a_wait_is_told_as_a_time_not_before_it(
    stage: Stage, seconds: float, until: str
) -> None:
    stage.start().waits(seconds)
    assert stage.terminal.line == f'0 of 19 Jobs done; waits until {until}'


def test_short_wait_is_not_worth_a_draw(stage: Stage) -> None:
    stage.start().waits(0.1)
    assert stage.terminal.getvalue() == ''


def test_cleanup_is_shown_while_it_is_under_way(stage: Stage) -> None:
    stage.start(1).phase('A', Phase.CLEANUP)
    assert stage.terminal.line == '0 of 1 Job done; A.cleanup since 12:00:00'
    stage.phase_ended('A', Phase.CLEANUP)
    print('swept', file=sys.stderr)
    assert stage.terminal.line == '0 of 1 Job done; as of 12:00:00'


def test_phases_that_are_quick_as_a_rule_are_not_worth_a_draw(stage: Stage) -> None:
    stage.start().trying('A')
    before = stage.terminal.getvalue()
    stage.clock.advance(60)
    stage.tried('B')
    for phase in (Phase.INIT, Phase.CHECK, Phase.RECHECK):
        stage.phase('A', phase)
        stage.phase_ended('A', phase)
    assert stage.terminal.getvalue() == before


def test_oldest_of_several_tries_is_named(stage: Stage) -> None:
    stage.start().trying('A')
    for name in 'BCD':
        stage.clock.advance(60)
        stage.trying(name)
    assert stage.terminal.line == '0 of 19 Jobs done; A since 12:00:00 and 3 more'
    stage.waits(60)
    assert stage.terminal.line == '0 of 19 Jobs done; A since 12:00:00 and 3 more'
    stage.tried('A')
    stage.phase('B')
    assert stage.terminal.line == '1 of 19 Jobs done; B since 12:01:00 and 2 more'


def test_oldest_try_stays_named_while_others_come_and_go(stage: Stage) -> None:
    stage.start().trying('A')
    stage.passes(*'BCDEFGHIJ')
    assert stage.terminal.line == '1 of 19 Jobs done; A since 12:00:00 and 1 more'


# How it fits.


def make_wide(stage: Stage, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the terminal so many columns; that of pytest stays as it is."""
    real = os.get_terminal_size
    mine = 7

    def size(descriptor: int) -> os.terminal_size:
        return os.terminal_size((columns, 24)) if descriptor == mine else real(descriptor)

    monkeypatch.setattr(stage.terminal, 'fileno', lambda: mine)
    monkeypatch.setattr(os, 'get_terminal_size', size)


def test_name_gives_way_to_what_must_be_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wide(stage, 45, monkeypatch)
    stage.start().trying('Installation')
    assert stage.terminal.line == '0 of 19 Jobs done; Install... since 12:00:00'
    assert len(stage.terminal.line) == 44


@pytest.mark.parametrize(
    ('columns', 'line'),
    [
        (1000, '0 of 19 Jobs done; Installation since 12:00:00'),
        (47, '0 of 19 Jobs done; Installation since 12:00:00'),
        (46, '0 of 19 Jobs done; Installa... since 12:00:00'),
        (36, '0 of 19 Jobs done; I... since 12...'),
        (20, '0 of 19 Jobs don...'),
        (4, '...'),
        (3, ''),
        (1, ''),
    ],
)
def test_line_never_wraps(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, columns: int, line: str
) -> None:
    make_wide(stage, columns, monkeypatch)
    stage.start().trying('Installation')
    assert stage.terminal.line == line
    assert len(line) < columns


@pytest.mark.parametrize('columns', [None, 0])
def test_width_is_taken_for_80_where_it_is_not_known(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, columns: int | None
) -> None:
    if columns is not None:
        make_wide(stage, columns, monkeypatch)
    stage.start().trying('x' * 1000)
    assert len(stage.terminal.line) == 79


def test_hostile_name_neither_breaks_the_line_nor_moves_the_cursor(stage: Stage) -> None:
    stage.start().trying('a\nb\x1b[2J\r')
    assert stage.terminal.line == '0 of 19 Jobs done; a\\nb\\x1b[2J\\r since 12:00:00'


def test_name_is_escaped_for_an_ascii_terminal(stage: Stage) -> None:
    class Old(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    stream = Old(io.BytesIO(), encoding='ascii', errors='strict')
    stage.stderr = stream
    stage.start().trying('Füße' * 20)
    line = screen(stream.buffer.getvalue().decode('ascii'))[-1]  # type: ignore[attr-defined]
    assert line == '0 of 19 Jobs done; ' + r'F\xfc\xdfe' * 3 + r'F\xfc\xdfeF\... since 12:00:00'
    assert len(line) == 79


# How often it is drawn.


def test_long_run_after_many_quick_jobs_is_shown(stage: Stage) -> None:
    stage.start()
    stage.passes(*(f'Quick{number}' for number in range(18)))
    stage.trying('Long')
    stage.phase('Long')
    assert stage.terminal.line == '18 of 19 Jobs done; Long since 12:00:00'
    assert len(stage.terminal.draws) == 5


def test_long_check_after_many_quick_jobs_leaves_no_wrong_name(stage: Stage) -> None:
    stage.start().passes(*'ABCDEFG')
    stage.trying('Long')
    assert stage.terminal.line == '3 of 19 Jobs done; as of 12:00:00'


def test_wait_after_many_quick_jobs_is_shown(stage: Stage) -> None:
    stage.start().passes(*'ABCDEFG')
    stage.waits(9)
    assert stage.terminal.line == '7 of 19 Jobs done; waits until 12:00:09'


def test_cleanup_after_many_quick_jobs_is_shown(stage: Stage) -> None:
    stage.start().passes(*'ABCDEFG')
    stage.phase('A', Phase.CLEANUP)
    assert stage.terminal.line == '7 of 19 Jobs done; A.cleanup since 12:00:00'


def test_runs_too_quick_to_be_shown_leave_no_wrong_name(stage: Stage) -> None:
    stage.start(99)
    for number in range(50):
        stage.trying(f'Quick{number}')
        stage.phase(f'Quick{number}')
        stage.phase_ended(f'Quick{number}')
        stage.tried(f'Quick{number}', Outcome.CHANGED)
    assert stage.terminal.line == '6 of 99 Jobs done; as of 12:00:00'
    assert len(stage.terminal.draws) == 10
    stage.clock.advance(1)
    stage.trying('Long')
    assert stage.terminal.line == '50 of 99 Jobs done; Long since 12:00:01'


def test_text_of_a_long_run_after_many_quick_jobs_leaves_the_line(stage: Stage) -> None:
    stage.start().passes(*(f'Quick{number}' for number in range(18)))
    stage.trying('Long')
    stage.phase('Long')
    for _ in range(3):
        print('gone so far', file=sys.stderr)
        assert stage.terminal.line == '18 of 19 Jobs done; Long since 12:00:00'
    print('too fast', file=sys.stderr)
    assert stage.terminal.line == ''
    stage.tried('Long')
    stage.trying('Other')
    assert stage.terminal.line == ''
    stage.clock.advance(1)
    print('slow again', file=sys.stderr)
    assert stage.terminal.line == '19 of 19 Jobs done; Other since 12:00:00'


def test_text_of_quick_jobs_leaves_draws_for_a_long_run(stage: Stage) -> None:
    stage.start()
    for number in range(18):
        stage.passes(f'Quick{number}')
        print('quick', file=sys.stderr)
    stage.trying('Long')
    stage.phase('Long')
    assert stage.terminal.line == '18 of 19 Jobs done; Long since 12:00:00'
    stage.phase_ended('Long')
    before = len(stage.terminal.draws)
    print('Long.run: pass', file=sys.stderr)
    assert len(stage.terminal.draws) == before


def test_same_line_is_not_drawn_again(stage: Stage) -> None:
    stage.start().trying('A')
    stage.phase('A')
    assert stage.terminal.getvalue() == f'{ERASE}0 of 19 Jobs done; A since 12:00:00'


@pytest.mark.parametrize('seed', range(30))
def test_line_is_drawn_ten_times_a_second_and_names_no_job_that_is_over(
    stage: Stage, seed: int
) -> None:
    chance = random.Random(seed)
    pace = chance.choice([0.001, 0.03, 0.1, 1])
    stage.start(100)
    for number in range(100):
        name = f'Job{number}'
        stage.clock.advance(chance.random() * pace)
        if chance.random() < 0.1:
            stage.waits(chance.random() + 0.2)
            assert 'since' not in stage.terminal.line
        stage.trying(name)
        if chance.random() < 0.5:
            stage.clock.advance(chance.random() * pace)
            stage.phase(name)
        for _ in range(chance.randrange(3)):
            print('text', file=sys.stderr)
        assert 'waits' not in stage.terminal.line
        if 'since' in stage.terminal.line:
            assert f'; {name} since ' in stage.terminal.line
        stage.phase_ended(name)
        stage.tried(name, chance.choice([Outcome.OK, Outcome.FAILED, None]))
    draws = stage.terminal.draws
    assert all(later - earlier > 0.999 for earlier, later in zip(draws, draws[10:]))
    assert pace < 1 or len(draws) > 50


# How it makes way.


def test_line_makes_way_for_text_and_comes_back_after_it(stage: Stage) -> None:
    stage.start().trying('A')
    line = '0 of 19 Jobs done; A since 12:00:00'
    assert sys.stderr.write('one\n') == 4
    sys.stderr.writelines(['two\n', 'three\n'])
    expected = ['', line, 'one\n', line, 'two\n', line, 'three\n']
    assert stage.terminal.getvalue().split(ERASE) == expected
    stage.end()
    assert screen(stage.terminal.getvalue()) == ['one', 'two', 'three', '']


def test_line_stays_away_until_a_line_of_text_is_complete(stage: Stage) -> None:
    stage.start().trying('A')
    print('popping', end='', file=sys.stderr)
    stage.clock.advance(60)
    stage.phase('A')
    print(' ...', end='', file=sys.stderr)
    assert stage.terminal.line == 'popping ...'
    print(' done', file=sys.stderr)
    assert screen(stage.terminal.getvalue()) == [
        'popping ... done',
        '0 of 19 Jobs done; A since 12:00:00',
    ]


def test_empty_text_changes_nothing(stage: Stage) -> None:
    stage.start().trying('A')
    before = stage.terminal.getvalue()
    assert sys.stderr.write('') == 0
    assert stage.terminal.getvalue() == before


def test_text_that_is_none_raises_as_ever(stage: Stage) -> None:
    stage.start().trying('A')
    with pytest.raises(TypeError, match='startswith|attribute|must be str'):
        sys.stderr.write(b'bytes')  # type: ignore[arg-type]


def test_text_on_stdout_is_made_way_for_where_that_is_a_terminal(stage: Stage) -> None:
    written: list[str] = []

    class Stdout(Terminal):
        def write(self, text: str) -> int:
            written.append(stage.terminal.line)
            return len(text)

    stage.stdout = Stdout()
    stage.start().trying('A')
    print('to stdout')
    assert written == ['', '']
    assert stage.terminal.line == '0 of 19 Jobs done; A since 12:00:00'


def test_what_stdout_holds_back_comes_before_the_line(stage: Stage) -> None:
    below = stage.terminal.write

    class Raw(io.BytesIO):
        def write(self, data: Any) -> int:
            return below(bytes(data).decode())

    class Stdout(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    stream = Stdout(io.BufferedWriter(Raw()), encoding='utf-8')
    stage.stdout = stream
    stage.start().trying('A')
    print('held back')
    stream.flush()
    rows = screen(stage.terminal.getvalue())
    assert rows == ['held back', '0 of 19 Jobs done; A since 12:00:00']


def test_text_on_stdout_elsewhere_is_no_concern(stage: Stage) -> None:
    stage.start().trying('A')
    before = stage.terminal.getvalue()
    print('to a file')
    assert stage.terminal.getvalue() == before
    assert 'write' not in vars(sys.stdout)


def test_one_stream_for_both_is_made_way_for_once(stage: Stage) -> None:
    stage.stdout = stage.terminal
    stage.start().trying('A')
    print('half', end='')
    print(' whole', file=sys.stderr)
    assert stage.terminal.getvalue().count(ERASE) == 3
    stage.end()
    assert screen(stage.terminal.getvalue()) == ['half whole', '']
    assert 'write' not in vars(stage.terminal)


def test_log_handler_made_before_the_run_is_made_way_for(stage: Stage) -> None:
    handler = logging.StreamHandler(stage.terminal)
    stage.start().trying('A')
    handler.emit(logging.makeLogRecord({'msg': 'watch out'}))
    assert screen(stage.terminal.getvalue()) == [
        'watch out',
        '0 of 19 Jobs done; A since 12:00:00',
    ]


def test_job_may_put_another_stderr_in_place(stage: Stage) -> None:
    stage.start().trying('A')
    sys.stderr = mine = io.StringIO()
    print('mine', file=sys.stderr)
    stage.clock.advance(1)
    stage.trying('B')
    stage.end()
    assert sys.stderr is mine
    assert mine.getvalue() == 'mine\n'
    assert screen(stage.terminal.getvalue()) == ['']
    assert 'write' not in vars(stage.terminal)


# How it ends.


def test_stream_is_as_it_was_at_the_end(stage: Stage) -> None:
    before = set(vars(stage.terminal))
    stage.start().trying('A')
    held = sys.stderr.write
    stage.end()
    assert sys.stderr is stage.terminal
    assert set(vars(stage.terminal)) == before
    held('still works\n')
    assert screen(stage.terminal.getvalue()) == ['still works', '']


def test_write_that_was_set_before_is_set_again(stage: Stage) -> None:
    texts: list[str] = []
    stage.terminal.write = texts.append  # type: ignore[assignment]
    stage.start().trying('A')
    print('text', file=sys.stderr)
    stage.end()
    assert stage.terminal.write == texts.append  # type: ignore[comparison-overlap]
    assert ''.join(texts).split(ERASE)[2:3] == ['text\n']


def test_write_that_a_job_has_set_stays(stage: Stage) -> None:
    stage.start().trying('A')
    below = stage.terminal.write
    theirs = lambda text: below(text.upper())  # noqa: E731
    stage.terminal.write = theirs
    stage.end()
    assert vars(stage.terminal)['write'] is theirs
    print('text', file=sys.stderr)
    assert screen(stage.terminal.getvalue()) == ['TEXT', '']


def test_write_that_was_put_back_by_mistake_is_no_obstacle(stage: Stage) -> None:
    stage.start().trying('A')
    ours = stage.terminal.write
    stage.end()
    stage.terminal.write = ours
    stage.progress = Progress()
    stage.start().trying('B')
    assert stage.terminal.line.startswith('0 of 19 Jobs done; B since ')
    stage.end()
    assert stage.terminal.line == ''


def test_end_holds_for_text_that_is_just_being_written(stage: Stage) -> None:
    stage.start().trying('A')
    line = stage.progress._line
    stage.end()
    assert stage.terminal.line == ''
    assert 'write' not in vars(stage.terminal)
    assert line is not None
    line.put_back()
    assert stage.terminal.line == ''


def test_nothing_is_drawn_after_the_end(stage: Stage) -> None:
    stage.start().trying('A')
    stage.end()
    before = stage.terminal.getvalue()
    stage.phase('A', Phase.CLEANUP)
    stage.phase_ended('A', Phase.CLEANUP)
    stage.start()
    stage.trying('B')
    stage.end()
    stage.progress.close()
    assert stage.terminal.getvalue() == before


def test_end_without_a_beginning_is_the_end(stage: Stage) -> None:
    stage.trying('A')
    stage.end()
    stage.start()
    stage.trying('A')
    assert stage.terminal.getvalue() == ''


def test_interrupt_in_the_midst_of_it_is_the_end(stage: Stage) -> None:
    stage.start().trying('A')

    def interrupt() -> float:
        raise KeyboardInterrupt

    stage.progress._line._clock = interrupt  # type: ignore[union-attr]
    with pytest.raises(KeyboardInterrupt):
        stage.trying('B')
    assert screen(stage.terminal.getvalue()) == ['']
    assert 'write' not in vars(stage.terminal)
    stage.trying('C')
    assert screen(stage.terminal.getvalue()) == ['']


def test_progress_that_is_dropped_leaves_the_screen_clean(stage: Stage) -> None:
    stage.start().trying('A')
    held = sys.stderr.write
    stage.progress = Progress()
    gc.collect()
    assert screen(stage.terminal.getvalue()) == ['']
    assert 'write' not in vars(stage.terminal)
    held('text\n')
    assert screen(stage.terminal.getvalue()) == ['text', '']


def test_run_within_a_run_draws_no_second_line(stage: Stage) -> None:
    stage.start().trying('A')
    before = stage.terminal.getvalue()
    inner = Progress()
    inner(events.RunStarted((DummyJob,), False))
    inner(events.TryStarted('B', DummyJob, 1, 3))
    inner(events.RunEnded({}, 1.0))
    assert stage.terminal.getvalue() == before
    print('text', file=sys.stderr)
    assert stage.terminal.line == '0 of 19 Jobs done; A since 12:00:00'


def test_forked_child_draws_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.start().trying('A')
    monkeypatch.setattr(os, 'getpid', lambda: 1)
    print('of the child', file=sys.stderr)
    stage.trying('B')
    assert screen(stage.terminal.getvalue()) == ['of the child', '']


# Where there is none.


class Untold(Terminal):
    """A stream that can't say what it is."""

    def isatty(self) -> bool:
        raise ValueError('closed')


@pytest.mark.parametrize('stream', [None, io.StringIO(), Untold(), object()])
def test_stream_that_is_no_terminal_gets_nothing(stage: Stage, stream: Any) -> None:
    stage.stderr = stream
    stage.start().trying('A')
    stage.end()
    assert not isinstance(stream, io.StringIO) or stream.getvalue() == ''
    assert 'write' not in getattr(stream, '__dict__', {})


def test_dumb_terminal_gets_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('TERM', 'dumb')
    stage.start().trying('A')
    assert stage.terminal.getvalue() == ''


def test_terminal_that_comes_later_gets_nothing(stage: Stage) -> None:
    stage.stderr = io.StringIO()
    stage.start()
    stage.stderr = stage.terminal
    stage.place()
    stage.trying('A')
    assert stage.terminal.getvalue() == ''


class Broken(Terminal):
    """A terminal whose window was closed."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(text)


def test_terminal_that_breaks_costs_nothing(stage: Stage) -> None:
    stage.stderr = Broken()
    stage.start().trying('A')
    with pytest.raises(BrokenPipeError, match='text'):
        sys.stderr.write('text')
    stage.phase('A')
    stage.end()
    assert 'write' not in vars(sys.stderr)


def test_terminal_that_is_closed_costs_nothing(stage: Stage) -> None:
    stage.start().trying('A')
    stage.terminal.close()
    stage.phase('A')
    stage.end()
    assert 'write' not in vars(stage.terminal)


def test_stdout_that_is_closed_keeps_no_line_on_the_screen(stage: Stage) -> None:
    class Stdout(Terminal):
        def flush(self) -> None:
            if happened:
                raise ValueError('I/O operation on closed file.')

    happened: list[str] = []
    stage.stdout = Stdout()
    stage.start().trying('A')
    happened.append('closed')
    sys.stderr.write('text\n')
    stage.end()
    assert screen(stage.terminal.getvalue()) == ['text', '']


def test_state_that_another_thread_changes_costs_no_text(stage: Stage) -> None:
    class Changing(dict):  # type: ignore[type-arg]
        def values(self) -> Any:
            raise RuntimeError('dictionary changed size during iteration')

    stage.start().trying('A')
    stage.progress._state._trying = Changing()
    sys.stderr.write('text\n')
    assert screen(stage.terminal.getvalue()) == ['text', '']


# On a real one.

SCRIPT = """
import logging
import signal
import sys
from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from tests.fakes import FakeClock

logging.basicConfig(format='%(levelname)s %(message)s')

class Oil(DummyJob):
    pass

class Kettle(RunonlyJob):
    DEPS = (Oil,)
    def Run(self):
        print('heating', end='', file=sys.stderr, flush=True)
        print(' up', file=sys.stderr)
        logging.warning('hot')
        print('on', end=' ', flush=True)
        print('stdout')
    def Cleanup(self):
        print('scrubbing', file=sys.stderr)
        print('no end', end='', file=sys.stderr, flush=True)

class Füße(RunonlyJob):
    DEPS = (Kettle,)
    TRIES = 2
    RETRY_DELAY = 60
    def Run(self):
        STOP
        raise ValueError('cold')

class Popcorn(DummyJob):
    DEPS = (Kettle, Füße)

dojob = FakeClock().drive(DoJobber())
dojob.configure(Popcorn, verbose=VERBOSE, progress=PROGRESS)
dojob.checknrun()
print('all over')
"""


def command(progress: bool, verbose: bool = True, stop: str = 'pass') -> list[str]:
    script = SCRIPT.replace('VERBOSE', str(verbose)).replace('PROGRESS', str(progress))
    return [sys.executable, '-X', 'utf8', '-c', script.replace('STOP', stop)]


def on_terminal(command: list[str], columns: int = 70, **options: Any) -> str:
    """Run a program whose stderr, and stdout unless told otherwise, is a terminal."""
    own, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    # Python 3.13 has colours of its own for stack traces, with escapes that are not ours.
    plain = {'TERM': 'xterm', 'TZ': 'UTC', 'PYTHON_COLORS': '0'}
    environment = {**os.environ, **plain, **options.pop('env', {})}
    options = {'stdin': subprocess.DEVNULL, 'stdout': theirs, **options}
    received = b''
    with subprocess.Popen(
        command, stderr=theirs, cwd=REPOSITORY, env=environment, **options
    ) as process:
        os.close(theirs)
        while data := read(own):
            received += data
        assert process.wait() in (0, 1, -2, 130)
    os.close(own)
    return received.decode()


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # as Linux tells that the other end was closed
        return b''


@pytest.mark.parametrize('verbose', sampled([False, True]))
@pytest.mark.parametrize('stdout', sampled([None, subprocess.DEVNULL]))
def test_final_screen_is_as_without_progress(verbose: bool, stdout: int | None) -> None:
    options = {} if stdout is None else {'stdout': stdout}
    plain = on_terminal(command(False, verbose), **options)
    shown = on_terminal(command(True, verbose), **options)
    assert ERASE not in plain
    assert 'scrubbing' in plain
    assert screen(shown, 70) == screen(plain, 70)
    assert '0 of 4 Jobs done; Oil since ' in shown
    assert verbose or '2 of 4 Jobs done, 1 waiting; waits until ' in shown


@pytest.mark.parametrize('verbose', sampled([False, True]))
def test_final_screen_is_as_without_progress_after_ctrl_c(verbose: bool) -> None:
    # The rows of a stack trace are as long as the path of the checkout makes them.
    stop = 'sys.tracebacklimit = 0; signal.raise_signal(signal.SIGINT)'
    plain = on_terminal(command(False, verbose, stop))
    shown = on_terminal(command(True, verbose, stop))
    assert screen(shown, 70) == screen(plain, 70)
    assert screen(shown, 70)[-2:] == ['no endKeyboardInterrupt', '']
    assert verbose or '2 of 4 Jobs done; Kettle.cleanup since ' in shown


def test_final_screen_is_as_without_progress_if_a_job_replaces_stderr() -> None:
    stop = "sys.stderr = open('/dev/null', 'w')"
    plain = on_terminal(command(False, stop=stop))
    shown = on_terminal(command(True, stop=stop))
    assert 'scrubbing' not in plain
    assert screen(shown, 70) == screen(plain, 70)


def test_line_is_shortened_to_the_width_of_the_terminal() -> None:
    shown = on_terminal(command(True, verbose=False), columns=34)
    assert '0 of 4 Jobs done; Oil since ' in shown
    assert max(map(len, shown.split(ERASE))) < 100
    screen(shown, 34)


@pytest.mark.parametrize('environment', [{'TERM': 'dumb'}, {'PYTHONUNBUFFERED': '1'}])
def test_environment_is_heeded(environment: dict[str, str]) -> None:
    plain = on_terminal(command(False), env=environment)
    shown = on_terminal(command(True), env=environment)
    assert screen(shown, 70) == screen(plain, 70)
    assert (ERASE in shown) == ('TERM' not in environment)


def test_bytes_are_the_same_where_there_is_no_terminal() -> None:
    done = [
        subprocess.run(command(each), cwd=REPOSITORY, capture_output=True) for each in (False, True)
    ]
    assert done[0].stderr == done[1].stderr
    assert done[0].stdout == done[1].stdout == b'on stdout\nall over\n'


def test_dojobber_makes_one_for_each_run(stage: Stage) -> None:
    class Fine(RunonlyJob):
        def Run(self) -> None:
            print('fine', file=sys.stderr)

    class Wants(Job):
        DEPS = (Fine,)

        def Check(self) -> None:
            pass

    stage.place()
    dojob = DoJobber()
    dojob.configure(Wants, progress=True)
    dojob.checknrun()
    dojob.checknrun()
    assert stage.terminal.getvalue().count('0 of 2 Jobs done; Fine since ') == 4
    assert screen(stage.terminal.getvalue()) == ['fine', 'fine', '']

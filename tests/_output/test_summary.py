"""The summary: whole texts, how wide they are, how much work they are, and where they go."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, GiveUp, Job, RunonlyJob
from dojobber._output.summary import summary
from dojobber._output.text import display_width, escape
from dojobber._own_code import PACKAGE
from dojobber.events import Event, TryStarted
from tests.fakes import FakeClock
from tests.seeds import sampled

#: A file of Jobs: what is said of it has its lines.
KITCHEN = """\
import subprocess
from dojobber import DummyJob, Job, RunonlyJob

class Kettle(Job):
    TRIES = 2
    RETRY_DELAY = 1.25

    def Check(self):
        raise ValueError('the water is cold, and so is the stove')

    def Run(self):
        command = ['boil', '--all', '--until', 'hot']
        raise subprocess.CalledProcessError(3, command, b'', b'try 1\\ntry 2\\ntry 3\\nno gas\\n')

class Sink(RunonlyJob):
    TRIES = 1

    def Run(self):
        error = RuntimeError('the tap is shut')
        error.__notes__ = ['ask the neighbour']
        raise error

class Table(Job):
    TRIES = 1

    def Check(self):
        assert 1 + 1 == 3

class Chair(DummyJob):
    TRIES = 1

    def __init__(self):
        {}['leg']

class Oven(Job):
    TRIES = 1

    def Check(self):
        self.open()

    def Run(self):
        raise subprocess.TimeoutExpired('light', 5, output='a\\nb\\n', stderr='')

    def open(self):
        raise LookupError

class Door(DummyJob):
    def Check(self):
        return False

class Bell(DummyJob):
    def Check(self):
        raise KeyboardInterrupt

class Bowl(RunonlyJob):
    def Run(self):
        pass

    def Cleanup(self):
        pass

class Dough(Bowl):
    DEPS = (Bowl,)

    def Cleanup(self):
        raise OSError('it sticks to everything that it has ever touched')

GUESTS = tuple(DummyJob.clone(f'Guest{number}', DEPS=(Kettle,)) for number in range(120))

class Tea(DummyJob):
    DEPS = (Door, Kettle, *GUESTS)

class Party(DummyJob):
    DEPS = (Door, Kettle, *GUESTS, Sink, Table, Chair, Oven)

class Furniture(DummyJob):
    DEPS = (Table, Chair, Oven, Sink)

class Home(DummyJob):
    DEPS = (Table, Bell, Dough)

class Bakery(DummyJob):
    DEPS = (Dough, Door)
"""


@pytest.fixture(autouse=True)
def _places_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show this module by its name, however long the path of the checkout is."""
    monkeypatch.chdir(Path(__file__).parent)


@pytest.fixture
def kitchen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the Jobs of the file, which is in the current directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'kitchen.py'
    path.write_text(KITCHEN)
    names: dict[str, Any] = {'__name__': 'kitchen'}
    exec(compile(KITCHEN, str(path), 'exec'), names)
    return names


def text(root: type[Job], width: int, colours: bool = False, **options: Any) -> str:
    dojob = FakeClock().drive(DoJobber())
    dojob.configure(root, **options)
    with contextlib.suppress(KeyboardInterrupt, OSError):
        dojob.checknrun()
    report = dojob.report()
    return summary(report.jobs, report.seconds, width, colours)


#: By a Job of the kitchen, no_act and the width: the summary.
TEXTS = {
    ('Party', False, 40): """\
127 Jobs: 1 ok, 5 failed, 121 blocked
  in 1.2 s, 7 tries
Kettle failed after 2 tries
  run: kitchen.py:13:
    CalledProcessError: Command boil
    --all --until hot returned non-zero
    exit status 3.
    | try 1
    | try 2
    | try 3
    | no gas
  recheck: kitchen.py:9: ValueError: the
    water is cold, and so is the stove
  blocks 121 Jobs: Guest0 and 120 more
Sink failed after 1 try
  run: kitchen.py:21: RuntimeError: the
    tap is shut
    note: ask the neighbour
  blocks 1 Job: Party
Also failed: Table, Chair, Oven
Passed with a result of False:
    Door
""",
    ('Party', False, 80): """\
127 Jobs: 1 ok, 5 failed, 121 blocked in 1.2 s, 7 tries
Kettle failed after 2 tries
  run: kitchen.py:13: CalledProcessError: Command boil --all --until hot
    returned non-zero exit status 3.
    | try 1
    | try 2
    | try 3
    | no gas
  recheck: kitchen.py:9: ValueError: the water is cold, and so is the stove
  blocks 121 Jobs: Guest0, Guest1, Guest2, Guest3, Guest4, Guest5 and 115 more
Sink failed after 1 try
  run: kitchen.py:21: RuntimeError: the tap is shut
    note: ask the neighbour
  blocks 1 Job: Party
Table failed after 1 try
  recheck: kitchen.py:27: AssertionError (assert 1 + 1 == 3)
  blocks 1 Job: Party
Also failed: Chair, Oven
Passed with a result of False: Door
""",
    ('Party', False, 120): """\
127 Jobs: 1 ok, 5 failed, 121 blocked in 1.2 s, 7 tries
Kettle failed after 2 tries
  run: kitchen.py:13: CalledProcessError: Command boil --all --until hot returned non-zero exit status 3.
    | try 1
    | try 2
    | try 3
    | no gas
  recheck: kitchen.py:9: ValueError: the water is cold, and so is the stove
  blocks 121 Jobs: Guest0, Guest1, Guest2, Guest3, Guest4, Guest5, Guest6, Guest7, Guest8, Guest9, Guest10 and 110 more
Sink failed after 1 try
  run: kitchen.py:21: RuntimeError: the tap is shut
    note: ask the neighbour
  blocks 1 Job: Party
Table failed after 1 try
  recheck: kitchen.py:27: AssertionError (assert 1 + 1 == 3)
  blocks 1 Job: Party
Also failed: Chair, Oven
Passed with a result of False: Door
""",  # noqa: E501
    ('Furniture', False, 40): """\
5 Jobs: 4 failed, 1 blocked in 0.0 s,
  4 tries
Table failed after 1 try
  recheck: kitchen.py:27: AssertionError
    (assert 1 + 1 == 3)
  blocks 1 Job: Furniture
Chair failed after 1 try
  init: kitchen.py:33: KeyError: 'leg'
  blocks 1 Job: Furniture
Oven failed after 1 try
  run: kitchen.py:42: TimeoutExpired:
    Command 'light' timed out after 5
    seconds
    | a
    | b
  recheck: kitchen.py:39 in Check, via
    kitchen.py:45: LookupError (raise
    LookupError)
  blocks 1 Job: Furniture
Also failed: Sink
""",
    ('Furniture', False, 80): """\
5 Jobs: 4 failed, 1 blocked in 0.0 s, 4 tries
Table failed after 1 try
  recheck: kitchen.py:27: AssertionError (assert 1 + 1 == 3)
  blocks 1 Job: Furniture
Chair failed after 1 try
  init: kitchen.py:33: KeyError: 'leg'
  blocks 1 Job: Furniture
Oven failed after 1 try
  run: kitchen.py:42: TimeoutExpired: Command 'light' timed out after 5 seconds
    | a
    | b
  recheck: kitchen.py:39 in Check, via kitchen.py:45: LookupError (raise
    LookupError)
  blocks 1 Job: Furniture
Sink failed after 1 try
  run: kitchen.py:21: RuntimeError: the tap is shut
    note: ask the neighbour
  blocks 1 Job: Furniture
""",
    ('Furniture', False, 120): """\
5 Jobs: 4 failed, 1 blocked in 0.0 s, 4 tries
Table failed after 1 try
  recheck: kitchen.py:27: AssertionError (assert 1 + 1 == 3)
  blocks 1 Job: Furniture
Chair failed after 1 try
  init: kitchen.py:33: KeyError: 'leg'
  blocks 1 Job: Furniture
Oven failed after 1 try
  run: kitchen.py:42: TimeoutExpired: Command 'light' timed out after 5 seconds
    | a
    | b
  recheck: kitchen.py:39 in Check, via kitchen.py:45: LookupError (raise LookupError)
  blocks 1 Job: Furniture
Sink failed after 1 try
  run: kitchen.py:21: RuntimeError: the tap is shut
    note: ask the neighbour
  blocks 1 Job: Furniture
""",
    ('Home', False, 40): """\
5 Jobs: 1 failed, 1 blocked,
  1 interrupted, 2 not run in 0.0 s,
  2 tries
Bell was interrupted in try 1
  check: kitchen.py:53:
    KeyboardInterrupt (raise
    KeyboardInterrupt)
Table failed after 1 try
  recheck: kitchen.py:27: AssertionError
    (assert 1 + 1 == 3)
  blocks 1 Job: Home
""",
    ('Home', False, 80): """\
5 Jobs: 1 failed, 1 blocked, 1 interrupted, 2 not run in 0.0 s, 2 tries
Bell was interrupted in try 1
  check: kitchen.py:53: KeyboardInterrupt (raise KeyboardInterrupt)
Table failed after 1 try
  recheck: kitchen.py:27: AssertionError (assert 1 + 1 == 3)
  blocks 1 Job: Home
""",
    ('Home', False, 120): """\
5 Jobs: 1 failed, 1 blocked, 1 interrupted, 2 not run in 0.0 s, 2 tries
Bell was interrupted in try 1
  check: kitchen.py:53: KeyboardInterrupt (raise KeyboardInterrupt)
Table failed after 1 try
  recheck: kitchen.py:27: AssertionError (assert 1 + 1 == 3)
  blocks 1 Job: Home
""",
    ('Bakery', False, 40): """\
4 Jobs: 2 ok, 2 changed in 0.0 s,
  4 tries
Dough could not be cleaned up
  cleanup: kitchen.py:66: OSError: it
    sticks to everything that it has
    ever touched
Cleanups still due: Bowl
Changed: Bowl, Dough
Passed with a result of False:
    Door
""",
    ('Bakery', False, 80): """\
4 Jobs: 2 ok, 2 changed in 0.0 s, 4 tries
Dough could not be cleaned up
  cleanup: kitchen.py:66: OSError: it sticks to everything that it has ever
    touched
Cleanups still due: Bowl
Changed: Bowl, Dough
Passed with a result of False: Door
""",
    ('Bakery', False, 120): """\
4 Jobs: 2 ok, 2 changed in 0.0 s, 4 tries
Dough could not be cleaned up
  cleanup: kitchen.py:66: OSError: it sticks to everything that it has ever touched
Cleanups still due: Bowl
Changed: Bowl, Dough
Passed with a result of False: Door
""",
    ('Party', True, 40): """\
127 Jobs: 1 ok, 2 failed, 1 blocked,
  3 would run, 120 might run in 0.0 s,
  6 tries
Table failed after 1 try
  check: kitchen.py:27: AssertionError
    (assert 1 + 1 == 3)
  blocks 1 Job: Party
Chair failed after 1 try
  init: kitchen.py:33: KeyError: 'leg'
  blocks 1 Job: Party
Kettle would run
  check: kitchen.py:9: ValueError: the
    water is cold, and so is the stove
Sink would run
  check: RuntimeError: Runonly node
    check intentionally fails first
    time.
Would run too: Oven
Might run: Guest0, Guest1 and 118 more
Passed with a result of False:
    Door
""",
    ('Party', True, 80): """\
127 Jobs: 1 ok, 2 failed, 1 blocked, 3 would run, 120 might run in 0.0 s,
  6 tries
Table failed after 1 try
  check: kitchen.py:27: AssertionError (assert 1 + 1 == 3)
  blocks 1 Job: Party
Chair failed after 1 try
  init: kitchen.py:33: KeyError: 'leg'
  blocks 1 Job: Party
Kettle would run
  check: kitchen.py:9: ValueError: the water is cold, and so is the stove
Sink would run
  check: RuntimeError: Runonly node check intentionally fails first time.
Oven would run
  check: kitchen.py:39 in Check, via kitchen.py:45: LookupError (raise
    LookupError)
Might run: Guest0, Guest1, Guest2, Guest3, Guest4, Guest5, Guest6 and 113 more
Passed with a result of False: Door
""",
    ('Party', True, 120): """\
127 Jobs: 1 ok, 2 failed, 1 blocked, 3 would run, 120 might run in 0.0 s, 6 tries
Table failed after 1 try
  check: kitchen.py:27: AssertionError (assert 1 + 1 == 3)
  blocks 1 Job: Party
Chair failed after 1 try
  init: kitchen.py:33: KeyError: 'leg'
  blocks 1 Job: Party
Kettle would run
  check: kitchen.py:9: ValueError: the water is cold, and so is the stove
Sink would run
  check: RuntimeError: Runonly node check intentionally fails first time.
Oven would run
  check: kitchen.py:39 in Check, via kitchen.py:45: LookupError (raise LookupError)
Might run: Guest0, Guest1, Guest2, Guest3, Guest4, Guest5, Guest6, Guest7, Guest8, Guest9, Guest10, Guest11 and 108 more
Passed with a result of False: Door
""",  # noqa: E501
}


@pytest.mark.parametrize(('job', 'no_act', 'width'), list(TEXTS))
def test_summary_reads(kitchen: dict[str, Any], job: str, no_act: bool, width: int) -> None:
    assert f'{text(kitchen[job], width, no_act=no_act)}\n' == TEXTS[job, no_act, width]


@pytest.mark.parametrize('width', sampled([80, 40, 120]))
def test_summary_fits_on_a_screen(kitchen: dict[str, Any], width: int) -> None:
    class Chatty(Exception):
        __notes__ = ['note after note ' * 100] * 100

        def __str__(self) -> str:
            return 'word after word ' * 100

    class Talks(Job):
        TRIES = 1

        def Check(self) -> None:
            raise Chatty

        def Run(self) -> None:
            raise subprocess.CalledProcessError(1, 'x ' * 1000, 'out\n' * 1000, 'err\n' * 1000)

    talking = [Talks.clone(f'Talks{number}') for number in range(100)]
    blocked = [DummyJob.clone(f'Blocked{number}', DEPS=tuple(talking)) for number in range(99)]
    root = DummyJob.clone('Root', DEPS=(kitchen['Door'], *blocked))
    lines = text(root, width).splitlines()
    assert len(lines) <= 23
    assert lines[0].startswith('201 Jobs: 1 ok, 100 failed, 100 blocked')
    assert 'Talks0 failed after 1 try' in lines
    assert 'returned non-zero exit status 1' in ' '.join(' '.join(lines).split())
    assert any('note after note' in line for line in lines)
    assert '    ...' in lines
    (also,) = [line for line in lines if line.startswith('Also failed: Talks1')]
    assert also.endswith(' more')


def test_job_that_is_told_of_alone_is_told_whole_as_far_as_the_screen_goes() -> None:
    class Wordy(subprocess.CalledProcessError):
        __notes__ = ['one', 'two', 'three', 'four']

    class Talks(Job):
        TRIES = 1

        def Check(self) -> None:
            raise Wordy(1, 'command ' * 100, '1\n2\n3\n')

        Run = Check

    lines = text(DummyJob.clone('Root', DEPS=(Talks,)), 80).splitlines()
    assert lines[1] == 'Talks failed after 1 try'
    assert lines[-1] == '  blocks 1 Job: Root'
    assert len(lines) == 18
    assert [line for line in lines if '|' in line][:3] == ['    | 1', '    | 2', '    | 1']
    assert lines.count('    ...') == 2


def test_summary_of_a_success_is_a_line_and_what_changed() -> None:
    class Changes(RunonlyJob):
        def Run(self) -> None:
            pass

    assert text(DummyJob, 80) == '1 Job: 1 ok in 0.0 s, 1 try'
    root = DummyJob.clone('Root', DEPS=(DummyJob, Changes))
    assert text(root, 80).splitlines() == [
        '3 Jobs: 2 ok, 1 changed in 0.0 s, 3 tries',
        'Changed: Changes',
    ]


@pytest.mark.parametrize('width', [20, 40, 80])
def test_all_that_changed_is_named_as_far_as_there_is_room(width: int) -> None:
    class Changes(RunonlyJob):
        def Run(self) -> None:
            pass

    few = [Changes.clone(f'Host{number}') for number in range(12)]
    named = ' '.join(text(DummyJob.clone('Root', DEPS=few), width).split())
    assert named.endswith(f'Changed: {", ".join(each.__name__ for each in few)}')
    many = [Changes.clone(f'Host{number}') for number in range(300)]
    lines = text(DummyJob.clone('Root', DEPS=many), width).splitlines()
    assert lines[-1].endswith(' more')
    assert 17 < len(lines) < 23
    assert max(map(len, lines)) <= width


def test_cleanups_that_stay_due_are_named_once_the_run_is_over() -> None:
    seen = []

    class Cleans(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            pass

    class Looks(DummyJob):
        DEPS = (Cleans,)

        def Check(self) -> None:
            seen.append(str(dojob.report()))

    dojob = DoJobber()
    dojob.configure(Looks, cleanup=False)
    dojob.checknrun()
    assert 'Cleanups still due: Cleans' in str(dojob.report()).splitlines()
    assert 'due' not in seen[0]
    dojob.cleanup()
    assert 'due' not in str(dojob.report())


def test_summary_of_no_jobs_is_a_line() -> None:
    assert summary((), None, 80) == '0 Jobs: none, 0 tries'


def test_summary_within_a_run_tells_no_time() -> None:
    seen = []

    class Looks(DummyJob):
        def Check(self) -> None:
            seen.append(str(dojob.report()))

    dojob = DoJobber()
    dojob.configure(Looks)
    dojob.checknrun()
    assert seen == ['1 Job: 1 not run, 0 tries']


def test_run_that_decided_is_told_once(kitchen: dict[str, Any]) -> None:
    lines = text(kitchen['Sink'], 80).splitlines()
    assert lines[1:] == [
        'Sink failed after 1 try',
        '  run: kitchen.py:21: RuntimeError: the tap is shut',
        '    note: ask the neighbour',
    ]


def test_job_that_was_stopped_with_tries_left_has_not_failed() -> None:
    class Fails(Job):
        def Check(self) -> None:
            dojob.stop()
            raise ValueError('not yet')

    dojob = FakeClock().drive(DoJobber())
    dojob.configure(DummyJob.clone('Root', DEPS=(Fails,)))
    dojob.checknrun()
    report = dojob.report()
    lines = summary(report.jobs, report.seconds, 200).splitlines()
    assert lines[0] == '2 Jobs: 1 interrupted, 1 not run in 0.0 s, 1 try'
    assert lines[1] == 'Fails was interrupted after 1 try, with tries left'
    assert lines[-1].endswith(': ValueError: not yet')


def test_job_that_gave_up_says_so() -> None:
    class Hopeless(Job):
        TRIES = 9

        def Check(self) -> None:
            self.global_storage['tries'] = self.global_storage.get('tries', 0) + 1
            if self.global_storage['tries'] < 3:
                raise ValueError
            raise GiveUp('no such host')

    lines = text(Hopeless, 200).splitlines()
    assert lines[1] == 'Hopeless gave up in try 2'
    assert lines[-1].endswith(': GiveUp: no such host')


def test_blocked_jobs_are_put_down_to_failed_ones_alone() -> None:
    def fail(self: Any) -> None:
        raise ValueError

    fails = Job.clone('Fails', Check=fail, TRIES=1)
    above = DummyJob.clone('Above', DEPS=(DummyJob, fails))
    assert '  blocks 2 Jobs: Above, Top' in text(DummyJob.clone('Top', DEPS=(above,)), 80)


def test_interrupted_job_blocks_none(kitchen: dict[str, Any]) -> None:
    both = DummyJob.clone('Both', DEPS=(kitchen['Table'], kitchen['Bell']))
    lines = text(both, 80).splitlines()
    assert lines.index('Bell was interrupted in try 1') < lines.index('Table failed after 1 try')
    assert [line for line in lines if 'blocks' in line] == ['  blocks 1 Job: Both']


def test_exception_without_text_and_source_is_its_class(kitchen: dict[str, Any]) -> None:
    names: dict[str, Any] = dict(kitchen)
    exec(compile('class Bare(Table):\n def Check(self):\n  assert 0', 'bare', 'exec'), names)
    assert text(names['Bare'], 80).splitlines()[-1] == '  recheck: bare:3: AssertionError'


def test_exception_without_a_traceback_has_no_place() -> None:
    class Forgets(ValueError):
        def with_traceback(self, traceback: Any) -> Any:
            return self

    error = Forgets('where?')
    entry = text(
        DummyJob.clone('Odd', __init__=lambda self: exec('raise error', {'error': error})), 80
    )
    assert 'ValueError' not in entry
    assert 'Forgets: where?' in entry


def test_place_is_a_whole_path_where_there_is_no_current_directory(
    kitchen: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / 'gone'
    gone.mkdir()
    monkeypatch.chdir(gone)
    dojob = DoJobber()
    dojob.configure(kitchen['Table'])
    dojob.checknrun()
    gone.rmdir()
    assert f'recheck: {tmp_path}/kitchen.py:27: AssertionError' in summary(
        dojob.report().jobs, 0, 300
    )


class Hostile(Exception):
    """Say what would upset a terminal."""

    TEXT = 'new\nline \x1b[2J\x07 \u202edesrever \u65e5\u672c ' + 'x' * 10_000 + ' e\u0301' * 500

    def __init__(self) -> None:
        super().__init__(self.TEXT)
        self.__notes__ = [self.TEXT, 7, '\ud800']


class Unprintable(Exception):
    def __str__(self) -> str:
        raise SystemExit


NAMES = [
    'new\nline',
    '\x1b[31mred\x1b[0m',
    '\u202eright to left',
    '\u65e5\u672c\u8a9e' * 30,
    'e\u0301' * 100,
    'x' * 10_000,
    'with spaces ' * 20,
    '',
]


def hostile_jobs() -> Iterator[type[Job]]:
    class Fails(Job):
        TRIES = 1
        error: type[Exception] = Hostile

        def Check(self) -> None:
            raise self.error

        def Run(self) -> None:
            raise subprocess.CalledProcessError(1, Hostile.TEXT, Hostile.TEXT, b'\xff\x1b[2J' * 999)

        def Cleanup(self) -> None:
            raise Hostile

    for name in NAMES:
        yield Fails.clone(f'F{name}')
        yield Fails.clone(f'U{name}', error=Unprintable)
        yield DummyJob.clone(f'B{name}', DEPS=(Fails.clone(f'D{name}'),))
        yield DummyJob.clone(f'P{name}', Check=lambda self: False)


def assert_fits(roots: Sequence[type[Job]], no_act: bool, widths: Sequence[int]) -> None:
    dojob = DoJobber()
    for root in roots:
        dojob.configure(root, no_act=no_act)
        with contextlib.suppress(Hostile), contextlib.redirect_stderr(io.StringIO()):
            dojob.checknrun()
        report = dojob.report()
        for width in widths:
            for line in summary(report.jobs, report.seconds, width).split('\n'):
                assert display_width(line) <= width, (width, line)
                assert line == escape(line)


@pytest.mark.parametrize('no_act', sampled([False, True]))
def test_no_line_is_wider_than_it_may_be_whatever_is_in_it(no_act: bool) -> None:
    assert_fits([DummyJob.clone('Root', DEPS=tuple(hostile_jobs()))], no_act, [20])


@pytest.mark.slow
@pytest.mark.parametrize('no_act', [False, True])
@pytest.mark.parametrize('width', [20, 21, 23, 27, 33, 41, 57, 80, 133])
def test_no_line_is_wider_than_any_width_whatever_is_in_it(no_act: bool, width: int) -> None:
    assert_fits(list(hostile_jobs()), no_act, [width])
    assert_fits([DummyJob.clone('Root', DEPS=tuple(hostile_jobs()))], no_act, [width])


def test_width_below_twenty_is_as_twenty(kitchen: dict[str, Any]) -> None:
    dojob = FakeClock().drive(DoJobber())
    dojob.configure(kitchen['Party'])
    dojob.checknrun()
    jobs = dojob.report().jobs
    assert summary(jobs, 1, 0) == summary(jobs, 1, 20) != summary(jobs, 1, 21)


def test_huge_message_is_not_taken_apart_in_full() -> None:
    class Text(str):
        """Splits only what is small."""

        __slots__ = ()

        def split(self, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError

    class Long(Exception):
        def __str__(self) -> str:
            return 'word ' * 1_000_000 + 'end'

    def init(self: Job) -> None:
        raise Long

    assert text(DummyJob.clone('Talks', __init__=init), 60).splitlines()[-1].endswith('word end')


class Counting(tuple):  # type: ignore[type-arg]
    """Dependencies that count how many of them are looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Any]:
        Counting.looks += len(self) + 1
        return super().__iter__()


def test_summary_of_many_failed_jobs_that_block_many_takes_few_looks() -> None:
    class Fails(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError

    count = 200
    job: type[Job] = DummyJob
    failed = [Fails.clone(f'f{number}') for number in range(count)]
    # All are below the first of a chain, and one more each below those that follow.
    job = DummyJob.clone('b0', DEPS=tuple(failed))
    for number in range(1, count):
        job = DummyJob.clone(f'b{number}', DEPS=(job, failed[number]))
    dojob = DoJobber()
    dojob.configure(job)
    dojob.checknrun()
    graph = dojob.graph
    edges = sum(map(len, graph.dependencies))
    graph.dependencies[:] = map(Counting, graph.dependencies)
    Counting.looks = 0
    report = dojob.report()
    lines = summary(report.jobs, report.seconds, 80).splitlines()
    assert lines[0].startswith('400 Jobs: 200 failed, 200 blocked in ')
    assert (
        '  blocks 200 Jobs: b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11 and 188 more' in lines
    )
    assert lines[-1].startswith('Also failed: f6, f7, ')
    assert Counting.looks < 4 * (edges + 2 * count)


@pytest.mark.parametrize('is_direct', [True, False])
def test_failed_job_that_blocks_most_is_shown_first_whatever_comes_first_in_deps(
    is_direct: bool,
) -> None:
    def fail(self: Any) -> None:
        raise ValueError

    network = Job.clone('Network', Check=fail, TRIES=1)
    below = network if is_direct else DummyJob.clone('Cables', DEPS=(network,))
    disks = [network.clone(f'Disk{number}') for number in range(9)]
    hosts = [
        DummyJob.clone(f'Host{number}', DEPS=(disk, below)) for number, disk in enumerate(disks)
    ]
    assert (
        text(DummyJob.clone('All', DEPS=hosts), 80).splitlines()[1] == 'Network failed after 1 try'
    )


def test_summary_looks_only_at_what_jobs_depend_on_that_are_blocked() -> None:
    class Fails(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError

    fine = tuple(DummyJob.clone(f'f{number}') for number in range(100))
    above = tuple(DummyJob.clone(f'a{number}', DEPS=fine) for number in range(100))
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Root', DEPS=(*above, Fails)))
    dojob.checknrun()
    graph = dojob.graph
    graph.dependencies[:] = map(Counting, graph.dependencies)
    report = dojob.report()
    Counting.looks = 0
    assert '  blocks 1 Job: Root' in summary(report.jobs, report.seconds, 80)
    assert Counting.looks < len(above) * len(fine) // 10


def test_summary_asks_for_what_is_blocked_only_of_the_jobs_that_it_tells_of() -> None:
    class Fails(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError

    root = DummyJob.clone('Root', DEPS=tuple(Fails.clone(f'f{each}') for each in range(200)))
    dojob = DoJobber()
    dojob.configure(root)
    dojob.checknrun()
    asked = []

    class Blocking:
        def blocks(self, node: int) -> tuple[str, ...]:
            asked.append(node)
            return ()

    report = dojob.report()
    for entry in report:
        object.__setattr__(entry, '_blocking', Blocking())
    summary(report.jobs, report.seconds, 80)
    assert len(asked) < 12


# Colours


ESCAPE = re.compile(r'\x1b\[\d+m')


@pytest.mark.parametrize('width', sampled([20, 80, 40], 2))
@pytest.mark.parametrize('job', ['Party', 'Home', 'Bakery'])
@pytest.mark.parametrize('no_act', [False, True])
def test_colours_change_nothing_but_colours(
    kitchen: dict[str, Any], job: str, no_act: bool, width: int
) -> None:
    painted = text(kitchen[job], width, colours=True, no_act=no_act)
    assert ESCAPE.sub('', painted) == text(kitchen[job], width, no_act=no_act)
    assert painted.count('\x1b[0m') * 2 == len(ESCAPE.findall(painted))


def test_colours_mark_counts_and_names(kitchen: dict[str, Any]) -> None:
    lines = text(kitchen['Furniture'], 80, colours=True).splitlines()
    assert lines[:2] == [
        '5 Jobs: \x1b[31m4 failed\x1b[0m, \x1b[33m1 blocked\x1b[0m in 0.0 s, 4 tries',
        '\x1b[31mTable\x1b[0m failed after 1 try',
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ('stream', 'environment', 'expected'),
    [
        (Terminal, {}, True),
        (Terminal, {'NO_COLOR': '1'}, False),
        (Terminal, {'NO_COLOR': '1', 'FORCE_COLOR': '1'}, False),
        (io.StringIO, {}, False),
        (io.StringIO, {'FORCE_COLOR': '1'}, True),
    ],
)
def test_printed_summary_has_colours_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
    stream: type[io.StringIO],
    environment: dict[str, str],
    expected: bool,
) -> None:
    for name in ('NO_COLOR', 'FORCE_COLOR', 'TERM'):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stderr = stream()
    monkeypatch.setattr(sys, 'stderr', stderr)
    dojob = FakeClock().drive(DoJobber())
    dojob.configure(DummyJob, summary=True)
    dojob.checknrun()
    ok = '\x1b[32m1 ok\x1b[0m' if expected else '1 ok'
    assert stderr.getvalue() == f'1 Job: {ok} in 0.0 s, 1 try\n'
    assert str(dojob.report()) == '1 Job: 1 ok in 0.0 s, 1 try'


# Where and when it is printed


def printed(root: type[Job], capsys: pytest.CaptureFixture[str], **options: Any) -> list[str]:
    clock = FakeClock()
    dojob = clock.drive(DoJobber())
    dojob.configure(root, summary=True, **options)
    dojob.set_args(clock)
    try:
        dojob.checknrun()
    except (KeyboardInterrupt, OSError) as error:
        print(type(error).__name__, file=sys.stderr)
    captured = capsys.readouterr()
    assert captured.out == ''
    return captured.err.splitlines()


class Cleans(RunonlyJob):
    """Take time in Cleanup."""

    def Run(self, clock: FakeClock) -> None:
        self.storage['clock'] = clock

    def Cleanup(self) -> None:
        self.storage['clock'].advance(2)
        print('cleaned', file=sys.stderr)


def test_summary_is_printed_once_after_the_cleanup(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(Cleans, capsys) == ['cleaned', '1 Job: 1 changed in 2.0 s, 1 try']


def test_summary_is_printed_once_for_each_run(capsys: pytest.CaptureFixture[str]) -> None:
    dojob = FakeClock().drive(DoJobber())
    dojob.configure(DummyJob, summary=True)
    dojob.checknrun()
    dojob.checknrun()
    dojob.cleanup()
    assert capsys.readouterr().err == '1 Job: 1 ok in 0.0 s, 1 try\n' * 2


def test_summary_is_printed_after_an_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    class Stops(Cleans):
        def Run(self, clock: FakeClock) -> None:
            super().Run(clock)
            raise KeyboardInterrupt('enough')

    lines = printed(Stops, capsys)
    assert lines[:3] == [
        'cleaned',
        '1 Job: 1 interrupted in 2.0 s, 1 try',
        'Stops was interrupted in try 1',
    ]
    assert lines[-1] == 'KeyboardInterrupt'
    assert len(lines) == 5


def test_line_of_the_library_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    hooks: dict[str, Any] = {}
    exec(compile('def Check(self): raise ValueError', f'{PACKAGE}_run.py', 'exec'), hooks)
    dojob = FakeClock().drive(DoJobber())
    dojob.configure(Job.clone('Odd', Check=hooks['Check'], TRIES=1), no_act=True, summary=True)
    dojob.checknrun()
    assert capsys.readouterr().err.splitlines()[-1] == '  check: ValueError'


def test_interrupt_between_phases_is_one_of_the_try(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('COLUMNS', '500')

    def press(event: Event) -> None:
        if isinstance(event, TryStarted) and event.number == 2:
            raise KeyboardInterrupt('enough')

    def fail(self: Any) -> None:
        raise ValueError

    dojob = FakeClock().drive(DoJobber())
    dojob.configure(Job.clone('Twice', Check=fail), summary=True, listeners=[press])
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert dojob.report().jobs[0].check_exception is None
    reason = capsys.readouterr().err.splitlines()[-1]
    assert reason.startswith('  try: ')
    assert reason.endswith(': KeyboardInterrupt: enough')


def test_summary_is_printed_after_a_cleanup_that_raises(
    capsys: pytest.CaptureFixture[str], kitchen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('COLUMNS', '80')

    class Sticks(Cleans):
        def Cleanup(self) -> None:
            super().Cleanup()
            raise OSError('stuck')

    lines = printed(Sticks, capsys)
    assert lines[:4] == [
        'cleaned',
        'Sticks.cleanup: fail "stuck"',
        '1 Job: 1 changed in 2.0 s, 1 try',
        'Sticks could not be cleaned up',
    ]
    assert lines[-1] == 'OSError'


def test_summary_of_a_block_is_printed_at_the_end_of_the_run(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = FakeClock()
    with clock.drive(DoJobber()) as dojob:
        dojob.configure(Cleans, summary=True)
        dojob.set_args(clock)
        dojob.checknrun()
        assert capsys.readouterr().err.splitlines() == [
            '1 Job: 1 changed in 0.0 s, 1 try',
            'Cleanups still due: Cleans',
        ]
    assert capsys.readouterr().err == 'cleaned\n'


def test_summary_is_not_printed_unless_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    dojob = DoJobber()
    dojob.configure(DummyJob)
    dojob.checknrun()
    assert capsys.readouterr().err == ''


def test_summary_comes_behind_the_verbose_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(DummyJob, capsys, verbose=True)
    assert lines == ['DummyJob.check: pass', '1 Job: 1 ok in 0.0 s, 1 try']


def test_printed_summary_is_as_wide_as_the_environment_says(
    kitchen: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for width in (40, 120):
        monkeypatch.setenv('COLUMNS', str(width))
        dojob = FakeClock().drive(DoJobber())
        dojob.configure(kitchen['Furniture'], summary=True)
        dojob.checknrun()
        err = capsys.readouterr().err
        assert err == TEXTS['Furniture', False, width] == f'{dojob.report()}\n'


def test_exception_that_refuses_all_costs_no_summary(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Refuses(subprocess.SubprocessError):
        stderr = property(lambda self: 1 / 0)
        output = property(lambda self: sys.exit())
        __notes__ = property(lambda self: 1 / 0)

        def __str__(self) -> str:
            raise SystemExit

    class Fails(Job):
        TRIES = 1

        def Check(self, clock: FakeClock) -> None:
            raise Refuses

    with caplog.at_level(logging.ERROR):
        lines = printed(Fails, capsys)
    assert lines[0] == '1 Job: 1 failed in 0.0 s, 1 try'
    assert '<unprintable Refuses object>' in ' '.join(' '.join(lines[1:]).split())
    assert caplog.records == []


def test_failed_job_that_blocks_most_comes_first() -> None:
    class Fails(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError

    hosts = [Fails.clone(f'Host{number}') for number in range(40)]
    vpn = Fails.clone('Vpn')
    sites = [DummyJob.clone(f'Site{number}', DEPS=(vpn,)) for number in range(400)]
    lines = text(DummyJob.clone('All', DEPS=(*hosts, vpn, *sites)), 80).splitlines()
    heads = [line.split()[0] for line in lines if 'failed after' in line]
    assert heads[:3] == ['Vpn', 'Host0', 'Host1']


def test_name_without_room_beside_what_is_said_has_a_line_of_its_own() -> None:
    def check(self: Job) -> None:
        raise ValueError

    installation = Job.clone('Installation', Check=check, TRIES=1)
    assert text(installation, 26).splitlines()[2:4] == ['Installation', '  failed after 1 try']


def test_exception_from_no_code_of_python_is_told_without_a_place() -> None:
    class Broken(Executor):
        def submit(self, *_: Any, **__: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(OSError('no worker'))
            return future

    job = DummyJob.clone('Sent', Check=lambda self: None)
    lines = text(job, 80, executor=Broken(), max_in_flight=1).splitlines()
    assert lines[-1] == '  init: OSError: no worker'

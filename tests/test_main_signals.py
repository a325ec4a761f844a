"""Signals that come while main() is at work."""

from __future__ import annotations

import fcntl
import io
import itertools
import json
import linecache
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from dojobber import DoJobber, DummyJob, Event, Job, RunonlyJob, TryStarted, main
from tests.ctrl_c import traced
from tests.fakes import FakeClock
from tests.scripts import killed_late
from tests.seeds import sampled

REPOSITORY = Path(__file__).resolve().parent.parent
ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EACH = pytest.mark.parametrize('number', ALL)
#: In a process of its own each of them takes a while.
EACH_IN_A_PROCESS = pytest.mark.parametrize(
    'number', sampled([signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
)

done: list[str] = []


@pytest.fixture(autouse=True)
def _handlers_stay() -> Iterator[None]:
    done.clear()
    Unmount.signals.clear()
    before = [signal.getsignal(each) for each in ALL]
    yield
    assert [signal.getsignal(each) for each in ALL] == before


# As processes. A Job says where it is and waits there until stdin is closed, or for a signal.

SCRIPT = """\
import select, sys
import dojobber

WHERE = sys.argv.pop(1)

def reach(place):
    if place == WHERE:
        print(place, flush=True)
        # In slices: a signal that comes just before a system call is handled after it.
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            pass

class Tables(dojobber.Job):
    def Check(self):
        if 'laid' not in self.global_storage:
            raise RuntimeError('Not laid.')
    def Run(self):
        self.global_storage['laid'] = True
    def Cleanup(self):
        print('tables back', flush=True)

class Band(dojobber.Job):
    DEPS = (Tables,)
    TRIES, RETRY_DELAY = 3, 600
    def __init__(self):
        reach('init')
    def Check(self):
        reach(self._check_phase)
        raise RuntimeError('Silence.')
    def Run(self):
        reach('run')
    def Cleanup(self):
        reach('cleanup')
        print('band gone', flush=True)

def plan(args):
    reach('plan')
    return Band

raise SystemExit(dojobber.main(plan))
"""


@contextmanager
def started(
    tmp_path: Path, *words: str, shell: str = 'exec "$@"', **settings: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start the script."""
    script = tmp_path / 'band.py'
    script.write_text(SCRIPT)
    settings = {
        'stdin': subprocess.PIPE,
        'stdout': subprocess.PIPE,
        'stderr': subprocess.PIPE,
        **settings,
    }
    with (
        subprocess.Popen(
            ['sh', '-c', shell, 'sh', sys.executable, str(script), *words],
            env={**os.environ, 'PYTHONPATH': str(REPOSITORY), 'TERM': 'xterm'},
            text=True,
            **settings,
        ) as process,
        killed_late(process),
    ):
        yield process


def read_to(stream: Any, text: str) -> None:
    """Read lines until there is one with this text."""
    for line in stream:
        if text in line:
            return
    raise AssertionError(f'there was no {text}')


@EACH_IN_A_PROCESS
@pytest.mark.parametrize(
    ('where', 'cleanups'),
    [
        ('plan', ''),
        pytest.param('run', 'band gone\ntables back\n', marks=pytest.mark.slow),
        pytest.param('init', 'tables back\n', marks=pytest.mark.slow),
        pytest.param('check', 'tables back\n', marks=pytest.mark.slow),
        pytest.param('recheck', 'band gone\ntables back\n', marks=pytest.mark.slow),
    ],
)
def test_signal_in_the_code_of_the_script_ends_the_run_and_calls_cleanups(
    where: str, cleanups: str, number: signal.Signals, tmp_path: Path
) -> None:
    with started(tmp_path, where) as process:
        read_to(process.stdout, where)
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out) == (128 + number, cleanups)
    assert 'Traceback' not in err
    assert ('Band was interrupted' in err) == (where != 'plan')


@EACH_IN_A_PROCESS
@pytest.mark.parametrize('flags', sampled([(), ('-j2',)]), ids=['serial', 'threads'])
def test_signal_in_a_wait_ends_the_run_and_calls_cleanups(
    flags: tuple[str, ...], number: signal.Signals, tmp_path: Path
) -> None:
    with started(tmp_path, 'nowhere', '-v', *flags) as process:
        read_to(process.stderr, 'Band.recheck: fail')
        out, err = ended_by(process, number)
    assert (process.returncode, out) == (128 + number, 'band gone\ntables back\n')
    assert 'Traceback' not in err


def ended_by(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """End a process by a signal, and by another if the first came just before a system call."""
    while True:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=5)


@EACH_IN_A_PROCESS
def test_cleanup_that_a_signal_interrupts_is_called_again_and_then_the_others(
    number: signal.Signals, tmp_path: Path
) -> None:
    with started(tmp_path, 'cleanup', '-v') as process:
        read_to(process.stderr, 'Band.recheck: fail')
        process.send_signal(signal.SIGTERM)
        read_to(process.stdout, 'cleanup')
        process.send_signal(number)
        read_to(process.stdout, 'cleanup')
        out, err = process.communicate()
    assert (process.returncode, out) == (128 + signal.SIGTERM, 'band gone\ntables back\n')
    assert 'Traceback' not in err


@EACH_IN_A_PROCESS
def test_signal_while_a_thread_works_lets_it_end_its_try(
    number: signal.Signals, tmp_path: Path
) -> None:
    with started(tmp_path, 'run', '-j2') as process:
        read_to(process.stdout, 'run')
        process.send_signal(number)
        out, err = process.communicate()  # which closes stdin
    assert (process.returncode, out) == (128 + number, 'band gone\ntables back\n')
    assert 'Traceback' not in err


@EACH_IN_A_PROCESS
def test_signal_that_is_ignored_at_the_start_stays_so(
    number: signal.Signals, tmp_path: Path
) -> None:
    ignoring = f'trap "" {number.name[3:]}; exec "$@"'
    with started(tmp_path, 'plan', '--only=Tables', '-q', shell=ignoring) as process:
        read_to(process.stdout, 'plan')
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, 'tables back\n', '')


def test_report_of_a_run_that_was_ended_is_written(tmp_path: Path) -> None:
    report = tmp_path / 'report.json'
    with started(tmp_path, 'run', '-q', f'--report={report}', '--graph') as process:
        read_to(process.stdout, 'run')
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert (process.returncode, err) == (143, '')
    assert out == 'band gone\ntables back\nBand: interrupted\n  Tables: changed\n'
    assert '"interrupted"' in report.read_text()


@pytest.mark.parametrize('flags', sampled([(), ('-q',)]), ids=['', 'quiet'])
def test_ctrl_c_at_a_terminal_ends_the_run_and_its_progress(
    flags: tuple[str, ...], tmp_path: Path
) -> None:
    own, theirs = pty.openpty()
    fcntl.ioctl(own, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))

    def control() -> None:
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    terminal: dict[str, Any] = dict.fromkeys(('stdin', 'stderr'), theirs)
    with started(
        tmp_path, 'check', *flags, **terminal, start_new_session=True, preexec_fn=control
    ) as process:
        os.close(theirs)
        read_to(process.stdout, 'check')
        shown = b''
        while not flags and b'of 2 Jobs' not in shown:
            shown += os.read(own, 4096)
        os.write(own, b'\x03')
        assert process.stdout is not None
        assert process.stdout.read() == 'tables back\n'
        assert process.wait() == 130
    with open(own, 'rb', buffering=0) as terminal_file:
        shown += read_all(terminal_file)
    assert (b'of 2 Jobs' in shown) == (b'was interrupted' in shown) == (not flags)
    assert b'Traceback' not in shown


def read_all(file: Any) -> bytes:
    """Read what was written to a terminal that is closed now."""
    found = b''
    try:
        while part := file.read(4096):
            found += part
    except OSError:  # its end, on Linux
        pass
    return found


# In this process


class Press(RunonlyJob):
    """Sends this process a signal."""

    NUMBER = signal.SIGINT

    def Run(self) -> None:
        signal.raise_signal(self.NUMBER)

    def Cleanup(self) -> None:
        done.append('clean')


@EACH
def test_handlers_are_those_of_before_after_the_run(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    assert main(Press.clone('Press it', NUMBER=number), argv=['-q']) == 128 + number
    assert signal.getsignal(number) is before
    assert done == ['clean']


@EACH
def test_signal_that_is_ignored_stays_so_in_a_dry_run(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert main(Press, argv=['-q', '-n']) == 1
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_handler_of_the_script_is_left_to_it() -> None:
    before = signal.signal(signal.SIGHUP, lambda *_: done.append('reload'))
    try:
        assert main(Press.clone('Press it', NUMBER=signal.SIGHUP), argv=['-q']) == 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert done == ['reload', 'clean']


def test_interrupt_without_a_signal_is_that_of_ctrl_c() -> None:
    class Interrupt(Press):
        def Run(self) -> None:
            raise KeyboardInterrupt

    assert main(Interrupt, argv=['-q']) == 130
    assert done == ['clean']


def test_cleanup_that_fails_when_it_is_called_again_changes_no_status(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Torn(Press):
        NUMBER = signal.SIGTERM

        def Cleanup(self) -> None:
            done.append('clean')
            if len(done) > 1:
                raise RuntimeError('It is torn.')
            super().Run()

    root = Torn.clone('Torn once', Run=lambda self: None)
    assert main(root, argv=['-q']) == 143
    assert done == ['clean'] * 2
    failed = 'Torn once.cleanup: fail "It is torn."\n'
    assert capfd.readouterr().err.endswith(failed)
    done.clear()
    assert main(root, argv=[], secrets=['once']) == 143
    told = f'{failed}Cleanups still due: Torn once\n'.replace('once', '*****')
    assert capfd.readouterr().err.endswith(told)


class Unmount(RunonlyJob):
    """Sends this process a signal whenever its Cleanup is called, until there are no more."""

    signals: ClassVar[list[signal.Signals]] = []

    def Run(self) -> None:
        pass

    def Cleanup(self) -> None:
        done.append(f'{type(self).__name__} begins')
        if self.signals:
            signal.raise_signal(self.signals.pop(0))
        done.append(f'{type(self).__name__} ends')


def test_cleanups_that_each_of_several_signals_interrupts_are_called_again_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    base = Unmount.clone('base')
    tops = [Unmount.clone('one', DEPS=(base,)), Unmount.clone('two', DEPS=(base,))]
    Unmount.signals[:] = [signal.SIGTERM, signal.SIGHUP]
    assert main(DummyJob.clone('all', DEPS=tops), argv=[]) == 143
    assert done == [
        'two begins', 'one begins',
        'two begins', 'two ends', 'one begins', 'one ends', 'base begins', 'base ends',
    ]  # fmt: skip
    told = 'No Cleanup is due any more.\n'
    assert capfd.readouterr().err.endswith(told)


def test_signals_in_a_cleanup_that_is_called_again_are_put_off(
    capfd: pytest.CaptureFixture[str],
) -> None:
    root = Unmount.clone('top', DEPS=(Unmount.clone('base'),))
    Unmount.signals[:] = [signal.SIGTERM, signal.SIGHUP, signal.SIGTERM]
    assert main(root, argv=['-q']) == 143
    assert done == ['top begins', 'top begins', 'top ends', 'base begins', 'base ends']
    assert capfd.readouterr().err == 'top.cleanup: fail "SIGTERM"\n'


def test_signal_that_has_waited_in_such_a_cleanup_lets_the_next_one_in(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr('dojobber._interrupt.time', SimpleNamespace(monotonic=lambda: now))

    class Hang(Unmount):
        def Cleanup(self) -> None:
            nonlocal now
            for _ in range(3):
                super().Cleanup()
                now += 0.5

    Hang.signals[:] = [signal.SIGTERM] * 3
    root = Hang.clone('Hang on', DEPS=(Unmount.clone('base'),))
    assert main(root, argv=[]) == 143
    assert done == ['Hang on begins'] * 2 + ['Hang on ends', 'Hang on begins']
    assert capfd.readouterr().err.endswith('Cleanups still due: base, Hang on\n')


@pytest.fixture
def leave(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Return a command with threads that a second signal ends while one of them is at work.

    It is at work until somebody waits for the threads.
    """
    begun, runs, goes_on, clock = list[str](), threading.Event(), threading.Event(), FakeClock()

    def receive(queue: Any, timeout: float | None) -> Any:
        if 'above' not in begun:
            return queue.get(timeout=60)
        assert runs.wait(60)
        clock.advance(1)
        raise KeyboardInterrupt

    def run(job: Any) -> None:
        runs.set()
        assert goes_on.wait(60)
        done.append('run')

    def listen(event: Event) -> None:
        if isinstance(event, TryStarted):
            begun.append(event.name)

    def shut_down(executor: ThreadPoolExecutor, **options: Any) -> None:
        goes_on.set()
        shutdown(executor, **options)

    shutdown = ThreadPoolExecutor.shutdown
    monkeypatch.setattr(ThreadPoolExecutor, 'shutdown', shut_down)
    monkeypatch.setattr(DoJobber, '_clock', clock)
    monkeypatch.setattr(DoJobber, '_receive', staticmethod(receive))
    root = Press.clone('above', DEPS=(Unmount.clone('below'),), Run=run)
    return lambda *argv, **options: main(root, None, argv, listeners=[listen], **options)


def test_cleanups_that_wait_for_a_thread_are_called_when_it_has_ended(
    leave: Callable[..., int], capfd: pytest.CaptureFixture[str]
) -> None:
    assert leave('-j2', '--report=-') == 130
    assert done == ['run', 'clean', 'below begins', 'below ends']
    captured = capfd.readouterr()
    assert 'Cleanups still due: below' in captured.err
    assert captured.err.endswith('No Cleanup is due any more.\n')
    assert [each['cleanup'] for each in json.loads(captured.out)['jobs']] == ['pass', 'pass']


def test_where_no_cleanup_waits_for_a_thread_nothing_is_said_of_any(
    leave: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for job in (Press, Unmount):
        monkeypatch.setattr(job, 'Cleanup', None)
    assert leave('-j2') == 130
    assert 'Cleanup' not in capfd.readouterr().err


def test_cleanup_that_fails_by_itself_is_not_called_again_after_a_signal() -> None:
    def fail(job: Any) -> None:
        done.append('fail')
        raise RuntimeError('It is torn.')

    torn = Unmount.clone('torn', DEPS=(Unmount.clone('base'),), Cleanup=fail)
    assert main(Press.clone('Press it', DEPS=(torn,)), argv=['-q', '-j2']) == 130
    assert done == ['clean', 'fail']


def test_keep_calls_no_cleanup_that_waits_for_a_thread(leave: Callable[..., int]) -> None:
    assert leave('-j2', '-q', '--keep') == 130
    assert done == ['run']


def test_cleanups_that_wait_for_a_thread_of_the_script_are_left_to_it(
    leave: Callable[..., int],
) -> None:
    with ThreadPoolExecutor(2) as executor:
        assert leave('-q', executor=executor) == 130
    assert done == ['run']


def test_cleanups_of_a_dojobber_that_calls_none_are_left_to_it(leave: Callable[..., int]) -> None:
    dojob = DoJobber(cleanup=False)
    assert leave('-j2', '-q', dojob=dojob) == 130
    assert done == ['run']
    dojob.cleanup()
    assert done == ['run', 'clean', 'below begins', 'below ends']


def test_signal_is_named_by_what_it_raises() -> None:
    class Catch(Press):
        def Run(self) -> None:
            with pytest.raises(KeyboardInterrupt, match='SIGTERM'):
                signal.raise_signal(signal.SIGTERM)

    assert main(Catch, argv=['-q']) == 0


def test_signal_that_comes_when_all_is_done_is_dropped() -> None:
    handlers: list[Any] = []

    def plan(_: object) -> type[Job]:
        handlers.append(signal.getsignal(signal.SIGINT))
        return Press

    assert main(plan, argv=['-q', '-n']) == 1
    assert main(plan, argv=['-q']) == 130
    for handler in handlers:
        assert handler(signal.SIGINT, None) is None


def test_signal_after_a_usage_error_changes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(Press, argv=['--nonsense'])
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


class Pressing(io.StringIO):
    """Sends this process a signal when something is written."""

    def write(self, text: str) -> int:
        signal.raise_signal(signal.SIGTERM)
        return super().write(text)


def test_signal_while_the_graph_is_printed_is_put_off_until_the_report_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, 'stdout', stdout := Pressing())
    report = tmp_path / 'report.json'
    assert main(Owed, argv=['-q', '--graph', f'--report={report}']) == 143
    assert stdout.getvalue() == 'Owed: changed\n'
    assert json.loads(report.read_text())['success']


def test_signal_while_the_report_is_printed_is_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'stdout', stdout := Pressing())
    assert main(Owed, argv=['-q', '--report=-']) == 143
    assert json.loads(stdout.getvalue())['success']


def test_in_another_thread_all_works_but_signals() -> None:
    statuses: list[int] = []
    quiet = RunonlyJob.clone('Nothing', Run=lambda self: None)
    thread = threading.Thread(target=lambda: statuses.append(main(quiet, argv=['-q'])))
    thread.start()
    thread.join()
    assert statuses == [0]


@EACH
def test_process_that_is_forked_in_a_run_ends_by_a_signal_as_ever(number: signal.Signals) -> None:
    class Fork(Press):
        def Run(self) -> None:
            process = os.fork()
            if not process:
                try:
                    signal.raise_signal(number)
                except KeyboardInterrupt:
                    os._exit(7)
                os._exit(0)
            done.append(f'{os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}')

    assert main(Fork, argv=['-q']) == 0
    assert done == ['7' if number == signal.SIGINT else f'{-number}', 'clean']


def test_signal_in_a_forked_process_is_handled_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forked(Press):
        def Run(self) -> None:
            monkeypatch.setattr(os, 'getpid', lambda: -1)  # as there
            signal.raise_signal(signal.SIGINT)

    assert main(Forked, argv=['-q']) == 130
    assert done == ['clean']


class Owed(RunonlyJob):
    """Notes whether its Cleanup is owed, and called."""

    def Run(self) -> None:
        done.append('run')

    def Cleanup(self) -> None:
        done.append('clean')


@contextmanager
def pressed_at_line_of_main(position: int, note: Callable[[str], None]) -> Iterator[None]:
    """Have Ctrl-C come before a line of main.py, while its handler is installed."""
    file, lines = str(REPOSITORY / 'dojobber' / 'main.py'), itertools.count()

    def enter(frame: Any, event: str, _: Any) -> Any:
        is_main = frame.f_code.co_filename == file and frame.f_code.co_name != 'handle'
        return walk if is_main else None

    def walk(frame: Any, event: str, _: Any) -> Any:
        handler: Any = signal.getsignal(signal.SIGINT)
        if (
            event == 'line'
            and handler is not signal.default_int_handler
            and next(lines) == position
        ):
            text = linecache.getline(file, frame.f_lineno).strip()
            note(f'{frame.f_code.co_name}, line {frame.f_lineno}: {text}')
            handler(signal.SIGINT, frame)
        return walk

    with traced(enter):
        yield


@pytest.mark.parametrize('step', [pytest.param(1, marks=pytest.mark.slow), 9])
@pytest.mark.parametrize('flags', sampled([(), ('-j2',), ('--list',), ('--graph',)]))
def test_ctrl_c_before_any_line_is_status_130_and_loses_no_cleanup(
    flags: tuple[str, ...], step: int, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = tmp_path / 'report.json'
    for position in itertools.count(0, step):
        done.clear()
        where: list[str] = []
        with pressed_at_line_of_main(position, where.append):
            status = main(lambda args: Owed, argv=['-q', f'--report={report}', *flags])
        is_late = ''.join(where).startswith('_until_signalled') and status == 0
        assert status == 130 or is_late or not where, where
        assert done in ([], ['run', 'clean']), where
        if done:
            [job] = json.loads(report.read_text())['jobs']
            assert job['cleanup'] == 'pass', where
            report.unlink()
        if not where:
            break
    assert position > 50
    assert capfd.readouterr().err == ''

"""What is written to stderr, and what becomes of it when that goes wrong."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import textwrap
import traceback
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from dojobber._output.console import Console


class Fails(Job):
    """Fail in each phase with a message of its own."""

    TRIES = 1

    def Check(self) -> None:
        raise ValueError(f'no {self._check_phase}')

    def Run(self) -> None:
        raise LookupError('no run')


class Changes(RunonlyJob):
    """Pass by Run."""

    def Run(self) -> None:
        pass

    def Cleanup(self) -> None:
        pass


def run(root: type[Job], **options: Any) -> DoJobber:
    dojob = DoJobber()
    dojob.configure(root, **options)
    dojob.checknrun()
    return dojob


def test_nothing_is_written_unless_asked_for(capfd: pytest.CaptureFixture[str]) -> None:
    run(Fails)
    run(Changes)
    assert capfd.readouterr() == ('', '')


def test_verbose_writes_a_line_for_each_phase(capfd: pytest.CaptureFixture[str]) -> None:
    class Passes(DummyJob):
        DEPS = (Changes,)

    run(Passes, verbose=True)
    run(Fails, verbose=True)
    assert capfd.readouterr().err.splitlines() == [
        'Changes.check: fail',
        'Changes.run: pass',
        'Changes.recheck: pass',
        'Passes.check: pass',
        'Fails.check: fail',
        'Fails.run: fail',
        'Fails.recheck: fail "no recheck"',
    ]


def test_debug_adds_traces_and_cleanups(capfd: pytest.CaptureFixture[str]) -> None:
    run(Changes, debug=True)
    lines = capfd.readouterr().err.splitlines()
    assert lines[:3] == [
        'Changes.check: fail',
        '  Error was:',
        '  Traceback (most recent call last):',
    ]
    assert lines[-5:] == [
        '  RuntimeError: Runonly node check intentionally fails first time.',
        'Changes.run: pass',
        'Changes.recheck: pass',
        'Changes.cleanup running',
        'Changes.cleanup: pass',
    ]


def test_debug_trace_begins_at_the_users_own_line(capfd: pytest.CaptureFixture[str]) -> None:
    dojob = run(Fails, debug=True)
    error = dojob.nodeexceptions['Fails']
    trace = ''.join(traceback.format_exception(type(error), error, error.__traceback__))
    assert 'dojobber/_' not in trace.replace('dojobber/_console', '')
    expected = f'Fails.recheck: fail "no recheck"\n  Error was:\n{textwrap.indent(trace, "  ")}'
    assert capfd.readouterr().err.endswith(expected)


def test_init_that_raises_is_written_as_a_failed_check(capfd: pytest.CaptureFixture[str]) -> None:
    class Unmade(DummyJob):
        TRIES = 1

        def __init__(self) -> None:
            raise ValueError('not today')

    run(Unmade, verbose=True)
    assert capfd.readouterr().err == 'Unmade.check: fail\n'
    run(Unmade, debug=True)
    err = capfd.readouterr().err
    assert err.startswith('Unmade.check: fail\n  Error was:\n  Traceback')
    assert err.endswith('  ValueError: not today\n')


def test_missing_run_is_written_as_a_failed_run(capfd: pytest.CaptureFixture[str]) -> None:
    class Assertion(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError('still not')

    run(Assertion, verbose=True)
    assert capfd.readouterr().err.splitlines() == [
        'Assertion.check: fail',
        'Assertion.run: fail',
        'Assertion.recheck: fail "still not"',
    ]


def test_no_act_writes_checks_only(capfd: pytest.CaptureFixture[str]) -> None:
    run(Fails, verbose=True, no_act=True)
    assert capfd.readouterr().err == 'Fails.check: fail\n'


def test_cleanup_that_fails_is_always_written(capfd: pytest.CaptureFixture[str]) -> None:
    class Sticks(Changes):
        def Cleanup(self) -> None:
            raise OSError('stuck')

    with pytest.raises(OSError, match='stuck'):
        run(Sticks)
    assert capfd.readouterr().err == 'Sticks.cleanup: fail "stuck"\n'
    with pytest.raises(OSError, match='stuck'):
        run(Sticks, debug=True)
    lines = capfd.readouterr().err.splitlines()
    assert lines[-1] == '  OSError: stuck'
    assert 'Sticks.cleanup: fail "stuck"' in lines
    assert 'Sticks.cleanup: pass' not in lines


def test_interrupted_phase_has_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    class Stopped(Job):
        def Check(self) -> None:
            raise ValueError

        def Run(self) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(Stopped, verbose=True)
    assert capfd.readouterr().err == 'Stopped.check: fail\n'


def hostile(refusal: type[BaseException], *places: str) -> Exception:
    """Make an exception of the class Hostile that raises another from these attributes."""

    def refuse(self: Any) -> Any:
        raise refusal

    attributes = {name: refuse if name == '__str__' else property(refuse) for name in places}
    error: Exception = type('Hostile', (Exception,), attributes)('hello')
    return error


def raising(error: Exception) -> type[Job]:
    """Make a Job that fails with an exception."""

    class Mute(Job):
        TRIES = 1

        def Check(self) -> None:
            raise error

    return Mute


refusals = pytest.mark.parametrize('refusal', [ValueError, SystemExit])


@refusals
def test_message_that_can_not_be_made_costs_no_job(
    capfd: pytest.CaptureFixture[str], refusal: type[BaseException]
) -> None:
    error = hostile(refusal, '__str__')
    assert run(raising(error), verbose=True).nodeexceptions == {'Mute': error}
    assert 'Mute.recheck: fail "<unprintable Hostile object>"' in capfd.readouterr().err


@refusals
def test_trace_that_can_not_be_made_costs_no_job(
    capfd: pytest.CaptureFixture[str], refusal: type[BaseException]
) -> None:
    error = hostile(refusal, '__cause__')
    assert run(raising(error), debug=True).nodeexceptions == {'Mute': error}
    assert '  Error was:\n  Hostile: hello\n' in capfd.readouterr().err


HOSTILE = '\x1b[2J\r\x07\x9b1A\x7f\u202e\u2028\u200b\ud800'
SHOWN = r'\x1b[2J\r\x07\x9b1A\x7f\u202e\u2028\u200b\ud800'


def test_name_and_message_move_no_cursor_and_forge_no_line(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Fails(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError(f'{HOSTILE} first\n\tsecond')

    hostile = HOSTILE.replace('\ud800', '')
    run(Fails.clone(f'A\nB.check: pass{hostile}', Run=lambda self: None), verbose=True)
    name = rf'A\nB.check: pass{SHOWN}'.replace(r'\ud800', '')
    assert capfd.readouterr().err == (
        f'{name}.check: fail\n{name}.run: pass\n{name}.recheck: fail "{SHOWN} first\n\tsecond"\n'
    )


def test_trace_moves_no_cursor_and_forges_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    class Unmade(DummyJob):
        TRIES = 1

        def __init__(self) -> None:
            raise ValueError(f'{HOSTILE}\nUnmade.check: pass')

    run(Unmade, debug=True)
    err = capfd.readouterr().err
    assert err.endswith(f'  ValueError: {SHOWN}\n  Unmade.check: pass\n')
    assert all(line.isprintable() for line in err.split('\n'))
    assert [line for line in err.splitlines() if not line.startswith('  ')] == [
        'Unmade.check: fail'
    ]


def test_cleanup_lines_move_no_cursor_and_forge_no_line(capfd: pytest.CaptureFixture[str]) -> None:
    class Sticks(Changes):
        def Cleanup(self) -> None:
            raise OSError(HOSTILE)

    with pytest.raises(OSError, match='1A'):
        run(Sticks.clone('new\nline'))
    assert capfd.readouterr().err == rf'new\nline.cleanup: fail "{SHOWN}"' + '\n'
    run(Changes.clone('new\nline'), debug=True)
    assert capfd.readouterr().err.endswith('new\\nline.cleanup running\nnew\\nline.cleanup: pass\n')


def test_log_moves_no_cursor_and_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    class Unmade(DummyJob):
        TRIES = 1

        def __init__(self) -> None:
            raise ValueError(HOSTILE)

    dojob = DoJobber(logging.ERROR)
    dojob.configure(Unmade.clone('new\nline\r'))
    dojob.checknrun()
    lines = capsys.readouterr().err.split('\n')
    assert lines[0] == r'DoJobber ERROR              : new\nline\r can not be made'
    assert lines[-2] == f'ValueError: {SHOWN}'


def test_secrets_are_masked_in_lines_and_traces(capsys: pytest.CaptureFixture[str]) -> None:
    def mask(text: str) -> str:
        return text.replace('pa55word', '*****')

    class Opens_pa55word(Job):  # noqa: N801
        TRIES = 1

        def Check(self) -> None:
            raise ValueError('not pa55word')

    dojob = DoJobber()
    dojob.configure(Opens_pa55word, listeners=[Console(True, True, mask)])
    dojob.checknrun()
    err = capsys.readouterr().err
    assert 'pa55word' not in err
    assert 'Opens_*****.recheck: fail "not *****"\n' in err


class Closed(io.StringIO):
    """Break like a pipe."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize('stream', [None, Closed(), object()])
def test_stderr_that_can_not_be_written_costs_no_job(
    monkeypatch: pytest.MonkeyPatch, stream: Any
) -> None:
    monkeypatch.setattr(sys, 'stderr', stream)
    assert run(Changes, debug=True).success()


def test_stderr_that_was_closed_costs_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, 'stderr', stream)
    assert run(Changes, verbose=True).success()


def test_ascii_stderr_gets_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding='ascii', errors='strict')
    monkeypatch.setattr(sys, 'stderr', stream)
    run(DummyJob.clone('Füße'), verbose=True)
    stream.flush()
    written: Any = stream.buffer
    assert written.getvalue() == b'F\\xfc\\xdfe.check: pass\n'


def test_each_line_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[str] = []

    class Listening(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    monkeypatch.setattr(sys, 'stderr', Listening())
    run(Changes, verbose=True)
    assert writes == ['Changes.check: fail\n', 'Changes.run: pass\n', 'Changes.recheck: pass\n']


def test_log_goes_to_the_stderr_of_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    dojob = DoJobber(dojobber_loglevel=logging.DEBUG)
    stream = io.StringIO()
    monkeypatch.setattr(sys, 'stderr', stream)

    class Below(DummyJob):
        pass

    class Above(DummyJob):
        DEPS = (Below,)

    dojob.configure(Above)
    dojob.checknrun()
    assert stream.getvalue().splitlines() == [
        'DoJobber DEBUG              : Job Above',
        'DoJobber DEBUG              : Above depends on Below',
        'DoJobber DEBUG              : Job Below',
        'DoJobber DEBUG              : Trying Below',
        'DoJobber DEBUG              : Below has succeeded',
        'DoJobber DEBUG              : Trying Above',
        'DoJobber DEBUG              : Above has succeeded',
    ]


def test_log_tells_the_deciding_phase_of_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    dojob = DoJobber(dojobber_loglevel=logging.DEBUG)
    dojob.configure(Fails)
    dojob.checknrun()
    assert 'Fails has failed in its recheck\n' in capsys.readouterr().err


def test_log_shows_critical_errors_only_unless_told_otherwise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Unmade(DummyJob):
        TRIES = 1

        def __init__(self) -> None:
            raise ValueError('not today')

    run(Unmade)
    assert capsys.readouterr().err == ''
    dojob = DoJobber(logging.ERROR)
    dojob.configure(Unmade)
    dojob.checknrun()
    err = capsys.readouterr().err
    assert err.startswith('DoJobber ERROR              : Unmade can not be made\nTraceback')


def test_log_of_errors_says_nothing_of_a_failing_check(capsys: pytest.CaptureFixture[str]) -> None:
    dojob = DoJobber(logging.ERROR)
    dojob.configure(Fails)
    dojob.checknrun()
    assert capsys.readouterr().err == ''


def test_log_of_a_hostile_exception_still_names_its_job(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unmade(DummyJob):
        TRIES = 1

        def __init__(self) -> None:
            raise hostile(ValueError, '__str__', '__cause__')

    # The handlers of pytest raise what they can't format.
    monkeypatch.setattr(logging.getLogger('DoJobber'), 'propagate', False)
    dojob = DoJobber(logging.ERROR)
    dojob.configure(Unmade)
    dojob.checknrun()
    assert capsys.readouterr().err == (
        'DoJobber ERROR              : Unmade can not be made\n'
        'Hostile: <unprintable Hostile object>\n'
    )


def test_log_level_is_that_of_the_dojobber_made_last(capsys: pytest.CaptureFixture[str]) -> None:
    DoJobber(dojobber_loglevel=logging.DEBUG)
    DoJobber().configure(DummyJob)
    assert capsys.readouterr().err == ''


def test_log_has_one_handler_however_many_dojobbers_there_are() -> None:
    DoJobber()
    DoJobber()
    names = [type(each).__module__ for each in logging.getLogger('DoJobber').handlers]
    assert names.count('dojobber._output.console') == 1


CONFIGURES = """
import logging.config
from dojobber import DoJobber, DummyJob

class Configures(DummyJob):
    def Check(self):
        logging.config.dictConfig({'version': 1, 'root': {'level': 'WARNING'}})

dojob = DoJobber(dojobber_loglevel=logging.DEBUG)
dojob.configure(Configures)
dojob.checknrun()
"""


def test_log_is_not_silenced_by_a_configuration_of_all_logs() -> None:
    # In a process of its own, for it silences the logs of the other tests.
    command = [sys.executable, '-c', CONFIGURES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == 'DoJobber DEBUG              : Configures has succeeded'


class Unshown:
    """Has no text."""

    def __str__(self) -> str:
        raise ValueError

    def __repr__(self) -> str:
        return '<Unshown>'


@pytest.mark.parametrize(
    'message, text',
    [('%d of these', "'%d of these' % ('none',)"), (Unshown(), "<Unshown> % ('none',)")],
)
def test_log_record_that_can_not_be_formatted_costs_nothing(
    capsys: pytest.CaptureFixture[str], message: Any, text: str
) -> None:
    DoJobber()
    logger = logging.getLogger('DoJobber')
    (handler,) = [
        each for each in logger.handlers if type(each).__module__ == 'dojobber._output.console'
    ]
    handler.handle(logger.makeRecord('DoJobber', 50, __file__, 1, message, ('none',), None))
    assert capsys.readouterr().err == f'DoJobber CRITICAL: {text}\n'

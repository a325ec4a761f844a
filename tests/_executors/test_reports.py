"""Reports that are pickled or copied say what the original says."""

from __future__ import annotations

import builtins
import collections
import contextlib
import copy
import io
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RemoteError, RemoteValue, RunonlyJob
from dojobber.report import JobReport, Report
from tests.fakes import FakeClock
from tests.seeds import sampled

COPIES: list[Callable[[Any], Any]] = [
    lambda each: copy.deepcopy(pickle.loads(pickle.dumps(each))),
    copy.deepcopy,
    *(lambda each, p=p: pickle.loads(pickle.dumps(each, p)) for p in (5, 4, 3, 2)),
]
copied = pytest.mark.parametrize(
    'travel', sampled(COPIES), ids=['twice', 'deepcopy', '5', '4', '3', '2']
)


def report(*jobs: type[Job], **options: Any) -> Report:
    dojob = FakeClock(0).drive(DoJobber())
    dojob.configure(DummyJob.clone('Root', DEPS=jobs), default_retry_delay=0, **options)
    with contextlib.suppress(BaseException):  # of Cleanups
        dojob.checknrun()
    return dojob.report()


def texts(of: Report) -> list[Any]:
    return [str(of), repr(of), of.as_dict(), of.as_junit(), of.as_html()]


class Locked(Exception):
    """Does not pickle."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Panic(BaseException):
    """Ends the run, and does not pickle."""

    def __reduce__(self) -> Any:
        raise TypeError


class Named(Exception):
    """Can't be unpickled: its message is not its argument."""

    def __init__(self, host: str, *, port: int) -> None:
        super().__init__(f'{host}:{port}')


class Renamed(Exception):
    """Has another message when it is unpickled."""

    def __init__(self, host: str) -> None:
        super().__init__(f'no answer from {host}')


class Group(Exception):
    """Has parts, as an exception group does on every Python."""

    def __init__(self, text: str, parts: list[BaseException]) -> None:
        super().__init__(text, parts)
        self.exceptions = parts

    def __str__(self) -> str:
        return str(self.args[0])


class Forgetful(Group):
    """Is unpickled without its parts."""

    def __reduce__(self) -> Any:
        return Forgetful, (str(self), [])


class LockedProcessError(subprocess.CalledProcessError):
    """Does not pickle, and knows what a process wrote."""

    def __init__(self, output: str, stderr: bytes) -> None:
        super().__init__(1, ['make', 'it so'], output, stderr)
        self.lock = threading.Lock()


def raised(error: BaseException) -> BaseException:
    """Return an exception that has a traceback."""
    try:
        raise error
    except BaseException as caught:
        return caught


def caused(error: BaseException) -> BaseException:
    """Return an exception that has a cause, which has a cause."""
    first, second = raised(LookupError('before all')), raised(Locked('before'))
    second.__context__ = first
    error.__context__ = second
    return error


def noted(error: BaseException) -> BaseException:
    error.__notes__ = ['a note']  # type: ignore[attr-defined]
    return error


def within_itself() -> BaseException:
    group = Group('ring', [])
    group.exceptions.append(group)
    return group


#: That of Python, where it has one.
NativeGroup: Any = getattr(builtins, 'ExceptionGroup', Group)

ERRORS: list[Callable[[], BaseException]] = [
    lambda: ValueError('plain'),
    lambda: Locked('with a lock'),
    lambda: Named('ant', port=80),
    lambda: Renamed('ant'),
    lambda: Forgetful('parts', [raised(ValueError('one'))]),
    lambda: noted(ValueError('noted')),
    lambda: noted(Locked('noted')),
    lambda: caused(ValueError('caused')),
    lambda: caused(Locked('caused')),
    lambda: Group('parts', [raised(ValueError('one')), caused(KeyError('two'))]),
    lambda: Group('parts', [raised(ValueError('one')), caused(Locked('two'))]),
    lambda: Group('nested', [Group('inner', [raised(noted(KeyError('x')))]), ValueError('y')]),
    lambda: NativeGroup('parts', [raised(ValueError('one')), noted(caused(KeyError('two')))]),
    lambda: NativeGroup('nested', [NativeGroup('inner', [raised(KeyError(1))]), KeyError(2)]),
    lambda: NativeGroup('locked', [raised(Locked('one')), NativeGroup('inner', [KeyError(2)])]),
    lambda: subprocess.CalledProcessError(1, ['make', 'it so'], 'out\n', b'err\n'),
    lambda: LockedProcessError('out\n', b'err\n'),
    lambda: SystemExit(3),
    lambda: ValueError(threading.Lock()),
    within_itself,
    lambda: Panic('now'),
    lambda: KeyboardInterrupt(),  # after it no other Job is tried
]


def failing(number: int, make: Callable[[], BaseException]) -> type[Job]:
    """Return a Job that fails in each phase, and is defined in a function."""

    class Fails(Job):
        TRIES = 2
        """A local one."""

        def Check(self) -> None:
            raise make()

        def Run(self) -> None:
            raise make()

        def Cleanup(self) -> None:
            raise make()

    return Fails.clone(f'Fails {number}')


@cache
def originals() -> list[tuple[Report, list[Any]]]:
    """Return two reports of all failures, and their texts."""
    jobs = [failing(number, make) for number, make in enumerate(ERRORS)]
    reports = [report(*jobs, no_act=no_act) for no_act in (False, True)]
    return [(each, texts(each)) for each in reports]


@copied
def test_copy_says_what_the_original_says(travel: Callable[[Any], Any]) -> None:
    for original, said in originals():
        assert texts(travel(original)) == said


@pytest.mark.parametrize('make', sampled(ERRORS, 3))
def test_copy_says_of_one_failure_what_the_original_says(
    make: Callable[[], BaseException],
) -> None:
    original = report(failing(0, make))
    assert texts(pickle.loads(pickle.dumps(original))) == texts(original)


@copied
def test_entry_travels_alone(travel: Callable[[Any], Any]) -> None:
    (fails, root) = report(failing(0, lambda: Locked('with a lock')))
    found = travel(fails)
    assert (found.name, found.outcome, found.tries) == ('Fails 0', 'failed', 2)
    assert (found.blocks, travel(root).blocked_by) == (('Root',), ('Fails 0',))
    assert repr(found) == repr(fails)
    assert found.failure is not None and fails.failure is not None
    assert found.failure[1:] == fails.failure[1:]


def test_stand_ins_tell_what_they_stand_for() -> None:
    (found, _) = pickle.loads(pickle.dumps(report(failing(0, lambda: Locked('no')))))
    error = found.exception
    assert isinstance(error, RemoteError)
    assert (error.class_name, error.text) == ('Locked', 'no')
    assert issubclass(found.job, Job)
    assert (found.job.__name__, found.job.__module__) == ('Fails 0', __name__)
    (found, _) = copy.deepcopy(report(failing(0, lambda: ValueError('no'))))
    assert type(found.exception) is ValueError
    assert found.check_exception is not found.exception


class Importable(RunonlyJob):
    """Passes."""

    def Run(self) -> list[int]:
        return [1, 2]


@copied
def test_what_can_travel_comes_as_it_is(travel: Callable[[Any], Any]) -> None:
    (found, _) = travel(report(Importable))
    assert found.job is Importable
    assert found.result == [1, 2]


@pytest.mark.parametrize(
    ('make', 'travels'),
    [
        (lambda: io.FileIO(__file__), False),
        (lambda: threading.Lock(), False),
        (lambda: collections.defaultdict(lambda: 0, a=1), True),
        (lambda: Path('a'), True),
        (lambda: failing, True),
        (lambda: None, True),
        (lambda: False, True),
    ],
)
def test_result_travels_or_is_shown_as_it_was(make: Callable[[], Any], travels: bool) -> None:
    result = make()
    original = report(DummyJob.clone('Gives', Check=lambda self: result))
    found = pickle.loads(pickle.dumps(original))
    assert texts(found) == texts(original)
    if travels:
        assert found['Gives'].result == result
    else:
        assert type(found['Gives'].result) is RemoteValue
    if hasattr(result, 'close'):
        result.close()


def test_one_exception_of_several_jobs_stays_one_and_keeps_its_trace() -> None:
    error = raised(ValueError('the same'))
    found = copy.deepcopy(report(failing(1, lambda: caused(error)), failing(2, lambda: error)))
    assert found['Fails 1'].exception is found['Fails 2'].exception


def test_exception_that_is_a_result_too_is_shown_as_either() -> None:
    error = Locked('no')

    class Gives(DummyJob):
        def Check(self) -> Any:
            return error

    original = report(failing(1, lambda: error), Gives)
    assert original.as_dict()['jobs'][1]['job'].endswith('.<locals>.Gives')
    assert texts(copy.deepcopy(original)) == texts(original)


def test_exception_that_caused_another_keeps_its_trace_where_it_failed_a_job() -> None:
    first = raised(Locked('first'))

    def second() -> BaseException:
        error = ValueError('second')
        error.__cause__ = first
        return error

    original = report(failing(1, second), failing(2, lambda: first))
    assert texts(copy.deepcopy(original)) == texts(original)


def test_class_and_values_that_are_gone_where_the_report_arrives_are_replaced() -> None:
    data = pickle.dumps(report(Importable.clone('Gone'), failing(1, lambda: Gone('no'))))
    (entry,) = [each for each in pickle.loads(data) if each.name == 'Fails 1']
    assert type(entry.exception) is Gone
    original = globals().pop('Gone')
    try:
        entry = pickle.loads(data)['Fails 1']
    finally:
        globals()['Gone'] = original
    assert (type(entry.exception), entry.exception.text) == (RemoteError, 'no')


class Gone(Exception):
    """Is there, and then it is not."""


SCRIPT = """
import pickle, sys
from dojobber import DoJobber, Job

class Door(Job):
    TRIES = 1

    def Check(self):
        raise Locked('no key')

class Locked(Exception):
    pass

dojob = DoJobber()
dojob.configure(Door)
report = dojob.checknrun()
pickle.dump((pickle.dumps(report), report.as_dict(), report.as_junit()), sys.stdout.buffer)
"""


def test_report_of_a_script_can_be_read_elsewhere(tmp_path: Path) -> None:
    (tmp_path / 'script.py').write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / 'script.py')]
    path = {'PYTHONPATH': str(Path(__file__).parents[2])}
    done = subprocess.run(command, env={**os.environ, **path}, capture_output=True, check=True)
    data, plain, junit = pickle.loads(done.stdout)
    found = pickle.loads(data)
    assert (found.as_dict(), found.as_junit()) == (plain, junit)
    assert found['Door'].job.__module__ == '__main__'
    assert found['Door'].exception.class_name == 'Locked'


def test_mask_travels() -> None:
    original = report(failing(0, lambda: ValueError('no s3cret')), secrets=('s3cret',))
    found = pickle.loads(pickle.dumps(original))
    assert texts(found) == texts(original)
    assert '*****' in str(found) and 's3cret' not in ''.join(map(str, texts(found)))


def test_report_with_listeners_that_do_not_pickle_travels() -> None:
    heard: list[object] = []
    original = report(Importable, listeners=[lambda event: heard.append(event)])
    assert texts(copy.deepcopy(original)) == texts(original)


def test_report_before_and_within_a_run_travels() -> None:
    before = DoJobber().report()
    assert texts(pickle.loads(pickle.dumps(before))) == texts(before)


def test_shallow_copy_is_the_same() -> None:
    original = report(Importable)
    entry: JobReport = original.jobs[0]
    assert copy.copy(original) is original and copy.copy(entry) is entry

"""One try: which hooks are called where, what comes back, what is let go."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from dojobber._attempt import PhaseResult, TryContext, attempt
from dojobber._workdir import Workdir
from dojobber.outcome import Phase
from tests.fakes import FakeClock

Events = list[Any]


class Trial:
    """Try one Job, and keep what is told meanwhile."""

    def __init__(
        self, job: type[Job], *args: Any, no_act: bool = False, listen: bool = True
    ) -> None:
        self.told: Events = []
        self.owed: list[Job] = []
        self.clock = FakeClock(100)
        self.global_storage: dict[Any, Any] = {'clock': self.clock}
        context = TryContext(
            args=args,
            kwargs={},
            special={job},
            global_storage=self.global_storage,
            no_act=no_act,
            workdir=Workdir(),
            clock=self.clock,
            register_cleanup=self.owe,
            on_phase=self.tell if listen else None,
        )
        self.record = attempt(7, job, 100, context)

    def owe(self, node: int, job: Job) -> None:
        self.told.append((node, 'owe'))
        self.owed.append(job)

    def tell(self, node: int, phase: Phase, ended: PhaseResult | None) -> None:
        self.told.append(
            (node, phase, ended and (ended.result, repr(ended.exception), ended.seconds))
        )


class Slow(Job):
    """Take some time in each phase; pass by Run."""

    def __init__(self) -> None:
        self.done = False

    def Check(self) -> str:
        self.global_storage['clock'].advance(1)
        if not self.done:
            raise ValueError('not done')
        return 'done'

    def Run(self) -> str:
        self.global_storage['clock'].advance(10)
        self.done = True
        raise LookupError('ignored')

    def Cleanup(self) -> None:
        """Be owed; nothing here calls it."""


def test_interrupt_of_who_hears_of_the_check_ends_the_check() -> None:
    class Pressing(Trial):
        def tell(self, node: int, phase: Phase, ended: PhaseResult | None) -> None:
            super().tell(node, phase, ended)
            if (phase, ended) == ('check', None):
                raise KeyboardInterrupt

    trial = Pressing(Slow)
    assert [(phase, ended is None) for _, phase, ended in trial.told] == [
        ('init', True), ('init', False), ('check', True), ('check', False)]  # fmt: skip
    assert trial.record is not None and trial.record.phase == 'check'


def test_passing_check_comes_back_in_a_record_whoever_listens() -> None:
    class Passes(Job):
        def Check(self, *args: int) -> int:
            return sum(args)

    silent = Trial(Passes, 1, 2, listen=False)
    trial = Trial(Passes, 1, 2)
    assert silent.record == trial.record
    assert silent.told == []
    assert trial.record.result == 3
    assert (trial.record.phase, trial.record.seconds) == ('check', (0, 0))
    assert trial.told == [
        (7, 'init', None),
        (7, 'init', (None, 'None', 0)),
        (7, 'check', None),
        (7, 'check', (3, 'None', 0)),
    ]


def test_passing_recheck_comes_back_with_all_that_happened() -> None:
    trial = Trial(Slow)
    assert trial.record.result == 'done'
    record = trial.record
    assert (record.phase, record.exception, record.ran) == ('recheck', None, True)
    assert (record.started, record.seconds) == (100, (0, 1, 10, 1))
    assert record.check is not None
    assert record.run is not None
    assert repr(record.check.exception) == "ValueError('not done')"
    assert repr(record.run.exception) == "LookupError('ignored')"


def test_phases_are_told_in_order_and_cleanup_is_owed_just_before_run() -> None:
    assert Trial(Slow).told == [
        (7, 'init', None),
        (7, 'init', (None, 'None', 0)),
        (7, 'check', None),
        (7, 'check', (None, "ValueError('not done')", 1)),
        (7, 'run', None),
        (7, 'owe'),
        (7, 'run', (None, "LookupError('ignored')", 10)),
        (7, 'recheck', None),
        (7, 'recheck', ('done', 'None', 1)),
    ]


def test_no_act_ends_after_the_check() -> None:
    trial = Trial(Slow, no_act=True)
    assert (trial.record.phase, repr(trial.record.exception)) == ('check', "ValueError('not done')")
    assert trial.record.check is not None
    assert trial.record.check.exception is trial.record.exception
    assert trial.record.seconds == (0, 1)
    assert trial.record.would_run
    assert not trial.owed


def test_init_that_raises_decides_and_nothing_else_is_called() -> None:
    class Unmade(DummyJob):
        def __init__(self) -> None:
            raise SystemExit('no')

    trial = Trial(Unmade)
    assert (trial.record.phase, repr(trial.record.exception)) == ('init', "SystemExit('no')")
    assert trial.record.check is None
    assert trial.told == [(7, 'init', None), (7, 'init', (None, "SystemExit('no')", 0))]


@pytest.mark.parametrize('ending', [KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize('where', ['init', 'check', 'run', 'recheck'])
def test_interrupt_ends_the_try_in_any_phase(where: str, ending: type[BaseException]) -> None:
    class Stopped(Job):
        def __init__(self) -> None:
            if where == 'init':
                raise ending

        def Check(self) -> None:
            raise ending if where == self._check_phase else ValueError

        def Run(self) -> None:
            if where == 'run':
                raise ending

    trial = Trial(Stopped)
    assert trial.record.phase == where
    assert isinstance(trial.record.exception, ending)
    assert trial.told[-1][1] == where


@pytest.mark.parametrize('where', ['init', 'check', 'run', 'recheck'])
def test_exit_is_the_failure_of_its_phase(where: str) -> None:
    class Exits(Job):
        def __init__(self) -> None:
            self.phase(where == 'init')

        def phase(self, here: bool) -> None:
            if here:
                raise SystemExit(where)

        def Check(self) -> None:
            self.phase(where == self._check_phase)
            if self._check_phase == 'check':
                raise ValueError

        def Run(self) -> None:
            self.phase(where == 'run')

    record = Trial(Exits).record
    passed = record.exception is None
    assert passed == (where in ('check', 'run'))


def test_missing_run_owes_no_cleanup() -> None:
    class Assertion(Job):
        def Check(self) -> None:
            self.Cleanup = print  # as good as one of the class, and seen at both moments
            raise ValueError

    trial = Trial(Assertion)
    assert not trial.record.ran
    assert trial.owed == []
    assert trial.record.run is None
    assert 'AttributeError' in trial.told[-3][2][1]


def test_run_of_none_owes_no_cleanup() -> None:
    trial = Trial(RunonlyJob.clone('Disabled', Run=None, Cleanup=print))
    assert not trial.record.ran
    assert trial.owed == []


def test_directory_is_the_same_in_every_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = []

    class Wanders(Job):
        def __init__(self) -> None:
            self.look()

        def look(self) -> None:
            seen.append(Path.cwd())
            os.chdir('/')

        def Check(self) -> None:
            self.look()
            raise ValueError

        def Run(self) -> None:
            self.look()

    Trial(Wanders)
    assert seen == [tmp_path] * 4


def test_phase_fails_where_there_is_no_way_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / 'here'
    here.mkdir()
    monkeypatch.chdir(here)

    class Burns(Job):
        def Check(self) -> None:
            raise ValueError

        def Run(self) -> None:
            os.closerange(3, 300)
            os.chdir('/')
            here.rmdir()

    read, write = os.dup(0), os.dup(1)
    assert read < write < 200
    code = os.fork()
    if not code:  # a process of its own may close all its files
        try:
            record = Trial(Burns).record
            assert isinstance(record.exception, FileNotFoundError)
            assert record.phase == 'recheck'
        except BaseException:
            os._exit(1)
        os._exit(0)
    os.close(read)
    os.close(write)
    assert os.waitpid(code, 0)[1] == 0


class Bare:
    """Have no place for attributes but the storages."""

    __slots__ = ('storage', 'global_storage')
    storage: dict[str, Any]
    global_storage: dict[str, Any]

    def Check(self) -> None:
        if not self.storage:
            raise ValueError

    def Run(self) -> None:
        self.storage['done'] = True

    def Cleanup(self) -> None:
        self.global_storage['cleaned'] = True


class Naked(Bare):
    """Have no place even for these."""

    __slots__ = ()
    global_storage = property()  # pyright: ignore[reportAssignmentType]


@pytest.mark.parametrize(('made', 'works'), [(Bare, True), (Naked, False)])
def test_object_without_a_dict_costs_no_other_job(made: type, works: bool) -> None:
    class Odd(DummyJob):
        def __new__(cls) -> Any:
            return made()

    class Other(DummyJob):
        pass

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Root', DEPS=(Odd, Other)), default_tries=1)
    dojob.checknrun()
    assert dojob.nodestatus == {'Odd': works, 'Other': True, 'Root': works or None}
    assert dojob.global_storage == ({'cleaned': True} if works else {})


def test_object_that_hides_its_dict_costs_no_other_job() -> None:
    class Hides(RunonlyJob):
        def __getattribute__(self, name: str) -> Any:
            if name == '__dict__':
                raise ValueError(name)
            return super().__getattribute__(name)

        def Run(self) -> None:
            pass

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Root', DEPS=(Hides, DummyJob.clone('Other'))))
    dojob.checknrun()
    assert dojob.nodestatus == {'Hides': True, 'Other': True, 'Root': True}


def lost(job: type[Job], **options: Any) -> list[bool]:
    """Run a Job and tell of each object made of it whether it is gone at once, without the gc."""
    made: list[Callable[[], Any]] = []
    recording = type(
        job.__name__, (job,), {'__init__': lambda self: made.append(weakref.ref(self))}
    )
    dojob = DoJobber()
    dojob.configure(recording, **{'default_tries': 1, 'default_retry_delay': 0, **options})
    gc.collect()
    gc.disable()
    try:
        dojob.checknrun()
        return [ref() is None for ref in made]
    finally:
        gc.enable()


class Changed(Job):
    """Pass by Run, after two exceptions."""

    def Check(self) -> None:
        if self._check_phase == 'check':
            raise ValueError

    def Run(self) -> None:
        raise LookupError


def test_objects_that_owe_no_cleanup_are_released_at_once() -> None:
    assert lost(DummyJob) == [True]
    assert lost(Changed) == [True]
    assert lost(Changed, verbose=True) == [True]


def test_objects_are_released_after_their_cleanup() -> None:
    class Cleaned(Changed):
        def Cleanup(self) -> None:
            pass

    assert lost(Cleaned) == [True]
    assert lost(Cleaned, cleanup=False) == [False]


def test_objects_of_failed_tries_are_released_after_their_cleanup() -> None:
    class Fails(RunonlyJob):
        def Run(self) -> None:
            self.global_storage['runs'] = self.global_storage.get('runs', 0) + 1
            if self.global_storage['runs'] == 1:
                raise LookupError

        def Cleanup(self) -> None:
            pass

    assert lost(Fails, default_tries=2) == [True, True]
    assert lost(Fails, default_tries=2, cleanup=False) == [False, False]


def test_run_over_many_changes_leaves_no_garbage() -> None:
    jobs = tuple(Changed.clone(f'Changed{number}') for number in range(20))
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Root', DEPS=jobs))
    gc.collect()
    gc.disable()
    try:
        dojob.checknrun()
        assert gc.collect() < 20
    finally:
        gc.enable()


async def stream() -> Any:
    """Never iterated."""
    yield 1


async def look() -> None:
    """Never awaited."""


@pytest.mark.parametrize(
    ('make', 'what'),
    [
        (look, 'a coroutine'),
        (stream, 'an async generator'),
        (lambda: (each for each in [1]), 'a generator'),
    ],
)
def test_hook_that_returns_what_was_never_executed_has_failed(make: Any, what: str) -> None:
    class Lazy(Job):
        def Check(self) -> Any:
            return make()

        def Run(self) -> Any:
            return make()

        def Cleanup(self) -> Any:
            return make()

    dojob = FakeClock().drive(DoJobber())
    dojob.configure(Lazy, default_tries=1)
    with pytest.raises(TypeError, match=f'^Lazy.Cleanup returned {what}, so nothing was executed'):
        dojob.checknrun()
    entry = dojob.report()['Lazy']
    assert str(entry.exception).startswith(f'Lazy.Check returned {what}')
    assert str(entry.run_exception).startswith(f'Lazy.Run returned {what}')
    assert (entry.outcome, entry.cleanup) == ('failed', 'fail')


def test_exception_of_a_static_hook_has_the_frames_of_one_try() -> None:
    future: Future[None] = Future()
    future.set_exception(error := RuntimeError('not yet'))
    job = Job.clone('Polls', Check=staticmethod(future.result), TRIES=50, RETRY_DELAY=0)
    dojob = DoJobber()
    dojob.configure(job)
    dojob.checknrun()
    frames, found = 0, error.__traceback__
    while found is not None:
        frames, found = frames + 1, found.tb_next
    assert 0 < frames < 10


def test_report_shows_how_many_jobs_it_has_and_whether_all_succeeded() -> None:
    dojob = DoJobber()
    assert repr(dojob.report()) == '<Report of 0 Jobs, success=False>'
    dojob.configure(DummyJob)
    assert repr(dojob.checknrun()) == '<Report of 1 Job, success=True>'


def test_report_knows_no_job_of_another_name() -> None:
    dojob = DoJobber()
    dojob.configure(DummyJob)
    with pytest.raises(KeyError, match='Nobody'):
        dojob.checknrun()['Nobody']


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('run', 'Makes has no Run; rename run to Run'),
        ('go', "'Makes' object has no attribute 'Run'"),
    ],
)
def test_job_without_run_that_has_a_run_is_told_so(
    name: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def check(self: Job) -> None:
        raise ValueError

    dojob = DoJobber()
    dojob.configure(Job.clone('Makes', Check=check, TRIES=1, **{name: print}), debug=True)
    dojob.checknrun()
    assert f'AttributeError: {text}' in capsys.readouterr().err

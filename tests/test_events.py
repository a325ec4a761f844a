"""What listeners hear, in which order, and what becomes of those that raise."""

from __future__ import annotations

import dataclasses
import io
import logging
import math
import pickle
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from dojobber.errors import ConfigurationError
from dojobber.events import (
    Event,
    JobEnded,
    JobEvent,
    PhaseEnded,
    PhaseStarted,
    RunEnded,
    RunStarted,
    TryEnded,
    TryEvent,
    TryStarted,
    Waiting,
)
from dojobber.outcome import Outcome, Phase
from tests.fakes import FakeClock

NO, STILL = ValueError('no'), ValueError('still')

#: How a phase ends: its name, the outcome, the result, the exception, the seconds.
End = tuple[Phase, str, Any, 'BaseException | None', float]


def phases(job: type[Job], number: int, allowed: float, *ends: End) -> Iterator[Event]:
    """Yield the events of some phases of a try."""
    head = job.__name__, job, number, allowed
    for phase, *how in ends:
        yield PhaseStarted(*head, phase)
        yield PhaseEnded(*head, phase, *how)  # pyright: ignore[reportArgumentType]


def attempt(job: type[Job], number: int, allowed: float, *ends: End) -> list[Event]:
    """Return the events of the beginning of a try and of its phases, after init."""
    init: End = (Phase.INIT, 'pass', None, None, 0.0)
    return [
        TryStarted(job.__name__, job, number, allowed),
        *phases(job, number, allowed, init, *ends),
    ]


def ended(
    job: type[Job],
    status: bool | None,
    outcome: Outcome,
    exception: BaseException | None = None,
    unmet: tuple[str, ...] = (),
) -> JobEnded:
    return JobEnded(job.__name__, job, status, outcome, exception, unmet)


def passed(job: type[Job], allowed: float = 3) -> list[Event]:
    """Return the events of a Job whose Check passes at once, in no time."""
    return [
        *attempt(job, 1, allowed, (Phase.CHECK, 'pass', None, None, 0.0)),
        TryEnded(job.__name__, job, 1, allowed, True, Phase.CHECK, allowed - 1, None),
        ended(job, True, Outcome.OK),
    ]


def configured(clock: FakeClock, root: type[Job], **options: Any) -> tuple[DoJobber, list[Event]]:
    """Return a DoJobber and the list that it tells its events to."""
    heard: list[Event] = []
    dojob = clock.drive(DoJobber())
    dojob.configure(root, listeners=(heard.append,), **options)
    return dojob, heard


def events_of(clock: FakeClock, root: type[Job], **options: Any) -> list[Event]:
    dojob, heard = configured(clock, root, **options)
    dojob.checknrun()
    return heard


def briefly(event: Event) -> str:
    name, phase = getattr(event, 'name', ''), getattr(event, 'phase', '')
    return ' '.join(filter(None, (type(event).__name__, name, phase)))


# Which events there are


def test_passing_job_is_told_of_from_start_to_end() -> None:
    clock = FakeClock()

    class Fine(Job):
        def __init__(self) -> None:
            clock.advance(1)

        def Check(self) -> str:
            clock.advance(2)
            return 'fine'

    head = 'Fine', Fine, 1, 3
    assert events_of(clock, Fine) == [
        RunStarted((Fine,), False),
        TryStarted(*head),
        PhaseStarted(*head, Phase.INIT),
        PhaseEnded(*head, Phase.INIT, 'pass', None, None, 1),
        PhaseStarted(*head, Phase.CHECK),
        PhaseEnded(*head, Phase.CHECK, 'pass', 'fine', None, 2),
        TryEnded(*head, True, Phase.CHECK, 2, None),
        JobEnded('Fine', Fine, True, Outcome.OK, None, ()),
        RunEnded({'Fine': True}, 3),
    ]


def test_changed_job_is_told_of_and_its_cleanup_before_the_end_of_the_run() -> None:
    clock = FakeClock()

    class Made(Job):
        def Check(self) -> str:
            clock.advance(1)
            if self._check_phase == 'check':
                raise NO
            return 'made'

        def Run(self) -> int:
            clock.advance(2)
            return 7

        def Cleanup(self) -> str:
            clock.advance(4)
            return 'clean'

    assert events_of(clock, Made) == [
        RunStarted((Made,), False),
        *attempt(
            Made,
            1,
            3,
            (Phase.CHECK, 'fail', None, NO, 1),
            (Phase.RUN, 'pass', 7, None, 2),
            (Phase.RECHECK, 'pass', 'made', None, 1),
        ),
        TryEnded('Made', Made, 1, 3, True, Phase.RECHECK, 2, None),
        ended(Made, True, Outcome.CHANGED),
        *phases(Made, 1, 3, (Phase.CLEANUP, 'pass', 'clean', None, 4)),
        RunEnded({'Made': True}, 8),
    ]


def test_retry_is_told_of_with_the_wait_before_it() -> None:
    clock = FakeClock(100)
    broken = LookupError('run')

    class Slow(Job):
        TRIES = 2
        RETRY_DELAY = 10

        def Check(self) -> None:
            clock.advance(1)
            if clock.now < 110:
                raise NO if self._check_phase == 'check' else STILL

        def Run(self) -> None:
            clock.advance(2)
            raise broken

    assert events_of(clock, Slow) == [
        RunStarted((Slow,), False),
        *attempt(
            Slow,
            1,
            2,
            (Phase.CHECK, 'fail', None, NO, 1),
            (Phase.RUN, 'fail', None, broken, 2),
            (Phase.RECHECK, 'fail', None, STILL, 1),
        ),
        TryEnded('Slow', Slow, 1, 2, False, Phase.RECHECK, 1, 110),
        Waiting(6, ('Slow',)),
        *attempt(Slow, 2, 2, (Phase.CHECK, 'pass', None, None, 1)),
        TryEnded('Slow', Slow, 2, 2, True, Phase.CHECK, 0, None),
        ended(Slow, True, Outcome.CHANGED),
        RunEnded({'Slow': True}, 11),
    ]
    assert clock.sleeps == [6]


def test_waiting_names_the_jobs_that_may_be_tried_first_in_graph_order() -> None:
    class Fails(Job):
        TRIES = 2

        def Check(self) -> None:
            raise NO

    below = [
        Fails.clone(name, RETRY_DELAY=delay)
        for name, delay in zip('abcdefg', (5, 3, 9, 3, 4, 3, 5))
    ]
    heard = events_of(FakeClock(), DummyJob.clone('Root', DEPS=tuple(below)))
    assert [event for event in heard if isinstance(event, Waiting)] == [
        Waiting(3, ('b', 'd', 'f')),
        Waiting(1, ('e',)),
        Waiting(1, ('a', 'g')),
        Waiting(4, ('c',)),
    ]


def test_unlimited_tries_are_told_as_such() -> None:
    clock = FakeClock()

    class Ever(DummyJob):
        TRIES = math.inf

    (try_ended,) = [each for each in events_of(clock, Ever) if isinstance(each, TryEnded)]
    assert (try_ended.allowed, try_ended.left) == (math.inf, math.inf)


def test_blocked_jobs_are_told_of_at_the_end_in_graph_order() -> None:
    class Fine(DummyJob):
        pass

    class Fails(Job):
        TRIES = 1
        DEPS = (Fine,)

        def Check(self) -> None:
            raise NO if self._check_phase == 'check' else STILL

        def Run(self) -> None:
            pass

    class Left(DummyJob):
        DEPS = (Fine, Fails)

    class Right(DummyJob):
        DEPS = (Fails, Fine)

    class Other(DummyJob):
        pass

    class Top(DummyJob):
        DEPS = (Left, Right, Other)

    assert events_of(FakeClock(), Top) == [
        RunStarted((Fine, Fails, Left, Right, Other, Top), False),
        *passed(Fine),
        *attempt(
            Fails,
            1,
            1,
            (Phase.CHECK, 'fail', None, NO, 0.0),
            (Phase.RUN, 'pass', None, None, 0.0),
            (Phase.RECHECK, 'fail', None, STILL, 0.0),
        ),
        TryEnded('Fails', Fails, 1, 1, False, Phase.RECHECK, 0, None),
        ended(Fails, False, Outcome.FAILED, STILL),
        *passed(Other),
        ended(Left, None, Outcome.BLOCKED, None, ('Fails',)),
        ended(Right, None, Outcome.BLOCKED, None, ('Fails',)),
        ended(Top, None, Outcome.BLOCKED, None, ('Left', 'Right')),
        RunEnded(
            {
                **dict.fromkeys(('Left', 'Right', 'Top')),
                'Fine': True,
                'Fails': False,
                'Other': True,
            },
            0.0,
        ),
    ]


def test_no_act_tells_what_would_and_what_might_run() -> None:
    class Needed(RunonlyJob):
        TRIES = 5

        def Check(self) -> None:
            raise NO

        def Run(self) -> None:
            raise AssertionError('called')

    class Above(DummyJob):
        DEPS = (Needed,)

    class Audit(Job):
        def Check(self) -> None:
            raise STILL

    class Top(DummyJob):
        DEPS = (Above, Audit)

    assert events_of(FakeClock(), Top, no_act=True) == [
        RunStarted((Needed, Above, Audit, Top), True),
        *attempt(Needed, 1, 1, (Phase.CHECK, 'fail', None, NO, 0.0)),
        TryEnded('Needed', Needed, 1, 1, False, Phase.CHECK, 0, None),
        ended(Needed, False, Outcome.WOULD_RUN, NO),
        *attempt(Audit, 1, 1, (Phase.CHECK, 'fail', None, STILL, 0.0)),
        TryEnded('Audit', Audit, 1, 1, False, Phase.CHECK, 0, None),
        ended(Audit, False, Outcome.FAILED, STILL),
        ended(Above, None, Outcome.MIGHT_RUN, None, ('Needed',)),
        ended(Top, None, Outcome.BLOCKED, None, ('Above', 'Audit')),
        RunEnded({'Needed': False, 'Above': None, 'Audit': False, 'Top': None}, 0.0),
    ]


def test_init_that_raises_is_told_as_a_phase_that_failed() -> None:
    clock = FakeClock()

    class Unmade(DummyJob):
        TRIES = 1

        def __init__(self) -> None:
            clock.advance(1)
            raise NO

    head = 'Unmade', Unmade, 1, 1
    assert events_of(clock, Unmade) == [
        RunStarted((Unmade,), False),
        TryStarted(*head),
        PhaseStarted(*head, Phase.INIT),
        PhaseEnded(*head, Phase.INIT, 'fail', None, NO, 1),
        TryEnded(*head, False, Phase.INIT, 0, None),
        JobEnded('Unmade', Unmade, False, Outcome.FAILED, NO, ()),
        RunEnded({'Unmade': False}, 1),
    ]


def test_missing_run_is_told_as_a_phase_that_failed() -> None:
    class Audit(Job):
        TRIES = 1

        def Check(self) -> None:
            raise NO

    heard = events_of(FakeClock(), Audit)
    assert [briefly(event) for event in heard if isinstance(event, PhaseEnded)] == [
        'PhaseEnded Audit init',
        'PhaseEnded Audit check',
        'PhaseEnded Audit run',
        'PhaseEnded Audit recheck',
    ]
    (run,) = [each for each in heard if isinstance(each, PhaseEnded) and each.phase == 'run']
    assert (run.outcome, type(run.exception)) == ('fail', AttributeError)


def test_exit_is_told_as_a_failure() -> None:
    class Leaves(Job):
        TRIES = 1

        def Check(self) -> None:
            sys.exit(3)

    heard = events_of(FakeClock(), Leaves)
    outcomes = [each.outcome for each in heard if isinstance(each, PhaseEnded)]
    assert outcomes == ['pass', 'fail', 'fail', 'fail']


# The end before time


def test_interrupt_in_check_is_told_and_what_it_leaves() -> None:
    clock = FakeClock()
    interrupt = KeyboardInterrupt()

    class Below(DummyJob):
        pass

    class Stopped(Job):
        DEPS = (Below,)

        def Check(self) -> None:
            clock.advance(1)
            raise interrupt

    class Above(DummyJob):
        DEPS = (Stopped,)

    dojob, heard = configured(clock, Above)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert heard == [
        RunStarted((Below, Stopped, Above), False),
        *passed(Below),
        *attempt(Stopped, 1, 3, (Phase.CHECK, 'interrupt', None, interrupt, 1)),
        ended(Stopped, False, Outcome.INTERRUPTED, interrupt),
        ended(Above, None, Outcome.NOT_RUN, None, ('Stopped',)),
        RunEnded({'Below': True, 'Stopped': False, 'Above': None}, 1),
    ]


def test_interrupt_in_run_is_told_and_the_cleanup_after_it() -> None:
    clock = FakeClock()
    interrupt = KeyboardInterrupt()

    class Stopped(Job):
        def Check(self) -> None:
            raise NO

        def Run(self) -> None:
            clock.advance(2)
            raise interrupt

        def Cleanup(self) -> None:
            clock.advance(4)

    dojob, heard = configured(clock, Stopped)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert heard == [
        RunStarted((Stopped,), False),
        *attempt(
            Stopped,
            1,
            3,
            (Phase.CHECK, 'fail', None, NO, 0),
            (Phase.RUN, 'interrupt', None, interrupt, 2),
        ),
        ended(Stopped, False, Outcome.INTERRUPTED, interrupt),
        *phases(Stopped, 1, 3, (Phase.CLEANUP, 'pass', None, None, 4)),
        RunEnded({'Stopped': False}, 6),
    ]


def test_interrupt_while_waiting_tells_how_the_last_tries_ended() -> None:
    clock = FakeClock()

    class Fails(Job):
        RETRY_DELAY = 5

        def Check(self) -> None:
            raise NO

        Run = None

    class Above(DummyJob):
        DEPS = (Fails,)

    def interrupted(queue: Any, timeout: float | None) -> Any:
        clock.advance(1)
        raise KeyboardInterrupt

    dojob, heard = configured(clock, Above)
    dojob._receive = interrupted  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert heard[-5:] == [
        TryEnded('Fails', Fails, 1, 3, False, Phase.RECHECK, 2, clock.now + 4),
        Waiting(5, ('Fails',)),
        ended(Fails, False, Outcome.INTERRUPTED, NO),
        ended(Above, None, Outcome.NOT_RUN, None, ('Fails',)),
        RunEnded({'Fails': False, 'Above': None}, 1),
    ]


# Cleanup


class Sticks(RunonlyJob):
    """Fail in Cleanup, once."""

    error = OSError('stuck')

    def Run(self) -> None:
        self.storage['error'] = self.error

    def Cleanup(self) -> None:
        if 'error' in self.storage:
            raise self.storage.pop('error')


def test_failing_cleanup_is_told_and_the_call_by_hand_after_the_end() -> None:
    dojob, heard = configured(FakeClock(), Sticks)
    with pytest.raises(OSError, match='stuck'):
        dojob.checknrun()
    assert heard[-3:] == [
        *phases(Sticks, 1, 3, (Phase.CLEANUP, 'fail', None, Sticks.error, 0.0)),
        RunEnded({'Sticks': True}, 0.0),
    ]
    heard.clear()
    dojob.cleanup()
    assert heard == [*phases(Sticks, 1, 3, (Phase.CLEANUP, 'pass', None, None, 0.0))]


def test_cleanup_put_off_by_a_block_is_told_after_the_end_of_the_run() -> None:
    class Made(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            pass

    dojob, heard = configured(FakeClock(), Made)
    with dojob:
        dojob.checknrun()
        assert heard[-1] == RunEnded({'Made': True}, 0.0)
        heard.clear()
    assert heard == [*phases(Made, 1, 3, (Phase.CLEANUP, 'pass', None, None, 0.0))]


def test_cleanups_of_several_tries_are_told_with_their_numbers_last_first() -> None:
    class Retried(Job):
        TRIES = 2
        RETRY_DELAY = 0

        def Check(self) -> None:
            raise NO

        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            pass

    heard = events_of(FakeClock(), Retried)
    told = [each for each in heard if isinstance(each, PhaseEnded) and each.phase == 'cleanup']
    assert [each.number for each in told] == [2, 1]


def test_cleanup_of_an_earlier_run_is_told_to_the_listeners_of_that_run() -> None:
    dojob, heard = configured(FakeClock(), Sticks, cleanup=False)
    dojob.checknrun()
    heard.clear()
    others: list[Event] = []
    dojob.configure(DummyJob, listeners=(others.append,))
    with pytest.raises(OSError, match='stuck'):
        dojob.checknrun()
    assert [briefly(event) for event in heard] == [
        'PhaseStarted Sticks cleanup',
        'PhaseEnded Sticks cleanup',
    ]
    assert 'cleanup' not in ''.join(map(briefly, others))


# Listeners


def test_listeners_hear_each_event_one_after_the_other_in_the_calling_thread() -> None:
    heard: list[tuple[str, Event, int]] = []

    def listener(name: str) -> Callable[[Event], None]:
        return lambda event: heard.append((name, event, threading.get_ident()))

    dojob = DoJobber()
    dojob.configure(DummyJob, listeners=(listener('first'), listener('second')))
    thread = threading.Thread(target=dojob.checknrun)
    thread.start()
    thread.join()
    assert [name for name, *_ in heard] == ['first', 'second'] * (len(heard) // 2)
    assert [event for _, event, _ in heard[::2]] == [event for _, event, _ in heard[1::2]]
    assert len({ident for *_, ident in heard} - {threading.get_ident()}) == 1


def test_lines_are_written_before_listeners_hear(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, 'stderr', stream)
    dojob = DoJobber()

    def write(event: Event) -> None:
        if isinstance(event, PhaseEnded):
            stream.write(f'<{event.phase}>\n')

    dojob.configure(DummyJob, verbose=True, listeners=(write,))
    dojob.checknrun()
    assert stream.getvalue() == '<init>\nDummyJob.check: pass\n<check>\n'


class Changes(RunonlyJob):
    """Pass by Run, and leave word in Cleanup."""

    cleaned: list[str] = []

    def Run(self) -> None:
        self.cleaned.clear()

    def Cleanup(self) -> None:
        self.cleaned.append('cleaned')


class Above(DummyJob):
    """Depend on another."""

    DEPS = (Changes,)


ALL = [
    'RunStarted',
    'TryStarted Changes',
    *(
        f'{kind} Changes {phase}'
        for phase in ('init', 'check', 'run', 'recheck')
        for kind in ('PhaseStarted', 'PhaseEnded')
    ),
    'TryEnded Changes recheck',
    'JobEnded Changes',
    'TryStarted Above',
    *(
        f'{kind} Above {phase}'
        for phase in ('init', 'check')
        for kind in ('PhaseStarted', 'PhaseEnded')
    ),
    'TryEnded Above check',
    'JobEnded Above',
    'PhaseStarted Changes cleanup',
    'PhaseEnded Changes cleanup',
    'RunEnded',
]


class Raises:
    """Raise at an event, or at each."""

    def __init__(self, error: type[BaseException], at: str = '') -> None:
        self.error = error
        self.at = at
        self.heard: list[str] = []

    def __call__(self, event: Event) -> None:
        self.heard.append(briefly(event))
        if self.at in ('', self.heard[-1]):
            raise self.error('listener')

    def __repr__(self) -> str:
        raise ValueError('no name')


@pytest.mark.parametrize(
    ('at', 'error'),
    [
        *zip(ALL, cycle([ValueError, SystemExit])),
        *(pytest.param(*each, marks=pytest.mark.slow)
          for each in zip(ALL, cycle([SystemExit, ValueError]))),
    ],
)  # fmt: skip
def test_listener_that_raises_is_logged_once_and_dropped_until_the_next_run(
    caplog: pytest.LogCaptureFixture, at: str, error: type[BaseException]
) -> None:
    raises = Raises(error, at)
    before: list[Event] = []
    after: list[Event] = []
    dojob = DoJobber(logging.ERROR)
    dojob.configure(Above, listeners=(before.append, raises, after.append))
    for _ in range(2):
        dojob.checknrun()
        assert dojob.success()
        assert Changes.cleaned == ['cleaned']
        assert raises.heard == ALL[: ALL.index(at) + 1]
        assert [*map(briefly, before)] == [*map(briefly, after)] == ALL
        (record,) = caplog.records
        assert (record.name, record.levelname) == ('DoJobber', 'ERROR')
        assert 'Raises object at 0x' in record.getMessage()
        assert 'hears no more of this run' in record.getMessage()
        assert record.exc_text is not None
        assert "raise self.error('listener')" in record.exc_text
        for heard in (before, after, raises.heard, caplog.records):
            heard.clear()


@pytest.mark.parametrize('at', ALL)
def test_interrupt_of_a_listener_ends_the_run_and_the_others_hear_of_all_that_is_told(
    at: str,
) -> None:
    raises = Raises(KeyboardInterrupt, at)
    before: list[Event] = []
    after: list[Event] = []
    dojob = DoJobber()
    dojob.configure(Above, listeners=(before.append, raises, after.append))
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert raises.heard == [*map(briefly, before)] == [*map(briefly, after)]
    assert set(dojob.nodestatus) == {'Changes', 'Above'}
    told = [event for event in after if isinstance(event, JobEnded)]
    assert sorted(event.name for event in told) == ['Above', 'Changes']
    assert after[-1] == RunEnded(dojob.nodestatus, dojob.report().seconds)  # type: ignore[arg-type]


def test_listener_that_is_interrupted_at_each_event_ends_the_run() -> None:
    raises = Raises(KeyboardInterrupt)
    dojob = DoJobber()
    dojob.configure(Above, listeners=(raises,))
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert raises.heard == ['RunStarted', 'JobEnded Changes', 'JobEnded Above', 'RunEnded']
    assert dojob.nodestatus == {'Changes': None, 'Above': None}


def test_interrupt_of_a_listener_costs_no_cleanup() -> None:
    Changes.cleaned.clear()
    dojob = DoJobber()
    dojob.configure(Changes, listeners=(Raises(KeyboardInterrupt, 'PhaseStarted Changes cleanup'),))
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert Changes.cleaned == ['cleaned']


@pytest.mark.parametrize('at', ['TryEnded Changes recheck', 'JobEnded Changes'])
def test_interrupt_of_a_listener_leaves_the_status_that_was_told(at: str) -> None:
    heard: list[Event] = []
    dojob = DoJobber()
    dojob.configure(Above, listeners=(heard.append, Raises(KeyboardInterrupt, at)))
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    (told,) = [each for each in heard if isinstance(each, JobEnded) and each.name == 'Changes']
    assert told.status is dojob.nodestatus['Changes'] is True
    assert dojob.nodeexceptions == {}


def test_interrupt_of_a_listener_counts_no_try_twice() -> None:
    class Fails(Job):
        def Check(self) -> None:
            raise NO

    dojob = DoJobber()
    dojob.configure(Fails, listeners=(Raises(KeyboardInterrupt, 'TryEnded Fails recheck'),))
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    (entry,) = dojob.report()
    assert (entry.tries, entry.outcome) == (1, Outcome.INTERRUPTED)


def test_listener_can_ask_for_the_report_and_for_success() -> None:
    seen = []

    def look(event: Event) -> None:
        if isinstance(event, (JobEnded, RunEnded)):
            seen.append((dojob.success(), [str(entry.outcome) for entry in dojob.report()]))

    dojob = DoJobber()
    dojob.configure(Above, listeners=(look,))
    dojob.checknrun()
    assert seen == [
        (False, ['changed', 'not_run']),
        (True, ['changed', 'ok']),
        (True, ['changed', 'ok']),
    ]


def test_calls_from_a_listener_that_would_start_something_are_refused() -> None:
    errors: list[str] = []

    def meddle(event: Event) -> None:
        calls: list[Callable[[], object]] = [
            dojob.checknrun,
            dojob.cleanup,
            lambda: dojob.configure(DummyJob),
        ]
        for call in calls:
            with pytest.raises(RuntimeError) as caught:
                call()
            errors.append(str(caught.value))

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Only'), listeners=(meddle,))
    dojob.checknrun()
    assert dojob.nodestatus == {'Only': True}
    names = 'checknrun', 'cleanup', 'configure'
    assert errors[:3] == [f'{name}() was called while this DoJobber is running' for name in names]
    assert len(errors) == 3 * len(passed(DummyJob)) + 6


@pytest.mark.parametrize(
    ('listeners', 'shown'),
    [(None, 'None'), ('x', "'x'"), (b'x', "b'x'"), ([1], '[1]'), (['x'], "['x']"), (7, '7')],
)
def test_listeners_that_can_not_be_called_are_refused(listeners: Any, shown: str) -> None:
    dojob = DoJobber()
    with pytest.raises(ConfigurationError) as caught:
        dojob.configure(DummyJob, listeners=listeners)
    assert str(caught.value) == f'listeners must be an iterable of callables, got {shown}'
    with pytest.raises(RuntimeError, match=r'call configure\(\)'):
        dojob.checknrun()


async def later(event: Event) -> None: ...


def one_by_one(event: Event) -> Iterator[None]:
    yield


class Deaf:
    async def __call__(self, event: Event) -> None: ...


@pytest.mark.parametrize('listener', [later, one_by_one, Deaf(), partial(later)])
def test_listener_that_executes_nothing_when_called_is_refused(listener: Any) -> None:
    with pytest.raises(ConfigurationError, match='^a listener must do its work when called, got'):
        DoJobber().configure(DummyJob, listeners=[print, listener])


def test_lone_listener_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(ConfigurationError, match=r', got <.*>; write listeners=\(f,\)$'):
        DoJobber().configure(DummyJob, listeners=lambda event: None)  # type: ignore[arg-type]


def test_listeners_of_a_generator_hear_each_run() -> None:
    heard: list[Event] = []
    dojob = DoJobber()
    dojob.configure(DummyJob, listeners=(each for each in (heard.append,)))
    dojob.checknrun()
    dojob.checknrun()
    assert [type(event) for event in heard].count(RunEnded) == 2


# The events themselves


def test_events_can_not_be_changed() -> None:
    heard = events_of(FakeClock(), Above)
    assert {type(each) for each in heard} == {
        RunStarted, TryStarted, PhaseStarted, PhaseEnded, TryEnded, JobEnded, RunEnded
    }  # fmt: skip
    for event in [*heard, Waiting(1, ('a',))]:
        for field in dataclasses.fields(event):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(event, field.name, None)
        assert not hasattr(event, '__dict__')


def test_statuses_of_an_event_are_not_those_of_the_run() -> None:
    dojob, heard = configured(FakeClock(), DummyJob)
    dojob.checknrun()
    heard[-1].statuses.clear()  # type: ignore[attr-defined]
    assert dojob.nodestatus == {'DummyJob': True}


def test_events_can_be_pickled() -> None:
    heard = [*events_of(FakeClock(), DummyJob), Waiting(1, ('a',))]
    assert pickle.loads(pickle.dumps(heard)) == heard


def test_events_about_a_job_or_a_try_share_a_base() -> None:
    assert issubclass(JobEnded, JobEvent)
    assert not issubclass(JobEnded, TryEvent)
    for each in (TryStarted, PhaseStarted, PhaseEnded, TryEnded):
        assert issubclass(each, TryEvent)
    assert issubclass(TryEvent, JobEvent)
    assert issubclass(JobEvent, Event)
    for other in (RunStarted, RunEnded, Waiting):
        assert issubclass(other, Event)
        assert not issubclass(other, JobEvent)

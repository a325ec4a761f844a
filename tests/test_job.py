"""What a user subclasses."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pytest

import dojobber.dojobber
from dojobber import DoJobber, DummyJob, Job, RunonlyJob


def run(root: type[Job], **options: Any) -> DoJobber:
    dojob = DoJobber()
    dojob.configure(root, default_tries=1, **options)
    dojob.checknrun()
    return dojob


def test_both_modules_export_the_same_classes() -> None:
    for name in ('DoJobber', 'DummyJob', 'Job', 'RunonlyJob'):
        assert getattr(dojobber.dojobber, name) is getattr(dojobber, name)


def test_clone_makes_a_subclass_of_that_name_with_these_attributes() -> None:
    class SendInvite(Job):
        EMAIL = ''

        def Check(self) -> str:
            return self.EMAIL

    clone = SendInvite.clone('Invite Lawyer Cat', EMAIL='cat@example.com', TRIES=2)
    assert (clone.__name__, clone.__module__, clone.TRIES) == ('Invite Lawyer Cat', __name__, 2)
    assert issubclass(clone, SendInvite)
    assert run(clone).noderesults == {'Invite Lawyer Cat': 'cat@example.com'}


def test_clone_accepts_attributes_of_any_name() -> None:
    assert DummyJob.clone('A', name='n', cls='c').name == 'n'  # type: ignore[attr-defined]


def test_dummy_job_passes_and_returns_none() -> None:
    class Group(DummyJob):
        pass

    assert run(Group).noderesults == {'Group': None}


def test_dummy_job_with_check_and_run_is_an_ordinary_job() -> None:
    class Ordinary(DummyJob):
        def Check(self) -> None:
            if 'done' not in self.storage:
                raise ValueError

        def Run(self) -> None:
            self.storage['done'] = True

    assert run(Ordinary).success()


def test_runonly_job_fails_first_and_returns_what_run_returned() -> None:
    class Once(RunonlyJob):
        def Run(self) -> str:
            return f'after: {self._check_exception}'

    assert run(Once).noderesults == {
        'Once': 'after: Runonly node check intentionally fails first time.'
    }


def test_runonly_job_fails_with_the_exception_of_its_run() -> None:
    class Once(RunonlyJob):
        def Run(self) -> None:
            raise LookupError('nothing there')

    assert repr(run(Once).nodeexceptions['Once']) == "LookupError('nothing there')"


def test_runonly_job_that_exits_fails_with_system_exit() -> None:
    class Once(RunonlyJob):
        def Run(self) -> None:
            raise SystemExit(3)

    assert repr(run(Once).nodeexceptions['Once']) == 'SystemExit(3)'


def test_runonly_job_without_run_fails() -> None:
    class Nothing(RunonlyJob):
        pass

    class Disabled(RunonlyJob):
        DEPS = ()
        Run = None

    assert isinstance(run(Nothing).nodeexceptions['Nothing'], AttributeError)
    assert isinstance(run(Disabled).nodeexceptions['Disabled'], TypeError)


def test_runonly_job_in_no_act_fails() -> None:
    class Once(RunonlyJob):
        def Run(self) -> None:
            raise AssertionError('called')

    dojob = run(Once, no_act=True)
    assert str(dojob.nodeexceptions['Once']).startswith('Runonly node check')


def test_runonly_job_with_its_own_check_is_decided_by_it() -> None:
    class Once(RunonlyJob):
        def Check(self) -> None:
            if self._check_phase == 'check':
                raise ValueError

        def Run(self) -> None:
            raise LookupError

    assert run(Once).success()


def test_hooks_may_come_from_a_mixin_behind_job() -> None:
    class Mixin:
        def Check(self) -> str:
            return 'mixed in'

    class Mixed(Job, Mixin):
        pass

    assert run(Mixed).noderesults == {'Mixed': 'mixed in'}


@pytest.mark.filterwarnings('ignore:functools.partial will be a method descriptor')
def test_check_may_be_any_callable() -> None:
    class Callable_:
        def __call__(self, *args: Any) -> str:
            return f'object{args}'

    class Static(Job):
        @staticmethod
        def Check(*args: Any) -> str:
            return f'static{args}'

    class Class(Job):
        @classmethod
        def Check(cls, *args: Any) -> str:
            return f'{cls.__name__}{args}'

    class Partial(Job):
        Check = staticmethod(functools.partial('{}{}'.format, 'partial'))

    class Instance(Job):
        Check = Callable_()

    class Root(DummyJob):
        DEPS = (Static, Class, Partial, Instance)

    dojob = DoJobber()
    dojob.configure(Root)
    dojob.set_args(1)
    dojob.checknrun()
    assert list(dojob.noderesults.values())[:4] == [
        'static(1,)',
        'Class(1,)',
        'partial1',
        'object(1,)',
    ]


def test_check_may_be_a_property_that_returns_a_callable() -> None:
    class Late(Job):
        @property
        def Check(self) -> Any:
            return lambda: 'late'

    assert run(Late).noderesults == {'Late': 'late'}


def test_hooks_may_be_set_by_init() -> None:
    events = []

    class Dynamic(Job):
        def __init__(self) -> None:
            self.Run = lambda: events.append('run')
            self.Cleanup = lambda: events.append('cleanup')

        def Check(self) -> None:
            if not events:
                raise ValueError

    run(Dynamic)
    assert events == ['run', 'cleanup']


def test_init_that_does_not_call_its_base_works() -> None:
    class Own(Job):
        def __init__(self) -> None:
            self.mine = 'mine'

        def Check(self) -> list[Any]:
            return [self.mine, self.storage, self._check_phase, self._check_exception]

    assert run(Own).noderesults == {'Own': ['mine', {}, 'check', None]}


def test_subclass_of_a_subclass_inherits_hooks_and_attributes() -> None:
    class Base(Job):
        TRIES = 7

        def Check(self) -> float | None:
            return self.TRIES

    class Middle(Base):
        pass

    class Leaf(Middle):
        pass

    assert run(Leaf).noderesults == {'Leaf': 7}


def test_job_that_is_a_dataclass_works() -> None:
    @dataclass
    class Record(Job):
        size: int = 3

        def Check(self) -> int:
            return self.size

    assert run(Record).noderesults == {'Record': 3}


def test_job_that_refuses_attributes_works_and_has_its_storages() -> None:
    @dataclass(frozen=True)
    class Frozen(DummyJob):
        def Check(self) -> Any:
            return self.storage, self.global_storage

    class Other(DummyJob):
        pass

    class Root(DummyJob):
        DEPS = (Frozen, Other)

    dojob = run(Root)
    assert dojob.nodestatus == {'Frozen': True, 'Other': True, 'Root': True}
    assert dojob.noderesults['Frozen'] == ({}, {})


def test_job_that_refuses_private_attributes_works() -> None:
    class Strict(RunonlyJob):
        def __setattr__(self, name: str, value: Any) -> None:
            if name.startswith('_'):
                raise AttributeError(name)
            super().__setattr__(name, value)

        def Run(self) -> str:
            return 'ran'

    assert run(Strict).noderesults == {'Strict': 'ran'}


def test_unstable_attributes_tell_how_the_try_goes() -> None:
    seen = []

    class Curious(Job):
        TRIES = 2

        def look(self, where: str) -> None:
            seen.append(
                (
                    where,
                    self._check_phase,
                    str(self._check_exception),
                    self._run_results,
                    str(self._run_exception),
                    str(self._recheck_exception),
                )
            )

        def Check(self) -> None:
            self.look('Check')
            raise ValueError(self._check_phase)

        def Run(self) -> str:
            self.look('Run')
            return 'ran'

        def Cleanup(self) -> None:
            self.look('Cleanup')

    dojob = DoJobber()
    dojob.configure(Curious, default_retry_delay=0)
    dojob.checknrun()
    once = [
        ('Check', 'check', 'None', None, 'None', 'None'),
        ('Run', 'check', 'check', None, 'None', 'None'),
        ('Check', 'recheck', 'check', 'ran', 'None', 'None'),
    ]
    after = ('Cleanup', 'recheck', 'check', 'ran', 'None', 'recheck')
    assert seen == [*once, *once, after, after]


def test_cleanup_after_a_passing_recheck_knows_what_it_returned() -> None:
    seen = []

    class Curious(Job):
        def Check(self) -> str:
            return f'{self._check_phase} after {self.storage["run"]}'

        def Run(self) -> None:
            self.storage['run'] = 'run'

        def Cleanup(self) -> None:
            seen.append((self._check_phase, self._recheck_results, self._recheck_exception))

    assert run(Curious).success()
    assert seen == [('recheck', 'recheck after run', None)]


def test_storage_is_fresh_for_each_try_and_shared_within_it() -> None:
    seen = []

    class Stores(Job):
        TRIES = 2

        def Check(self) -> None:
            self.storage.setdefault('looks', []).append(self._check_phase)
            seen.append(list(self.storage['looks']))
            raise ValueError

        def Run(self) -> None:
            self.storage['looks'].append('run')

    dojob = DoJobber()
    dojob.configure(Stores, default_retry_delay=0)
    dojob.checknrun()
    assert seen == [['check'], ['check', 'run', 'recheck']] * 2


@pytest.mark.parametrize('base', [Job, DummyJob, RunonlyJob])
def test_bases_have_documentation(base: type[Job]) -> None:
    assert base.__doc__


class Borg(RunonlyJob):
    """Has the attributes of all its objects."""

    shared: dict[str, Any]

    def __init__(self) -> None:
        self.__dict__ = self.shared


class Single(RunonlyJob):
    """Is one object."""

    shared: dict[str, Any]

    def __new__(cls) -> Any:
        return cls.shared.setdefault('object', super().__new__(cls))


@pytest.mark.parametrize('base', [Borg, Single])
def test_object_of_an_earlier_try_starts_afresh(base: type[Job]) -> None:
    events = []

    def play(self: Any) -> None:
        names = '_check_phase', '_run_exception', '_recheck_exception'
        events.append([getattr(self, name) for name in names])
        raise ValueError

    dojob = DoJobber()
    dojob.configure(
        base.clone('Again', Run=play, shared={}), default_tries=2, default_retry_delay=0
    )
    dojob.checknrun()
    dojob.checknrun()
    assert dojob.nodestatus == {'Again': False}
    assert events == [['check', None, None]] * 4

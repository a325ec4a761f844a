"""One try in a worker: the contents of its reply, whatever is raised."""

from __future__ import annotations

import os
from pathlib import Path
from pickle import UnpicklingError, dumps, loads
from typing import Any

import pytest

from dojobber import Job, RemoteValue
from dojobber._executors.by_value import dumps_by_value
from dojobber._executors.pickling import PackedClass, ValueUnpickler
from dojobber._executors.storage import Journal, Packed
from dojobber._executors.worker import Reply, Request, run_request
from dojobber._workdir import NamedDirectory
from tests._executors.travelling import Cleans, Derived, Finds, Replaces, Where


def unpack(packed: Any) -> Any:
    return ValueUnpickler().unpack(packed)


def reply_to(job: Any, **fields: Any) -> Reply:
    request: dict[str, Any] = {
        'token': ('run', 'job', 1), 'is_special': False, 'changed': None, 'args': (), 'kwargs': {},
        'journal': b'', 'edition': 0, 'no_act': False, 'directory': '', **fields,
    }  # fmt: skip
    reply = loads(run_request(Request(job=job, **request)))
    assert isinstance(reply, Reply)
    return reply


def test_try_that_passes_has_its_result_and_no_cleanup_in_the_reply() -> None:
    reply = reply_to(Derived)
    assert unpack(reply.record['result']) == ['base', 'Derived']
    assert (unpack(reply.record['failure']), reply.record['ran'], reply.record['phase']) == (
        None,
        False,
        'check',
    )
    assert [(name, how is None) for name, how in reply.phases] == [
        ('init', True), ('init', False), ('check', True), ('check', False)]  # fmt: skip
    assert reply.cleanup is None


def test_try_that_owes_a_cleanup_has_storage_and_attributes_in_the_reply(tmp_path: Path) -> None:
    reply = reply_to(Cleans, kwargs={'directory': tmp_path})
    assert reply.cleanup is not None
    stored = dict(map(loads, reply.cleanup.storage))
    attributes = dict(map(loads, reply.cleanup.attributes))
    assert set(stored) == {'pid', 'thread', 'odd'}
    assert set(attributes) == {'directory', 'odd', 'word'}
    assert reply.dropped == ["storage['lock']", "self['event']"]


def test_storage_that_is_no_dict_any_more_is_lost_alone(tmp_path: Path) -> None:
    reply = reply_to(Replaces, kwargs={'directory': tmp_path})
    assert reply.cleanup is not None
    assert (reply.cleanup.storage, reply.dropped) == ([], ['storage'])
    assert dict(map(loads, reply.cleanup.attributes)) == {'directory': tmp_path}


def test_class_that_can_not_be_made_fails_the_init() -> None:
    reply = reply_to(PackedClass('odd', type, 'Odd', (Derived, Derived), {}))
    assert reply.record['phase'] == 'init'
    assert 'duplicate base' in str(unpack(reply.record['failure']))


def test_interrupt_between_two_phases_is_in_the_reply() -> None:
    class Stopping(type):
        def __new__(cls, name: str, bases: Any, attributes: Any) -> Any:
            raise KeyboardInterrupt(name)

    reply = reply_to(PackedClass('stopping', Stopping, 'Odd', (Derived,), {}))
    error = unpack(reply.record['failure'])
    assert (type(error), str(error), reply.record['phase']) == (KeyboardInterrupt, 'Odd', 'init')


def test_shared_values_that_can_not_be_made_are_counted_and_not_deleted() -> None:
    journal = Journal()
    for key, value in ('good', dumps(1)), ('bad', b'bad'), ('worse', b'worse'):
        journal.put(key, Packed(value), dumps((key, value)))
    journal.put('worst', Packed(b''), b'no record')
    reply = reply_to(Finds, token=('bad journal', '', 1), journal=bytes(journal))
    assert unpack(reply.record['result']) == ['good']
    assert reply.dropped == ['3 values of global_storage']
    assert reply.shared == []


def test_directory_that_is_not_there_is_told_and_the_phases_start_in_the_workers_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir('.')  # comes back at the end
    own = NamedDirectory('')._own
    reply = reply_to(Where, directory=str(tmp_path / 'gone'), is_special=True)
    assert unpack(reply.record['result']) == [own] * 4
    assert str(tmp_path / 'gone') in reply.directory_error


@pytest.mark.parametrize('known', [True, False])
def test_phases_start_in_the_directory_where_one_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    reply = reply_to(Where, directory=str(tmp_path) if known else '', is_special=True)
    seen = unpack(reply.record['result'])
    assert seen == ([str(tmp_path)] * 4 if known else [str(tmp_path), '/', '/', '/'])
    assert os.getcwd() == '/'


class Once:
    """Press Ctrl-C when it is first pickled."""

    pressed = False

    def __reduce__(self) -> Any:
        if not Once.pressed:
            Once.pressed = True
            raise KeyboardInterrupt
        return Once, ()


class StoresOnce(Cleans):
    def Run(self, directory: Path, **kwargs: Any) -> None:
        self.storage['once'] = Once()
        super().Run(directory, **kwargs)


def test_interrupt_of_the_packing_costs_nothing(tmp_path: Path) -> None:
    Once.pressed = False
    reply = reply_to(StoresOnce, kwargs={'directory': tmp_path})
    assert Once.pressed
    assert unpack(reply.record['failure']) is None
    assert reply.cleanup is not None


class Leaves:
    """Exit when it is pickled."""

    def __reduce__(self) -> Any:
        raise SystemExit(3)


class ReturnsLeaves(Job):
    def Check(self) -> Leaves:
        return Leaves()


def test_exit_out_of_pickling_costs_the_value_alone() -> None:
    reply = reply_to(ReturnsLeaves)
    assert isinstance(unpack(reply.record['result']), RemoteValue)
    assert unpack(reply.record['failure']) is None


def test_request_that_can_not_be_unpickled_fails_the_init() -> None:
    reply = loads(run_request(b'no pickle'))
    assert (reply.record['phase'], reply.record['ran']) == ('init', False)
    assert type(unpack(reply.record['failure'])) is UnpicklingError


def test_request_that_was_pickled_is_made() -> None:
    request = Request(('run', 'job', 1), Derived, False, None, (), {}, b'', 0, False, '')
    reply = loads(run_request(dumps_by_value(request, set(), Derived)))
    assert unpack(reply.record['result']) == ['base', 'Derived']

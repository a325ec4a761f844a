"""One try in a worker: what is in the reply, whatever happens."""

from __future__ import annotations

import os
from pathlib import Path
from pickle import dumps, loads
from typing import Any

import pytest

from dojobber import Job, RemoteValue
from dojobber._executors.pickling import PackedClass, unpickle_values
from dojobber._executors.worker import Reply, Request, run_request
from tests._executors.travelling import Cleans, Derived, Finds, Replaces, Where


def reply_to(job: Any, **fields: Any) -> Reply:
    request: dict[str, Any] = {
        'token': ('run', 'job', 1), 'is_special': False, 'changed': None, 'args': (), 'kwargs': {},
        'global_storage': [], 'no_act': False, 'directory': '', **fields,
    }  # fmt: skip
    reply = loads(run_request(Request(job=job, **request)))
    assert isinstance(reply, Reply)
    return reply


def test_try_that_passes_has_its_result_and_no_cleanup_in_the_reply() -> None:
    reply = reply_to(Derived)
    values = unpickle_values(reply.parcels)
    assert values[reply.result] == ['base', 'Derived']
    assert (values[reply.exception], reply.ran, reply.phase) == (None, False, 'check')
    assert [(name, how is None) for name, how in reply.phases] == [
        ('init', True), ('init', False), ('check', True), ('check', False)]  # fmt: skip
    assert reply.storage is None


def test_try_that_owes_a_cleanup_has_storage_and_attributes_in_the_reply(tmp_path: Path) -> None:
    reply = reply_to(Cleans, kwargs={'directory': tmp_path})
    assert reply.storage is not None
    stored, attributes = (dict(map(loads, each)) for each in (reply.storage, reply.attributes))
    assert set(stored) == {'pid', 'thread', 'odd'}
    assert set(attributes) == {'directory', 'odd', 'word'}
    assert reply.lost == ["storage['lock']", "self['event']"]


def test_storage_that_is_no_dict_any_more_is_lost_alone(tmp_path: Path) -> None:
    reply = reply_to(Replaces, kwargs={'directory': tmp_path})
    assert (reply.storage, reply.lost) == ([], ['storage'])
    assert dict(map(loads, reply.attributes)) == {'directory': tmp_path}


def test_class_that_can_not_be_made_fails_the_init() -> None:
    reply = reply_to(PackedClass(type, 'Odd', (Derived, Derived), {}))
    assert reply.phase == 'init'
    assert 'duplicate base' in str(unpickle_values(reply.parcels)[reply.exception])


def test_interrupt_between_two_phases_is_in_the_reply() -> None:
    class Stopping(type):
        def __new__(cls, name: str, bases: Any, attributes: Any) -> Any:
            raise KeyboardInterrupt(name)

    reply = reply_to(PackedClass(Stopping, 'Odd', (Derived,), {}))
    error = unpickle_values(reply.parcels)[reply.exception]
    assert (type(error), str(error), reply.phase) == (KeyboardInterrupt, 'Odd', 'init')


def test_shared_values_that_can_not_be_made_are_counted_and_not_deleted() -> None:
    pairs = [dumps(('good', 1)), b'bad', b'worse']
    reply = reply_to(Finds, global_storage=pairs)
    assert unpickle_values(reply.parcels)[reply.result] == ['good']
    assert reply.lost == ['2 values of global_storage']
    assert (reply.changed, reply.deleted) == ([], [])


@pytest.mark.parametrize('known', [True, False])
def test_phases_start_in_the_directory_where_one_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    reply = reply_to(Where, directory=str(tmp_path) if known else '', is_special=True)
    seen = unpickle_values(reply.parcels)[reply.result]
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
    assert unpickle_values(reply.parcels)[reply.exception] is None
    assert reply.storage is not None


class Leaves:
    """Exit when it is pickled."""

    def __reduce__(self) -> Any:
        raise SystemExit(3)


class ReturnsLeaves(Job):
    def Check(self) -> Leaves:
        return Leaves()


def test_exit_out_of_pickling_costs_the_value_alone() -> None:
    reply = reply_to(ReturnsLeaves)
    values = unpickle_values(reply.parcels)
    assert isinstance(values[reply.result], RemoteValue)
    assert values[reply.exception] is None

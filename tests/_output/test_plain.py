"""A report as plain data: its keys are described, and nothing in it breaks or leaks."""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import Any

from dojobber import DoJobber, DummyJob, Job
from tests.fakes import FakeClock


def plain(root: type[Job], **options: Any) -> dict[str, Any]:
    dojob = FakeClock(0).drive(DoJobber())
    dojob.configure(root, **options)
    with contextlib.suppress(OSError):
        dojob.checknrun()
    return dojob.report().as_dict()


def raising(error: BaseException) -> type[Job]:
    class Raises(Job):
        TRIES = 1

        def Check(self) -> None:
            raise error

    return Raises


class Group(Exception):
    """Has parts, as an exception group does on every Python."""

    def __init__(self, *parts: Exception) -> None:
        super().__init__('several')
        self.exceptions = parts


def test_part_of_itself_is_left_out() -> None:
    group = Group()
    group.exceptions = (group, ValueError('one'), Group(group))
    told = plain(raising(group))['jobs'][0]['exception']
    assert [(each['type'], each['parts']) for each in told['parts']] == [
        ('ValueError', []),
        ('Group', []),
    ]


def test_groups_are_told_of_to_a_depth_that_json_can_hold() -> None:
    group: Exception = ValueError('innermost')
    for _ in range(500):
        group = Group(group)
    told = plain(raising(group))
    assert json.loads(json.dumps(told)) == told
    depth, found = 0, told['jobs'][0]['exception']
    while found['parts']:
        depth, found = depth + 1, found['parts'][0]
    assert depth == 20


class Odd(subprocess.SubprocessError):
    """Refuses to say what the process wrote."""

    @property
    def output(self) -> str:
        raise RuntimeError

    stderr = 7


def test_output_that_can_not_be_had_is_none() -> None:
    told = plain(raising(Odd()))['jobs'][0]['exception']
    assert (told['stdout'], told['stderr']) == (None, None)


def test_secrets_change_neither_keys_nor_words_of_the_schema() -> None:
    root = DummyJob.clone('Gives', Check=lambda self: {'name': ['failed pass']})
    told = plain(root, secrets=('name', 'ok', 'cleanup', 'jobs', 'pass', 'check'))
    assert told.keys() == plain(root).keys()
    (job,) = told['jobs']
    assert job.keys() == plain(root)['jobs'][0].keys()
    assert (job['outcome'], job['phase']) == ('ok', 'check')
    assert job['result'] == {'*****': ['failed *****']}

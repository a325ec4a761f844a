"""A report as plain data: its keys are described, and nothing in it breaks or leaks."""

from __future__ import annotations

import contextlib
import json
import platform
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from tests.fakes import FakeClock


def plain(root: type[Job], **options: Any) -> dict[str, Any]:
    dojob = FakeClock(0.0).drive(DoJobber())
    dojob.configure(root, **options)
    with contextlib.suppress(OSError):
        dojob.checknrun()
    return dojob.report().as_dict()


#: The keys that each schema promises; none may go without another number.
PROMISED = {
    1: {
        'The report': 'schema success no_act started seconds host python dojobber jobs',
        'A Job': (
            'name job outcome deps blocked_by changed_deps tries gave_up phase start end seconds '
            'phase_seconds result check_exception run_exception exception cleanup cleanup_exception'
        ),
        'An exception': (
            'type message notes parts file line hook_file hook_line traceback stdout stderr'
        ),
    },
}


def tables() -> dict[str, dict[str, str]]:
    """Return the tables that describe the plain data: the type of each key."""
    page = (Path(__file__).parents[2] / 'docs' / 'reference.rst').read_text()
    section = page.partition('\nAs plain data\n')[2].partition('\n~~~')[0]
    return {
        title: dict(re.findall(r'^   \* - ``(\w+)``\n     - (.+)\n     - .', table, re.MULTILINE))
        for title, table in re.findall(
            r'^\.\. list-table:: (.+)\n((?:   .*\n|\n)+)', section, re.MULTILINE
        )
    }


def examples() -> dict[str, list[dict[str, Any]]]:
    """Return plain data of each kind."""
    error = subprocess.CalledProcessError(1, ['make'], 'out', 'err')
    fails = raising(Group(error))
    found = [
        plain(DummyJob.clone('Top', DEPS=(raising(error), Unclean))),
        plain(DummyJob.clone('Top', DEPS=(fails,))),
        DoJobber().report().as_dict(),
    ]
    jobs = [each for report in found for each in report['jobs']]
    errors = [value for job in jobs for key, value in job.items() if key.endswith('exception')]
    errors = [each for each in errors if each]
    parts = [part for each in errors for part in each['parts']]
    return {'The report': found, 'A Job': jobs, 'An exception': errors + parts}


#: What the words of the tables mean.
TYPES: dict[str, Callable[[Any], bool]] = {
    'str': lambda value: isinstance(value, str),
    'int': lambda value: type(value) is int,
    'float': lambda value: isinstance(value, float),
    'bool': lambda value: isinstance(value, bool),
    'None': lambda value: value is None,
    'any': lambda value: True,
    'dict': lambda value: isinstance(value, dict),
    'list of str': lambda value: all(isinstance(each, str) for each in value),
    'list of dicts': lambda value: all(isinstance(each, dict) for each in value),
    'dict of floats': lambda value: all(map(TYPES['float'], value.values())),
}


def is_of(value: Any, described: str) -> bool:
    """Return whether a value is of a type as a table names it."""
    return any(TYPES[each](value) for each in described.split(' or '))


def test_reference_describes_each_key_and_its_type() -> None:
    described = tables()
    for title, found in examples().items():
        assert found
        for each in found:
            assert list(described[title]) == list(each)
            wrong = [key for key in each if not is_of(each[key], described[title][key])]
            assert wrong == []


def test_no_key_goes_without_another_number_of_the_schema() -> None:
    (number,) = {each['schema'] for each in examples()['The report']}
    for title, keys in PROMISED[number].items():
        assert set(keys.split()) <= tables()[title].keys()


def raising(error: BaseException) -> type[Job]:
    class Raises(Job):
        TRIES = 1

        def Check(self) -> None:
            raise error

    return Raises


class Unclean(RunonlyJob):
    """Has a Cleanup that fails."""

    def Run(self) -> None:
        """Do nothing."""

    def Cleanup(self) -> None:
        raise OSError('busy')


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


def test_files_and_the_host_are_masked() -> None:
    told = plain(raising(ValueError()), secrets=(Path(__file__).name, platform.node()))
    assert told['host'] == '*****'
    error = told['jobs'][0]['exception']
    assert (Path(error['file']).name, Path(error['hook_file']).name) == ('*****', '*****')
    assert Path(__file__).name not in str(told)


def test_secrets_change_neither_keys_nor_words_of_the_schema() -> None:
    root = DummyJob.clone('Gives', Check=lambda self: {'name': ['failed pass']})
    told = plain(root, secrets=('name', 'ok', 'cleanup', 'jobs', 'pass', 'check'))
    assert told.keys() == plain(root).keys()
    (job,) = told['jobs']
    assert job.keys() == plain(root)['jobs'][0].keys()
    assert (job['outcome'], job['phase']) == ('ok', 'check')
    assert job['result'] == {'*****': ['failed *****']}

"""examples/many_hosts.py, as a user starts it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import scripts
from tests.scripts import EXAMPLES, Done, counts

pytestmark = pytest.mark.slow

MANY_HOSTS = EXAMPLES / 'many_hosts.py'

HOSTS: dict[str, dict[str, Any]] = {
    'web1': {'root': 'machines/web1', 'users': ['ada'], 'services': ['web', 'mail']},
    'web2': {'root': 'machines/web2', 'users': ['ada', 'bob']},
    'web3': {'root': 'machines/web3'},
}
TOML = """\
release = 'app.conf'

[hosts.web1]
root = 'machines/web1'
users = ['ada']
services = ['web', 'mail']

[hosts.web2]
root = 'machines/web2'
users = ['ada', 'bob']

[hosts.web3]
root = 'machines/web3'
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with an inventory of three hosts, all of them up, and a release."""
    inventory = {'release': 'app.conf', 'hosts': HOSTS}
    (tmp_path / 'hosts.json').write_text(json.dumps(inventory))
    (tmp_path / 'app.conf').write_text('port = 80\n')
    for name in HOSTS:
        (tmp_path / 'machines' / name / 'etc').mkdir(parents=True)
    return tmp_path


def run(place: Path, *flags: str) -> Done:
    return scripts.run('many_hosts.py', place, *flags)


def contents(place: Path) -> dict[str, str]:
    """Return what each file of the hosts has to say."""
    machines = place / 'machines'
    files = [each for each in machines.rglob('*') if each.is_file()]
    return {str(each.relative_to(machines)): each.read_text() for each in sorted(files)}


EXPECTED = {
    'web1/etc/app.conf': 'port = 80\n',
    'web1/etc/passwd': 'ada\n',
    'web1/etc/services': 'web\nmail\n',
    'web2/etc/app.conf': 'port = 80\n',
    'web2/etc/passwd': 'ada\nbob\n',
    'web2/etc/services': '',
    'web3/etc/app.conf': 'port = 80\n',
    'web3/etc/services': '',
}


@pytest.mark.parametrize('flags', [(), ('-j4',)], ids=['one', 'four'])
def test_first_run_brings_all_hosts_up_to_date_and_second_finds_all_well(
    place: Path, flags: tuple[str, ...]
) -> None:
    first = run(place, 'hosts.json', *flags)
    assert (first.returncode, counts(first)) == (0, '17 Jobs: 9 ok, 8 changed')
    assert first.stdout == 'web1: ok\nweb2: ok\nweb3: ok\n'
    assert contents(place) == EXPECTED

    second = run(place, 'hosts.json', *flags)
    assert (second.returncode, counts(second)) == (0, '17 Jobs: 17 ok')
    assert contents(place) == EXPECTED


def test_inventory_may_be_elsewhere_and_paths_are_relative_to_it(place: Path) -> None:
    (place / 'other').mkdir()
    assert run(place / 'other', '../hosts.json').returncode == 0
    assert contents(place) == EXPECTED


def test_inventory_may_be_toml_where_python_can_read_it(place: Path) -> None:
    (place / 'hosts.toml').write_text(TOML)
    done = run(place, 'hosts.toml')
    if sys.version_info >= (3, 11):
        assert done.returncode == 0
        assert contents(place) == EXPECTED
    else:
        assert done.returncode == 2
        assert 'error: hosts.toml: TOML needs Python 3.11: write it as JSON\n' in done.stderr


@pytest.mark.parametrize('flags', [(), ('-j4',)], ids=['one', 'four'])
def test_host_that_is_down_blocks_only_its_own_jobs(place: Path, flags: tuple[str, ...]) -> None:
    (place / 'machines' / 'web2').rename(place / 'web2')
    done = run(place, 'hosts.json', *flags)
    assert (done.returncode, counts(done)) == (1, '17 Jobs: 6 ok, 5 changed, 1 failed, 5 blocked')
    assert done.stderr.splitlines()[1:-1] == [
        'web2 IsUp failed after 1 try',
        f'  recheck: {MANY_HOSTS}:{line_of("There is no {self.etc}")}: ConnectionError: '
        'There is no machines/web2/etc.',
        '  blocks 5 Jobs: web2 HasUsers, web2 HasRelease, web2 RunsServices, web2, All hosts',
    ]
    assert done.stdout == 'web1: ok\nweb2: blocked web2 IsUp\nweb3: ok\n'
    up = {name: text for name, text in EXPECTED.items() if not name.startswith('web2')}
    assert contents(place) == up

    (place / 'web2').rename(place / 'machines' / 'web2')
    again = run(place, 'hosts.json', *flags)
    assert (again.returncode, counts(again)) == (0, '17 Jobs: 14 ok, 3 changed')
    assert contents(place) == EXPECTED


def line_of(text: str) -> int:
    lines = MANY_HOSTS.read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_host_that_is_broken_halfway_is_brought_as_far_as_it_can_be(place: Path) -> None:
    (place / 'machines' / 'web1' / 'etc' / 'passwd').mkdir()
    done = run(place, 'hosts.json')
    assert done.returncode == 1
    assert 'IsADirectoryError' in done.stderr
    assert done.stdout == 'web1: blocked web1 HasUsers\nweb2: ok\nweb3: ok\n'
    assert set(EXPECTED) - set(contents(place)) == {'web1/etc/passwd', 'web1/etc/services'}


def test_what_all_hosts_need_blocks_what_needs_it_and_no_more(place: Path) -> None:
    (place / 'app.conf').write_text('\n')
    done = run(place, 'hosts.json')
    assert (done.returncode, counts(done)) == (1, '17 Jobs: 4 ok, 2 changed, 1 failed, 10 blocked')
    assert 'RuntimeError: There is nothing in app.conf.\n' in done.stderr
    assert done.stdout == ''.join(f'{name}: blocked ReleaseIsThere\n' for name in HOSTS)
    assert set(contents(place)) == {'web1/etc/passwd', 'web2/etc/passwd'}


def test_release_and_services_are_followed_and_accounts_of_others_stay(place: Path) -> None:
    etc = place / 'machines' / 'web1' / 'etc'
    (etc / 'passwd').write_text('root\n')
    (etc / 'services').write_text('ftp\n')
    run(place, 'hosts.json')
    assert (etc / 'passwd').read_text() == 'root\nada\n'
    assert (etc / 'services').read_text() == 'web\nmail\n'

    (place / 'app.conf').write_text('port = 8080\n')
    done = run(place, 'hosts.json')
    assert (done.returncode, counts(done)) == (0, '17 Jobs: 14 ok, 3 changed')
    assert (etc / 'app.conf').read_text() == 'port = 8080\n'


def test_only_one_host_is_brought_up_to_date_if_it_is_named(place: Path) -> None:
    done = run(place, 'hosts.json', '--only=web3')
    assert (done.returncode, counts(done)) == (0, '6 Jobs: 4 ok, 2 changed')
    assert done.stdout == 'web3: ok\n'
    assert set(contents(place)) == {'web3/etc/app.conf', 'web3/etc/services'}


def test_dry_run_changes_nothing(place: Path) -> None:
    (place / 'machines' / 'web2').rename(place / 'web2')
    done = run(place, 'hosts.json', '-n')
    assert (done.returncode, counts(done)) == (
        1,
        '17 Jobs: 4 ok, 1 failed, 5 blocked, 3 would run, 4 might run',
    )
    assert done.stdout == 'web1: might_run\nweb2: blocked web2 IsUp\nweb3: might_run\n'
    assert contents(place) == {}


@pytest.mark.parametrize(
    'inventory, message',
    [
        ('', 'Expecting value: line 1 column 1 (char 0)'),
        ('[]', 'this is no inventory: TypeError: list indices must be integers or slices, not str'),
        ('{}', "this is no inventory: KeyError: 'hosts'"),
        ('{"hosts": {}}', "this is no inventory: KeyError: 'release'"),
        ('{"hosts": {"a": {}}}', "this is no inventory: KeyError: 'root'"),
        (
            '{"hosts": {"a": {"root": "a", "users": "ada"}}}',
            "this is no inventory: TypeError: users must be a list, got 'ada'",
        ),
        (
            '{"release": "app.conf", "hosts": {"All hosts": {"root": "a"}}}',
            "two Jobs are named 'All hosts'",
        ),
        (
            r'{"release": "app.conf", "hosts": {"a\u0000b": {"root": "a"}}}',
            'type name must not contain null characters',
        ),
        ('[' * 100_000, ''),
    ],
)
def test_inventory_that_is_none_is_refused_with_status_2(
    place: Path, inventory: str, message: str
) -> None:
    (place / 'hosts.json').write_text(inventory)
    done = run(place, 'hosts.json')
    assert (done.returncode, done.stdout) == (2, '')
    where = '' if message.startswith('two Jobs') else 'hosts.json: '
    assert f'error: {where}{message}' in done.stderr


def test_mistakes_of_the_caller_are_told_with_status_2(place: Path) -> None:
    done = run(place, 'hosts.json', '--only=web4')
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.endswith("error: --only: there is no Job 'web4'; --list shows them all\n")
    assert run(place, 'hosts.json', '--only=').returncode == 2
    assert run(place, 'nowhere.json').returncode == 2

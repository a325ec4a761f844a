"""examples/audit.py, as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests import scripts
from tests.scripts import Done, counts

pytestmark = pytest.mark.slow

RULES = (
    'AccountsAreReadable',
    'OnlyRootIsRoot',
    'NoEmptyPasswords',
    'Mode of etc/passwd',
    'Mode of etc/shadow',
    'LoginDefsAreReadable',
    'ENCRYPT_METHOD',
    'UMASK',
)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Return the directory of settings of a machine that keeps all rules."""
    files = {
        'passwd': (0o644, 'root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n'),
        'shadow': (0o600, 'root:*:19000:0:99999:7:::\nada:!:19000:0:99999:7:::\n'),
        'login.defs': (0o644, '# For all.\n\nUMASK\t022 # not 077\nENCRYPT_METHOD SHA512\n'),
    }
    directory = tmp_path / 'etc'
    directory.mkdir()
    for name, (mode, text) in files.items():
        (directory / name).write_text(text)
        (directory / name).chmod(mode)
    return directory


def run(etc: Path, *flags: str) -> Done:
    return scripts.run('audit.py', etc.parent, f'--root={etc.parent}', *flags)


def not_kept(done: Done) -> dict[str, tuple[str, str]]:
    """Return verdict and reason of the rules that are not kept, by their names."""
    rules = json.loads(done.stdout)['rules']
    return {
        rule['rule']: (rule['verdict'], rule['why']) for rule in rules if rule['verdict'] != 'kept'
    }


@pytest.mark.sample
def test_machine_that_keeps_all_rules_is_reported_so_and_left_as_it_is(etc: Path) -> None:
    before = sorted((each.name, each.stat().st_mtime_ns) for each in etc.rglob('*'))
    done = run(etc)
    assert (done.returncode, counts(done)) == (0, '9 Jobs: 9 ok')
    report = json.loads(done.stdout)
    assert report['root'] == str(etc.parent)
    assert tuple(rule['rule'] for rule in report['rules']) == RULES
    assert {rule['verdict'] for rule in report['rules']} == {'kept'}
    assert {rule['rule']: rule['found'] for rule in report['rules']} == {
        'AccountsAreReadable': 2,
        'OnlyRootIsRoot': ['root'],
        'NoEmptyPasswords': None,
        'Mode of etc/passwd': '0644',
        'Mode of etc/shadow': '0600',
        'LoginDefsAreReadable': None,
        'ENCRYPT_METHOD': 'SHA512',
        'UMASK': '022',
    }
    assert sorted((each.name, each.stat().st_mtime_ns) for each in etc.rglob('*')) == before


def test_each_broken_rule_is_found_and_says_what_was_seen(etc: Path) -> None:
    with (etc / 'passwd').open('a') as more:
        more.write('eve:x:0:1001::/home/eve:/bin/sh\n')
    with (etc / 'shadow').open('a') as more:
        more.write('\neve::19000:0:99999:7:::\n')
    (etc / 'passwd').chmod(0o666)
    (etc / 'shadow').chmod(0o644)
    (etc / 'login.defs').write_text('ENCRYPT_METHOD DES\n')
    done = run(etc)
    assert (done.returncode, counts(done)) == (1, '9 Jobs: 2 ok, 6 failed, 1 blocked')
    assert not_kept(done) == {
        'OnlyRootIsRoot': ('broken', 'User ID 0: root, eve.'),
        'NoEmptyPasswords': ('broken', 'No password: eve.'),
        'Mode of etc/passwd': ('broken', 'etc/passwd has mode 0666.'),
        'Mode of etc/shadow': ('broken', 'etc/shadow has mode 0644.'),
        'ENCRYPT_METHOD': ('broken', 'ENCRYPT_METHOD is DES.'),
        'UMASK': ('broken', 'UMASK is not set.'),
    }
    assert 'Finding: ENCRYPT_METHOD is DES.\n' in done.stderr


def test_what_can_not_be_looked_at_is_unknown_and_so_is_what_needs_it(etc: Path) -> None:
    (etc / 'login.defs').unlink()
    (etc / 'passwd').write_text('')
    done = run(etc)
    assert (done.returncode, counts(done)) == (2, '9 Jobs: 3 ok, 2 failed, 4 blocked')
    missing = f"[Errno 2] No such file or directory: '{etc / 'login.defs'}'"
    assert not_kept(done) == {
        'AccountsAreReadable': ('unknown', 'ValueError: There are no accounts in etc/passwd.'),
        'OnlyRootIsRoot': ('unknown', 'It needs AccountsAreReadable.'),
        'LoginDefsAreReadable': ('unknown', f'FileNotFoundError: {missing}'),
        'ENCRYPT_METHOD': ('unknown', 'It needs LoginDefsAreReadable.'),
        'UMASK': ('unknown', 'It needs LoginDefsAreReadable.'),
    }


def test_broken_rule_counts_for_more_than_an_unknown_one(etc: Path) -> None:
    (etc / 'login.defs').unlink()
    (etc / 'passwd').chmod(0o666)
    assert run(etc).returncode == 1


def test_one_rule_can_be_looked_at_with_what_it_needs(etc: Path) -> None:
    (etc / 'shadow').unlink()
    done = run(etc, '--only=OnlyRootIsRoot')
    assert (done.returncode, counts(done)) == (0, '2 Jobs: 2 ok')
    rules = json.loads(done.stdout)['rules']
    assert [rule['rule'] for rule in rules] == ['AccountsAreReadable', 'OnlyRootIsRoot']


def test_report_goes_to_a_file_if_one_is_named(etc: Path) -> None:
    done = run(etc, '--output=audit.json')
    assert (done.returncode, done.stdout, counts(done)) == (0, '', '9 Jobs: 9 ok')
    assert (etc.parent / 'audit.json').read_text() == run(etc).stdout


def test_file_that_can_not_be_written_is_no_broken_rule(etc: Path) -> None:
    done = run(etc, '--output=etc')
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.endswith("No report: [Errno 21] Is a directory: 'etc'\n")


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs /dev/full')
def test_full_disk_behind_stdout_is_no_broken_rule(etc: Path) -> None:
    with open('/dev/full', 'w') as full:
        done = subprocess.run(
            scripts.command('audit.py', f'--root={etc.parent}'),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=scripts.SECONDS,
        )
    assert done.returncode not in (0, 1)
    assert 'No report: [Errno 28]' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('flag', ['--only=Tidiness', '--root=nowhere'])
def test_mistyped_flag_is_refused_with_the_status_for_unknown(etc: Path, flag: str) -> None:
    done = run(etc, flag)
    assert (done.returncode, done.stdout) == (2, '')
    assert 'usage: audit.py' in done.stderr


def test_list_names_each_rule(etc: Path) -> None:
    listed = run(etc, '--list')
    assert (listed.returncode, listed.stderr) == (0, '')
    assert all(f'{each}  ' in listed.stdout for each in RULES)

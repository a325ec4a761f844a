"""examples/cluster.py, as a user starts it, on whatever executor there is."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.scripts import ENVIRONMENT, EXAMPLES, Done, counts

pytestmark = pytest.mark.slow

CLUSTER = EXAMPLES / 'cluster.py'
# Without PYTHONPATH, and where no package is needed without those that are installed: the script
# must find the library by itself.
BARE = (sys.executable, '-I', '-S')
WAYS = {
    'threads': (BARE, ''),
    'processes --start spawn': (BARE, ''),
    'processes': (BARE, ''),
    'processes --start fork': (BARE, ''),
    'loky': ((sys.executable, '-I'), 'loky'),
    'dask': ((sys.executable, '-I'), 'distributed'),
}


def run(place: Path, flags: str, python: tuple[str, ...] = BARE) -> Done:
    (place / 'tmp').mkdir(exist_ok=True)
    return subprocess.run(
        (*python, str(CLUSTER), '--lines=500', *flags.split()),
        cwd=place,
        env={**ENVIRONMENT, 'TMPDIR': str(place / 'tmp')},
        capture_output=True,
        text=True,
        timeout=120,
    )


def report(done: Done, on: str) -> list[str]:
    """Return the lines of the report; the last one says how long it took."""
    *lines, last = done.stdout.splitlines()
    assert last.startswith(f'On {on.split()[0]}: ') and last.endswith(' s')
    return lines


def left(place: Path) -> list[Path]:
    """Return the temporary files that are left; Dask keeps locks in a directory of its own."""
    found = [each.relative_to(place / 'tmp') for each in (place / 'tmp').rglob('*')]
    return [each for each in found if each.parts[0] != 'dask-scratch-space']


@pytest.fixture(scope='module')
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return the report of a run without an executor."""
    place = tmp_path_factory.mktemp('none')
    done = run(place, '--on none')
    assert (done.returncode, counts(done)) == (0, '40 Jobs: 4 ok, 36 changed')
    assert not left(place)
    return report(done, 'none')


def test_report_tells_of_forty_jobs_in_order(expected: list[str]) -> None:
    assert len(expected) == 40
    assert expected == sorted(expected)
    assert expected[:2] == ['All: ok', 'Check apple cherry fig lemon: ok']


@pytest.mark.parametrize('way', WAYS)
def test_report_is_the_same_on_each_executor_and_nothing_is_left(
    way: str, tmp_path: Path, expected: list[str]
) -> None:
    python, module = WAYS[way]
    if module and not find_spec(module):
        pytest.skip(f'{module} is not installed')
    done = run(tmp_path, f'--on {way}', python)
    assert done.returncode == 0, done.stderr
    assert report(done, way) == expected
    assert counts(done) == '40 Jobs: 4 ok, 36 changed'
    assert not left(tmp_path)


@pytest.mark.parametrize('way', ['none', 'threads', 'processes'])
def test_second_run_finds_all_well_if_the_files_are_kept(way: str, tmp_path: Path) -> None:
    assert run(tmp_path, f'--on {way} --directory kept/here').returncode == 0
    kept = tmp_path / 'kept' / 'here'
    # Twelve files, their compressed copies, SHA256SUMS: no half-written ones.
    assert len(list(kept.iterdir())) == 25
    for line in (kept / 'SHA256SUMS').read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((kept / name).read_bytes()).hexdigest() == digest
        assert gzip.decompress((kept / f'{name}.gz').read_bytes()) == (kept / name).read_bytes()

    again = run(tmp_path, f'--on {way} --directory kept/here')
    assert (again.returncode, counts(again)) == (0, '40 Jobs: 40 ok')
    assert all(line.endswith(': ok') for line in report(again, way))
    assert not left(tmp_path)


def test_what_is_missing_is_made_again_and_what_is_damaged_is_told(tmp_path: Path) -> None:
    run(tmp_path, '--directory kept')
    (tmp_path / 'kept' / 'oak').unlink()
    (tmp_path / 'kept' / 'elm.gz').write_bytes(gzip.compress(b'?'))
    done = run(tmp_path, '--on threads --directory kept')
    assert (done.returncode, counts(done)) == (
        1,
        '40 Jobs: 37 ok, 1 changed, 1 failed, 1 blocked',
    )
    assert 'elm.gz is damaged: delete it, and run this again.' in done.stderr
    assert [line for line in report(done, 'threads') if not line.endswith(': ok')] == [
        'All: blocked',
        'Check ash elm oak yew: failed',
        'Make oak: changed',
    ]
    (tmp_path / 'kept' / 'elm.gz').unlink()
    assert run(tmp_path, '--on threads --directory kept').returncode == 0


@pytest.mark.parametrize('on, package', [('loky', 'loky'), ('dask', 'dask[distributed]')])
def test_missing_package_is_named(on: str, package: str, tmp_path: Path) -> None:
    done = run(tmp_path, f'--on {on} --directory kept')  # without site-packages
    assert (done.returncode, done.stdout) == (2, '')
    assert done.stderr.endswith(
        f"error: --on {on} needs a package: python3 -m pip install '{package}'\n"
    )
    assert not (tmp_path / 'kept').exists()


@pytest.mark.parametrize('flags', ['--on threads --workers 0', '--directory there/below'])
def test_mistakes_of_the_caller_are_told_with_status_2(flags: str, tmp_path: Path) -> None:
    (tmp_path / 'there').touch()
    done = run(tmp_path, flags)
    assert (done.returncode, done.stdout) == (2, '')
    assert f'error: {flags.split()[-2]}' in done.stderr

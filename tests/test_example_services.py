"""examples/services.py, as a user starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests import scripts
from tests.scripts import ENVIRONMENT, SECONDS, Done, command, counts, killed_late

pytestmark = pytest.mark.slow

ANSWER = 'shop(pricing(store), stock(store))\n'
# How long a service may take to start where the machine is busy.
PATIENCE = '--patience=1.5'
STOPPED = 'shop is stopped.\nstock is stopped.\npricing is stopped.\nstore is stopped.\n'


def environment(place: Path) -> dict[str, str]:
    return {**ENVIRONMENT, 'TMPDIR': str(place)}


def services(place: Path) -> dict[str, int]:
    """Return the process of each service that runs for this test."""
    table = subprocess.run(
        ('ps', '-A', '-ww', '-o', 'pid=', '-o', 'args='), capture_output=True, text=True, check=True
    )
    found = {}
    for line in table.stdout.splitlines():
        pid, *words = line.split()
        if 'be' in words and str(place) in line:
            found[words[words.index('be') + 1]] = int(pid)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Return a directory for temporary files, and see to it that neither they nor processes stay.

    Whatever a test finds, no process is left by it.
    """
    yield tmp_path
    left = services(tmp_path)
    for pid in left.values():
        os.kill(pid, signal.SIGKILL)
    assert left == {}
    assert list(tmp_path.iterdir()) == []


def run(place: Path, *flags: str) -> Done:
    return scripts.run('services.py', place, *flags, environment=environment(place))


@contextmanager
def started(place: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """Start the script in a session of its own, as a terminal does."""
    with (
        subprocess.Popen(
            command('services.py', *flags),
            cwd=place,
            env=environment(place),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
        killed_late(process),
    ):
        yield process


def read_to(stream: IO[str] | None, *patterns: str) -> None:
    """Read lines until each of these patterns has been found in one."""
    assert stream is not None
    missing = set(patterns)
    while missing:
        line = stream.readline()
        assert line, f'there was no {missing}'
        missing -= {each for each in missing if re.search(each, line)}


def test_all_services_are_started_checked_and_stopped_in_reverse(place: Path) -> None:
    done = run(place)
    assert (done.returncode, counts(done)) == (0, '11 Jobs: 5 ok, 6 changed')
    assert done.stdout == ANSWER + STOPPED


def test_each_is_started_once_and_after_those_that_it_needs_have_answered(place: Path) -> None:
    lines = run(place, '-v').stderr.splitlines()
    order = [
        line
        for line in lines
        if line.endswith('run: pass') or ' answers' in line and line.endswith(': pass')
    ]
    # An answer may come with the check or with the recheck of any try.
    said = [line.replace('recheck', 'check') for line in order]
    assert sorted(said) == sorted(
        ['MakeFolder.run: pass', 'Use.run: pass']
        + [f'Start {name}.run: pass' for name in ('store', 'pricing', 'stock', 'shop')]
        + [f'{name} answers.check: pass' for name in ('store', 'pricing', 'stock', 'shop')]
    )
    for name, needs in (('pricing', 'store'), ('stock', 'store'), ('shop', 'pricing stock')):
        for each in needs.split():
            assert said.index(f'{each} answers.check: pass') < said.index(f'Start {name}.run: pass')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_goes_on_until_a_signal_and_stops_all_in_reverse(
    place: Path, number: signal.Signals
) -> None:
    with started(place, '--serve') as process:
        assert process.stdout is not None
        assert process.stdout.readline() == ANSWER
        assert set(services(place)) == {'store', 'pricing', 'stock', 'shop'}
        # A terminal sends Ctrl-C to the whole group.
        os.killpg(process.pid, number)
        stdout, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, stdout) == (128 + number, STOPPED)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signal_in_the_run_stops_those_that_are_started(
    place: Path, number: signal.Signals
) -> None:
    with started(place, '-v', '--mute=stock', f'--patience={SECONDS}') as process:
        read_to(process.stderr, 'stock answers.recheck: fail "HTTP Error 503')
        os.killpg(process.pid, number)
        stdout, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + number
    assert stdout == STOPPED.partition('\n')[2]
    # In a try, or between two of them.
    assert re.search('^stock answers (was interrupted|failed after)', stderr, re.MULTILINE)


def test_second_signal_costs_no_cleanup(place: Path) -> None:
    with started(place, '--serve') as process:
        assert process.stdout is not None
        assert process.stdout.readline() == ANSWER
        # It does not hear that it is to end, so the script waits for it for a while.
        stock = services(place)['stock']
        os.kill(stock, signal.SIGSTOP)
        os.killpg(process.pid, signal.SIGINT)
        read_to(process.stdout, 'shop is stopped.')
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGTERM)
        os.kill(stock, signal.SIGCONT)
        stdout, stderr = process.communicate(timeout=SECONDS)
    # What was interrupted is done after the others that don't need it.
    assert process.returncode == 130
    assert {*stdout.split('\n'), 'shop is stopped.'} == {*STOPPED.split('\n')}
    assert stdout.endswith('store is stopped.\n')
    assert 'Traceback' not in stderr


def test_service_that_never_answers_blocks_those_that_need_it_and_all_are_stopped(
    place: Path,
) -> None:
    with started(place, '-v', '--mute=stock', '--serve', PATIENCE) as process:
        read_to(process.stderr, 'pricing answers.*: pass', 'stock answers.recheck: fail')
        # It will not hear that it is to end, so the script waits for it for a while, and there a
        # signal meets a Cleanup.
        os.kill(services(place)['pricing'], signal.SIGSTOP)
        read_to(process.stdout, 'stock is stopped.')
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=SECONDS)
    assert {*stdout.split('\n'), 'stock is stopped.'} == {*STOPPED.split('\n')[1:]}
    assert process.returncode == 130
    assert '\n11 Jobs: 2 ok, 4 changed, 1 failed, 4 blocked in' in stderr
    assert '\n  blocks 4 Jobs: Start shop, shop answers, AllWorkTogether, Use\n' in stderr


def test_service_that_ends_by_itself_is_told_of_and_the_others_are_stopped(place: Path) -> None:
    with started(place, '-v', '--mute=stock', PATIENCE) as process:
        read_to(process.stderr, 'stock answers.recheck: fail "HTTP Error 503')
        os.kill(services(place)['stock'], signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=SECONDS)
    assert (process.returncode, stdout) == (1, STOPPED.partition('\n')[2])
    assert 'recheck: ' in stderr and 'RuntimeError: stock has ended with status -9.\n' in stderr

"""examples/site.py, as a user starts it."""

from __future__ import annotations

import hashlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, build_opener

import pytest

from tests import scripts
from tests.scripts import ENVIRONMENT, SECONDS, Done, command, counts, killed_late

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory in which someone has written a text."""
    (tmp_path / 'welcome.txt').write_text('Hello & welcome!\n')
    return tmp_path


def run(place: Path, *flags: str) -> Done:
    return scripts.run('site.py', place, *flags)


@contextmanager
def served(place: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the script with --serve; give it and the address once it answers there."""
    with (
        subprocess.Popen(
            command('site.py', '--serve', *flags),
            cwd=place,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process,
        killed_late(process),
    ):
        assert process.stdout is not None
        yield process, process.stdout.readline().removeprefix('Serving at ').strip()


def can_connect(url: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex(('127.0.0.1', urlsplit(url).port or 0)) == 0


def test_first_run_builds_the_site_and_second_only_starts_the_server(place: Path) -> None:
    first = run(place)
    assert (first.returncode, counts(first)) == (0, '6 Jobs: 2 ok, 4 changed')
    page = (place / 'public' / 'index.html').read_bytes()
    assert b'<p>Hello &amp; welcome!</p>' in page
    sums = f'{hashlib.sha256(page).hexdigest()}  index.html\n'
    assert (place / 'public' / 'SHA256SUMS').read_text() == sums

    second = run(place)
    assert (second.returncode, counts(second)) == (0, '6 Jobs: 5 ok, 1 changed')
    assert (place / 'public' / 'index.html').read_bytes() == page


def test_page_and_checksum_follow_text_and_title(place: Path) -> None:
    run(place)
    (place / 'other.txt').write_text('a < b')
    done = run(place, '--text=other.txt', '--title=A & B', '--graph')
    assert done.returncode == 0
    page = (place / 'public' / 'index.html').read_bytes()
    assert b'<h1>A &amp; B</h1>\n<p>a &lt; b</p>' in page
    assert hashlib.sha256(page).hexdigest() in (place / 'public' / 'SHA256SUMS').read_text()
    assert done.stdout == (
        'SiteAnswers: ok\n'
        '  StartServer: changed\n'
        '    MakeFolder: ok\n'
        '  WriteChecksum: changed\n'
        '    RenderPage: changed\n'
        '      MakeFolder: ok\n'
        '      TextIsWritten: ok\n'
    )


def test_missing_text_blocks_the_page_but_not_the_server(tmp_path: Path) -> None:
    done = run(tmp_path, '--folder=a/b')
    assert (done.returncode, counts(done)) == (1, '6 Jobs: 2 changed, 1 failed, 3 blocked')
    assert 'RuntimeError: Write welcome.txt, please.\n' in done.stderr
    assert [each.name for each in tmp_path.rglob('*')] == ['a', 'b']

    (tmp_path / 'welcome.txt').write_text('Hello')
    assert run(tmp_path, '--folder=a/b').returncode == 0


def test_no_act_changes_nothing(place: Path) -> None:
    done = run(place, '-n')
    assert (done.returncode, counts(done)) == (1, '6 Jobs: 1 ok, 1 would run, 4 might run')
    assert [each.name for each in place.iterdir()] == ['welcome.txt']


def test_verbose_shows_each_phase(place: Path) -> None:
    run(place)
    (place / 'public' / 'SHA256SUMS').unlink()
    assert run(place, '-v').stderr.splitlines()[:-2] == [
        'MakeFolder.check: pass',
        'StartServer.check: fail',
        'StartServer.run: pass',
        'StartServer.recheck: pass',
        'TextIsWritten.check: pass',
        'RenderPage.check: pass',
        'WriteChecksum.check: fail',
        'WriteChecksum.run: pass',
        'WriteChecksum.recheck: pass',
        'SiteAnswers.check: pass',
    ]


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_serve_goes_on_until_a_signal_and_stops_the_server(
    place: Path, number: signal.Signals
) -> None:
    with served(place) as (process, url):
        with build_opener(ProxyHandler({})).open(url, timeout=SECONDS) as answer:
            assert answer.read() == (place / 'public' / 'index.html').read_bytes()
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=SECONDS)
    assert (process.returncode, stdout) == (128 + number, '')
    assert not can_connect(url)


def test_taken_port_is_a_failure_that_says_so(place: Path) -> None:
    with socket.create_server(('127.0.0.1', 0)) as other:
        done = run(place, f'--port={other.getsockname()[1]}')
    assert (done.returncode, counts(done)) == (1, '6 Jobs: 1 ok, 3 changed, 1 failed, 1 blocked')
    assert 'Address already in use' in done.stderr
    assert 'cleanup' not in done.stderr


def test_given_port_is_used(place: Path) -> None:
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
    with served(place, f'--port={port}') as (_, url):
        assert url == f'http://127.0.0.1:{port}/'

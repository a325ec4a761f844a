"""The example that brings up nginx and PostgreSQL: what each run repairs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scripts import EXAMPLES

NGINX = shutil.which('nginx', path=f'{os.environ["PATH"]}:/usr/sbin')
PSQL = sorted(Path('/usr/lib/postgresql').glob('*/bin/psql'))
MISSING = [
    program
    for program, found in (
        ('nginx', NGINX),
        ('initdb', [*Path('/usr/lib/postgresql').glob('*/bin/initdb')] or shutil.which('initdb')),
        ('openssl', shutil.which('openssl')),
    )
    if not found
]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f'not installed: {", ".join(MISSING)}'),
]

SECRET = 'tea & two: "quoted"'
ALL = {
    'Directory', 'Ports', 'Certificate', 'Configuration', 'Site shop.test', 'Site blog.test',
    'Nginx', 'Reloaded', 'Cluster', 'Postgres', 'Role', 'Database', 'Table', 'Goods',
}  # fmt: skip


class Server:
    """A server in a directory, and the command that repairs it."""

    def __init__(self, *before: str) -> None:
        # Not pytest's directory, which nobody but root may enter.
        self.folder = Path(tempfile.mkdtemp(prefix='server'))
        self.folder.chmod(0o777)
        self.before = before or (sys.executable,)

    def run(self, *flags: str, password: str = SECRET) -> tuple[int, set[str], dict[str, Any]]:
        """Return the exit status, the names of what changed, and the reasons of what failed."""
        place = self.folder / 'shop'
        done = subprocess.run(
            [*self.before, f'{EXAMPLES}/server.py', f'--dir={place}', '-q', '--report=-', *flags],
            env={**os.environ, 'SHOP_PASSWORD': password},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert 'Traceback' not in done.stderr
        assert password not in done.stdout + done.stderr
        jobs = json.loads(done.stdout)['jobs']
        changed = {job['name'] for job in jobs if job['outcome'] == 'changed'}
        failed = {job['name']: job['exception'] for job in jobs if job['outcome'] == 'failed'}
        return done.returncode, changed, failed

    def port(self, service: str) -> int:
        port: int = json.loads((self.folder / 'shop' / 'ports.json').read_text())[service]
        return port

    def remove(self) -> None:
        try:
            assert self.run('--down')[0] == 0
        finally:
            shutil.rmtree(self.folder)


@pytest.fixture(scope='module')
def server() -> Iterator[Server]:
    server = Server()
    try:
        assert server.run('--keep', '-j', '8') == (0, ALL, {})
        yield server
    finally:
        server.remove()


def test_second_run_changes_nothing(server: Server) -> None:
    assert server.run('--keep', '-j', '8') == (0, set(), {})


def test_dropped_table_is_made_and_filled_again(server: Server) -> None:
    place = ['-h', '127.0.0.1', '-p', str(server.port('postgres')), '-U', 'shop', '-d', 'shop']
    command = [str(PSQL[-1] if PSQL else 'psql'), '-q', *place, '-c', 'DROP TABLE goods']
    subprocess.run(command, check=True, env={**os.environ, 'PGPASSWORD': SECRET})
    assert server.run('--keep') == (0, {'Table', 'Goods'}, {})


def test_changed_configuration_is_put_right_and_nginx_reloads_it(server: Server) -> None:
    file = server.folder / 'shop' / 'sites' / 'blog.test.conf'
    file.write_text(file.read_text().replace('blog.test', 'other.test'))
    assert server.run('--keep') == (0, {'Site blog.test', 'Reloaded'}, {})


def test_reload_that_a_run_did_not_come_to_is_made_by_the_next(server: Server) -> None:
    (server.folder / 'shop' / 'loaded').unlink()
    assert server.run('--keep') == (0, {'Reloaded'}, {})


def test_stopped_nginx_is_started(server: Server) -> None:
    stop(server)
    assert server.run('--keep') == (0, {'Nginx'}, {})


def test_occupied_port_is_left_for_another_one(server: Server) -> None:
    stop(server)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(('127.0.0.1', server.port('nginx')))
        taken.listen()
        status, changed, failed = server.run('--keep')
    assert (status, failed) == (0, {})
    assert changed == {'Ports', 'Site shop.test', 'Site blog.test', 'Nginx', 'Reloaded'}


def test_wrong_password_is_given_up_at_once(server: Server) -> None:
    status, changed, failed = server.run('--keep', password='coffee')
    assert (status, changed, set(failed)) == (1, set(), {'Role'})
    assert failed['Role']['type'] == 'GiveUp'


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can become another user')
def test_without_keep_another_user_has_it_up_used_and_down() -> None:
    becomes = ('setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups', '/usr/bin/python3')
    can = subprocess.run([*becomes, str(EXAMPLES / 'server.py'), '--help'], capture_output=True)
    if can.returncode:
        pytest.skip('nobody can not read this checkout, or has no Python')
    server = Server(*becomes)
    try:
        assert server.run('-j', '8') == (0, ALL, {})
        assert not [*server.folder.rglob('nginx.pid'), *server.folder.rglob('postmaster.pid')]
        assert server.run() == (0, {'Nginx', 'Postgres'}, {})
    finally:
        server.remove()


def stop(server: Server) -> None:
    """Stop nginx behind the back of the script."""
    pid_file = server.folder / 'shop' / 'nginx.pid'
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    end = time.monotonic() + 30
    while pid_file.exists():  # nginx removes it at its end
        assert time.monotonic() < end
        os.sched_yield()

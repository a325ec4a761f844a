#!/usr/bin/env python3
"""Bring up a small server from nothing: nginx with TLS and PostgreSQL, on loopback.

A run brings the server up, uses it over HTTPS and SQL, and takes it down again; with --keep it
stays up, and the next run repairs what is missing. --down takes it down. All files are below one
directory, so no rights are needed but to write there; as root, PostgreSQL runs as another user, who
must be able to enter it. SHOP_PASSWORD in the environment is the password of the shop's role. Try:

    python3 examples/server.py --dir /tmp/shop -j 8 --keep
    python3 examples/server.py --dir /tmp/shop --down
"""

import argparse
import csv
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where this is not installed

from dojobber import DummyJob, GiveUp, Job, RunonlyJob, main, uninterrupted  # noqa: E402

SITES = 'host,title\nshop.test,The shop\nblog.test,The blog\n'
GOODS = 'name,price\ntea,3\ncake,5\n'
NGINX = """\
pid nginx.pid;
error_log error.log;
events {}
http {
    access_log access.log;
    client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp;
    uwsgi_temp_path temp; scgi_temp_path temp;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    include sites/*.conf;
}
"""
SITE = """\
server {{
    listen 127.0.0.1:{port} ssl;
    server_name {host};
    root {root};
}}
"""


# Commands and files


def run(*command: object, user: str | None = None, text: str = '', **environment: str) -> str:
    """Run a command, and return what it prints; an error brings its stderr along."""
    identity: dict[str, Any] = {}
    if user is not None and os.geteuid() == 0:  # only root can, and only root must
        entry = pwd.getpwnam(user)
        identity = {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [str(word) for word in command],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        cwd='/',
        input=text,
        env={**os.environ, 'LC_ALL': 'C', **environment},
        **identity,
    )
    return done.stdout.strip()


def need(path: Path, content: str) -> None:
    """Raise unless a file has this content."""
    if not path.exists() or path.read_text() != content:
        raise RuntimeError(f'{path} is not as it should be')


def put(path: Path, content: str) -> None:
    """Write a file whole or not at all, however this ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f'{path.name}.new')
    new.write_text(content)
    new.replace(path)


def running(pid_file: Path) -> int | None:
    """Return the process of a pid file; None if there is none, or only another by its number."""
    try:
        pid = int(pid_file.read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    name = Path(f'/proc/{pid}/comm')
    is_ours = not name.exists() or name.read_text().strip() in ('nginx', 'postgres')
    return pid if is_ours else None


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Wait for something that takes moments; raise if it takes longer."""
    for _ in range(300):
        if is_so():
            return
        time.sleep(0.1)
    raise RuntimeError(f'{what}: not within 30 s')


# The directory and its ports


class Directory(Job):
    """The directory of the server is there."""

    def Check(self, folder: Path, **_: Any) -> None:
        if not (folder / 'temp').is_dir():
            raise RuntimeError(f'{folder} is not there')

    def Run(self, folder: Path, **_: Any) -> None:
        (folder / 'temp').mkdir(parents=True)


class Ports(Job):
    """There are ports for nginx and PostgreSQL, and nobody else has them."""

    DEPS = (Directory,)
    PID_FILES = {'nginx': 'nginx.pid', 'postgres': 'db/postmaster.pid'}

    def Check(self, folder: Path, **_: Any) -> None:
        ports = json.loads((folder / 'ports.json').read_text())
        for service, pid_file in self.PID_FILES.items():
            if running(folder / pid_file) is None:
                with socket.socket() as taken:  # bind() raises if somebody has the port
                    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    taken.bind(('127.0.0.1', ports[service]))

    def Run(self, folder: Path, **_: Any) -> None:
        ports = {}
        for service in self.PID_FILES:
            with socket.socket() as free:
                free.bind(('127.0.0.1', 0))
                ports[service] = free.getsockname()[1]
        old = folder / 'ports.json'
        if old.exists():  # what runs keeps its port
            known = json.loads(old.read_text())
            up = [each for each, file in self.PID_FILES.items() if running(folder / file)]
            ports |= {service: known[service] for service in up}
        put(old, json.dumps(ports))


def port_of(service: str, folder: Path) -> int:
    """Return the port of a service."""
    port: int = json.loads((folder / 'ports.json').read_text())[service]
    return port


# nginx


class Certificate(Job):
    """There is a certificate for all hosts, good for another day."""

    DEPS = (Directory,)
    LOCKS = ('processor',)  # as Cluster, which takes all of it, too

    def Check(self, folder: Path, hosts: dict[str, str], **_: Any) -> None:
        run('openssl', 'x509', '-checkend', 86400, '-noout', '-in', folder / 'cert.pem')
        names = run(
            'openssl', 'x509', '-noout', '-ext', 'subjectAltName', '-in', folder / 'cert.pem'
        )
        missing = [host for host in hosts if f'DNS:{host}' not in names]
        if missing:
            raise RuntimeError(f'the certificate lacks {", ".join(missing)}')

    def Run(self, folder: Path, hosts: dict[str, str], **_: Any) -> None:
        names = ','.join(f'DNS:{host}' for host in hosts)
        key, certificate = folder / 'key.pem', folder / 'cert.pem'
        new = [path.with_suffix('.new') for path in (key, certificate)]
        run('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', 90,
            '-subj', f'/CN={next(iter(hosts))}', '-addext', f'subjectAltName={names}',
            '-keyout', new[0], '-out', new[1])  # fmt: skip
        new[0].replace(key)
        new[1].replace(certificate)


class Configuration(Job):
    """nginx.conf is as it should be."""

    DEPS = (Directory,)

    def Check(self, folder: Path, **_: Any) -> None:
        need(folder / 'nginx.conf', NGINX)

    def Run(self, folder: Path, **_: Any) -> None:
        put(folder / 'nginx.conf', NGINX)


class Site(Job):
    """A virtual host has its page and its configuration. Made from data: one for each host."""

    DEPS = (Ports,)
    HOST = TITLE = ''

    def files(self, folder: Path) -> dict[Path, str]:
        root = folder / 'www' / self.HOST
        text = SITE.format(port=port_of('nginx', folder), host=self.HOST, root=root)
        page = f'<title>{self.TITLE}</title>\n'
        return {folder / 'sites' / f'{self.HOST}.conf': text, root / 'index.html': page}

    def Check(self, folder: Path, **_: Any) -> None:
        for path, content in self.files(folder).items():
            need(path, content)

    def Run(self, folder: Path, **_: Any) -> None:
        for path, content in self.files(folder).items():
            put(path, content)


class Sites(DummyJob):
    """All virtual hosts: configure() is given them as more DEPS."""


class Nginx(Job):
    """nginx runs."""

    DEPS = (Ports, Certificate, Configuration, Sites)
    TRIES, RETRY_DELAY = 5, (0.1, 0.2, 0.5, 1)

    def Check(self, folder: Path, **_: Any) -> None:
        if running(folder / 'nginx.pid') is None:
            raise RuntimeError('nginx does not run')

    def Run(self, folder: Path, **_: Any) -> None:
        self.storage['folder'] = folder
        with uninterrupted():  # nginx must not run unknown to Cleanup
            nginx(folder)
            wait_until(lambda: running(folder / 'nginx.pid') is not None, 'nginx starts')

    def Cleanup(self) -> None:
        stop_nginx(self.storage['folder'])


class Reloaded(Job):
    """nginx serves by its files. WATCH knows of changes of this run, Check of those before."""

    DEPS = (Nginx,)
    WATCH = (Certificate, Configuration, Sites)

    def files(self, folder: Path) -> str:
        """Return a digest of what nginx has read."""
        paths = [folder / 'nginx.conf', folder / 'cert.pem', *sorted(folder.glob('sites/*.conf'))]
        return hashlib.sha256(b''.join(path.read_bytes() for path in paths)).hexdigest()

    def Check(self, folder: Path, **_: Any) -> None:
        need(folder / 'loaded', self.files(folder))

    def Run(self, folder: Path, **_: Any) -> None:
        files = self.files(folder)
        nginx(folder, '-s', 'reload')
        put(folder / 'loaded', files)


def nginx(folder: Path, *words: object) -> None:
    """Call nginx for the files of this server."""
    run(shutil.which('nginx') or '/usr/sbin/nginx', '-p', folder, '-c', 'nginx.conf', *words)


def stop_nginx(folder: Path) -> None:
    """Stop nginx if it runs."""
    pid = running(folder / 'nginx.pid')
    if pid is not None:
        nginx(folder, '-s', 'stop')
        wait_until(lambda: running(folder / 'nginx.pid') is None, 'nginx stops')


# PostgreSQL, which refuses to run as root

DB_USER = 'postgres' if any(entry.pw_name == 'postgres' for entry in pwd.getpwall()) else 'nobody'


def pg(program: str, *words: object, **options: Any) -> str:
    """Call a program of PostgreSQL; Debian has them outside of PATH."""
    found = [*Path('/usr/lib/postgresql').glob(f'*/bin/{program}')]
    newest = max(found, key=lambda path: float(path.parent.parent.name), default=program)
    return run(newest, *words, user=DB_USER, **options)


def psql(sql: str, *words: object, **options: Any) -> str:
    """Execute SQL and return its rows; it goes by stdin, since others can see a command."""
    return pg('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', *words, text=sql, **options)


def admin(folder: Path, sql: str) -> str:
    """Execute SQL as the administrator."""
    place = ('-h', folder / 'socket', '-p', port_of('postgres', folder))
    return psql(sql, *place, '-U', 'admin', '-d', 'postgres')


def as_shop(folder: Path, password: str, sql: str) -> str:
    """Execute SQL as the shop does, with its password."""
    place = ('-h', '127.0.0.1', '-p', port_of('postgres', folder))
    return psql(sql, *place, '-U', 'shop', '-d', 'shop', PGPASSWORD=password)


class Cluster(Job):
    """There is a cluster of PostgreSQL with an administrator."""

    DEPS = (Directory,)
    LOCKS = ('processor',)

    def Check(self, folder: Path, **_: Any) -> None:
        if not (folder / 'db' / 'ready').exists():
            raise RuntimeError(f'{folder / "db"} is no whole cluster')

    def Run(self, folder: Path, **_: Any) -> None:
        if running(folder / 'db/postmaster.pid') is not None:
            raise GiveUp(f'{folder / "db"} is in use, but not by this script')
        for path in (folder / 'db', folder / 'socket'):
            shutil.rmtree(path, ignore_errors=True)  # of an initdb that was cut short
            path.mkdir()
            if os.geteuid() == 0:
                shutil.chown(path, DB_USER)
        access = ('--auth-local=trust', '--auth-host=scram-sha-256')
        pg('initdb', '-D', folder / 'db', '-U', 'admin', '--no-sync', *access)
        (folder / 'db' / 'ready').touch()


class Postgres(Job):
    """PostgreSQL runs."""

    DEPS = (Cluster, Ports)
    TRIES, RETRY_DELAY = 5, (0.1, 0.2, 0.5, 1)

    def Check(self, folder: Path, **_: Any) -> None:
        admin(folder, 'SELECT 1')

    def Run(self, folder: Path, **_: Any) -> None:
        options = (
            f'-k {folder}/socket -p {port_of("postgres", folder)} -c listen_addresses=127.0.0.1'
        )
        with uninterrupted():
            self.storage['folder'] = folder
            pg('pg_ctl', '-D', folder / 'db', '-w', '-o', options, '-l', folder / 'db/log', 'start')

    def Cleanup(self) -> None:
        stop_postgres(self.storage['folder'])


def stop_postgres(folder: Path) -> None:
    """Stop PostgreSQL if it runs."""
    if running(folder / 'db/postmaster.pid') is not None:
        pg('pg_ctl', '-D', folder / 'db', '-w', '-m', 'fast', 'stop')


class Role(Job):
    """The shop has a role, and its password is the one given."""

    DEPS = (Postgres,)

    def Check(self, folder: Path, password: str, **_: Any) -> None:
        if not admin(folder, "SELECT 1 FROM pg_roles WHERE rolname = 'shop'"):
            raise RuntimeError('there is no role shop')
        try:
            as_shop(folder, password, 'SELECT 1')
        except subprocess.CalledProcessError as error:
            if 'password authentication failed' in error.stderr:
                raise GiveUp('the role shop has another password') from error
            if 'does not exist' not in error.stderr:  # its database comes later
                raise

    def Run(self, folder: Path, password: str, **_: Any) -> None:
        quoted = password.replace("'", "''")
        # The log of PostgreSQL is not ours to mask.
        no_log = "SET log_min_error_statement = 'panic'; SET log_statement = 'none';"
        admin(folder, f"{no_log} CREATE ROLE shop LOGIN PASSWORD '{quoted}'")


class Database(Job):
    """The shop has a database."""

    DEPS = (Role,)

    def Check(self, folder: Path, **_: Any) -> None:
        if not admin(folder, "SELECT 1 FROM pg_database WHERE datname = 'shop'"):
            raise RuntimeError('there is no database shop')

    def Run(self, folder: Path, **_: Any) -> None:
        admin(folder, 'CREATE DATABASE shop OWNER shop')


class Table(Job):
    """The database has a table of goods."""

    DEPS = (Database,)

    def Check(self, folder: Path, password: str, **_: Any) -> None:
        as_shop(folder, password, 'SELECT name, price FROM goods LIMIT 1')

    def Run(self, folder: Path, password: str, **_: Any) -> None:
        sql = 'CREATE TABLE goods (name text PRIMARY KEY, price integer NOT NULL)'
        as_shop(folder, password, sql)


class Goods(Job):
    """The table holds the goods of the CSV text."""

    DEPS = (Table,)

    def Check(self, folder: Path, password: str, **_: Any) -> None:
        rows = as_shop(folder, password, 'COPY (SELECT * FROM goods) TO STDOUT (FORMAT csv)')
        if sorted(rows.splitlines()) != sorted(GOODS.splitlines()[1:]):
            raise RuntimeError('the goods are others')

    def Run(self, folder: Path, password: str, **_: Any) -> None:
        copy = f'COPY goods FROM STDIN (FORMAT csv, HEADER);\n{GOODS}\\.\n'
        as_shop(folder, password, f'BEGIN;\nTRUNCATE goods;\n{copy}COMMIT;\n')


# The server, used


class Served(Job):
    """Each host answers over HTTPS, with the certificate and its own page."""

    DEPS = (Reloaded,)
    TRIES, RETRY_DELAY = 6, (0.1, 0.2, 0.5, 1)

    def Check(self, folder: Path, hosts: dict[str, str], **_: Any) -> None:
        context = ssl.create_default_context(cafile=str(folder / 'cert.pem'))
        for host, title in hosts.items():
            plain = socket.create_connection(('127.0.0.1', port_of('nginx', folder)), timeout=10)
            with plain, context.wrap_socket(plain, server_hostname=host) as tls:
                tls.sendall(f'GET / HTTP/1.0\r\nHost: {host}\r\n\r\n'.encode())
                answer = tls.makefile(encoding='utf-8').read()
            if f'<title>{title}</title>' not in answer:
                raise RuntimeError(f'{host} answers {answer.splitlines()[:1]}')


class Sold(Job):
    """The shop can ask for its prices."""

    DEPS = (Goods,)

    def Check(self, folder: Path, password: str, **_: Any) -> None:
        total = as_shop(folder, password, 'SELECT sum(price) FROM goods')
        if total != '8':
            raise RuntimeError(f'the prices add up to {total}')


class Server(DummyJob):
    """The server is up, and was used."""

    DEPS = (Served, Sold)


class Down(RunonlyJob):
    """The server is down."""

    def Run(self, folder: Path, **_: Any) -> None:
        stop_nginx(folder)
        stop_postgres(folder)


def sites(text: str) -> dict[str, str]:
    """Return the hosts of a CSV text and their titles."""
    found = {row['host']: row['title'] for row in csv.DictReader(text.splitlines())}
    if not found or not all(re.fullmatch(r'[a-z0-9.-]+', host) for host in found):
        raise SystemExit('the sites must be a CSV file of host and title')
    return found


def command(argv: Sequence[str] | None = None) -> int:
    """Read the command line and run the server."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        '--dir', dest='folder', type=Path, required=True, help='where all files are'
    )
    parser.add_argument('--sites', type=Path, help='a CSV file of host and title')
    parser.add_argument('--down', action='store_true', help='take the server down')
    secrets: list[str] = []
    more_deps: dict[type[Job], list[type[Job]]] = {Sites: []}

    def root(args: argparse.Namespace) -> type[Job]:
        args.password = os.environ.get('SHOP_PASSWORD', 'tea-for-two')
        secrets.append(args.password)
        args.folder = args.folder.resolve()
        args.hosts = sites(args.sites.read_text() if args.sites else SITES)
        if args.down:
            more_deps.clear()
            return Down
        more_deps[Sites] += [
            Site.clone(f'Site {host}', HOST=host, TITLE=title) for host, title in args.hosts.items()
        ]
        return Server

    return main(root, parser, argv, secrets=secrets, more_deps=more_deps)


if __name__ == '__main__':
    raise SystemExit(command())

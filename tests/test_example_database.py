"""examples/database.py, as a user starts it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests import scripts
from tests.scripts import ENVIRONMENT, SECONDS, Done, command, counts

pytestmark = pytest.mark.slow

CUSTOMERS = ((1, 'Ada', 'ADA@example.com'), (2, 'Bob', ' bob@example.com'))


def run(place: Path, *flags: str) -> Done:
    return scripts.run('database.py', place, 'shop.db', *flags)


def execute(place: Path, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(place / 'shop.db', isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def version(place: Path) -> int:
    return int(execute(place, 'PRAGMA user_version')[0][0])


def files(place: Path) -> list[str]:
    return sorted(each.name for each in place.iterdir())


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a directory with a database of version 2 that has two customers."""
    assert run(tmp_path, '--to=2').returncode == 0
    for row in CUSTOMERS:
        execute(tmp_path, 'INSERT INTO customer VALUES (?, ?, ?)', *row)
    for cents in (500, 50):
        execute(tmp_path, 'INSERT INTO purchase (cents, customer) VALUES (?, 2)', cents)
    return tmp_path


def test_first_run_makes_the_database_and_second_finds_all_well(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert (first.returncode, counts(first)) == (0, '8 Jobs: 2 ok, 6 changed')
    assert first.stdout == ''
    assert version(tmp_path) == 4
    content = (tmp_path / 'shop.db').read_bytes()

    second = run(tmp_path)
    assert (second.returncode, counts(second)) == (0, '8 Jobs: 8 ok')
    assert (tmp_path / 'shop.db').read_bytes() == content
    assert files(tmp_path) == ['shop.db']


def test_only_the_migrations_that_are_missing_are_made_and_no_backup_is_left(shop: Path) -> None:
    done = run(shop)
    assert (done.returncode, counts(done)) == (0, '8 Jobs: 5 ok, 3 changed')
    assert execute(shop, 'SELECT name, email, spent FROM customer ORDER BY id') == [
        ('Ada', 'ada@example.com', 0),
        ('Bob', 'bob@example.com', 550),
    ]
    assert files(shop) == ['shop.db']


def test_version_that_is_asked_for_is_enough_and_none_is_taken_back(shop: Path) -> None:
    assert counts(run(shop, '--to=1')) == '5 Jobs: 5 ok'
    assert version(shop) == 2
    assert run(shop, '--to=3').returncode == 0
    assert version(shop) == 3


def test_broken_migration_leaves_the_data_as_it_was_until_it_is_mended(shop: Path) -> None:
    execute(shop, "INSERT INTO customer VALUES (3, 'Ada again', 'ada@example.com')")
    before = dump(shop / 'shop.db')
    for _ in range(2):
        done = run(shop)
        assert (done.returncode, counts(done)) == (
            1,
            '8 Jobs: 4 ok, 1 changed, 1 failed, 2 blocked',
        )
        assert 'IntegrityError: UNIQUE constraint failed: customer.email\n' in done.stderr
        # The first statement of the migration had changed each address.
        assert dump(shop / 'shop.db') == before
        assert version(shop) == 2
        assert done.stdout == 'As it was before: shop.db.v2\n'
        assert files(shop) == ['shop.db', 'shop.db.v2']
        assert dump(shop / 'shop.db.v2') == before
        assert (shop / 'shop.db.v2').stat().st_mode & 0o777 == 0o600

    execute(shop, 'DELETE FROM customer WHERE id = 3')
    assert run(shop).returncode == 0
    assert version(shop) == 4
    assert files(shop) == ['shop.db']


def test_data_that_is_not_sound_in_the_end_keeps_the_backup(shop: Path) -> None:
    execute(shop, 'INSERT INTO purchase (cents, customer) VALUES (1, 99)')
    before = dump(shop / 'shop.db')
    done = run(shop)
    assert (done.returncode, counts(done)) == (1, '8 Jobs: 4 ok, 3 changed, 1 failed')
    assert "shop.db is not sound: [('ok',), ('purchase', 3, 'customer', 0)]\n" in done.stderr
    assert dump(shop / 'shop.db.v2') == before


def test_dry_run_changes_nothing(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    content = (shop / 'shop.db').read_bytes()
    done = run(shop, '-n')
    assert (done.returncode, counts(done)) == (1, '8 Jobs: 2 ok, 1 would run, 5 might run')
    assert 'RuntimeError: No backup of shop.db before it goes from 2 to 4.\n' in done.stderr
    assert (shop / 'shop.db').read_bytes() == content
    assert files(shop) == ['shop.db']

    nothing = tmp_path_factory.mktemp('nothing')
    done = run(nothing, '-n')
    assert (done.returncode, counts(done)) == (1, '8 Jobs: 1 ok, 1 would run, 6 might run')
    assert files(nothing) == []


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_undoes_the_migration_that_it_meets_and_keeps_the_backup(
    shop: Path, number: signal.Signals
) -> None:
    before = dump(shop / 'shop.db')
    # As long as this holds the lock, the script can read and copy, but not begin.
    with (
        closing(sqlite3.connect(shop / 'shop.db', isolation_level=None)) as other,
        subprocess.Popen(
            command('database.py', 'shop.db'),
            cwd=shop,
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        try:
            other.execute('BEGIN IMMEDIATE')
            deadline = time.monotonic() + SECONDS
            while not (shop / 'shop.db.v2').exists():
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.005)
            process.send_signal(number)
            other.execute('ROLLBACK')
            stdout, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 128 + number
    assert stdout == b'As it was before: shop.db.v2\n'
    assert dump(shop / 'shop.db') == dump(shop / 'shop.db.v2') == before
    assert run(shop).returncode == 0
    assert version(shop) == 4
    assert files(shop) == ['shop.db']


def test_database_of_a_newer_script_is_left_alone(shop: Path) -> None:
    execute(shop, 'PRAGMA user_version = 5')
    content = (shop / 'shop.db').read_bytes()
    done = run(shop)
    assert (done.returncode, counts(done)) == (1, '8 Jobs: 1 failed, 7 blocked')
    assert 'RuntimeError: shop.db has version 5: get a newer script.\n' in done.stderr
    assert (shop / 'shop.db').read_bytes() == content


def test_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / 'shop.db').write_text('bread, milk and a good deal more than sixteen bytes\n' * 99)
    content = (tmp_path / 'shop.db').read_bytes()
    done = run(tmp_path)
    assert (done.returncode, counts(done)) == (1, '8 Jobs: 1 failed, 7 blocked')
    assert 'DatabaseError: file is not a database' in done.stderr
    assert (tmp_path / 'shop.db').read_bytes() == content


def test_version_that_there_is_not_is_refused(tmp_path: Path) -> None:
    assert run(tmp_path, '--to=5').returncode == 2

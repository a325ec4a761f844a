#!/usr/bin/env python3
"""Bring a SQLite database to a version of its schema, one migration after the other.

    examples/database.py shop.db          # make it, with all that MIGRATIONS has
    examples/database.py shop.db          # all is well
    examples/database.py shop.db -n       # say what is to be done, change nothing
    examples/database.py shop.db --to 2   # only so far

A backup is made first, if there is anything to do, and removed when the database turns out to be
sound. Each migration is made as a whole or not at all: a broken one leaves the data as the one
before it has. Mend the data or the migration, and run this again: it goes on from there.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber
from dojobber import Job

# What each is for, and its statements. Add new ones at the end, and never change an old one: there
# are databases that have it already.
MIGRATIONS = (
    (
        'customers',
        'CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL)',
    ),
    (
        'orders',
        'CREATE TABLE purchase (id INTEGER PRIMARY KEY, cents INTEGER NOT NULL,'
        ' customer INTEGER NOT NULL REFERENCES customer)',
        'CREATE INDEX purchase_customer ON purchase (customer)',
    ),
    (
        'one customer for each address',
        'UPDATE customer SET email = lower(trim(email))',
        'CREATE UNIQUE INDEX customer_email ON customer (email)',
    ),
    (
        'what each customer has spent',
        'ALTER TABLE customer ADD COLUMN spent INTEGER NOT NULL DEFAULT 0',
        'UPDATE customer SET spent ='
        ' (SELECT total(cents) FROM purchase WHERE purchase.customer = customer.id)',
    ),
)


class VersionIsKnown(Job):
    """The database, if there is one, has not been made by a newer script."""

    TRIES = 1

    def Check(self, database: Path, **_: object) -> int:
        found = version(database)
        if found > len(MIGRATIONS):
            raise RuntimeError(f'{database} has version {found}: get a newer script.')
        self.global_storage['version'] = found
        return found


class DatabaseExists(Job):
    """There is a file. An empty one is a database without tables."""

    DEPS = (VersionIsKnown,)

    def Check(self, database: Path, **_: object) -> None:
        if not database.is_file():
            raise RuntimeError(f'There is no {database}.')

    def Run(self, database: Path, **_: object) -> None:
        database.touch(mode=0o600)


class Backup(Job):
    """There is a copy of the database as it is before the first migration, if there are any."""

    DEPS = (DatabaseExists,)
    TRIES = 1

    def Check(self, database: Path, target: int) -> None:
        found = version(database)
        if found < target and 'backup' not in self.global_storage:
            raise RuntimeError(f'No backup of {database} before it goes from {found} to {target}.')

    def Run(self, database: Path, **_: object) -> None:
        backup = database.with_name(f'{database.name}.v{self.global_storage["version"]}')
        part = self.storage['part'] = database.with_name(f'{backup.name}.part')
        part.unlink(missing_ok=True)  # of a script that was killed
        part.touch(mode=0o600)
        # By SQLite, for somebody else may be writing.
        with closing(reading(database)) as source, closing(sqlite3.connect(part)) as copy:
            source.backup(copy)
        part.replace(backup)
        self.global_storage['backup'] = backup

    def Cleanup(self) -> None:
        for part in self.storage.values():  # none, if Run was interrupted at once
            part.unlink(missing_ok=True)
        backup = self.global_storage.get('backup')
        if backup and self.global_storage.get('sound'):
            backup.unlink(missing_ok=True)
        elif backup:
            print(f'As it was before: {backup}')


class Migration(Job):
    """The database has a version. `plan` makes a Job for each migration from this."""

    TRIES = 1  # the same statements would fail again
    NUMBER: ClassVar[int]
    STATEMENTS: ClassVar[Sequence[str]]

    def Check(self, database: Path, **_: object) -> None:
        if version(database) < self.NUMBER:
            raise RuntimeError(f'{database} has version {version(database)}.')

    def Run(self, database: Path, **_: object) -> None:
        with transaction(database) as connection:
            # Asked again, for only now can nobody else change it.
            (found,) = connection.execute('PRAGMA user_version').fetchone()
            if found != self.NUMBER - 1:
                raise RuntimeError(f'{database} has version {found} now.')
            for statement in self.STATEMENTS:
                connection.execute(statement)
            connection.execute(f'PRAGMA user_version = {self.NUMBER}')


class DataIsSound(Job):
    """Nothing is damaged, and nothing refers to what is not there."""

    TRIES = 1

    def Check(self, database: Path, **_: object) -> None:
        with closing(reading(database)) as connection:
            found = connection.execute('PRAGMA integrity_check').fetchall()
            found += connection.execute('PRAGMA foreign_key_check').fetchall()
        if found != [('ok',)]:
            raise RuntimeError(f'{database} is not sound: {found}')
        self.global_storage['sound'] = True


def reading(database: Path) -> sqlite3.Connection:
    """Return a connection that can't change or make anything."""
    return sqlite3.connect(f'{database.absolute().as_uri()}?mode=ro', uri=True)


def version(database: Path) -> int:
    """Return how many migrations the database has; 0 if there is none."""
    if not database.exists():
        return 0
    with closing(reading(database)) as connection:
        (found,) = connection.execute('PRAGMA user_version').fetchone()
    return int(found)


@contextmanager
def transaction(database: Path) -> Iterator[sqlite3.Connection]:
    """Let the block change everything or, if it raises, nothing."""
    # Without an isolation level Python leaves BEGIN and COMMIT to us, around CREATE too.
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute('BEGIN IMMEDIATE')
        yield connection
        connection.execute('COMMIT')  # what is not committed is undone when it is closed


def plan(target: int) -> type[Job]:
    """Return a Job that depends on the migrations up to a version, each on the one before."""
    last: type[Job] = Backup
    for number, (title, *statements) in enumerate(MIGRATIONS[:target], 1):
        last = Migration.clone(
            f'Migration {number}: {title}', NUMBER=number, STATEMENTS=statements, DEPS=(last,)
        )
    return DataIsSound.clone('DataIsSound', DEPS=(last,))


def make_parser() -> argparse.ArgumentParser:
    """Make the parser of what is this script's own: dojobber adds its flags, such as -n."""
    parser = argparse.ArgumentParser(description='Bring a SQLite database to a version.')
    flag, last = parser.add_argument, len(MIGRATIONS)
    flag('database', type=Path, help='the file; it is made if need be')
    flag(
        '--to',
        dest='target',
        type=int,
        choices=range(1, last + 1),
        default=last,
        help='the version (%(default)s)',
    )
    return parser


if __name__ == '__main__':
    sys.exit(dojobber.main(lambda args: plan(args.target), make_parser(), default_retry_delay=0.05))

#!/usr/bin/env python3
"""Bring many hosts into the state that an inventory describes, with the same Jobs for each.

    examples/many_hosts.py hosts.json                # all of them
    examples/many_hosts.py hosts.json --only web1    # one, with what it needs
    examples/many_hosts.py hosts.json -n             # say what is to be done, change nothing
    examples/many_hosts.py hosts.toml -j 8           # up to 8 Jobs at a time

where hosts.json, or the same in TOML, is

    {"release": "app.conf",
     "hosts": {"web1": {"root": "machines/web1", "users": ["ada"], "services": ["web"]},
               "web2": {"root": "machines/web2", "users": ["ada", "bob"], "services": []}}}

The hosts of this example are directories. One is up if it has a directory etc. One that is down or
broken blocks its own Jobs only: all others are brought as far as they can be. Mend it, and run this
again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber
from dojobber import ConfigurationError, DoJobber, DummyJob, Job

if sys.version_info >= (3, 11):
    import tomllib


@dataclass(frozen=True)
class Host:
    """What the inventory says of a host."""

    root: Path
    users: Sequence[str] = ()
    services: Sequence[str] = ()


class ReleaseIsThere(Job):
    """What all hosts get has been released. Made once, not for each host."""

    TRIES = 1

    def Check(self, release: Path) -> None:
        if not release.read_text().strip():
            raise RuntimeError(f'There is nothing in {release}.')


class HostJob(Job):
    """Something on one host. `for_host` makes a Job for each host from each of these."""

    HOST: ClassVar[Host]

    @property
    def etc(self) -> Path:
        """Where the settings of the host are."""
        return self.HOST.root / 'etc'


class IsUp(HostJob):
    """The host can be reached. If not, nothing here can help."""

    TRIES = 1

    def Check(self, **_: object) -> None:
        if not self.etc.is_dir():
            raise ConnectionError(f'There is no {self.etc}.')


class HasUsers(HostJob):
    """Each user has an account. Accounts of others stay."""

    DEPS = (IsUp,)

    def Check(self, **_: object) -> None:
        missing = sorted(set(self.HOST.users) - set(self.accounts()))
        if missing:
            raise RuntimeError(f'No account for {", ".join(missing)}.')

    def Run(self, **_: object) -> None:
        names = dict.fromkeys((*self.accounts(), *self.HOST.users))
        write(self.etc / 'passwd', ''.join(f'{name}\n' for name in names))

    def accounts(self) -> list[str]:
        file = self.etc / 'passwd'
        return file.read_text().split() if file.exists() else []


class HasRelease(HostJob):
    """The host has what was released last."""

    DEPS = (ReleaseIsThere, IsUp)

    def Check(self, release: Path) -> None:
        if (self.etc / 'app.conf').read_text() != release.read_text():
            raise RuntimeError('Its app.conf is another one.')

    def Run(self, release: Path) -> None:
        write(self.etc / 'app.conf', release.read_text())


class RunsServices(HostJob):
    """Just these services are switched on, once there is what they need."""

    DEPS = (HasUsers, HasRelease)

    def Check(self, **_: object) -> None:
        if (self.etc / 'services').read_text().split() != list(self.HOST.services):
            raise RuntimeError('Other services are switched on.')

    def Run(self, **_: object) -> None:
        write(self.etc / 'services', ''.join(f'{each}\n' for each in self.HOST.services))


class HostIsReady(DummyJob):
    """All of one host."""


# Those that are made for each host, what others depend on first.
HOST_JOBS: tuple[type[HostJob], ...] = (IsUp, HasUsers, HasRelease, RunsServices)


def write(file: Path, text: str) -> None:
    """Write a file under another name first: one that is there is whole."""
    part = file.with_name(f'{file.name}.part')
    part.write_text(text)
    part.replace(file)


def for_host(name: str, host: Host) -> type[Job]:
    """Return a Job that depends on all of one host. Each call makes new classes."""
    made: dict[type[Job], type[Job]] = {}
    for job in HOST_JOBS:
        # A dependency that is not for each host, ReleaseIsThere, is shared as it is.
        deps = tuple(made.get(each, each) for each in job.DEPS)
        made[job] = job.clone(f'{name} {job.__name__}', HOST=host, DEPS=deps)
    return HostIsReady.clone(name, DEPS=tuple(made.values()))


def read_inventory(file: Path) -> tuple[Path, dict[str, Host]]:
    """Return what is released, and the hosts by their names; paths are relative to the file.

    Raises:
        OSError: it can't be read.
        ValueError: it is no inventory.
    """
    text = file.read_text()
    if file.suffix != '.toml':
        found: Any = json.loads(text)
    elif sys.version_info >= (3, 11):
        found = tomllib.loads(text)
    else:
        raise ValueError('TOML needs Python 3.11: write it as JSON')
    try:
        hosts = {name: as_host(file.parent, entry) for name, entry in found['hosts'].items()}
        return file.parent / found['release'], hosts
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f'this is no inventory: {type(error).__name__}: {error}') from error


def as_host(folder: Path, entry: Mapping[str, Any]) -> Host:
    """Return a host from its entry in the inventory."""
    lists = {key: value for key, value in entry.items() if key != 'root'}
    for key, value in lists.items():
        if not isinstance(value, list):
            raise TypeError(f'{key} must be a list, got {value!r}')
    return Host(folder / entry['root'], **lists)


def root(args: argparse.Namespace) -> type[Job]:
    """Return the Job to begin with, and leave in the arguments what Jobs are called with."""
    file = vars(args).pop('inventory')
    try:
        args.release, hosts = read_inventory(file)
        return DummyJob.clone('All hosts', DEPS=[for_host(*each) for each in hosts.items()])
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f'{file}: {error}') from error


def main() -> int:
    """Bring the hosts up to date, say of each what became of it, and return the exit status."""
    parser = argparse.ArgumentParser(description='Bring many hosts into their wanted state.')
    parser.add_argument('inventory', type=Path, help='a JSON or TOML file')
    dojob = DoJobber('WARNING')
    status = dojobber.main(root, parser, dojob=dojob, default_retry_delay=0.05)
    for entry in dojob.report():
        if issubclass(entry.job, HostIsReady):
            print(f'{entry.name}: {" ".join((entry.outcome, *entry.blocked_by))}')
    return status


if __name__ == '__main__':
    sys.exit(main())

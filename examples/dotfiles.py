#!/usr/bin/env python3
"""Bring the files of a folder into a home directory: some as links, some as copies.

    mkdir -p dotfiles/links dotfiles/files/.config
    echo 'set number' >dotfiles/links/.vimrc           # becomes a link to this file
    echo 'theme = dark' >dotfiles/files/.config/tool   # becomes a copy, with its mode
    examples/dotfiles.py --home ~ -n                   # say what is to be done, change nothing
    examples/dotfiles.py --home ~                      # do it; the second time all is well
    examples/dotfiles.py --home ~ --force              # replace files of yours, too

Without --force it replaces nothing but copies that it has made itself and nobody has changed
since. To know these, it keeps the checksum of each in .local/state/dotfiles. It never replaces a
directory.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber
from dojobber import ConfigurationError, DoJobber, DummyJob, Job, Outcome

STATE = Path('.local/state/dotfiles')


class Entry(Job):
    """Something in the home directory. `plan` makes a Job for each from one of the next three."""

    PATH: ClassVar[Path]
    SOURCE: ClassVar[Path]

    def Check(self, home: Path, **_: object) -> None:
        if not self.is_right(home / self.PATH, self.SOURCE):
            raise RuntimeError(f'{home / self.PATH} is not there, or not as it should be.')

    @staticmethod
    def is_right(target: Path, source: Path) -> bool:
        """Return whether it is as it should be."""
        raise NotImplementedError

    @classmethod
    def is_ours(cls, target: Path, source: Path, home: Path) -> bool:
        """Return whether nothing is lost if it is replaced."""
        return cls.is_right(target, source)


class Directory(Entry):
    """There is a directory, or a link to one."""

    @staticmethod
    def is_right(target: Path, source: Path) -> bool:
        return target.is_dir()

    def Run(self, home: Path, **_: object) -> None:
        (home / self.PATH).mkdir()


class Link(Entry):
    """A link leads to a file of the folder."""

    @staticmethod
    def is_right(target: Path, source: Path) -> bool:
        return target.is_symlink() and os.readlink(target) == str(source)

    def Run(self, home: Path, force: bool) -> None:
        target = home / self.PATH
        if not force:
            target.symlink_to(self.SOURCE)  # which fails if something is there
            return
        with TemporaryDirectory(prefix='.dotfiles-', dir=target.parent) as new:
            (Path(new) / 'link').symlink_to(self.SOURCE)
            (Path(new) / 'link').replace(target)


class Copy(Entry):
    """A file has the content and the mode of one of the folder."""

    @staticmethod
    def is_right(target: Path, source: Path) -> bool:
        if target.is_symlink() or not target.is_file():
            return False
        same_mode = target.stat().st_mode == source.stat().st_mode
        return same_mode and target.read_bytes() == source.read_bytes()

    @classmethod
    def is_ours(cls, target: Path, source: Path, home: Path) -> bool:
        if target.is_symlink() or not target.is_file():
            return False
        return (home / STATE / checksum(target.read_bytes())).exists()

    def Run(self, home: Path, force: bool) -> None:
        target, content = home / self.PATH, self.SOURCE.read_bytes()
        (home / STATE / checksum(content)).touch()
        # Written elsewhere first: what is in its place is whole, and never open to others.
        with TemporaryDirectory(prefix='.dotfiles-', dir=target.parent) as new:
            file = Path(new) / 'file'
            file.write_bytes(content)
            shutil.copymode(self.SOURCE, file)
            if force or self.is_ours(target, self.SOURCE, home):
                file.replace(target)
            else:
                os.link(file, target)  # which fails if something is there


class Room(Job):
    """Nothing of the user's is in the way. Only a person can decide, so there is no Run."""

    TRIES = 1
    KIND: ClassVar[type[Entry]]
    PATH: ClassVar[Path]
    SOURCE: ClassVar[Path]

    def Check(self, home: Path, force: bool) -> None:
        target = home / self.PATH
        if not os.path.lexists(target) or self.KIND.is_right(target, self.SOURCE):
            return
        if self.KIND is Directory or is_folder(target):
            raise FileExistsError(f'{target} is in the way: move it.')
        if not force and not self.KIND.is_ours(target, self.SOURCE, home):
            raise FileExistsError(f'{target} is not from here: move it, or use --force.')


def checksum(content: bytes) -> str:
    """Return the name under which a copy is known as one of ours."""
    return hashlib.sha256(content).hexdigest()


def plan(folder: Path) -> type[Job]:
    """Return a Job that depends on one for each file of the folder."""
    made: dict[Path, type[Job]] = {}

    def add(kind: type[Entry], path: Path, source: Path, *needs: type[Job]) -> type[Job]:
        attributes = {'PATH': path, 'SOURCE': source}
        above = [directory(path.parent)] if path.parent.name else []
        name = os.fsencode(path).decode(errors='backslashreplace')  # of a Job: any UTF-8
        room = Room.clone(f'Room for {name}', KIND=kind, DEPS=above, **attributes)
        return kind.clone(f'{kind.__name__} {name}', DEPS=(*needs, room), **attributes)

    def directory(path: Path) -> type[Job]:
        if path not in made:
            made[path] = add(Directory, path, folder)
        return made[path]

    links, copies = (
        [(file.relative_to(top), file) for file in sorted(top.rglob('*')) if not is_folder(file)]
        for top in (folder / 'links', folder / 'files')
    )
    state = [directory(STATE)] if copies else []
    entries = [add(Link, *each) for each in links] + [add(Copy, *each, *state) for each in copies]
    return DummyJob.clone('Dotfiles', DEPS=entries)


def is_folder(path: Path) -> bool:
    """Return whether it is a directory itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def root(args: argparse.Namespace) -> type[Job]:
    """Return the Job to begin with, and leave in the arguments what Jobs are called with."""
    folder = vars(args).pop('folder')
    for each in (args.home, folder):
        if not each.is_dir():
            raise ConfigurationError(f'{each} is no directory')
    return plan(folder.resolve())


def main() -> int:
    """Bring the files there, say of each what became of it, and return the exit status."""
    parser = argparse.ArgumentParser(description='Bring links and files into a home directory.')
    flag = parser.add_argument
    flag('--home', type=Path, required=True, help='the home directory')
    flag('--folder', type=Path, default='dotfiles', help='what to bring there (%(default)s)')
    flag('--force', action='store_true', help='replace files of the user')
    dojob = DoJobber('WARNING')
    status = dojobber.main(root, parser, dojob=dojob, default_retry_delay=0.05)
    for entry in dojob.report():
        if entry.outcome is not Outcome.OK and issubclass(entry.job, Entry):
            print(f'{entry.name}: {entry.outcome}')
    return status


if __name__ == '__main__':
    sys.exit(main())

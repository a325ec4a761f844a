"""The working directory that every phase starts in.

Owns the descriptor that holds the directory open, so that it can be renamed or deleted meanwhile.
"""

from __future__ import annotations

import fcntl
import os
from typing import Protocol

# What a Job opens after it has closed all files gets the lowest numbers: not this one or above.
_LEAST_DESCRIPTOR = 200
# A number that no file can have.
_NOT_OPEN = 2**31 - 1


class Directory(Protocol):
    """Where phases start."""

    def go(self) -> None:
        """Change to the directory; raise OSError where that is impossible."""


class NamedDirectory:
    """A directory that is known by its path alone, in a worker; '' for any."""

    __slots__ = ('_path',)

    def __init__(self, path: str) -> None:
        """Remember a path; nothing is opened."""
        self._path = path

    def go(self) -> None:
        """Change to the directory.

        Raises:
            OSError: there is none of this path, or it may not be entered.
        """
        if self._path:
            os.chdir(self._path)


class Workdir:
    """Hold the directory that the process is in now, until its last user has let go of it."""

    __slots__ = ('path', '_descriptor', '_identity', '_users')

    def __init__(self) -> None:
        """Open the current directory, for one user."""
        # As many as there are users: threads can add to a list at the same time.
        self._users = [None]
        self._descriptor, self._identity = _NOT_OPEN, None
        try:
            #: The path as it was at first; '' if it was not known.
            self.path = os.getcwd()
        except OSError:
            self.path = ''
        # O_PATH needs no permission to read.
        flags = getattr(os, 'O_PATH', os.O_RDONLY) | getattr(os, 'O_DIRECTORY', 0)
        try:
            self._descriptor = _moved_up(os.open('.', flags))
        except OSError:
            return
        self._identity = _identity(self._descriptor)

    @classmethod
    def current(cls, known: Workdir | None) -> Workdir:
        """Return the directory that the process is in now, for one user more.

        Args:
            known: is returned if it is the same, so that few descriptors are open; or None.
        """
        # Asked before another is opened, which may get the number that a Job has closed.
        is_open = known is not None and known._is_open()
        workdir = cls()
        if known is None or not is_open or known._identity != workdir._identity:
            return workdir
        known.share()
        workdir.release()
        return known

    def go(self) -> None:
        """Change to the directory, by its path if it is not open, for a Job may have closed it.

        Raises:
            OSError: there is no way back.
        """
        try:
            os.fchdir(self._descriptor)
        except OSError:
            self._go_by_path()

    def _go_by_path(self) -> None:
        try:
            os.chdir(self.path)
        except PermissionError:
            # Whoever was put into a directory that it may not enter can be there still.
            if os.getcwd() != self.path:
                raise

    def share(self) -> None:
        """Count one user more."""
        self._users.append(None)

    def release(self) -> None:
        """Count one user less; after the last one, close the directory."""
        self._users.pop()
        if not self._users:
            self._close()

    def _close(self) -> None:
        if self._is_open():
            descriptor, self._identity = self._descriptor, None
            os.close(descriptor)
        # Who comes late must not go to what gets the number next.
        self._descriptor = _NOT_OPEN

    __del__ = _close

    def _is_open(self) -> bool:
        # A Job that closed the descriptor may have another file by its number now.
        known = getattr(self, '_identity', None)  # Ctrl-C may have hit the constructor
        return known is not None and _identity(self._descriptor) == known


def _moved_up(descriptor: int) -> int:
    try:
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _LEAST_DESCRIPTOR)
    except OSError:
        return descriptor
    os.close(descriptor)
    return moved


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino

"""The working directory that every phase starts in.

Owns the descriptor that holds the directory open, so that it can be renamed or deleted meanwhile.
Where that is impossible, as on Windows, it goes by the path.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache
from typing import Any, Protocol

# Keep our descriptor at 200 or higher: a Job that closes every descriptor and opens files then
# will not reuse it.
_LEAST_DESCRIPTOR = 200
# A number that no file can have.
_NOT_OPEN = 2**31 - 1


class Directory(Protocol):
    """Where phases start."""

    def go(self) -> None:
        """Change to the directory; raise OSError where that is impossible."""


class NamedDirectory:
    """A directory that is known by its path alone, in a worker.

    A worker that has no such directory, or may not enter it, is on another machine or of another
    user: there the phases start in the worker's own directory.
    """

    def __init__(self, path: str) -> None:
        """Remember a path; nothing is opened.

        Args:
            path: of the directory; '' if it is not known.
        """
        self._path = path
        self._own = _own_directory()
        #: Why the directory could not be entered; None if it could, or nobody has tried.
        self.error: OSError | None = None

    def go(self) -> None:
        """Change to the directory, or to the worker's own."""
        if not self._path:
            return
        try:
            os.chdir(self._path)
        except OSError as error:
            self.error = error.with_traceback(None)
            with suppress(OSError):
                os.chdir(self._own)


@cache
def _own_directory() -> str:
    """Return the directory in which this process was when it was first asked."""
    try:
        return os.getcwd()
    except OSError:
        return os.sep


class Workdir:
    """The directory that the process was in when this was made, held open for its users."""

    def __init__(self) -> None:
        """Hold the current directory, for one user."""
        # A list, not a number: several threads can add to it at the same time.
        self._users = [None]
        try:
            #: The path at that moment; '' if it was not known.
            self.path = os.getcwd()
        except OSError:
            self.path = ''
        self._descriptor = _held_open()
        #: Device and inode; None if the directory is not held open.
        self._identity = _identity(self._descriptor)

    @classmethod
    def current(cls, known: Workdir | None) -> Workdir:
        """Return the directory that the process is in now, for one more user.

        Args:
            known: returned if it is that directory, to keep few descriptors open; or None.
        """
        if known is None or not known._is_open() or known._identity != _identity('.'):
            return cls()
        known.share()
        return known

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the descriptor, which only one can own: a copy goes by the path."""
        return {**vars(self), '_descriptor': _NOT_OPEN, '_identity': None}

    def go(self) -> None:
        """Change to the directory, by its path if it is not open: a Job may have closed it.

        Raises:
            OSError: there is no way back.
        """
        try:
            os.fchdir(self._descriptor)
        except (OSError, AttributeError):  # Windows has no fchdir
            self._go_by_path()

    def _go_by_path(self) -> None:
        try:
            os.chdir(self.path)
        except PermissionError:
            # A user that may not enter the directory can still be in it.
            if os.getcwd() != self.path:
                raise

    def share(self) -> None:
        """Count one more user."""
        self._users.append(None)

    def release(self) -> None:
        """Count one user less; close the directory after the last one."""
        self._users.pop()
        if not self._users:
            self._close()

    def _close(self) -> None:
        if self._is_open():
            os.close(self._descriptor)
        # Another file can get the number: a late user must not go there.
        self._descriptor, self._identity = _NOT_OPEN, None

    __del__ = _close

    def _is_open(self) -> bool:
        # A Job that closed the descriptor may have another file by its number now.
        known = getattr(self, '_identity', None)  # an exception may have ended the constructor
        return known is not None and _identity(self._descriptor) == known


def _held_open() -> int:
    """Open the current directory; return its descriptor, or _NOT_OPEN where that is refused."""
    # O_PATH needs no permission to read.
    flags = getattr(os, 'O_PATH', os.O_RDONLY) | getattr(os, 'O_DIRECTORY', 0)
    try:
        return _moved_up(os.open('.', flags))
    except OSError:
        return _NOT_OPEN


def _moved_up(descriptor: int) -> int:
    try:
        from fcntl import F_DUPFD_CLOEXEC, fcntl

        moved = fcntl(descriptor, F_DUPFD_CLOEXEC, _LEAST_DESCRIPTOR)
    except (ImportError, OSError):  # Windows has no fcntl; or the limit of open files is lower
        return descriptor
    os.close(descriptor)
    return moved


def _identity(place: int | str) -> tuple[int, int] | None:
    """Return device and inode of a descriptor or a path; None if there is no such file."""
    try:
        status = os.stat(place)
    except OSError:
        return None
    return status.st_dev, status.st_ino

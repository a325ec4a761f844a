"""The working directory that every phase starts in.

Owns the descriptor that holds the directory open, so that it can be renamed or deleted meanwhile.
"""

from __future__ import annotations

import os
from functools import partial


class Workdir:
    """Hold the directory that the process is in now, until its last user has let go of it."""

    __slots__ = ('_path', '_enter', '_descriptor', '_identity', '_users')

    def __init__(self) -> None:
        """Open the current directory, for one user."""
        self._users = 1
        self._identity = None
        try:
            self._path = os.getcwd()
        except OSError:
            self._path = ''
        self._enter = partial(os.chdir, self._path)
        # O_PATH needs no permission to read.
        flags = getattr(os, 'O_PATH', os.O_RDONLY) | getattr(os, 'O_DIRECTORY', 0)
        try:
            self._descriptor = os.open('.', flags)
        except OSError:
            return
        self._enter = partial(os.fchdir, self._descriptor)
        self._identity = _identity(self._descriptor)

    def go(self) -> None:
        """Change to the directory, by its path if a Job has closed the descriptor.

        Raises:
            OSError: there is no way back.
        """
        try:
            self._enter()
        except OSError:
            os.chdir(self._path)

    def share(self) -> None:
        """Count one user more."""
        self._users += 1

    def release(self) -> None:
        """Count one user less; after the last one, close the directory."""
        self._users -= 1
        if not self._users:
            self._close()

    def _close(self) -> None:
        # A Job that closed the descriptor may have another file by its number now.
        if self._identity is not None and _identity(self._descriptor) == self._identity:
            os.close(self._descriptor)
        self._identity = None

    __del__ = _close


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino

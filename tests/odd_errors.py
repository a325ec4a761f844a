"""Exceptions that are not simply true."""

from __future__ import annotations


class Empty(Exception):
    """Be false."""

    def __len__(self) -> int:
        return 0


class Unsure(Exception):
    """Be neither true nor false."""

    def __bool__(self) -> bool:
        raise TypeError

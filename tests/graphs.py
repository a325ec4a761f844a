"""Graphs of Jobs that are configured and not run."""

from __future__ import annotations

from typing import Any

from dojobber import DoJobber


def configured(root: Any, **options: Any) -> DoJobber:
    """Return a DoJobber that has been given a root and options."""
    dojob = DoJobber()
    dojob.configure(root, **options)
    return dojob


def nodes(root: Any) -> list[str]:
    """Return the names of the Jobs in graph order."""
    return configured(root).graph.nodes()

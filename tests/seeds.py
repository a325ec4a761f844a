"""Splits cases by the hundred into a few for each run of the tests and a rest that is slow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(values: Iterable[Any], count: int = 1) -> list[Any]:
    """Return parameters for a test, all but the first `count` of them marked as slow."""
    values = list(values)
    return values[:count] + [pytest.param(each, marks=pytest.mark.slow) for each in values[count:]]


def seeds(count: int, sample: int) -> list[Any]:
    """Return ranges of seeds from 0 on: a short one, and slow ones for the rest.

    Args:
        count: of all seeds.
        sample: of those that each run of the tests looks at.
    """
    rest = [range(first, min(first + 250, count)) for first in range(sample, count, 250)]
    return sampled([range(sample), *rest])

"""The words for outcomes, and their colours in the summary and the tree."""

from __future__ import annotations

from dojobber.outcome import Outcome

WORDS = {each: each.value.replace('_', ' ') for each in Outcome}

#: By the names of `_text`.
COLOURS = {
    Outcome.OK: 'green',
    Outcome.CHANGED: 'green',
    Outcome.FAILED: 'red',
    Outcome.BLOCKED: 'yellow',
    Outcome.WOULD_RUN: 'yellow',
    Outcome.MIGHT_RUN: 'yellow',
    Outcome.INTERRUPTED: 'red',
    Outcome.NOT_RUN: 'grey',
}

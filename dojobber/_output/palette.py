"""The words for outcomes, and their colours wherever outcomes are shown."""

from __future__ import annotations

from typing import NamedTuple

from dojobber.outcome import Outcome

WORDS = {each: each.value.replace('_', ' ') for each in Outcome}

#: On a terminal, by the names of `text.colorize`.
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


class Look(NamedTuple):
    """How a Job is drawn in a picture."""

    #: The fill in SVG and Mermaid, dark enough for white letters.
    fill: str
    #: The fill by Graphviz, whose green, darkgreen and red are DoJobber's.
    graphviz_fill: str
    #: The letters that can be read on it.
    graphviz_letters: str
    #: Whether the outline is dashed: the Job was not reached.
    is_dashed: bool


#: In pictures; a Job of any other outcome is not filled.
LOOKS = {
    Outcome.OK: Look('#1a7f37', 'green', 'black', False),
    Outcome.CHANGED: Look('#0b4a1f', 'darkgreen', 'white', False),
    Outcome.FAILED: Look('#c62828', 'red', 'black', False),
    Outcome.BLOCKED: Look('#5d646d', 'dimgrey', 'white', True),
    Outcome.WOULD_RUN: Look('#1565c0', '#1565c0', 'white', False),
    Outcome.MIGHT_RUN: Look('#46688c', '#46688c', 'white', True),
    Outcome.INTERRUPTED: Look('#a84300', '#a84300', 'white', False),
}


def look(outcome: Outcome | None, is_rechecked: bool) -> Look | None:
    """Return how to draw a Job, None if it is not filled.

    Args:
        outcome: its outcome; None before a run.
        is_rechecked: whether its recheck decided. A Job that changed may have passed its Check in
            a later try: then it is drawn like one that was ok.
    """
    if outcome is Outcome.CHANGED and not is_rechecked:
        outcome = Outcome.OK
    return None if outcome is None else LOOKS.get(outcome)

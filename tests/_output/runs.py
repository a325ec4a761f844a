"""Runs whose reports have much to show, for the tests of the page."""

from __future__ import annotations

from typing import Any

from dojobber import DoJobber, DummyJob, Job
from dojobber.report import Report
from tests.dojobber_example import FRIENDS, WatchMovie, World, invite
from tests.fakes import FakeClock

#: Names that would break a page, or its text, if they came into it as they are.
ODD_NAMES = [
    *('two\nlines', 'bell\x07', '\x1b[31mred', 'say "hi"', "it's", '<b>&amp;</b>', ']]>'),
    *('--><!--', '</title></svg>', '</style><script>alert(1)</script>', '\ufffe\uffff'),
    *('\u202eabc', '映画', '🎬', 'سلام', ' a  b ', '\u0085\u2028', '&#0;', "'><i>", 'x' * 3000),
]


def report(root: type[Job], clock: FakeClock | None = None, **options: Any) -> Report:
    """Return the report of a run that takes no real time."""
    dojob = (clock or FakeClock()).drive(DoJobber())
    dojob.configure(root, **options)
    return dojob.checknrun()


def movie_night(no_act: bool = False, **evening: object) -> Report:
    """Return the report of an evening, which fails unless told to be better."""
    invite(FRIENDS)
    dojob = FakeClock().drive(DoJobber())
    dojob.configure(WatchMovie, no_act=no_act)
    of_evening: dict[str, object] = {
        'movie': 'Brazil',
        'battery_state': 'dead',
        'couch_space': False,
        'pizza_success_try': 3,
        'pop_success_try': 3,
        'bowl_success_try': 6,
    }
    dojob.set_args(world=World(), **{**of_evening, **evening})
    return dojob.checknrun()


def odd_names() -> Report:
    """Return the report of Jobs of which every other fails with its name, and forged lines."""

    class Odd(Job):
        TRIES = 1
        NUMBER = 0

        def Check(self) -> None:
            if self.NUMBER % 2:
                name = type(self).__name__
                raise RuntimeError(f'{name}\r\n\x1b[2J\u202e\ud800 <script>alert(2)</script>')

    jobs = [Odd.clone(name, NUMBER=number) for number, name in enumerate(ODD_NAMES)]
    return report(DummyJob.clone('All', DEPS=jobs))


def thousand() -> Report:
    """Return the report of 1,000 Jobs with 2,000 dependencies, of which some fail."""

    class Host(Job):
        TRIES = 2
        NUMBER = 0

        def Check(self) -> None:
            if self.NUMBER % 50 == 49:
                raise RuntimeError(f'host {self.NUMBER} has "no" <route>')

        def Run(self) -> None:
            raise OSError(f'no route to host {self.NUMBER}')

    jobs: list[type[Job]] = []
    for number in range(999):
        deps = [jobs[each] for each in {number // 2, number * 2 // 3} if number > 20]
        jobs.append(Host.clone(f'host{number:03}.Network', DEPS=deps, NUMBER=number))
    needed = {each for job in jobs for each in job.DEPS}
    root = DummyJob.clone('Network', DEPS=[each for each in jobs if each not in needed])
    return report(root)

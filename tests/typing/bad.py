"""What type checkers should find in a user's script: each wrong line says which error it is.

``tox -e types`` has mypy look at it. Where an error isn't found, mypy tells of a comment that
ignores nothing. Not to be executed: at run time `configure` would refuse most of this.
"""

from __future__ import annotations

from typing import Any

from dojobber import DoJobber, DummyJob, Event, Job, JobEnded, Outcome, RunonlyJob


class Water(DummyJob):
    DEPS = 'Pump'  # type: ignore[assignment]


class Pot(DummyJob):
    DEPS = Water  # type: ignore[assignment]


class Leaves(DummyJob):
    DEPS = ('Water', 'Pot')  # type: ignore[assignment]


class Cups(DummyJob):
    DEPS = (Water(),)  # type: ignore[assignment]


class Spoons(DummyJob):
    DEPS = [Water, 'Pot']  # type: ignore[list-item]


class Sugar(DummyJob):
    # It can be read only once.
    DEPS = (job for job in [Water, Pot])  # type: ignore[assignment]


class Milk(DummyJob):
    TRIES = '3'  # type: ignore[assignment]
    RETRY_DELAY = 'soon'  # type: ignore[assignment]
    WATCH = Pot  # type: ignore[assignment]
    LOCKS = 'fridge'  # type: ignore[assignment]
    IN_DRIVER = 'yes'  # type: ignore[assignment]


class Tea(Job):
    """Misuses what there is in a try."""

    def Check(self, kettle: dict[str, int]) -> int:
        self.storage.temperature = 3  # type: ignore[attr-defined]
        self.global_storage = [kettle]  # type: ignore[assignment]
        return kettle['temperature']

    def Run(self, kettle: dict[str, int]) -> None:
        # There is none to call.
        super().Run(kettle)  # type: ignore[misc]


def print_me(text: str) -> None:
    print(text)


def print_end(event: JobEnded) -> None:
    print(event.name)


def print_event(event: Event) -> None:
    print(event.name)  # type: ignore[attr-defined]


def main() -> None:
    dojob = DoJobber(loglevel='DEBUG')  # type: ignore[call-arg]
    dojob = DoJobber(cleanup='no')  # type: ignore[arg-type]
    dojob.configure()  # type: ignore[call-arg]
    dojob.configure('Tea')  # type: ignore[arg-type]
    dojob.configure(Tea())  # type: ignore[arg-type]
    dojob.configure(Tea, dry_run=True)  # type: ignore[call-arg]
    dojob.configure(Tea, default_tries='3')  # type: ignore[arg-type]
    dojob.configure(Tea, default_retry_delay=None)  # type: ignore[arg-type]
    dojob.configure(Tea, False, False, False, True, 3, 1, [])  # type: ignore[call-arg]
    dojob.configure(Tea, listeners=print_event)  # type: ignore[arg-type]
    dojob.configure(Tea, listeners=[print_me])  # type: ignore[list-item]
    # A listener hears of all events.
    dojob.configure(Tea, listeners=(print_end,))  # type: ignore[arg-type]
    dojob.configure(Tea, executor=4)  # type: ignore[arg-type]
    dojob.configure(Tea, more_deps={Tea: Pot})  # type: ignore[dict-item]
    dojob.configure(Tea, more_deps={'Tea': [Pot]})  # type: ignore[dict-item]
    dojob.configure(Tea, max_in_flight='all')  # type: ignore[arg-type]
    dojob.set_args({'temperature': 20}).checknrun()  # type: ignore[func-returns-value, attr-defined]
    dojob.checknrun(Tea())  # type: ignore[arg-type]
    dojob.checknrun([Tea()])  # type: ignore[list-item]
    dojob.nodestatus = {}  # type: ignore[misc]
    if dojob.success:  # type: ignore[truthy-function]
        print(dojob.report().select(Outcome.BROKEN))  # type: ignore[attr-defined]
    Tea.clone()  # type: ignore[call-arg]
    Tea.clone(3)  # type: ignore[arg-type]
    Tea.clone('Green tea', CUPS=3).CUPS += 1  # type: ignore[attr-defined]
    other: type[RunonlyJob] = Tea.clone('Black tea')  # type: ignore[assignment]
    kettle: Any = other
    print(kettle)

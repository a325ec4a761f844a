"""A user's script as type checkers should let it pass: they find nothing to ignore here.

``tox -e types`` has mypy look at it, with the package installed as users have it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from dojobber import (
    ConfigurationError,
    DoJobber,
    DummyJob,
    Event,
    Job,
    JobEnded,
    JobReport,
    Listener,
    Outcome,
    PhaseEnded,
    RunonlyJob,
)


class Folder(Job):
    """Has no DEPS; names the arguments that it needs."""

    TRIES = 2
    RETRY_DELAY = (0.01, 0.02)

    def Check(self, folder: Path, **_: Any) -> Path:
        if not folder.is_dir():
            raise RuntimeError('There is no folder.')
        return folder

    def Run(self, folder: Path, **_: Any) -> None:
        folder.mkdir()


class Page(Job):
    """Is only there to be cloned. Its subclasses may have other DEPS: hence the annotations."""

    DEPS: ClassVar[tuple[type[Job], ...]] = (Folder,)
    TRIES: ClassVar[float] = 3
    NAME = ''

    def __init__(self) -> None:
        self.looks = 0

    def Check(self, folder: Path, *_: Any, **__: Any) -> str:
        self.looks += 1
        self.storage['path'] = folder / self.NAME
        return (folder / self.NAME).read_text()

    def Run(self, folder: Path, *_: Any, **__: Any) -> None:
        path: Path = self.storage['path']
        path.write_text(f'This is {self.NAME}.')
        self.global_storage.setdefault('written', []).append(self.NAME)

    def Cleanup(self) -> None:
        self.storage.clear()


class Start(Page):
    """Changes what it inherits."""

    DEPS = (*Page.DEPS, DummyJob.clone('Nothing'))
    TRIES = math.inf
    NAME = 'start'

    def Check(self, folder: Path, *args: Any, **kwargs: Any) -> str:
        return super().Check(folder, *args, **kwargs)


class Pages(DummyJob):
    """Is given its dependencies later. An empty list needs no annotation."""

    DEPS = []


class Greeting:
    """Is no Job: a mixin that brings a Check."""

    def Check(self, *_: Any, **__: Any) -> str:
        return 'hello'


class Greeted(Job, Greeting):
    """Finds its Check there."""

    DEPS = {Folder}
    TRIES = None


class Quota(Job):
    """An assertion, with a Check that is a static method."""

    LOCKS = ('disk',)
    IN_DRIVER = True

    @staticmethod
    def Check(*_: Any, **__: Any) -> int:
        return 3


class Notice(RunonlyJob):
    """Has a Run alone."""

    DEPS = (Pages, Greeted)
    RETRY_DELAY = 0
    LOCKS = ['mail', 'disk']

    def Run(self, *_: Any, **__: Any) -> str:
        return 'sent'


class Site(DummyJob):
    """The root. A list will do as well."""

    DEPS = [Notice, Quota]


class Heard:
    """A listener that is an object."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, PhaseEnded):
            self.phases.append(f'{event.name}.{event.phase}: {event.outcome}')


def print_failure(event: Event) -> None:
    if isinstance(event, JobEnded) and event.outcome is Outcome.FAILED:
        print(event.name, event.exception)


def add_pages(names: Sequence[str]) -> None:
    clones = [Page.clone(name, NAME=name) for name in names]
    first: type[Page] = clones[0]
    assert first().looks == 0 and first.NAME in names
    Pages.DEPS = [Start, *clones]
    Pages.DEPS.append(type('Last', (Page,), {'NAME': 'last'}))


def seconds(entry: JobReport) -> float:
    return entry.seconds


def main() -> int:
    add_pages(['news', 'about'])
    heard = Heard()
    listeners: list[Listener] = [heard, print_failure]
    with (
        TemporaryDirectory() as place,
        ThreadPoolExecutor(2) as executor,
        DoJobber(dojobber_loglevel='ERROR') as dojob,
    ):
        dojob.configure(
            Site,
            default_tries=math.inf,
            default_retry_delay=0.1,
            listeners=listeners,
            executor=executor,
            max_in_flight=2,
        )
        dojob.set_args(folder=Path(place, 'site'))
        dojob.checknrun()
        dojob.configure(Site, listeners=(heard, print_failure, lambda event: None))
        dojob.checknrun(Notice)
        dojob.checknrun('Folder')
        dojob.configure(
            Site,
            default_retry_delay=[0.1, 1],
            more_deps={Site: [Job.clone('More', WATCH=(Folder,))]},
        )
        dojob.checknrun([Notice, 'Folder'])
    statuses: Mapping[str, bool | None] = dojob.nodestatus
    results: list[Any] = [dojob.noderesults[name] for name in statuses]
    errors: list[BaseException] = list(dojob.nodeexceptions.values())
    report = dojob.report()
    taken = sum(seconds(entry) for entry in report)
    names: list[str] = [entry.name for entry in report.select(Outcome.OK, 'changed')]
    pairs: list[tuple[str, str]] = dojob.graph.edges()
    text: str = dojob.graph_text('mermaid')
    try:
        dojob.configure(Job.clone('Checks nothing'))
    except ConfigurationError as error:
        text += str(error)
    assert results and not errors and taken >= 0 and names and pairs and heard.phases
    return 0 if report.success and 'Checks nothing' in text else 1


if __name__ == '__main__':
    raise SystemExit(main())

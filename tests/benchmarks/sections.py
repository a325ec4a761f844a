"""The sections of the benchmark, but the one about executors: each yields the rows of one table.

The first line of a section's docstring is the table's title, its name the key in the JSON.
"""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from tests.benchmarks.subjects import CASES, SHAPES, Case, Subject

#: The cells of a row by the names of their columns: texts, whole numbers and figures.
Row = dict[str, Any]
#: Does what must be done before the time is taken, and returns what is to be timed.
Prepare = Callable[[], Callable[[], object]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How much is measured."""

    #: The numbers of Jobs of the graphs.
    sizes: tuple[int, ...] = (100, 1_000, 10_000)
    #: Larger graphs are chains only.
    all_shapes_to: int = 10_000
    #: How often each time is taken, of small graphs more often.
    rounds: int = 9
    #: Two numbers of Jobs: how time grows from the first to the second. None: not measured.
    growth: tuple[int, int] | None = (1_000, 100_000)
    #: On executors, the numbers of Jobs that wait, that work and that do nothing.
    waiting: int = 200
    working: int = 64
    empty: int = 1_000
    #: Two numbers of Jobs of layered graphs on executors.
    layered: tuple[int, int] = (1_000, 10_000)

    def graphs(self) -> Iterator[tuple[str, int, int]]:
        """Return the shape and size of each graph, and the number of rounds for it."""
        for shape in SHAPES:
            for size in self.sizes:
                if size <= self.all_shapes_to or shape == 'chain':
                    yield shape, size, self.rounds * (3 if size <= 1_000 else 1)


QUICK = Settings(all_shapes_to=1_000, rounds=3, growth=None, working=32, layered=(1_000, 5_000))


def seconds(prepare: Prepare) -> float:
    """Return how long something takes, once."""
    call = prepare()
    gc.collect()
    began = perf_counter()
    kept = call()  # what it returns is released after the time is taken
    ended = perf_counter()
    del kept
    return ended - began


class Comparison:
    """Our time beside that of a reference, taken in turn: medians of several rounds."""

    def __init__(self, ours: Prepare, reference: Prepare, rounds: int) -> None:
        times = [(seconds(reference), seconds(ours)) for _ in range(rounds)]
        self.ratio = median(mine / bare for bare, mine in times)
        self.reference = median(bare for bare, _ in times)
        self.ours = median(mine for _, mine in times)


def runs(settings: Settings) -> Iterator[Row]:
    """Time that checknrun() takes, as a ratio to the bare loop.

    In `running` each Check fails and Run fixes it; in `retrying` each tenth Job needs three tries;
    in `blocked` the Job at the bottom fails three times; in `no_act` each tenth Check fails. For
    the last two the bare loop is over the same graph with all Jobs passing.
    """
    for shape, size, rounds in settings.graphs():
        found = {}
        for case in CASES:
            subject = Subject(shape, size, case)
            found[case.name] = Comparison(subject.checknrun, subject.bare_loop, rounds)
        yield {
            'shape': shape,
            'Jobs': size,
            **{name: each.ratio for name, each in found.items()},
            'passing us': found['passing'].ours / size * 1e6,
            'bare loop us': found['passing'].reference / size * 1e6,
        }


def floors(settings: Settings) -> Iterator[Row]:
    """Time that checknrun() takes, as a ratio to the floor."""
    for shape, size, rounds in settings.graphs():
        if size > 1_000:
            continue
        subjects = {case.name: Subject(shape, size, case) for case in CASES}
        found = {
            name: Comparison(subject.checknrun, subject.floor, rounds)
            for name, subject in subjects.items()
        }
        yield {
            'shape': shape,
            'Jobs': size,
            **{name: each.ratio for name, each in found.items()},
            'passing us': found['passing'].ours / size * 1e6,
            'floor us': found['passing'].reference / size * 1e6,
        }


def listening(settings: Settings) -> Iterator[Row]:
    """Time that a run takes with an empty listener, as a ratio to one that nobody listens to."""
    for shape, size, rounds in settings.graphs():
        row: Row = {'shape': shape, 'Jobs': size}
        for case in CASES[:2]:
            subject = Subject(shape, size, case)
            found = Comparison(subject.listened_to, subject.checknrun, rounds)
            row |= {case.name: found.ratio, f'{case.name} us': found.ours / size * 1e6}
        yield row


def configure(settings: Settings) -> Iterator[Row]:
    """Time that it takes to configure a graph, as a ratio to static_order()."""
    for shape, size, rounds in settings.graphs():
        subject = Subject(shape, size)
        found = Comparison(subject.configure, subject.static_order, rounds)
        yield {
            'shape': shape,
            'Jobs': size,
            'configure': found.ratio,
            'configure us': found.ours / size * 1e6,
            'static_order us': found.reference / size * 1e6,
        }


def memory(settings: Settings) -> Iterator[Row]:
    """Bytes a Job, beyond the classes: configured, and added by a passing run and by the floor."""
    for shape, size, _ in settings.graphs():
        subject = Subject(shape, size)
        subject.configured().checknrun()  # whatever is made only once is there now
        tracemalloc.start()
        dojob = subject.configured()
        configured = bytes_in_use()
        dojob.checknrun()
        added = bytes_in_use() - configured
        run_floor = subject.floor()
        before = bytes_in_use()
        kept = run_floor()
        floor = bytes_in_use() - before
        tracemalloc.stop()
        del kept
        yield {
            'shape': shape,
            'Jobs': size,
            'configured': configured / size,
            'run': added / size,
            'floor': floor / size,
        }


def bytes_in_use() -> int:
    """Return how much memory is in use of what was taken since tracemalloc began."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def imports(settings: Settings) -> Iterator[Row]:
    """Processor time of a process that imports and ends, as a ratio to one that imports logging."""
    import_seconds('dojobber')  # compiles it
    times = [
        (import_seconds('logging'), import_seconds('dojobber')) for _ in range(3 * settings.rounds)
    ]
    yield {
        'module': 'dojobber',
        'import': median(ours / logging for logging, ours in times),
        'dojobber ms': median(ours for _, ours in times) * 1e3,
        'logging ms': median(logging for logging, _ in times) * 1e3,
    }


def import_seconds(module: str) -> float:
    """Return the processor time of a process that imports a module, without site-packages."""
    here = str(Path(__file__).resolve().parents[2])
    code = f'import sys; sys.path.insert(0, {here!r}); import {module}'
    before = children_seconds()
    subprocess.run([sys.executable, '-I', '-S', '-c', code], check=True)
    return children_seconds() - before


def children_seconds() -> float:
    """Return the processor time of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def growth(settings: Settings) -> Iterator[Row]:
    """Time a Job in a large graph, as a ratio to that in a small one (1,000 Jobs)."""
    if settings.growth is None:
        return
    small, large = settings.growth
    for shape in ('chain', 'wide'):
        ratios = [
            growth_once(shape, small, large, settings.rounds)
            for _ in range(max(1, settings.rounds // 3))
        ]
        medians = {name: median(each[name] for each in ratios) for name in ratios[0]}
        yield {'shape': shape, 'Jobs': large, **medians}


def growth_once(shape: str, small: int, large: int, rounds: int) -> dict[str, float]:
    """Return the ratios of one round, in which only one of the graphs is there at a time."""
    before = microseconds_a_job(shape, small, rounds)
    after = microseconds_a_job(shape, large, 1)
    return {name: after[name] / before[name] for name in before}


def microseconds_a_job(shape: str, size: int, rounds: int) -> dict[str, float]:
    """Return our times and those of the references."""
    subject = Subject(shape, size)
    prepares = subject.bare_loop, subject.checknrun, subject.static_order, subject.configure
    return {
        prepare.__name__: median(seconds(prepare) for _ in range(rounds)) / size * 1e6
        for prepare in prepares
    }


def delays(settings: Settings) -> Iterator[Row]:
    """Time that twenty Jobs take, each with three tries 0.1 s apart, as a ratio to 0.2 s."""
    subject = Subject('wide', 21, Case('delays', lambda number: 3 if number < 20 else 0))
    for job in subject.jobs:
        job.RETRY_DELAY = 0.1
    times = [seconds(subject.checknrun) for _ in range(settings.rounds)]
    yield {'Jobs': 20, 'delays': median(times) / 0.2}

"""Runs the benchmark: prints the tables, and writes them as JSON where asked to."""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median

from tests import benchmarks
from tests.benchmarks.executors import executors
from tests.benchmarks.sections import (
    QUICK,
    Row,
    Settings,
    configure,
    delays,
    floors,
    growth,
    imports,
    listening,
    memory,
    runs,
)

SECTIONS = (runs, floors, listening, configure, memory, imports, growth, delays, executors)
#: What a run may cost at most, as a ratio to the floor.
FLOORS = {
    'passing': '1.3',
    'running': '1.35',
    'retrying': '1.37',
    'blocked': '1.28',
    'no_act': '1.19',
}
#: The rows of each section, by its name.
Tables = dict[str, list[Row]]


def main(arguments: Sequence[str] | None = None, settings: Settings | None = None) -> None:
    """Measure and print.

    Args:
        arguments: of the command line; None means those of this process.
        settings: in place of the two that the command line offers.
    """
    parser = argparse.ArgumentParser(
        prog='python -m tests.benchmarks',
        description=benchmarks.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--quick', action='store_true', help='fewer rounds, smaller graphs')
    parser.add_argument('--json', type=Path, metavar='FILE', help='write all figures to this file')
    options = parser.parse_args(arguments)
    settings = settings or (QUICK if options.quick else Settings())
    tables: Tables = {}
    for section in SECTIONS:
        tables[section.__name__] = show(section, section(settings))
    tables['summary'] = show(summary, summary(tables))
    if options.json:
        about = {'python': platform.python_version(), 'machine': platform.machine()}
        options.json.write_text(json.dumps({**about, **tables}, indent=1) + '\n')


def show(section: Callable[..., object], rows: Iterable[Row]) -> list[Row]:
    """Print the table of a section, if it has rows, and return them."""
    rows = list(rows)
    if rows:
        lines = [list(rows[0]), *([text(value) for value in row.values()] for row in rows)]
        widths = [max(len(cell) for cell in column) for column in zip(*lines)]
        print(f'\n{(section.__doc__ or "").splitlines()[0]}\n')
        for line in lines:
            print('  '.join(cell.rjust(width) for cell, width in zip(line, widths)), flush=True)
    return rows


def text(value: object) -> str:
    """Return what a cell shows."""
    if isinstance(value, float):
        return f'{value:.0f}' if value >= 100 else f'{value:.2f}'
    return f'{value:,}' if isinstance(value, int) else str(value)


def summary(tables: Tables) -> Iterator[Row]:
    """Summary: ratios to the floor of 1,000 Jobs under one, and what else has a target."""
    for measured, target, value in (*ratios(tables), *sizes(tables)):
        yield {'measured': measured, 'at most': target, 'figure': value}
    for row in tables['executors']:
        yield {column: row[column] for column in ('measured', 'at most', 'figure')}


def ratios(tables: Tables) -> Iterator[tuple[str, str, float]]:
    """Return what is measured of times, its target as a text and the figure."""
    wide = [row for row in tables['floors'] if row['shape'] == 'wide'][-1]
    for case, target in FLOORS.items():
        yield f'{case}, to the floor', target, wide[case]
    chain = [row for row in tables['runs'] if row['shape'] == 'chain'][-1]
    yield 'longest chain, blocked to passing', '1', chain['blocked'] / chain['passing']
    yield 'configure', '1.56', typical(tables['configure'], 'configure')
    yield 'delays', '1.02', tables['delays'][0]['delays']
    yield 'import, to logging', '1.8', tables['imports'][0]['import']


def sizes(tables: Tables) -> Iterator[tuple[str, str, float]]:
    """Return the same of memory and growth; what grows is followed by its reference."""
    yield 'bytes configured', '250', typical(tables['memory'], 'configured')
    # Version 1.0.0 added 50, and kept no record of tries that passed.
    yield 'bytes added by a run', '300', typical(tables['memory'], 'run')
    for row in tables['growth']:
        for ours, reference in (('checknrun', 'bare_loop'), ('configure', 'static_order')):
            yield f'growth, {row["shape"]}, {ours}', '2', row[ours]
            yield reference, '', row[reference]


def typical(rows: Iterable[Row], column: str) -> float:
    """Return the median of a column, over the rows that the targets are about."""
    rows = [row for row in rows if row['shape'] in ('chain', 'wide', 'layered')]
    enough = min(1_000, max(row['Jobs'] for row in rows))
    return float(median(row[column] for row in rows if row['Jobs'] >= enough))


if __name__ == '__main__':
    main()

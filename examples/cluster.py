#!/usr/bin/env python3
"""Make, hash, compress and check a dozen files: forty Jobs, on one worker or on many.

    examples/cluster.py                          # one Job after the other
    examples/cluster.py --on threads             # the same Jobs, the same report
    examples/cluster.py --on processes --workers 8
    examples/cluster.py --on dask --directory d  # keeps the files: the second time all is well

Only `executor` knows what the Jobs run on. On a real cluster `--directory` must be one that all
machines see, and each of them needs dojobber.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import multiprocessing
import random
import sys
import tempfile
import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dojobber
from dojobber import ConfigurationError, DoJobber, DummyJob, Job

CRATES = ('apple cherry fig lemon', 'ash elm oak yew', 'owl rook tit wren')
# What to install for it, and what to import then.
PACKAGES = {'loky': ('loky', 'loky'), 'dask': ('dask[distributed]', 'distributed')}


class Writer(Job):
    """Writes under another name first: a file that is there is whole, whoever died over it.

    Some clusters make a Run again whose machine is lost, and then it may even run twice at once.
    """

    NAME: ClassVar[str]

    def write(self, path: Path, content: bytes) -> None:
        self.storage['part'] = path.with_name(f'{path.name}.{uuid4().hex}')
        self.storage['part'].write_bytes(content)
        self.storage['part'].replace(path)

    def Cleanup(self) -> None:
        # Called where the script was started, with the storage that came back from the worker.
        if 'part' in self.storage:
            self.storage['part'].unlink(missing_ok=True)


class MakeFile(Writer):
    """There is a file of numbers. To make one is pure Python, so threads can't do it faster."""

    LINES: ClassVar[int]

    def Check(self, directory: Path) -> None:
        if not (directory / self.NAME).is_file():
            raise RuntimeError(f'There is no {self.NAME}.')

    def Run(self, directory: Path) -> None:
        numbers = random.Random(self.NAME)
        lines = [f'{self.NAME} {numbers.randrange(10**6)}\n' for _ in range(self.LINES)]
        self.write(directory / self.NAME, ''.join(lines).encode())


class HashFile(Writer):
    """SHA256SUMS has the right line for a file: `sha256sum -c SHA256SUMS` is content, too."""

    # They all change one file, so they take turns, wherever they run.
    LOCKS = ('SHA256SUMS',)

    def Check(self, directory: Path) -> None:
        if sums(directory).get(self.NAME) != sha256((directory / self.NAME).read_bytes()):
            raise RuntimeError(f'SHA256SUMS is wrong about {self.NAME}.')

    def Run(self, directory: Path) -> None:
        found = {**sums(directory), self.NAME: sha256((directory / self.NAME).read_bytes())}
        lines = [f'{found[name]}  {name}\n' for name in sorted(found)]
        self.write(directory / 'SHA256SUMS', ''.join(lines).encode())


class CompressFile(Writer):
    """There is a compressed copy of a file."""

    def Check(self, directory: Path) -> None:
        if not (directory / f'{self.NAME}.gz').is_file():
            raise RuntimeError(f'There is no {self.NAME}.gz.')

    def Run(self, directory: Path) -> None:
        content = (directory / self.NAME).read_bytes()
        self.write(directory / f'{self.NAME}.gz', gzip.compress(content, mtime=0))


class CheckCrate(Job):
    """What is compressed can be had again. Without Run: a person must look into what is wrong."""

    NAME: ClassVar[str]
    TRIES = 1

    def Check(self, directory: Path) -> None:
        for name in self.NAME.split():
            content = gzip.decompress((directory / f'{name}.gz').read_bytes())
            if sums(directory)[name] != sha256(content):
                raise RuntimeError(f'{name}.gz is damaged: delete it, and run this again.')


def sums(directory: Path) -> dict[str, str]:
    """Return what SHA256SUMS says, by the names of the files."""
    path = directory / 'SHA256SUMS'
    lines = path.read_text().splitlines() if path.exists() else []
    return {name: digest for digest, name in (line.split() for line in lines)}


def sha256(content: bytes) -> str:
    """Return the checksum of a file as SHA256SUMS has it."""
    return hashlib.sha256(content).hexdigest()


def make_graph(lines: int) -> type[Job]:
    """Make three Jobs for each file of up to `lines` lines, one for each crate, and the root."""
    crates = []
    for crate in CRATES:
        compressed = []
        for name in crate.split():
            made = MakeFile.clone(f'Make {name}', NAME=name, LINES=lines)
            hashed = HashFile.clone(f'Hash {name}', NAME=name, DEPS=(made,))
            compressed.append(CompressFile.clone(f'Compress {name}', NAME=name, DEPS=(hashed,)))
        crates.append(CheckCrate.clone(f'Check {crate}', NAME=crate, DEPS=compressed))
    return DummyJob.clone('All', DEPS=crates)


def executor(args: argparse.Namespace, stack: ExitStack) -> Executor | None:
    """Make what the Jobs run on; the stack closes it in the end, dojobber never does."""
    if args.on == 'threads':
        return stack.enter_context(ThreadPoolExecutor(args.workers))
    if args.on == 'processes':
        context = multiprocessing.get_context(args.start)
        return stack.enter_context(ProcessPoolExecutor(args.workers, context))
    if args.on == 'loky':
        import loky

        pool: Executor = stack.enter_context(loky.get_reusable_executor(args.workers))
        return pool
    if args.on == 'dask':
        import distributed

        # For a cluster that is there: Client('tcp://scheduler:8786').
        client = distributed.Client(
            n_workers=args.workers, threads_per_worker=1, dashboard_address=None
        )
        cluster: Executor = stack.enter_context(client).get_executor()
        return cluster
    return None


def parsers() -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Make the parser of what the Jobs run on, which must be known first, and that of all."""
    place = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    flag = place.add_argument
    where = ('none', 'threads', 'processes', *PACKAGES)
    flag('--on', choices=where, default='none', help='what the Jobs run on (%(default)s)')
    flag('--workers', type=int, default=2, help='how many at once (%(default)s)')
    ways = multiprocessing.get_all_start_methods()
    flag('--start', choices=ways, help='how processes are started, in place of the usual way')
    parser = argparse.ArgumentParser(
        description='Make, hash, compress and check a dozen files.', parents=[place]
    )
    flag = parser.add_argument
    flag('--lines', type=int, default=30_000, help='how long each file is (%(default)s)')
    flag('--directory', type=Path, help='where files are kept; else they are deleted at the end')
    return place, parser


def root(args: argparse.Namespace, stack: ExitStack) -> type[Job]:
    """Return the Job to begin with, and leave in the arguments what Jobs are called with."""
    lines, directory = args.lines, args.directory
    vars(args).clear()
    try:
        if directory:
            directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f'--directory: {error}') from error
    made = directory or stack.enter_context(tempfile.TemporaryDirectory())
    args.directory = Path(made).absolute()
    return make_graph(lines)


def main() -> int:
    """Have all files as they should be; return the exit status."""
    began = time.monotonic()
    place, parser = parsers()
    chosen, _ = place.parse_known_args()
    package, module = PACKAGES.get(chosen.on, ('', 'concurrent'))
    if not find_spec(module):
        parser.error(f"--on {chosen.on} needs a package: python3 -m pip install '{package}'")
    if chosen.workers < 1:
        parser.error(f'--workers must be at least 1, not {chosen.workers}')
    dojob = DoJobber('WARNING')
    with ExitStack() as stack:
        pool = executor(chosen, stack)
        # The standard pools and loky tell how many workers they have; Dask does not.
        limit = chosen.workers if pool else None
        status = dojobber.main(
            lambda args: root(args, stack), parser, dojob=dojob, executor=pool, max_in_flight=limit
        )
    if not dojob.report():  # the Jobs were listed
        return status
    for job in sorted(dojob.report(), key=lambda job: job.name):
        print(f'{job.name}: {job.outcome}')
    print(f'On {chosen.on}: {time.monotonic() - began:.1f} s')
    return status


# Without this, processes that are spawned would run the script again.
if __name__ == '__main__':
    sys.exit(main())

"""Starts the examples as their users do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

EXAMPLES = Path(__file__).resolve().parent.parent / 'examples'
#: Without PYTHONPATH, as a script must find the library by itself; and with rows that are long
#: enough for any path of a checkout.
ENVIRONMENT = {'PATH': os.environ['PATH'], 'COLUMNS': '1000'}
#: More than any of them takes.
SECONDS = 60

Done = subprocess.CompletedProcess[str]


def command(name: str, *flags: str) -> tuple[str, ...]:
    """Return the words that start an example, without site-packages."""
    return sys.executable, '-I', '-S', str(EXAMPLES / name), *flags


def run(name: str, place: Path, *flags: str, environment: Mapping[str, str] = ENVIRONMENT) -> Done:
    """Run an example in a directory and return what came of it."""
    return subprocess.run(
        command(name, *flags),
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


@contextmanager
def killed_late(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill a process at the end of the block, or within it if that takes too long."""
    late = Timer(SECONDS, process.kill)
    late.start()
    try:
        yield
    finally:
        late.cancel()
        process.kill()


def counts(done: Done) -> str:
    """Return how many Jobs came to what, as the summary says it."""
    return done.stderr.partition(' in ')[0]

"""Executors that only a script as a whole can be tried with: MPI and ipyparallel."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests._executors.travelling import METHODS, allow, noted, wait

ROOT = Path(__file__).parent.parent.parent
# Beside this Python, where the package mpich puts it, or an installed one.
MPIEXEC = shutil.which('mpiexec', path=os.path.dirname(sys.executable)) or shutil.which('mpiexec')


@dataclass(frozen=True)
class Kind:
    """A package with an executor."""

    package: str
    #: How its scripts are started.
    command: tuple[str, ...]
    #: What a script does to make one of two workers, `executor`, and to close it.
    opens: str
    closes: str


MPI = Kind(
    'mpi4py',
    (str(MPIEXEC), '-n', '3', sys.executable, '-m', 'mpi4py.futures'),
    'from mpi4py.futures import MPIPoolExecutor; executor = MPIPoolExecutor()',
    'executor.shutdown()',
)
IPYPARALLEL = Kind(
    'ipyparallel',
    (sys.executable,),
    'import ipyparallel; cluster = ipyparallel.Cluster(n=2, log_level=40); '
    'client = cluster.start_and_connect_sync(); '
    'executor = client.executor()',
    'client.close(); cluster.stop_cluster_sync()',
)


@pytest.fixture(params=[MPI, IPYPARALLEL], ids=lambda kind: kind.package)
def kind(request: Any) -> Kind:
    found: Kind = request.param
    if find_spec(found.package) is None or found is MPI and MPIEXEC is None:
        pytest.skip(f'{found.package} is not installed')
    return found


class Script:
    """A script that was started."""

    def __init__(self, kind: Kind, directory: Path, source: str) -> None:
        self.directory = directory
        path = directory / 'script.py'
        path.write_text(source.format(opens=kind.opens, closes=kind.closes))
        self.process = subprocess.Popen(
            [*kind.command, path, directory],
            env={**os.environ, 'PYTHONPATH': str(ROOT), 'IPYTHONDIR': str(directory / 'ipython')},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def end(self) -> tuple[str, str]:
        """Wait for its end, and return what it has written."""
        return self.process.communicate(timeout=60)

    def kill(self) -> None:
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.communicate()


@pytest.fixture
def started(kind: Kind, tmp_path: Path) -> Iterator[list[Script]]:
    scripts: list[Script] = []
    yield scripts
    for script in scripts:
        script.kill()


# A run

RUN = (
    """
import functools
import json
import os
import sys
from pathlib import Path

from dojobber import DoJobber, DummyJob, Job
from tests._executors.travelling import Cleans, Late, Raises


class Party(Job):
    HOST = 'ada'

"""
    + METHODS
    + """

class Invite(Party):
    DEPS = (Late, Cleans)

    def Check(self, driver, **kwargs):
        return [self.static(), self.name(), self.shown, self.cached, os.getpid() != driver]


class Slotted(Party):
    __slots__ = ('slot',)

    def Check(self, **kwargs):
        self.slot = [super().name()]
        return self.slot


def main():
    {opens}
    eve = Invite.clone('Invite Eve', HOST='eve')
    root = DummyJob.clone('root', DEPS=(Invite, eve, Slotted, Raises.clone('Bad', KIND='picky')))
    dojob = DoJobber()
    dojob.configure(root, executor=executor, max_in_flight=2)
    dojob.set_args(directory=Path(sys.argv[1]), driver=os.getpid())
    dojob.checknrun()
    outcomes = {{each.name: [str(each.outcome), each.tries] for each in dojob.report()}}
    errors = {{name: str(error) for name, error in dojob.nodeexceptions.items()}}
    print(json.dumps([outcomes, dojob.noderesults, errors]))
    {closes}


if __name__ == '__main__':
    main()
"""
)


def test_jobs_of_script_and_modules_are_tried(
    kind: Kind, started: list[Script], tmp_path: Path
) -> None:
    script = Script(kind, tmp_path, RUN)
    started.append(script)
    output, errors = script.end()
    assert script.process.returncode == 0, errors
    outcomes, results, exceptions = json.loads(output)
    assert outcomes == {
        'Late': ['changed', 3],
        'Cleans': ['changed', 1],
        'Invite': ['ok', 1],
        'Invite Eve': ['ok', 1],
        'Slotted': ['ok', 1],
        'Bad': ['failed', 1],
        'root': ['blocked', 0],
    }
    assert results['Invite'] == ['static', 'Invite', 'ada', 'cached', True]
    assert results['Invite Eve'] == ['static', 'Invite Eve', 'eve', 'cached', True]
    assert results['Slotted'] == ['Slotted']
    assert 'so picky (7)' in exceptions['Bad']
    assert [line.split()[0] for line in noted(tmp_path)] == ['Late'] * 3 + ['cleanup']


# Ctrl-C

INTERRUPTED = """
import sys
from pathlib import Path

from dojobber import DoJobber, DummyJob
from tests._executors.travelling import Cleans, Held, note


def main():
    {opens}
    directory = Path(sys.argv[1])
    dojob = DoJobber()
    held = [Held.clone(name, DEPS=(Cleans,)) for name in ('one', 'two')]
    never = Cleans.clone('never', DEPS=held)
    dojob.configure(never, executor=executor, max_in_flight=2)
    dojob.set_args(directory=directory)
    try:
        dojob.checknrun()
    except KeyboardInterrupt:
        note(directory, 'raised', *map(str, dojob.nodestatus.values()))
    {closes}


if __name__ == '__main__':
    main()
"""


def test_interrupt_calls_cleanups(kind: Kind, started: list[Script], tmp_path: Path) -> None:
    for name in ('one', 'two'):
        os.mkfifo(tmp_path / f'{name}-runs')
        os.mkfifo(tmp_path / f'{name}-goes-on')
    script = Script(kind, tmp_path, INTERRUPTED)
    started.append(script)
    for name in ('one', 'two'):
        wait(tmp_path / f'{name}-runs')
    os.killpg(script.process.pid, signal.SIGINT)
    if kind is IPYPARALLEL:  # its workers are not told of it
        for name in ('one', 'two'):
            allow(tmp_path / f'{name}-goes-on')
    script.end()
    notes = [' '.join(line.split()[:2]) for line in noted(tmp_path)]
    cleanups = [note for note in notes if note.startswith('cleanup')]
    assert sorted(cleanups[:2]) == ['cleanup one', 'cleanup two']
    assert cleanups[2:] == ['cleanup Cleans']
    assert ('done one' in notes) == (kind is IPYPARALLEL)

"""Systems without fcntl, fchdir, fork and the like: simulated, by taking these from a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

#: Windows lacks all of these. Its paths, its console and its signals are not simulated.
PREAMBLE = """
import os, signal, sys
for module in ('fcntl', 'termios', 'tty', 'pwd', 'grp', 'resource', '_posixsubprocess'):
    sys.modules[module] = None  # an import of it raises ImportError
for name in ('fchdir', 'O_PATH', 'O_DIRECTORY', 'O_CLOEXEC', 'fork', 'register_at_fork',
             'getuid', 'geteuid', 'sysconf', 'uname'):
    if hasattr(os, name):
        delattr(os, name)
for name in ('SIGHUP', 'SIGQUIT', 'SIGUSR1', 'pthread_sigmask', 'setitimer', 'siginterrupt'):
    delattr(signal, name)
"""

MOVIE_NIGHT = """
from tests import dojobber_example
dojobber_example.MovieJob.RETRY_DELAY = 0
sys.exit(dojobber_example.main(['-v', '--summary']))
"""

#: Calls each hook of a Job; each leaves the directory that it should begin in.
PHASES = """
from dojobber import DoJobber, Job

begun_in = []

class Wanders(Job):
    def Check(self):
        begun_in.append(os.getcwd())
        os.chdir('..')
        if self._check_phase == 'check':
            raise ValueError

    def Run(self):
        begun_in.append(os.getcwd())
        os.chdir('..')

    Cleanup = Run

here = os.getcwd()
dojob = DoJobber()
dojob.configure(Wanders)
dojob.checknrun()
print([*begun_in, os.getcwd()] == [here] * 5)
"""

ON_THREADS = """
from concurrent.futures import ThreadPoolExecutor
from dojobber import DoJobber, DummyJob, Job, RunonlyJob

class Tea(RunonlyJob):
    def Run(self):
        return 'tea'

class Party(DummyJob):
    DEPS = (Tea, Tea.clone('Coffee'))

dojob = DoJobber()
with ThreadPoolExecutor(2) as executor:
    dojob.configure(Party, executor=executor)
    dojob.checknrun()
print(dojob.success())
"""


#: What cannot be imported is told of on stdout.
MISSING = """
assert not hasattr(os, 'fchdir')
try:
    import fcntl
except ImportError as error:
    print(error)
"""


def run(place: Path, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-W', 'error', '-c', PREAMBLE + script],
        cwd=place,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY), 'COLUMNS': '80'},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_scripts_work_and_movie_night_is_what_it_is_elsewhere(tmp_path: Path) -> None:
    # In one process, for each takes a while to start.
    done = run(tmp_path, MISSING + PHASES + ON_THREADS + MOVIE_NIGHT)
    missing, *works = done.stdout.splitlines()
    assert missing.startswith('import of fcntl halted')
    assert works == ['True', 'True']
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    assert done.stderr.startswith('ValidateMovie.check: pass\n')
    assert done.stderr.count('recheck: fail') == 15
    assert '20 Jobs: 6 ok, 10 changed, 2 failed, 2 blocked' in done.stderr

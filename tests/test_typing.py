"""The script that type checkers let pass does run. What they find in it is seen by tox -e types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.mark.slow
def test_script_that_passes_the_type_checker_runs() -> None:
    done = subprocess.run(
        [sys.executable, '-W', 'error', REPOSITORY / 'tests' / 'typing' / 'good.py'],
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')

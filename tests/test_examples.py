"""What holds for each example."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.scripts import EXAMPLES, run

FLAGS = {
    'audit.py': '--root --only --output',
    'cluster.py': '--on {none,threads,processes,loky,dask} --lines --workers --directory',
    'database.py': 'database --to -n',
    'dotfiles.py': '--home --folder --force -n',
    'many_hosts.py': 'inventory --only --jobs -n',
    'services.py': '--serve --patience --mute -v',
    'site.py': '--folder --text --title --port --serve -n -v --graph',
}


@pytest.mark.slow
@pytest.mark.parametrize('name', FLAGS)
def test_help_tells_of_each_flag(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path, '--help')
    assert done.returncode == 0
    for flag in FLAGS[name].split():
        assert flag in done.stdout


def test_scripts_are_executable() -> None:
    assert all(os.access(path, os.X_OK) for path in EXAMPLES.glob('*.py'))

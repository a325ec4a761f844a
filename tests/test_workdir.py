"""The directory that every phase starts in."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dojobber._workdir import Workdir


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / 'here'
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def open_files() -> int:
    return len(os.listdir('/proc/self/fd'))


def test_go_returns_to_the_directory_it_was_made_in(here: Path) -> None:
    workdir = Workdir()
    os.chdir('/')
    workdir.go()
    assert Path.cwd() == here


def test_go_finds_a_directory_that_was_renamed(here: Path) -> None:
    workdir = Workdir()
    os.chdir('/')
    here.rename(here.with_name('there'))
    workdir.go()
    assert Path.cwd() == here.with_name('there')


def test_go_enters_a_directory_that_was_deleted(here: Path) -> None:
    workdir = Workdir()
    os.chdir('/')
    here.rmdir()
    workdir.go()
    with pytest.raises(FileNotFoundError):
        os.getcwd()


def test_made_in_a_deleted_directory_works(here: Path) -> None:
    here.rmdir()
    workdir = Workdir()
    os.chdir('/')
    workdir.go()
    with pytest.raises(FileNotFoundError):
        os.getcwd()
    os.chdir('/')


def test_go_falls_back_to_the_path_when_the_descriptor_was_closed(here: Path) -> None:
    workdir = Workdir()
    os.close(workdir._descriptor)
    os.chdir('/')
    workdir.go()
    assert Path.cwd() == here


def test_go_without_any_way_back_raises_os_error(here: Path) -> None:
    workdir = Workdir()
    os.close(workdir._descriptor)
    os.chdir('/')
    shutil.rmtree(here)
    with pytest.raises(FileNotFoundError):
        workdir.go()


def test_directory_that_can_not_be_opened_is_found_by_its_path(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, 'open', refuse)
        workdir = Workdir()
    os.chdir('/')
    workdir.go()
    assert Path.cwd() == here
    workdir.release()


def test_last_release_closes_the_directory(here: Path) -> None:
    before = open_files()
    workdir = Workdir()
    workdir.share()
    workdir.release()
    assert open_files() == before + 1
    workdir.release()
    assert open_files() == before


def test_dropped_workdir_is_closed(here: Path) -> None:
    before = open_files()
    workdir = Workdir()
    del workdir
    assert open_files() == before


def test_release_leaves_a_file_alone_that_took_the_descriptor(here: Path) -> None:
    workdir = Workdir()
    with open(here / 'mine', 'w') as mine:
        os.dup2(mine.fileno(), workdir._descriptor)
        workdir.release()
        assert os.fstat(workdir._descriptor) == os.fstat(mine.fileno())
    os.close(workdir._descriptor)

"""The directory that every phase starts in."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob, _workdir
from dojobber._workdir import Workdir

pytestmark = pytest.mark.usefixtures('collected')


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / 'here'
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def refuse(*_: object) -> int:
    raise PermissionError


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
    with monkeypatch.context() as patch:
        patch.setattr(os, 'open', refuse)
        workdir = Workdir()
    os.chdir('/')
    workdir.go()
    assert Path.cwd() == here
    workdir.release()


def test_limit_of_few_open_files_costs_no_directory(here: Path) -> None:
    before = open_files()
    _, most = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, most))
    try:
        workdir = Workdir()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    os.chdir('/')
    here.rename(here.with_name('there'))
    workdir.go()
    assert Path.cwd() == here.with_name('there')
    workdir.release()
    assert open_files() == before


def test_go_in_a_directory_that_may_not_be_entered_works_until_it_is_left(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = os.open('/', os.O_RDONLY)
    with monkeypatch.context() as patch:
        patch.setattr(os, 'open', refuse)
        patch.setattr(os, 'chdir', refuse)
        workdir = Workdir()
        workdir.go()
        assert Path.cwd() == here
        os.fchdir(away)
        with pytest.raises(PermissionError):
            workdir.go()
    os.close(away)


@pytest.mark.skipif(os.getuid() != 0, reason='only root can become another user and come back')
def test_directory_that_the_user_may_not_enter_costs_no_job_that_stays(here: Path) -> None:
    class Stays(RunonlyJob):
        def Run(self) -> str:
            return os.getcwd()

    class Leaves(RunonlyJob):
        def Run(self) -> None:
            os.chdir('/')

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Root', DEPS=(Stays, Leaves)), default_tries=1)
    here.chmod(0o700)
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            dojob.checknrun()
    finally:
        os.seteuid(0)
    assert dojob.noderesults == {'Stays': str(here)}
    assert isinstance(dojob.nodeexceptions['Leaves'], PermissionError)


def in_a_process_of_its_own(check: Callable[[], None]) -> None:
    """Do what would harm this process."""
    process = os.fork()
    if not process:
        try:
            check()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0


def test_file_that_took_the_number_of_the_descriptor_is_not_entered(here: Path) -> None:
    seen = []

    class Reuses(Job):
        def Check(self) -> None:
            seen.append(os.getcwd())
            if self._check_phase == 'check':
                raise ValueError

        def Run(self) -> None:
            os.closerange(3, 256)
            for _ in range(20):
                os.open('/', os.O_RDONLY)
            os.chdir('/')

        def Cleanup(self) -> None:
            seen.append(os.getcwd())
            os.chdir('/')

    def check() -> None:
        dojob = DoJobber()
        dojob.configure(Reuses)
        dojob.checknrun()
        assert dojob.success()
        assert [*seen, os.getcwd()] == [str(here)] * 4

    in_a_process_of_its_own(check)


def test_current_is_the_known_one_in_its_directory_alone(here: Path) -> None:
    known = Workdir()
    assert Workdir.current(known) is known
    os.chdir('/')
    assert Workdir.current(known) is not known
    assert Workdir.current(None) is not known


def test_current_is_a_new_one_where_a_job_has_closed_the_known_one(here: Path) -> None:
    known = Workdir()
    os.close(known._descriptor)
    current = Workdir.current(known)
    os.chdir('/')
    here.rename(here.with_name('there'))
    current.go()
    assert Path.cwd() == here.with_name('there')


def test_current_counts_one_user_more_of_the_known_one(here: Path) -> None:
    before = open_files()
    known = Workdir()
    Workdir.current(known).release()
    assert open_files() == before + 1
    known.release()
    assert open_files() == before


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
    descriptor = workdir._descriptor
    with open(here / 'mine', 'w') as mine:
        os.dup2(mine.fileno(), descriptor)
        workdir.release()
        assert os.fstat(descriptor) == os.fstat(mine.fileno())
    os.close(descriptor)


def test_go_after_the_last_release_goes_by_the_path(here: Path) -> None:
    workdir = Workdir()
    workdir.release()
    os.chdir('/')
    other = Workdir()  # gets the same number
    workdir.go()
    assert Path.cwd() == here
    other.release()


def test_own_directory_of_a_process_that_has_none_is_the_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / 'gone'
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert _workdir._own_directory.__wrapped__() == os.sep
    monkeypatch.chdir(tmp_path)

"""Exceptions whose own code makes trouble: each counts like any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job


@dataclass(frozen=True)
class Frozen(Exception):
    """Refuse all attributes, as dataclasses do."""

    reason: str


class Sealed(Exception):
    """Refuse all attributes."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise TypeError(name)


class Hidden(Exception):
    """Have no traceback to show."""

    @property
    def __traceback__(self) -> Any:
        raise TypeError

    @__traceback__.setter
    def __traceback__(self, value: Any) -> None:
        raise TypeError


class Empty(Exception):
    """Be false."""

    def __len__(self) -> int:
        return 0


class Unsure(Exception):
    """Be neither true nor false."""

    def __bool__(self) -> bool:
        raise TypeError


odd_errors = pytest.mark.parametrize(
    'error', [Frozen('odd'), Sealed('odd'), Hidden('odd'), Empty('odd'), Unsure('odd')], ids=repr
)


class Scene:
    """A Job that raises an error in one place, and one beside it that passes."""

    def __init__(self, where: str, error: Exception) -> None:
        self.events: list[str] = []
        scene = self

        class Odd(Job):
            def __init__(self) -> None:
                self.play('init')

            def play(self, place: str) -> None:
                scene.events.append(place)
                if place == where:
                    raise error

            def Check(self) -> None:
                self.play(self._check_phase)
                if self._check_phase == 'check':
                    raise ValueError

            def Run(self) -> None:
                self.play('run')

            def Cleanup(self) -> None:
                self.play('cleanup')

        class Other(DummyJob):
            pass

        self.dojob = DoJobber()
        self.dojob.configure(DummyJob.clone('Root', DEPS=(Odd, Other)), debug=True, default_tries=1)

    def run(self) -> BaseException | None:
        """Return what was raised; pytest itself could not show it."""
        try:
            self.dojob.checknrun()
        except BaseException as raised:
            return raised
        return None


@odd_errors
@pytest.mark.parametrize(
    ('where', 'events'),
    [
        ('init', ['init']),
        ('recheck', ['init', 'check', 'run', 'recheck', 'cleanup']),
    ],
)
def test_odd_exception_that_decides_fails_its_job_alone(
    error: Exception, where: str, events: list[str]
) -> None:
    scene = Scene(where, error)
    assert scene.run() is None
    assert scene.events == events
    assert scene.dojob.nodestatus == {'Odd': False, 'Other': True, 'Root': None}
    assert scene.dojob.nodeexceptions['Odd'] is error


@odd_errors
@pytest.mark.parametrize('where', ['check', 'run'])
def test_odd_exception_that_decides_nothing_fails_its_hook_alone(
    error: Exception, where: str
) -> None:
    scene = Scene(where, error)
    assert scene.run() is None
    assert scene.events == ['init', 'check', 'run', 'recheck', 'cleanup']
    assert scene.dojob.success()


@odd_errors
def test_odd_exception_of_a_cleanup_is_raised_itself(error: Exception) -> None:
    scene = Scene('cleanup', error)
    assert scene.run() is error
    assert scene.dojob.success()


@pytest.mark.parametrize('error', [Frozen('odd'), Sealed('odd'), Hidden('odd')], ids=repr)
def test_odd_exception_is_shown_with_its_trace(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    Scene('recheck', error).run()
    err = capsys.readouterr().err
    shown = err[err.index(f'Odd.recheck: fail "{error}"') :]
    assert '    raise error\n' in shown

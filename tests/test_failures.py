"""Which exceptions are failures, the lines that they came through, and odd exceptions of Jobs."""

from __future__ import annotations

import builtins
import gc
import json
import logging
import sys
import weakref
from dataclasses import dataclass
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job
from dojobber._exceptions import (
    attach_traceback,
    notes,
    safe_str,
    trace,
)
from dojobber._failures import Failure, is_failure, release_frames
from dojobber._own_code import PACKAGE
from tests.odd_errors import TRACEBACK, Empty, Unsure, caught


def line_of(code: Any) -> int:
    """Return the number of the line after that of ``def``."""
    number: int = code.__code__.co_firstlineno + 1
    return number


@pytest.mark.parametrize(
    ('error', 'expected'),
    [
        (ValueError(), True),
        (SystemExit(), True),
        (KeyboardInterrupt(), False),
        (GeneratorExit(), False),
        (BaseException(), False),
    ],
)
def test_exceptions_and_exits_are_failures(error: BaseException, expected: bool) -> None:
    assert is_failure(error) is expected


def test_failure_tells_the_line_of_the_hook() -> None:
    def hook() -> None:
        raise ValueError

    error = caught(hook)
    assert Failure.of(error) == (error, *2 * (__file__, line_of(hook)))


def test_failure_tells_the_innermost_line_that_is_in_no_library() -> None:
    def helper() -> None:
        json.loads('{')

    def hook() -> None:
        helper()

    error = caught(hook)
    assert isinstance(error, ValueError)
    assert Failure.of(error)[1:] == (__file__, line_of(helper), __file__, line_of(hook))


def test_failure_in_a_library_alone_tells_its_outermost_line() -> None:
    error = caught(lambda: None.nothing)  # type: ignore[attr-defined]
    assert Failure.of(error).file == __file__

    code = compile('raise ValueError', '/opt/site-packages/hook.py', 'exec')
    inner = compile('import json\njson.loads("{")', '/opt/site-packages/hook.py', 'exec')
    assert Failure.of(caught(lambda: exec(code))).file == __file__
    error = caught(lambda: exec(inner))
    TRACEBACK.__set__(error, TRACEBACK.__get__(error).tb_next)
    assert Failure.of(error)[1:] == 2 * ('/opt/site-packages/hook.py', 2)


def test_failure_without_a_traceback_has_no_place() -> None:
    error = ValueError()
    assert Failure.of(error) == (error, '', 0, '', 0)


def test_failure_from_elsewhere_has_the_place_that_came_with_it() -> None:
    error = ValueError('far away')
    attach_traceback(error, 'its trace', 'helper.py', 7, 'hook.py', 3)
    assert Failure.of(error) == (error, 'helper.py', 7, 'hook.py', 3)
    assert trace(error) == 'its trace'


def test_hook_is_found_below_its_decorators_and_above_its_helpers() -> None:
    def Check() -> None:  # noqa: N802
        helper()

    def helper() -> None:
        raise ValueError

    def decorator() -> None:
        Check()

    lines = __file__, line_of(helper), __file__, line_of(Check)
    assert Failure.of(caught(decorator))[1:] == lines


def test_code_of_this_library_is_nobodys_place() -> None:
    names: dict[str, Any] = {}
    exec(compile('def Check(): raise ValueError', f'{PACKAGE}job.py', 'exec'), names)
    assert Failure.of(caught(names['Check']))[1:] == ('', 0, '', 0)


class Thing:
    """Something that can be watched."""


@pytest.mark.parametrize('how', ['plain', 'from', 'context', 'ring', 'suppressed'])
def test_failure_without_frames_keeps_no_object_alive_but_place_and_chain(how: str) -> None:
    watched = []

    def below() -> None:
        thing = Thing()
        watched.append(weakref.ref(thing))
        raise LookupError('below')

    def hook() -> None:
        thing = Thing()
        watched.append(weakref.ref(thing))
        if how == 'plain':
            raise ValueError('above')
        try:
            below()
        except LookupError as error:
            if how == 'from':
                raise ValueError('above') from error
            if how == 'suppressed':
                raise ValueError('above') from None
            if how == 'ring':
                above = ValueError('above')
                error.__cause__ = above
                raise above from error
            raise ValueError('above')  # noqa: B904

    gc.disable()
    try:
        error = caught(hook)
        failure = Failure.of(error)
        release_frames(error)
        assert [each() for each in watched] == [None] * len(watched)
    finally:
        gc.enable()
    assert failure.file == __file__
    assert failure.line > 0
    assert error.__traceback__ is None
    if how != 'plain':
        assert repr(error.__context__) == "LookupError('below')"


def test_failure_with_frames_keeps_its_traceback() -> None:
    def hook() -> None:
        raise ValueError

    error = caught(hook)
    found = error.__traceback__
    assert found is not None
    Failure.of(error)
    assert error.__traceback__ is found


class Shy(Exception):
    """Hide behind attributes of its own by the names of those that are looked at."""

    __traceback__ = None
    __cause__ = property(lambda self: 1 / 0)  # pyright: ignore[reportAssignmentType]
    __context__ = property(lambda self: 1 / 0)  # pyright: ignore[reportAssignmentType]
    __notes__ = property(lambda self: 1 / 0)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError('frozen')

    def __str__(self) -> str:
        raise SystemExit


def test_failure_is_made_of_an_exception_that_hides() -> None:
    def hook() -> None:
        raise Shy

    error = caught(hook)
    assert Failure.of(error) == (error, *2 * (__file__, line_of(hook)))
    assert safe_str(error) == '<unprintable Shy object>'
    assert notes(error) == []
    assert 'Shy' in trace(error)


@pytest.mark.skipif(sys.version_info < (3, 11), reason='Python 3.10 has no exception groups')
def test_release_of_frames_lets_go_of_those_of_the_parts_of_a_group() -> None:
    part = caught(lambda: None.nothing)  # type: ignore[attr-defined]

    def hook() -> None:
        raise vars(builtins)['BaseExceptionGroup']('some', [part])

    release_frames(caught(hook))
    assert part.__traceback__ is None


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


class Faceless(Exception):
    """Say nothing of what it is and has."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise TypeError

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise TypeError


odd_errors = pytest.mark.parametrize(
    'kind', [Frozen, Sealed, Hidden, Empty, Unsure, Faceless], ids=lambda kind: kind.__name__
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

        self.dojob = DoJobber(logging.ERROR)
        self.dojob.configure(
            DummyJob.clone('Root', DEPS=(Odd, Other)), debug=True, default_tries=1, summary=True
        )

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
    kind: type[Exception], where: str, events: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    error = kind('odd')
    scene = Scene(where, error)
    assert scene.run() is None
    assert scene.events == events
    assert scene.dojob.nodestatus == {'Odd': False, 'Other': True, 'Root': None}
    assert scene.dojob.nodeexceptions['Odd'] is error
    err = capsys.readouterr().err
    assert f'  {where}: ' in err
    assert ('DoJobber ERROR' in err) == (where == 'init')
    shown = scene.dojob.report().as_dict()['jobs'][0]['exception']
    assert shown['type'] == type(error).__name__
    assert shown['traceback'].endswith(f'{safe_str(error)}\n')


@odd_errors
@pytest.mark.parametrize('where', ['check', 'run'])
def test_odd_exception_that_decides_nothing_fails_its_hook_alone(
    kind: type[Exception], where: str
) -> None:
    scene = Scene(where, kind('odd'))
    assert scene.run() is None
    assert scene.events == ['init', 'check', 'run', 'recheck', 'cleanup']
    assert scene.dojob.success()


@odd_errors
def test_odd_exception_of_a_cleanup_is_raised_itself(kind: type[Exception]) -> None:
    error = kind('odd')
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

"""A report as JUnit XML: what each outcome is there, and that any text is well-formed."""

from __future__ import annotations

import contextlib
import platform
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from tests.fakes import FakeClock

SCHEMA = Path(__file__).parent / 'junit.xsd'


def written(root: type[Job], **options: Any) -> str:
    dojob = FakeClock(0).drive(DoJobber())
    dojob.configure(root, **options)
    with contextlib.suppress(KeyboardInterrupt, OSError, subprocess.SubprocessError):
        dojob.checknrun()
    return dojob.report().as_junit()


def suite(root: type[Job], **options: Any) -> ElementTree.Element:
    (found,) = ElementTree.fromstring(written(root, **options))
    return found


def case(root: type[Job], **options: Any) -> ElementTree.Element:
    """Return the test case of a root."""
    return list(suite(root, **options))[-1]


def results(root: type[Job], **options: Any) -> dict[str, list[str]]:
    """Return the elements in each test case, by its name."""
    return {
        each.attrib['name']: [element.tag for element in each] for each in suite(root, **options)
    }


class Changes(RunonlyJob):
    """Passes by Run."""

    def Run(self) -> None:
        """Do nothing."""


class Fails(Job):
    """Fails in each phase, with errors of its own."""

    TRIES = 1

    def Check(self) -> None:
        raise ValueError('no')

    def Run(self) -> None:
        raise LookupError('broken')


class Unclean(Changes):
    """Has a Cleanup that fails."""

    def Cleanup(self) -> None:
        raise OSError('busy')


class Stops(Job):
    """Ends the run in Check."""

    def Check(self) -> None:
        raise KeyboardInterrupt


class Blocked(DummyJob):
    """Depends on one that fails."""

    DEPS = (DummyJob.clone('Well'), Changes, Fails)


def test_each_outcome_has_its_element() -> None:
    assert results(DummyJob.clone('Top', DEPS=(Blocked, Unclean, Stops))) == {
        'Well': [],
        'Changes': [],
        'Fails': ['failure'],
        'Blocked': ['skipped'],
        'Unclean': ['error'],
        'Stops': ['error'],
        'Top': ['skipped'],
    }


def test_suite_has_the_counts_the_name_of_the_root_and_where_and_when_it_ran() -> None:
    clock = FakeClock(0)

    class Slow(DummyJob):
        def Check(self) -> None:
            clock.sleep(1.5)

    dojob = clock.drive(DoJobber())
    dojob.configure(DummyJob.clone('Top', DEPS=(Slow, Blocked, Unclean)))
    with pytest.raises(OSError):
        dojob.checknrun()
    found = ElementTree.fromstring(dojob.report().as_junit())
    started = dojob.report().started
    assert started is not None
    totals = {'name': 'Top', 'tests': '7', 'failures': '1', 'errors': '1', 'time': '1.500'}
    assert (found.tag, found.attrib) == ('testsuites', totals)
    assert found[0].attrib == {
        **totals,
        'skipped': '2',
        'hostname': platform.node(),
        'timestamp': started.isoformat()[:19],
    }
    assert found[0][0].attrib == {'name': 'Slow', 'classname': __name__, 'time': '1.500'}


def test_failure_says_why_the_last_try_failed_and_what_run_raised() -> None:
    (failure,) = case(Fails)
    assert failure.attrib == {'type': 'ValueError', 'message': 'no'}
    run, check = (failure.text or '').split('\n\n')
    assert run.startswith(f'{__file__}:') and run.endswith('LookupError: broken')
    assert check.startswith(f'{__file__}:') and check.endswith('ValueError: no\n')


def test_cleanup_of_a_job_that_succeeded_late_is_all_that_its_error_tells_of() -> None:
    class Late(Unclean):
        def Run(self) -> None:
            self.global_storage['tries'] = self.global_storage.get('tries', 0) + 1
            if self.global_storage['tries'] == 1:
                raise LookupError('broken')

    (error,) = case(Late, default_retry_delay=0)
    assert 'OSError: busy' in (error.text or '')
    assert 'broken' not in (error.text or '')


def test_failure_without_a_place_begins_with_its_trace() -> None:
    class Unsaid(DummyJob):
        TRIES = 1

        async def _coroutine(self) -> None:
            """Is never awaited."""

        def Check(self) -> Any:
            return self._coroutine()

    (failure,) = case(Unsaid)
    assert not (failure.text or '').startswith(':')


def test_runonly_job_shows_its_one_exception_once() -> None:
    class Breaks(RunonlyJob):
        TRIES = 1

        def Run(self) -> None:
            raise LookupError('broken')

    (failure,) = case(Breaks)
    assert (failure.text or '').count('broken') == 2  # the line that raises it, and what it says


def test_failure_without_a_message_has_its_type() -> None:
    class Silent(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError

    (failure,) = case(Silent)
    assert failure.attrib == {'type': 'ValueError', 'message': 'ValueError'}


def test_with_no_act_what_would_run_is_a_failure_and_what_might_run_is_skipped() -> None:
    found = list(suite(DummyJob.clone('Top', DEPS=(Changes,)), no_act=True))
    (failure,), (skipped,) = found
    assert failure.tag == 'failure'
    assert failure.attrib['message'].startswith('would run: Runonly node check')
    assert (skipped.tag, skipped.text) == (
        'skipped',
        'might run, for it depends on what would: Changes',
    )


def test_skipped_job_says_what_blocks_it_or_that_it_was_not_reached() -> None:
    assert case(Blocked)[0].text == 'blocked by Fails'
    (skipped,) = case(DummyJob.clone('Top', DEPS=(Stops,)))
    assert skipped.text == 'not run: the run was ended before its turn'
    assert skipped.attrib == {}


def test_interrupted_job_is_an_error() -> None:
    (error,) = case(Stops)
    assert error.attrib == {'type': 'interrupted', 'message': 'the run was ended early'}
    assert 'KeyboardInterrupt' in (error.text or '')


def test_failed_cleanup_is_an_error_with_its_trace() -> None:
    (error,) = case(Unclean)
    assert error.attrib == {'type': 'OSError', 'message': 'could not be cleaned up: busy'}
    assert "raise OSError('busy')" in (error.text or '')


def test_failed_job_with_a_failed_cleanup_is_one_failure_that_tells_of_both() -> None:
    class Both(Fails, Unclean):
        def Run(self) -> None:
            """Do nothing."""

    (failure,) = case(Both)
    assert (failure.tag, failure.attrib['message']) == ('failure', 'no')
    assert 'OSError: busy' in (failure.text or '')


def test_output_of_failed_processes_is_shown_once_and_after_the_result() -> None:
    class Broken(RunonlyJob):
        TRIES = 1

        def Run(self) -> None:
            raise subprocess.CalledProcessError(1, ['make'], 'a\tb\r\n', b'<no & rule>')

        def Cleanup(self) -> None:
            raise subprocess.CalledProcessError(2, ['make'], 'more', None)

    found = [(each.tag, each.text) for each in case(Broken)]
    assert found[1:] == [('system-out', 'a\tb\r\n\nmore'), ('system-err', '<no & rule>')]
    assert found[0][0] == 'failure'


ODD = 'a<b> & "c"\n\td\x00\x1b[2J \ud800 \ufffe é \U0001f600 ]]>\r'
SHOWN = 'a<b> & "c"\n\td\\x00\\x1b[2J \\ud800 \\ufffe é \U0001f600 ]]>\r'


def test_any_text_is_well_formed_and_what_xml_can_not_hold_is_escaped() -> None:
    class Odd(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError(ODD)

    found = case(Odd.clone(ODD.replace('\x00', '').replace('\ud800', '')))
    assert found.attrib['name'] == SHOWN.replace('\\x00', '').replace('\\ud800', '')
    (failure,) = found
    assert failure.attrib['message'] == SHOWN
    assert f'ValueError: {SHOWN}' in (failure.text or '')
    assert written(Odd).isascii()


def test_secret_is_masked_before_it_is_spelled_in_xml() -> None:
    class Leaks(Job):
        TRIES = 1

        def Check(self) -> None:
            raise ValueError('no <&s3cret>')

    text = written(Leaks.clone('of <&s3cret>'), secrets=('<&s3cret>', __name__))
    assert 's3cret' not in text and __name__ not in text
    found = ElementTree.fromstring(text)[0][0]
    assert found.attrib['name'] == 'of *****'
    assert found[0].attrib['message'] == 'no *****'


def test_report_before_a_run_is_an_empty_suite() -> None:
    found = ElementTree.fromstring(DoJobber().report().as_junit())
    assert found.attrib['name'] == 'dojobber'
    assert found[0].attrib.keys() == {*found.attrib, 'skipped', 'hostname'}
    assert not list(found[0])


def test_report_asked_for_in_the_middle_of_a_run_can_be_written() -> None:
    texts = []

    class Asks(DummyJob):
        DEPS = (Fails,)

    def listener(event: object) -> None:
        texts.append(dojob.report().as_junit())

    dojob = FakeClock(0).drive(DoJobber())
    dojob.configure(Asks, listeners=[listener])
    dojob.checknrun()
    for text in texts:
        ElementTree.fromstring(text)


@pytest.mark.slow
def test_each_document_is_valid() -> None:
    schema = pytest.importorskip('xmlschema').XMLSchema(SCHEMA)
    for root in (Blocked, Unclean, Stops, Fails.clone('\x1b<&">\n\ufffe')):
        for no_act in (False, True):
            schema.validate(written(root, no_act=no_act))
    schema.validate(DoJobber().report().as_junit())
    with pytest.raises(ValueError):
        schema.validate(written(Fails).replace(' type=', ' kind='))

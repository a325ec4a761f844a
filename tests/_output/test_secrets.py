"""Secrets: taken out of all that the library writes."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from dojobber import ConfigurationError, DoJobber, DummyJob, Job
from dojobber._output.secrets import Masker

SECRET = "p'ss w/rd+é"


@pytest.mark.parametrize(
    'text',
    [
        SECRET,
        repr(SECRET),
        json.dumps(SECRET),
        f'postgresql://ada:{quote(SECRET, safe="")}@db/shop',
        f'?password={quote_plus(SECRET)}',
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
        *(base64.b64encode(f'{user}:{SECRET}:x'.encode()).decode() for user in ('a', 'ad', 'ada')),
        repr(['psql', f'ALTER ROLE shop PASSWORD {SECRET!r}']),
    ],
)
def test_secret_is_masked_in_any_spelling(text: str) -> None:
    masked = Masker([SECRET]).mask(f'before {text} behind')
    assert '*****' in masked
    assert masked.startswith('before ') and masked.endswith(' behind')
    for part in (SECRET, quote(SECRET), base64.b64encode(SECRET.encode()).decode()[4:-4]):
        assert part not in masked


def test_each_line_of_a_secret_is_masked_but_short_ones() -> None:
    key = '-----BEGIN KEY-----\nMIIEvQ\n  AB\n-----END KEY-----\n'
    masker = Masker([key])
    assert masker.mask('got MIIEvQ and AB') == 'got ***** and AB'
    assert masker.mask(f'<{key}>') == '<*****>'


def test_longer_secret_is_masked_before_one_that_it_begins_with() -> None:
    assert Masker(['pass', 'password']).mask('my password') == 'my *****'


def test_without_secrets_nothing_changes() -> None:
    assert Masker([]).mask('any text\n') == 'any text\n'


@pytest.mark.parametrize('secrets', ['s3cret', b's3cret', 7, None, ['s3cret', ''], [' '], [b'x']])
def test_secrets_that_can_not_be_looked_for_are_refused_unseen(secrets: Any) -> None:
    with pytest.raises(ConfigurationError, match='^secrets must be an iterable of texts') as caught:
        DoJobber().configure(DummyJob, secrets=secrets)
    assert 's3cret' not in str(caught.value)


class Leaks(Job):
    """Says a secret wherever it can."""

    TRIES = 1

    def Check(self) -> str:
        if 'ran' not in self.storage:
            raise RuntimeError('no role with s3cret')
        return 's3cret'

    def Run(self) -> None:
        self.storage['ran'] = True
        raise subprocess.CalledProcessError(
            1, ['psql', '-c', "PASSWORD 's3cret'"], 's3cret', b's3cret'
        )

    def Cleanup(self) -> None:
        raise RuntimeError('s3cret stays')


class Never(Leaks):
    """Fails for a secret."""

    def Check(self) -> str:
        error = RuntimeError('no s3cret')
        if hasattr(error, 'add_note'):
            error.add_note('tried s3cret')  # pyright: ignore[reportAttributeAccessIssue]
        raise error


class Exits:
    """Ends the process when its text is asked for."""

    def __str__(self) -> str:
        sys.exit(1)

    def __repr__(self) -> str:
        return '<Exits>'


@pytest.mark.parametrize(
    'args, kwargs, message',
    [
        (('%s', 's3cret'), {'exc_info': False}, '*****'),
        (('s3cret: %d', 'none'), {}, "'*****: %d' % ('none',)"),
        (('s3cret: %s', Exits()), {}, "'*****: %s' % (<Exits>,)"),
    ],
)
def test_secrets_do_no_harm_to_what_scripts_log(
    caplog: pytest.LogCaptureFixture, args: Any, kwargs: Any, message: str
) -> None:
    dojob = DoJobber(dojobber_loglevel=logging.ERROR)
    dojob.configure(DummyJob, secrets=('s3cret',))
    logging.getLogger('DoJobber').error(*args, **kwargs)
    assert [record.getMessage() for record in caplog.records] == [message]


def test_no_secret_is_written_anywhere(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    class Unmade(DummyJob):
        TRIES = 1

        def __init__(self) -> None:
            raise RuntimeError('s3cret')

    root = DummyJob.clone('Root s3cret', DEPS=(Leaks, Never, Unmade))
    dojob = DoJobber(dojobber_loglevel=logging.DEBUG)
    try:
        dojob.configure(root, debug=True, summary=True, secrets=('s3cret',))
        with pytest.raises(RuntimeError, match='s3cret stays'):
            dojob.checknrun()
    finally:
        DoJobber()
    report = dojob.report()
    written = [
        capsys.readouterr().err,
        *(f'{record.getMessage()} {record.exc_text}' for record in caplog.records),
        str(report),
        repr(report.as_dict()),
        *(dojob.graph_text(fmt) for fmt in ('text', 'mermaid', 'dot')),
    ]
    for text in written:
        assert 's3cret' not in text
    assert '*****' in ''.join(written)
    assert dojob.noderesults['Leaks'] == 's3cret'  # what Jobs and scripts see is not changed
    assert 'no s3cret' in str(dojob.nodeexceptions['Never'])

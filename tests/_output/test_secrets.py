"""Secrets: taken out of all that the library writes."""

from __future__ import annotations

import base64
import copy
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


@pytest.mark.parametrize(
    'secret, spelling',
    [
        ("!'()*~ /é", "!'()*~%20%2F%C3%A9"),  # by JavaScript
        ("!'()*~ /é", "%21'()%2a%7E+/%c3%a9"),
        ('two words', 'two+words'),
        ('1%', '1%25'),
        ('a:b', 'a%3ab'),
        ('пароль', repr('пароль'.encode())[2:-1]),
        ('é\'"', repr('é\'"'.encode())[2:-1]),
        ("é'", repr('"é\''.encode())[3:-1]),
        ('é', ascii('é')[1:-1]),
        ("é'", ascii('"é\'')[2:-1]),
        ("'\t", repr('"\'\t')[2:-1]),
        ('"é', json.dumps('"é', ensure_ascii=False)[1:-1]),
        ("a\tb'c", "a\tb\\'c"),
    ],
)
def test_spelling_of_a_secret_is_masked_as_a_whole(secret: str, spelling: str) -> None:
    assert Masker([secret]).mask(f'<{spelling}>') == '<*****>'


@pytest.mark.parametrize('text', ['a%2Bb', 'a%b', 'a%%20b', 'a\\nb', 'A b', 'a  b'])
def test_what_is_no_spelling_of_a_secret_is_not_masked(text: str) -> None:
    assert Masker(['a b', 'c%']).mask(text) == text


@pytest.mark.parametrize('before', ['', 'user:', 'a line of other text that makes up most of it'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\\n', '\n    | '])
def test_base64_is_masked_over_the_ends_of_lines(before: str, end: str) -> None:
    secret = 'correct-horse-battery-staple' * 5
    wrapped = base64.encodebytes(f'{before}{secret}\n'.encode()).decode().strip()
    assert wrapped.count('\n') >= 2
    masked = Masker([secret]).mask(f'<{wrapped}>'.replace('\n', end))
    # The characters that also depend on what stands before or behind stay.
    beginning = base64.b64encode(before.encode()).decode()[: len(before) * 4 // 3]
    assert masked.startswith(f'<{beginning}')
    assert len(masked) <= len(f'<{beginning}1*****23=>')


def test_secret_is_spelt_by_its_text_whatever_its_class_shows() -> None:
    class Secret(str):
        __slots__ = ()

        def __repr__(self) -> str:
            return '**'

    assert Masker([Secret('tab\there')]).mask(r"'tab\there' *") == "'*****' *"


@pytest.mark.parametrize('secrets', [['abcdef', 'defghi'], ['abcde', 'bc', 'efghi']])
def test_secrets_that_overlap_are_masked_as_one(secrets: list[str]) -> None:
    assert Masker(secrets).mask('<abcdefghi>') == '<*****>'


def test_secrets_side_by_side_are_masked_one_by_one() -> None:
    assert Masker(['abc', 'def']).mask('abcdef abc') == '********** *****'


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


RECEIVED = {'levelno': 40, 'exc_text': 'ValueError: s3cret', 'stack_info': 's3cret'}


class OfItsOwn(logging.Formatter):
    """Read the parts of a record, as formatters of JSON do."""

    def format(self, record: logging.LogRecord) -> str:
        trace = self.formatException(record.exc_info) if record.exc_info else 'none'
        return f'{record.msg} {record.args} {record.stack_info} {trace}'


def test_secrets_are_hidden_from_a_formatter_that_formats_exceptions_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dojob = DoJobber(logging.ERROR)
    dojob.configure(DummyJob, secrets=('s3cret',))
    logger = logging.getLogger('DoJobber')
    for text in ('no s3cret', 'harmless'):
        try:
            raise ValueError(text)
        except ValueError:
            logger.exception('%s', 's3cret')
    logger.error('where', stack_info=True)
    logger.handle(logging.makeLogRecord(RECEIVED))
    hidden, kept, stack, received = caplog.records
    texts = [OfItsOwn().format(each) for each in caplog.records]
    assert all('s3cret' not in text for text in texts)
    assert texts[0].endswith('RemoteError: ValueError: no *****')
    assert str(hidden.exc_text).startswith('Traceback')
    assert kept.exc_info and isinstance(kept.exc_info[1], ValueError)
    assert str(stack.stack_info).startswith('Stack')
    assert (received.exc_text, received.stack_info) == ('ValueError: *****', '*****')


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
        repr(report.jobs),
        repr(copy.deepcopy(report.jobs)),
        *(dojob.graph_text(fmt) for fmt in ('text', 'mermaid', 'dot')),
    ]
    for text in written:
        assert 's3cret' not in text
    assert '*****' in ''.join(written)
    assert dojob.noderesults['Leaks'] == 's3cret'  # what Jobs and scripts see is not changed
    assert 'no s3cret' in str(dojob.nodeexceptions['Never'])

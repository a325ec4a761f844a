"""Takes secrets out of texts before the library writes them.

Owns the spellings in which a secret is looked for. Knows nothing of who writes what.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any

from dojobber.errors import ConfigurationError

_MASK = '*****'
# A shorter line or piece of base64 would match by chance in any text.
_LEAST = 4
# Where a line ends within base64; the next one may be indented, as in the trace of a group.
_BREAK = r'(?:(?:[\r\n]|\\[rn])+[ \t|]*)?'


class Masker:
    """The secrets of a run, and how to hide them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Look for these secrets; with none, `mask` changes nothing."""
        texts = {text for secret in secrets for text in _texts(secret)}
        self._in_urls = [re.compile(_in_url(text)) for text in texts]
        self._in_base64 = {each for text in texts for each in _in_base64(_encoded(text))}
        self._spellings = {each for text in texts for each in _spellings(text)} | self._in_base64

    def mask(self, text: str) -> str:
        """Return a text with ``*****`` in place of each secret, and of secrets that overlap."""
        pieces, done = [], 0
        for start, end in sorted(self._spans(text)):
            if start >= done:
                pieces += [text[done:start], _MASK]
            done = max(done, end)
        return ''.join(pieces) + text[done:]

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the start and the end of each secret in a text."""
        for each in self._spellings:
            # Testing for it first is fast, and most texts have no secret.
            if each in text:
                yield from _matches(re.escape(each), text)
        if '%' in text or '+' in text:
            for pattern in self._in_urls:
                yield from _matches(pattern, text)
        lines = text.replace(r'\n', '\n').replace(r'\r', '\n').splitlines()
        if len(lines) > 1:
            unwrapped = ''.join([each.strip(' \t|') for each in lines])
            for each in self._in_base64:
                if each in unwrapped:
                    wrapped = _BREAK.join(map(re.escape, each))
                    yield from _matches(wrapped, text)


def _matches(pattern: str | re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Return the start and the end of each match."""
    return (found.span() for found in re.finditer(pattern, text))


def as_secrets(secrets: Any) -> tuple[str, ...]:
    """Return the secrets as a tuple.

    Raises:
        ConfigurationError: they are no secrets. The message shows no value.
    """
    fix = '; write secrets=(password,)' if isinstance(secrets, str) else ''
    if isinstance(secrets, Iterable) and not isinstance(secrets, (str, bytes)):
        found = tuple(secrets)
        if all(isinstance(each, str) and each.strip() for each in found):
            return found
        fix = '; one of them is no text, or is blank'
    raise ConfigurationError(f'secrets must be an iterable of texts that are not blank{fix}')


def _texts(secret: str) -> list[str]:
    """Return a secret and its lines, but short ones."""
    secret = str.__str__(secret)  # without the repr() that a subclass may have
    lines = [line.strip() for line in secret.splitlines()]
    return [secret, *(line for line in lines if len(line) >= _LEAST)]


def _spellings(text: str) -> Iterator[str]:
    """Yield a text as it may stand in messages and commands."""
    yield text
    # Within quotes: of Python, of SQL, of a shell.
    yield text.replace('\\', r'\\').replace("'", r'\'')
    yield text.replace("'", "''")
    yield text.replace("'", "'\"'\"'")
    yield json.dumps(text)[1:-1]
    yield json.dumps(text, ensure_ascii=False)[1:-1]
    for before in ('', '"'):  # with a double quote before it, repr() escapes single ones
        each = before + text
        for spelt in (repr(each), ascii(each), repr(_encoded(each))[1:]):
            yield spelt[1 + len(before) : -1]


def _encoded(text: str) -> bytes:
    return text.encode(errors='surrogatepass')


def _in_url(text: str) -> str:
    """Return a pattern for a text in a URL: libraries differ in what they escape."""
    return ''.join(map(_character_in_url, text))


def _character_in_url(char: str) -> str:
    if char.isascii() and char.isalnum():
        return char
    # A percent sign is always escaped: no text matches in two ways, so nothing is tried again.
    raw = {'%': '', ' ': ' +'}.get(char, char)
    escaped = ''.join(f'%{byte:02x}' for byte in _encoded(char))
    escaped = re.sub('[a-f]', lambda digit: f'[{digit[0]}{digit[0].upper()}]', escaped)
    return f'(?:{"|".join([*map(re.escape, raw), escaped])})'


def _in_base64(data: bytes) -> Iterator[str]:
    """Yield how data looks in base64, also within more data: as in the header user:password."""
    for before in range(3):
        text = b64encode(bytes(before) + data).decode()
        # Characters that also depend on what stands before or behind are left out.
        first = (before * 8 + 5) // 6
        last = (before + len(data)) * 8 // 6
        for part in (text[first:last], '' if before else text):
            if len(part) >= _LEAST:
                yield part
                yield part.translate(str.maketrans('+/', '-_'))

"""Takes secrets out of texts before the library writes them.

Owns the spellings in which a secret is looked for. Knows nothing of who writes what.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from dojobber._exceptions import safe_repr
from dojobber.errors import ConfigurationError

_MASK = '*****'
# A shorter line or piece of base64 would match by chance in any text.
_LEAST = 4


class Masker:
    """The secrets of a run, and how to hide them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        """Look for these secrets; with none, `mask` changes nothing."""
        spellings = {each for secret in secrets for each in _spellings(secret)}
        # The longest first: a secret may begin as another one.
        longest_first = sorted(spellings, key=lambda each: (-len(each), each))
        self._pattern = re.compile('|'.join(map(re.escape, longest_first)) or r'(?!)')

    def mask(self, text: str) -> str:
        """Return a text with ``*****`` in place of each secret."""
        return self._pattern.sub(_MASK, text)


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


def _spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it may stand in messages, commands, addresses and headers."""
    lines = [line.strip() for line in secret.splitlines()]
    for text in [secret, *(line for line in lines if len(line) >= _LEAST)]:
        yield text
        yield safe_repr(text)[1:-1]
        yield json.dumps(text)[1:-1]
        # Within quotes: of Python, of SQL, of a shell.
        yield text.replace('\\', r'\\').replace("'", r'\'')
        yield text.replace("'", "''")
        yield text.replace("'", "'\"'\"'")
        yield quote(text, safe='', errors='surrogatepass')
        yield quote(text, errors='surrogatepass')
        yield quote_plus(text, errors='surrogatepass')
        yield from _in_base64(text.encode(errors='surrogatepass'))


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

"""Which code is the user's own, where the place of a failure is looked for.

Owns the answer for a frame: not the standard library, not what was installed, not this library,
and nothing that was compiled, frozen or generated. Knows nothing of exceptions.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
import sysconfig
from functools import cache
from types import FrameType

# Begins the file name of all code of this library, also where it is frozen or in a zip.
PACKAGE = os.path.dirname((lambda: None).__code__.co_filename) + os.sep

# Not compiled here, for many a run needs none of them.
# What a user types or pastes has such a file name; what a library generates has another.
_TYPED = r'<(stdin|console|input|doctest|pyshell|\w+-input)\b'
_INSTALLED = r'(?s).*[\\/](?:site|dist)-packages(?=[\\/])'
_BY_LAYOUT = r'(?i)[\\/]lib(?:64)?[\\/](?:(?:python|pypy)[\d.]*t?[\\/])?[^\\/]*$'
_ARCHIVE = r'[\\/](?:python\d+\.zip|[^\\/]+\.(?:whl|egg))[\\/]'
# A limit for programs that compile code under ever new names.
_MOST = 10_000

_known: dict[str, bool] = {}


def is_users_own(frame: FrameType) -> bool:
    """Return whether the user wrote the code of a frame."""
    file = frame.f_code.co_filename
    known = _known.get(file)
    if known is None:
        if len(_known) >= _MOST:
            _known.clear()
        known = _known[file] = _is_own(file, frame.f_globals.get('__file__'))
    return known


def _is_own(file: str, module_file: object) -> bool:
    if file.startswith('<'):
        # The file name of `python -c`, but of generated code, too.
        is_command = file == '<string>' and sys.argv[:1] == ['-c']
        return is_command or re.match(_TYPED, file) is not None
    if file.startswith(PACKAGE) or _is_in_library(os.path.abspath(file)):
        return False
    return _has_source(file) or _is_loaded_from(file, module_file)


def _has_source(file: str) -> bool:
    """Return whether the lines can be read; those of a notebook's cell are in linecache only."""
    if os.path.isfile(file):
        # A compiled module has relative names of files that may be there by chance.
        return os.path.isabs(file) or file.endswith(('.py', '.pyw'))
    # An entry of one element says where to look for the lines, not that there are any.
    return len(linecache.cache.get(file, ())) > 1


def _is_loaded_from(file: str, module_file: object) -> bool:
    """Return whether Python itself has loaded a file: in a zip, or before it was deleted."""
    return type(module_file) is str and module_file == file and file.endswith(('.py', '.pyw'))


def _is_in_library(file: str) -> bool:
    if os.path.normcase(file).startswith(_libraries()) or re.search(_ARCHIVE, file):
        return True
    found = re.match(_INSTALLED, file)
    return found is not None and _is_installed_into(found[0])


@cache
def _is_installed_into(directory: str) -> bool:
    """Return whether a directory of that name holds installed packages indeed."""
    if re.search(_BY_LAYOUT, directory):
        return True
    try:
        return any(each.endswith(('.dist-info', '.egg-info')) for each in os.listdir(directory))
    except OSError:
        return True


@cache
def _libraries() -> tuple[str, ...]:
    """Return what the file names begin with of the standard library and of what is installed."""
    names = 'stdlib', 'platstdlib', 'purelib', 'platlib'
    # The last is where PyInstaller's programs are unpacked.
    paths = [sysconfig.get_path(name) for name in names] + [getattr(sys, '_MEIPASS', None)]
    given = [each for each in paths if each]
    both = {*map(os.path.abspath, given), *map(os.path.realpath, given)}
    return tuple(os.path.join(os.path.normcase(each), '') for each in both)

"""python -m dojobber TARGET: runs a Job of a file or a module.

Owns how the target is found. Leaves the rest to `main`.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from traceback import walk_tb
from types import ModuleType
from typing import Any

from dojobber._attributes import dependencies_of, is_job, watched_by
from dojobber._exceptions import class_name, safe_str
from dojobber._own_code import is_users_own
from dojobber.errors import ConfigurationError
from dojobber.job import DummyJob, Job, RunonlyJob
from dojobber.main import main

_LIBRARY = Job, DummyJob, RunonlyJob
_TARGETS = 'file.py, file.py:Root or package.module:Root'


def run(argv: list[str] | None = None) -> int:
    """Run the target of a command line and return the exit status."""
    parser = ArgumentParser(
        prog='python3 -m dojobber',
        usage='%(prog)s TARGET [--set NAME=VALUE ...] [flags]',
        description='Run a Job and all that it depends on.',
    )
    parser.add_argument('target', metavar='TARGET', help=_TARGETS)
    parser.add_argument(
        '--set',
        metavar='NAME=VALUE',
        nargs='+',
        action='extend',
        default=[],
        help='call the Jobs with this keyword argument, a string',
    )
    return main(_load, parser, argv)


def _load(args: Namespace) -> Any:
    """Return the root, and leave in the arguments what was set."""
    target, pairs = args.target, args.set
    vars(args).clear()
    for pair in pairs:
        name, equals, value = pair.partition('=')
        if not (name and equals):
            raise ConfigurationError(f'--set needs NAME=VALUE, got {pair!r}')
        setattr(args, name, value)
    place, colon, name = target.rpartition(':')
    # Not the colon of a drive.
    if not (colon and name.isidentifier()):
        place, name = target, ''
    if not place or (':' in place and not place.endswith('.py')):
        raise ConfigurationError(f'TARGET must be {_TARGETS}, got {target!r}')
    module = _import(place)
    root = getattr(module, name, None) if name else _only_root(module, place)
    if root is None:
        raise ConfigurationError(f'{place} has no {name}')
    return root if isinstance(root, type) or not callable(root) else root(args)


def _import(place: str) -> ModuleType:
    """Import a file or a module.

    Raises:
        ConfigurationError: it can't be.
    """
    is_file = place.endswith('.py') or os.sep in place
    try:
        return _import_file(place) if is_file else import_module(place)
    except (Exception, SystemExit) as error:
        why = f'{class_name(error)}: {safe_str(error)}'
        frames = walk_tb(error.__traceback__)
        lines = [f'{each.f_code.co_filename}:{line}' for each, line in frames if is_users_own(each)]
        why += ''.join(f' ({line})' for line in lines[-1:])
        raise ConfigurationError(f'{place} can not be imported: {why}') from None


def _import_file(path: str) -> ModuleType:
    """Import a file as the module of its name, as far as that name is free."""
    directory, file = os.path.split(os.path.abspath(path))
    name = os.path.splitext(file)[0]
    if name in sys.modules:
        name = f'{name} of the target'
    sys.path.insert(0, directory)
    spec = spec_from_file_location(name, os.path.join(directory, file))
    if spec is None or spec.loader is None:
        raise ImportError('its name must end in .py')
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _only_root(module: ModuleType, place: str) -> type[Job]:
    """Return the one Job of a module that no other depends on, nor is derived from.

    Raises:
        ConfigurationError: there is none, or more than one.
    """
    found: list[type[Job]] = list(dict.fromkeys(filter(is_job, vars(module).values())))
    # A clone of the library's own Jobs names the library as its module.
    modules = module.__name__, Job.__module__
    own = [each for each in found if each not in _LIBRARY and each.__module__ in modules]
    needed = _needed(own)
    roots = [each for each in own if each not in needed and not each.__subclasses__()]
    if len(roots) == 1:
        return roots[0]
    if not own:
        raise ConfigurationError(f'{place} has no Jobs')
    names = ', '.join(name for name, each in vars(module).items() if each in (roots or own))
    raise ConfigurationError(f'{place} needs a root, such as {place}:ROOT, out of these: {names}')


def _needed(jobs: list[type[Job]]) -> set[type[Job]]:
    """Return what Jobs depend on, directly or not."""
    needed: set[type[Job]] = set()
    left = list(jobs)
    while left:
        job = left.pop()
        new = {*dependencies_of(job), *watched_by(job)} - needed
        needed |= new
        left += new
    return needed


if __name__ == '__main__':
    sys.exit(run())

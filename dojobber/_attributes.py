"""What the attributes of a Job must be: DEPS, WATCH, TRIES, RETRY_DELAY, hooks, LOCKS, IN_DRIVER.

Owns their rules and the errors that say them. Looks at one Job at a time, and knows no graph.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial, partialmethod
from types import FunctionType
from typing import Any

from dojobber._exceptions import safe_repr
from dojobber.errors import ConfigurationError, NotAJobError
from dojobber.job import DummyJob, Job, RunonlyJob

_LOG = logging.getLogger('DoJobber')
# The DEPS and WATCH of most Jobs, which need no look: Python has one empty tuple only.
_NONE: tuple[type[Job], ...] = ()
# Flags of code and classes, as the inspect module names them; it takes long to import.
_UNCALLED = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
_ABSTRACT = 1 << 20  # TPFLAGS_IS_ABSTRACT
# What a class gives for any partialmethod: a function that looks plain, whatever it calls.
_PARTIAL = partialmethod(print).__get__(None, object).__code__
# What classes have that do nothing of their own when an object is made and filled.
_NO_INIT, _NO_NEW, _NO_CALL = object.__init__, object.__new__, type.__call__
_NO_SETATTR = object.__setattr__
#: The attributes that mean something to the library; hooks aside.
_KNOWN = ('DEPS', 'WATCH', 'TRIES', 'RETRY_DELAY', 'LOCKS', 'IN_DRIVER')
#: How alike two names are that one may be meant by the other: DEP and RETRIES, but not TIMES.
_ALIKE = 0.82
_WRITE_CHECK = 'write one or use RunonlyJob'


def is_job(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Job)


def dependencies_of(job: type[Job]) -> tuple[type[Job], ...]:
    """Return the DEPS of a Job, each once, a set's in the order of their names."""
    deps: Any = job.DEPS
    if deps is _NONE:
        return ()
    try:
        return _as_jobs(job.__name__ + '.DEPS', 'DEPS', deps)
    except NotAJobError:
        if not _is_iterable(deps):
            _LOG.critical('DEPS for %s is not iterable; is "%s"', job.__name__, _text(deps))
        raise


def watched_by(job: type[Job]) -> tuple[type[Job], ...]:
    """Return the WATCH of a Job in the same way."""
    watch: Any = getattr(job, 'WATCH', _NONE)
    return () if watch is _NONE else _as_jobs(job.__name__ + '.WATCH', 'WATCH', watch)


def as_more_deps(more_deps: Any) -> dict[type[Job], tuple[type[Job], ...]]:
    """Return what was given as more DEPS, by Job; none for None."""
    if more_deps is None:
        return {}
    if not isinstance(more_deps, Mapping):
        raise ConfigurationError(
            f'more_deps must be a dict from Job classes to their DEPS, got {safe_repr(more_deps)}'
        )
    found = {}
    for job, deps in more_deps.items():
        if not is_job(job):
            raise NotAJobError(f'more_deps must have Job classes as keys, got {safe_repr(job)}')
        what = f'more_deps[{job.__name__}]'
        found[job] = _as_jobs(what, what, deps)
    return found


def _as_jobs(what: str, attribute: str, given: Any) -> tuple[type[Job], ...]:
    """Return the Jobs of an iterable, each once, a set's in the order of their names.

    Args:
        what: how an error calls it.
        attribute: what the user assigns it to.
        given: what must be an iterable of Job classes.

    Raises:
        NotAJobError: it is not.
    """
    found = given if type(given) is tuple else _as_tuple(what, attribute, given)
    for each in found:
        if not is_job(each):
            raise NotAJobError(f'{what} must hold Job classes, got {safe_repr(each)} in it')
    if isinstance(given, (set, frozenset)):
        return tuple(sorted(found, key=lambda each: (each.__name__, each.__module__)))
    if len(found) > 1 and len(set(found)) < len(found):
        return tuple(dict.fromkeys(found))
    return found


def _as_tuple(what: str, attribute: str, given: Any) -> tuple[Any, ...]:
    fix = f'; write {attribute} = ({given.__name__},)' if is_job(given) else ''
    try:
        entries = iter(given)
    except TypeError:
        pass
    else:
        if entries is given:
            fix = '; it can be read only once: write a tuple or a list'
        elif not isinstance(given, (str, bytes)):
            return tuple(entries)
    rule = f'{what} must be an iterable of Job classes'
    raise NotAJobError(f'{rule}, got {safe_repr(given)}{fix}')


def _is_iterable(value: Any) -> bool:
    try:
        iter(value)
    except TypeError:
        return False
    return True


def _text(value: Any) -> str:
    try:
        return str(value)
    except (Exception, SystemExit):
        return safe_repr(value)


def check_hooks(job: type[Job], needs_check: bool = True) -> None:
    """Refuse a Job whose Check, Run or Cleanup could never do its work.

    Args:
        job: the Job.
        needs_check: whether it must have a Check.

    Raises:
        ConfigurationError: it has a hook that can't work, or lacks a Check.
    """
    for name in ('Check', 'Run', 'Cleanup'):
        hook = getattr(job, name, None)
        # The usual case, and fast: the flags of a plain function tell all.
        if type(hook) is FunctionType and hook.__code__ is not _PARTIAL:
            if not hook.__code__.co_flags & _UNCALLED:
                continue
        elif hook is None:
            if name == 'Check' and needs_check or name == 'Run' and _fails_for_its_run(job):
                misspelt = _has_misspelt(job, name)
                fix = f'rename {name.lower()} to {name}' if misspelt else _WRITE_CHECK
                raise ConfigurationError(f'{job.__name__} has no {name}; {fix}')
            continue
        # A property's value is known only once there is an object.
        elif not callable(hook) and not hasattr(type(hook), '__get__'):
            raise ConfigurationError(
                f'{job.__name__}.{name} must be callable, got {safe_repr(hook)}'
            )
        reject_async_or_generator(f'{job.__name__}.{name}', hook)


def _fails_for_its_run(job: type[Job]) -> bool:
    """Return whether a Job without Run can't succeed since it wrote run; __init__ may set one."""
    is_runonly = getattr(job, 'Check', None) is RunonlyJob.Check and job.__init__ is _NO_INIT
    return is_runonly and _has_misspelt(job, 'Run')


def _has_misspelt(job: type[Job], hook: str) -> bool:
    return callable(getattr(job, hook.lower(), None))


def is_plain_dummy(job: type[Job]) -> bool:
    """Return whether a Job is a DummyJob without a Check and a Run of its own."""
    return getattr(job, 'Check', None) is DummyJob.Check and getattr(job, 'Run', None) is None


def reject_async_or_generator(what: str, given: Any) -> None:
    """Refuse a callable of which a call would only make a coroutine or a generator.

    Args:
        what: how the user knows it.
        given: the callable.

    Raises:
        ConfigurationError: it is such a one.
    """
    import inspect  # late: it takes long, and plain functions don't need it

    function = given
    # The name of the attribute has changed with Python 3.13.
    function = getattr(function, '__partialmethod__', getattr(function, '_partialmethod', function))
    while isinstance(function, (partial, partialmethod)):
        function = function.func
    tests = inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction
    calls = function, getattr(type(function), '__call__', None)
    if any(test(each) for test in tests for each in calls):
        raise ConfigurationError(
            f'{what} must do its work when called, got {safe_repr(given)},'
            f' an async or generator function'
        )


def check_constructor(job: type[Job]) -> bool:
    """Refuse a Job of which no object can be made without arguments, where that can be known.

    Returns:
        Whether the user's code is called when an object is made and filled.

    Raises:
        ConfigurationError: it is abstract, or a parameter of its constructor has no default.
    """
    if type(job).__call__ is not _NO_CALL:
        return True
    if job.__new__ is _NO_NEW:
        if job.__flags__ & _ABSTRACT:
            raise _abstract(job)
        if job.__init__ is _NO_INIT:
            return job.__setattr__ is not _NO_SETATTR
    # A __new__ of the user's may return anything, whose __init__ need not be called.
    name = '__new__' if isinstance(job.__new__, FunctionType) else '__init__'
    if required := _required(getattr(job, name)):
        verb = 'has' if len(required) == 1 else 'have'
        raise ConfigurationError(
            f'{job.__name__}.{name} must work without arguments,'
            f' but {", ".join(required)} {verb} no default'
        )
    return True


def _abstract(job: type[Job]) -> ConfigurationError:
    missing = ', '.join(sorted(getattr(job, '__abstractmethods__', ())))
    return ConfigurationError(f'{job.__name__} is abstract; it must override {missing}')


def _required(method: Any) -> tuple[str, ...]:
    """Return the parameters of a plain method that need an argument, the first one aside."""
    if not isinstance(method, FunctionType):
        return ()
    code, optional = method.__code__, method.__kwdefaults__ or {}
    positional, names = code.co_argcount, code.co_varnames
    keywords = names[positional : positional + code.co_kwonlyargcount]
    return (
        *names[1 : positional - len(method.__defaults__ or ())],
        *(each for each in keywords if each not in optional),
    )


def as_tries(name: str, value: Any) -> float:
    """Return TRIES as a whole number >= 1 or math.inf."""
    number = _number(value)
    if not number >= 1:
        raise ConfigurationError(f'{name} must be a number >= 1, got {safe_repr(value)}')
    return number if math.isinf(number) else math.ceil(value)


def as_delay(name: str, value: Any) -> float | tuple[float, ...]:
    """Return RETRY_DELAY in seconds; as a tuple where each failed try has a delay of its own."""
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes, bytearray, memoryview)):
        return _as_seconds(name, value)
    delays = tuple(value)
    if not delays:
        raise ConfigurationError(f'{name} must have a delay in it, got {safe_repr(value)}')
    return tuple([_as_seconds(f'{name}[{index}]', delay) for index, delay in enumerate(delays)])


def _as_seconds(name: str, value: Any) -> float:
    number = _number(value)
    if 0 <= number < math.inf:
        return number
    several = isinstance(value, Iterable) and not isinstance(value, (str, bytes, bytearray))
    fix = '; write delays that grow as a tuple or a list' if several else ''
    raise ConfigurationError(
        f'{name} must be a finite number >= 0 (seconds), got {safe_repr(value)}{fix}'
    )


def _number(value: Any) -> float:
    """Return a number as a float, and what is none as NaN."""
    try:
        return float(value) if _is_number(value) else math.nan
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # pyright: ignore[reportOperatorIssue]
    except ValueError:
        return math.nan


def _is_number(value: Any) -> bool:
    if isinstance(value, (int, float)):
        return True
    from decimal import Decimal  # late: these are rare
    from numbers import Real

    return isinstance(value, (Real, Decimal))


def locks_of(job: type[Job]) -> tuple[str, ...]:
    locks: Any = getattr(job, 'LOCKS', ())
    rule = f'{job.__name__}.LOCKS must be an iterable of names, got {safe_repr(locks)}'
    if isinstance(locks, str):
        raise ConfigurationError(f'{rule}; write LOCKS = ({safe_repr(locks)},)')
    if not isinstance(locks, Iterable) or iter(locks) is locks:
        raise ConfigurationError(rule)
    names = tuple(locks)
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(rule)
    return tuple(sorted(set(names)))


def is_in_driver(job: type[Job]) -> bool:
    value = getattr(job, 'IN_DRIVER', False)
    if not isinstance(value, bool):
        raise ConfigurationError(f'{job.__name__}.IN_DRIVER must be a bool, got {safe_repr(value)}')
    return value


def warn_of_near_misses(jobs: Iterable[type[Job]]) -> None:
    """Log what looks like an attribute or a hook of ours, but is spelt otherwise; once a class."""
    seen = {*Job.__mro__, DummyJob, RunonlyJob}
    meant: dict[str, str | None] = {}
    for job in jobs:
        for base in job.__mro__:
            if base not in seen:
                seen.add(base)
                _warn_of_attributes(base, meant)
                _warn_of_hooks(base, job)


def _warn_of_hooks(base: type, job: type[Job]) -> None:
    for hook in 'Run', 'Cleanup':
        name = hook.lower()
        if name in vars(base) and _has_misspelt(job, hook) and not hasattr(job, hook):
            what = job.__name__, hook, name, hook
            _LOG.warning('%s has no %s, but a %s; did you mean %s?', *what)


def _warn_of_attributes(base: type, meant: dict[str, str | None]) -> None:
    for name in vars(base):
        is_like_ours = name.isupper() or name.istitle() and name.upper() in _KNOWN
        if is_like_ours and name not in _KNOWN and name[0] != '_':
            if name not in meant:
                meant[name] = _like(name)
            known = meant[name]
            if known is not None and known not in vars(base):
                _LOG.warning('%s.%s: did you mean %s?', base.__name__, name, known)


def _like(name: str) -> str | None:
    """Return the attribute of ours that a name is close to, if any."""
    from difflib import get_close_matches  # late: it takes long to import

    return next(iter(get_close_matches(name.upper(), _KNOWN, 1, _ALIKE)), None)

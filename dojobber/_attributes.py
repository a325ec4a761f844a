"""What the attributes of a Job must be: DEPS, TRIES, RETRY_DELAY, hooks, LOCKS, IN_DRIVER.

Owns their rules and the errors that say them. Looks at one Job at a time, and knows no graph.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Iterable
from decimal import Decimal
from functools import partial, partialmethod
from numbers import Real
from types import FunctionType
from typing import Any

from dojobber._failures import safe_repr
from dojobber.errors import ConfigurationError, NotAJobError
from dojobber.job import DummyJob, Job

_LOG = logging.getLogger('DoJobber')
_UNCALLED = inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR
# What a class gives for any partialmethod: a function that looks plain, whatever it calls.
_PARTIAL = partialmethod(print).__get__(None, object).__code__
# What classes have that do nothing of their own when an object is made.
_NO_INIT, _NO_NEW, _NO_SETATTR = object.__init__, object.__new__, object.__setattr__
_NO_CALL = type.__call__


def is_job(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Job)


def dependencies_of(job: type[Job]) -> tuple[type[Job], ...]:
    """Return the DEPS of a Job, each once, a set's in the order of their names."""
    deps: Any = job.DEPS
    found = deps if type(deps) is tuple else _as_tuple(job, deps)
    for each in found:
        if not is_job(each):
            raise NotAJobError(
                f'{job.__name__}.DEPS must hold Job classes, got {safe_repr(each)} in it'
            )
    if isinstance(deps, (set, frozenset)):
        return tuple(sorted(found, key=lambda each: (each.__name__, each.__module__)))
    if len(found) > 1 and len(set(found)) < len(found):
        return tuple(dict.fromkeys(found))
    return found


def _as_tuple(job: type[Job], deps: Any) -> tuple[Any, ...]:
    fix = f'; write DEPS = ({deps.__name__},)' if is_job(deps) else ''
    try:
        entries = iter(deps)
    except TypeError:
        try:
            text = str(deps)
        except (Exception, SystemExit):
            text = safe_repr(deps)
        _LOG.critical('DEPS for %s is not iterable; is "%s"', job.__name__, text)
    else:
        if entries is deps:
            fix = '; it can be read only once: write a tuple or a list'
        elif not isinstance(deps, (str, bytes)):
            return tuple(entries)
    rule = f'{job.__name__}.DEPS must be an iterable of Job classes'
    raise NotAJobError(f'{rule}, got {safe_repr(deps)}{fix}')


def check_hooks(job: type[Job]) -> None:
    """Refuse a Job whose Check, Run or Cleanup could never do its work."""
    for name in ('Check', 'Run', 'Cleanup'):
        hook = getattr(job, name, None)
        # The usual case, and fast: the flags of a plain function tell all.
        if type(hook) is FunctionType and hook.__code__ is not _PARTIAL:
            if not hook.__code__.co_flags & _UNCALLED:
                continue
        elif hook is None:
            if name != 'Check':
                continue
            raise ConfigurationError(f'{job.__name__} has no Check; write one or use RunonlyJob')
        # A property's value is known only once there is an object.
        elif not callable(hook) and not hasattr(type(hook), '__get__'):
            raise ConfigurationError(
                f'{job.__name__}.{name} must be callable, got {safe_repr(hook)}'
            )
        reject_async_or_generator(f'{job.__name__}.{name}', hook)


def is_plain_dummy(job: type[Job]) -> bool:
    """Return whether a Job is a DummyJob without a Check of its own."""
    return getattr(job, 'Check', None) is DummyJob.Check


def is_special(job: type[Job]) -> bool:
    """Return whether users' code has a say when an object is made, or when attributes are set."""
    return (
        job.__init__ is not _NO_INIT
        or job.__new__ is not _NO_NEW
        or job.__setattr__ is not _NO_SETATTR
        or type(job).__call__ is not _NO_CALL
    )


def reject_async_or_generator(what: str, given: Any) -> None:
    """Refuse a callable of which a call would only make a coroutine or a generator.

    Args:
        what: how the user knows it.
        given: the callable.

    Raises:
        ConfigurationError: it is such a one.
    """
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


def as_tries(name: str, value: Any) -> float:
    number = _number(value)
    if not number >= 1:
        raise ConfigurationError(f'{name} must be a number >= 1, got {safe_repr(value)}')
    return number if math.isinf(number) else math.ceil(value)


def as_delay(name: str, value: Any) -> float:
    number = _number(value)
    if not 0 <= number < math.inf:
        raise ConfigurationError(
            f'{name} must be a finite number >= 0 (seconds), got {safe_repr(value)}'
        )
    return number


def _number(value: Any) -> float:
    """Return a number as a float, and what is none as NaN."""
    try:
        return float(value) if isinstance(value, (Real, Decimal)) else math.nan
    except OverflowError:
        return math.inf if value > 0 else -math.inf  # pyright: ignore[reportOperatorIssue]
    except ValueError:
        return math.nan


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

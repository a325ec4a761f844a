"""A report as plain data: what JSON can hold.

Owns the keys and the number of their description. Knows nothing of files.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from dojobber._exceptions import notes, parts, safe_repr, shown, trace
from dojobber._failures import Failure
from dojobber._output.reasons import captured
from dojobber.remote import RemoteValue
from dojobber.report import JobReport, Report

#: Incremented when a key is removed or changes its meaning, not when one is added.
SCHEMA = 1
# Some JSON readers and writers refuse deeper nesting.
_DEEPEST = 100
# Exception groups nested deeper come from a hostile class or a bug.
_DEEPEST_GROUP = 20


def as_dict(report: Report, mask: Callable[[str], str] = str) -> dict[str, Any]:
    """Return a report as dicts, lists, strings, numbers and None.

    Args:
        report: of a run.
        mask: takes the secrets out of a text.
    """
    return {
        'schema': SCHEMA,
        'success': report.success,
        'no_act': report.no_act,
        'started': report.started and report.started.isoformat(),
        'seconds': report.seconds,
        'host': mask(report.host),
        'python': report.python,
        'dojobber': report.version,
        'jobs': [_job(each, mask) for each in report.jobs],
    }


def _job(entry: JobReport, mask: Callable[[str], str]) -> dict[str, Any]:
    return {
        'name': mask(entry.name),
        'job': mask(f'{entry.job.__module__}.{entry.job.__qualname__}'),
        'outcome': str(entry.outcome),
        'deps': [mask(each) for each in entry.deps],
        'blocked_by': [mask(each) for each in entry.blocked_by],
        'changed_deps': [mask(each) for each in entry.changed_deps],
        'tries': entry.tries,
        'gave_up': entry.gave_up,
        'phase': entry.phase and str(entry.phase),
        'start': entry.start,
        'end': entry.end,
        'seconds': entry.seconds,
        'phase_seconds': dict(entry.phase_seconds),
        'result': _masked(_plain(entry.result), mask),
        'check_exception': _failure(entry.check_failure, mask),
        'run_exception': _failure(entry.run_failure, mask),
        'exception': _failure(entry.failure, mask),
        'cleanup': entry.cleanup,
        'cleanup_exception': _failure(entry.cleanup_failure, mask),
    }


def _failure(
    failure: Failure | None, mask: Callable[[str], str], groups: tuple[BaseException, ...] = ()
) -> dict[str, Any] | None:
    """Return what can be told of a failure.

    Args:
        failure: of a phase, or of a part of an exception group.
        mask: takes the secrets out of a text.
        groups: the exceptions that it is a part of.
    """
    if failure is None:
        return None
    error = failure.exception
    name, message = shown(error)
    within = (*groups, error)
    # A badly made exception group may contain itself.
    found = parts(error) if len(within) <= _DEEPEST_GROUP else []
    found = [each for each in found if not any(each is group for group in within)]
    return {
        'type': mask(name),
        'message': mask(message),
        'notes': [mask(each) for each in notes(error)],
        'parts': [_failure(Failure.of(each), mask, within) for each in found],
        'file': mask(failure.file),
        'line': failure.line,
        'hook_file': mask(failure.hook_file),
        'hook_line': failure.hook_line,
        'traceback': mask(trace(error)),
        'stdout': _masked(captured(error, 'output'), mask),
        'stderr': _masked(captured(error, 'stderr'), mask),
    }


def _plain(value: Any) -> Any:
    """Return a copy of a value as JSON would bring it back, or its repr."""
    if type(value) is RemoteValue:
        return value.text
    try:
        plain = json.loads(json.dumps(value, allow_nan=False))
    except (Exception, SystemExit):
        return safe_repr(value)
    return plain if _is_shallow(plain, _DEEPEST) else safe_repr(value)


def _is_shallow(plain: Any, levels: int) -> bool:
    """Return whether lists and dicts are nested no deeper than this."""
    if not isinstance(plain, (list, dict)):
        return True
    within = plain.values() if isinstance(plain, dict) else plain
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in within)


def _masked(plain: Any, mask: Callable[[str], str]) -> Any:
    """Return plain data with the secrets taken out of each text in it, also out of keys."""
    if isinstance(plain, str):
        return mask(plain)
    if isinstance(plain, list):
        return [_masked(each, mask) for each in plain]
    if isinstance(plain, dict):
        return {_masked(key, mask): _masked(value, mask) for key, value in plain.items()}
    return plain

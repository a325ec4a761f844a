"""A report as plain data: what JSON can hold.

Owns the keys and the number of their description. Knows nothing of files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from dojobber._failures import Failure, class_name, notes, parts, safe_repr, safe_str, trace
from dojobber.report import JobReport, Report

#: Is raised when a key goes, or gets another meaning; not when one is added.
SCHEMA = 1
# What is nested deeper is no JSON that all programs can write and read.
_DEEPEST = 100


def as_dict(report: Report, mask: Callable[[str], str] = str) -> dict[str, Any]:
    """Return a report as dicts, lists, strings, numbers and None.

    Args:
        report: of a run.
        mask: takes the secrets out of a text.
    """
    plain: dict[str, Any] = _masked(
        {
            'schema': SCHEMA,
            'success': report.success,
            'no_act': report.no_act,
            'started': report.started and report.started.isoformat(),
            'seconds': report.seconds,
            'host': report.host,
            'python': report.python,
            'dojobber': report.version,
            'jobs': [_job(each) for each in report.jobs],
        },
        mask,
    )
    return plain


def _job(entry: JobReport) -> dict[str, Any]:
    return {
        'name': entry.name,
        'job': f'{entry.job.__module__}.{entry.job.__qualname__}',
        'outcome': str(entry.outcome),
        'deps': list(entry.deps),
        'blocked_by': list(entry.blocked_by),
        'changed_deps': list(entry.changed_deps),
        'tries': entry.tries,
        'gave_up': entry.gave_up,
        'phase': entry.phase and str(entry.phase),
        'start': entry.start,
        'end': entry.end,
        'seconds': entry.seconds,
        'phase_seconds': dict(entry.phase_seconds),
        'result': _plain(entry.result),
        'check_exception': _failure(entry.check_failure),
        'run_exception': _failure(entry.run_failure),
        'exception': _failure(entry.failure),
        'cleanup': entry.cleanup,
        'cleanup_exception': _failure(entry.cleanup_failure),
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    error = failure.exception
    return {
        'type': class_name(error),
        'message': safe_str(error),
        'notes': notes(error),
        'parts': [_failure(Failure.of(part)) for part in parts(error)],
        'file': failure.file,
        'line': failure.line,
        'hook_file': failure.hook_file,
        'hook_line': failure.hook_line,
        'traceback': trace(error),
        'stdout': _output(error, 'output'),
        'stderr': _output(error, 'stderr'),
    }


def _output(error: BaseException, name: str) -> str | None:
    """Return what was captured of a process that failed; None of any other exception."""
    subprocess = sys.modules.get('subprocess')
    if subprocess is None or not issubclass(type(error), subprocess.SubprocessError):
        return None
    try:
        output: Any = getattr(error, name, None)
    except (Exception, SystemExit):
        return None
    if isinstance(output, bytes):
        output = output.decode(errors='replace')
    return str(output) if isinstance(output, str) else None


def _plain(value: Any) -> Any:
    """Return a copy of a value as JSON would bring it back, or its repr."""
    try:
        plain = json.loads(json.dumps(value, allow_nan=False))
    except (Exception, SystemExit):
        return safe_repr(value)
    return plain if _is_shallow(plain, _DEEPEST) else safe_repr(value)


def _is_shallow(plain: Any, levels: int) -> bool:
    """Return whether lists and dicts are in each other at so many levels at most."""
    if not isinstance(plain, (list, dict)):
        return True
    within = plain.values() if isinstance(plain, dict) else plain
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in within)


def _masked(plain: Any, mask: Callable[[str], str]) -> Any:
    """Return plain data with the secrets taken out of each text in it."""
    if isinstance(plain, str):
        return mask(plain)
    if isinstance(plain, list):
        return [_masked(each, mask) for each in plain]
    if isinstance(plain, dict):
        return {_masked(key, mask): _masked(value, mask) for key, value in plain.items()}
    return plain

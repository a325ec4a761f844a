"""A report as JUnit XML, which CI systems read: each Job is a test case.

Owns the XML names of outcomes, and the escapes of XML. Knows nothing of files.

No element or attribute is used that the schema which Jenkins publishes does not have, and each test
case has one result, since readers show one only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dojobber._output.plain import as_dict
from dojobber.report import Report

# Only ASCII is written, so that the encoding of the file does not matter.
_ODD = re.compile(r'[^\t\n -~]|[&<>"]')
_NOT_IN_XML = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]')


def as_junit(report: Report, mask: Callable[[str], str] = str) -> str:
    """Return a report as an XML document.

    Args:
        report: of a run.
        mask: takes the secrets out of a text.
    """
    plain = as_dict(report, mask)
    results = [_result(job) for job in plain['jobs']]
    counts = Counter(tag for tag, _, _ in results)
    totals = {
        'name': plain['jobs'][-1]['name'] if plain['jobs'] else 'dojobber',
        'tests': str(len(results)),
        'failures': str(counts['failure']),
        'errors': str(counts['error']),
        'time': _seconds(plain['seconds'] or 0.0),
    }
    suite = {**totals, 'skipped': str(counts['skipped']), 'hostname': plain['host']}
    if report.started is not None:
        suite['timestamp'] = f'{report.started:%Y-%m-%dT%H:%M:%S}'
    modules = [mask(each.job.__module__) for each in report.jobs]
    cases = list(map(_case, modules, plain['jobs'], results))
    lines = _nested('testsuites', totals, _nested('testsuite', suite, cases))
    return '\n'.join(['<?xml version="1.0"?>', *lines, ''])


def _result(job: Mapping[str, Any]) -> tuple[str, dict[str, str], str]:
    """Return the name, attributes and text of the element for the outcome of a Job.

    The name is '' for a success: then there is no element.
    """
    outcome, cleanup = job['outcome'], job['cleanup_exception']
    if outcome in ('failed', 'would_run'):
        what = 'would run: ' if outcome == 'would_run' else ''
        return 'failure', _attributes(job['exception'], what), _traces(job)
    if outcome == 'interrupted':
        found = {'type': 'interrupted', 'message': 'the run was ended early'}
        return 'error', found, _traces(job)
    if cleanup:
        return 'error', _attributes(cleanup, 'could not be cleaned up: '), _trace(cleanup)
    return ('', {}, '') if outcome in ('ok', 'changed') else ('skipped', {}, _why_skipped(job))


def _attributes(failure: Mapping[str, Any], what: str) -> dict[str, str]:
    return {'type': failure['type'], 'message': what + (failure['message'] or failure['type'])}


def _traces(job: Mapping[str, Any]) -> str:
    """Return the tracebacks of a Job: what Run raised, what decided, and the Cleanup's."""
    keys = 'run_exception', 'exception', 'cleanup_exception'
    return '\n'.join(dict.fromkeys([_trace(job[key]) for key in keys if job[key]]))


def _trace(failure: Mapping[str, Any]) -> str:
    """Return a traceback below its file and line, which the traceback may lack."""
    place = f'{failure["file"]}:{failure["line"]}\n' if failure['file'] else ''
    return f'{place}{failure["traceback"]}'


def _why_skipped(job: Mapping[str, Any]) -> str:
    if job['outcome'] == 'blocked':
        return f'blocked by {", ".join(job["blocked_by"])}'
    if job['outcome'] == 'might_run':
        return f'might run, for it depends on what would: {", ".join(job["deps"])}'
    return 'not run: the run was ended before its turn'


def _case(module: str, job: Mapping[str, Any], result: tuple[str, dict[str, str], str]) -> str:
    """Return the element of a Job."""
    tag, attributes, text = result
    names = {'name': job['name'], 'classname': module, 'time': _seconds(job['seconds'])}
    within = [_element(tag, attributes, text)] if tag else []
    for name in 'out', 'err':
        output = _outputs(job, f'std{name}')
        if output:
            within.append(_element(f'system-{name}', {}, output))
    return '\n'.join(_nested('testcase', names, within))


def _outputs(job: Mapping[str, Any], name: str) -> str:
    """Return the outputs of the processes that failed in a Job, each once."""
    keys = 'check_exception', 'run_exception', 'exception', 'cleanup_exception'
    found = [job[key][name] for key in keys if job[key] and job[key][name]]
    return '\n'.join(dict.fromkeys(found))


def _seconds(number: float) -> str:
    return f'{number:.3f}'


def _nested(tag: str, attributes: Mapping[str, str], within: Iterable[str]) -> Iterator[str]:
    yield f'<{tag}{_spelled_attributes(attributes)}>'
    yield from within
    yield f'</{tag}>'


def _element(tag: str, attributes: Mapping[str, str], text: str) -> str:
    return f'<{tag}{_spelled_attributes(attributes)}>{_spelled(text)}</{tag}>'


def _spelled_attributes(attributes: Mapping[str, str]) -> str:
    """Return attributes as they stand in a tag; a reader would make spaces of bare line breaks."""
    whole = ''.join(f' {key}="{_spelled(text)}"' for key, text in attributes.items())
    return whole.replace('\n', '&#10;').replace('\t', '&#9;')


def _spelled(text: str) -> str:
    text = _NOT_IN_XML.sub(lambda found: repr(found[0])[1:-1], text)
    return _ODD.sub(lambda found: f'&#{ord(found[0])};', text)

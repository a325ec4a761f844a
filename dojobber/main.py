"""main: makes a command of a Job, with flags, signals and an exit status.

Owns the command line. Asks `DoJobber` for all else, as any script could.
"""

from __future__ import annotations

import logging
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from fnmatch import fnmatchcase
from functools import partial
from operator import methodcaller
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from dojobber._interrupt import SIGNALS, guarded, uninterrupted
from dojobber._output.stderr import write
from dojobber._output.text import escape
from dojobber.dojobber import DoJobber
from dojobber.errors import ConfigurationError
from dojobber.job import DummyJob, Job, RunonlyJob
from dojobber.outcome import Outcome
from dojobber.report import Report

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

__all__ = ['main']

# The prefix of our names in the Namespace: no name of the user's begins with it.
_OURS = 'dojobber '


def main(
    root: type[Job] | Callable[[Namespace], type[Job]],
    parser: ArgumentParser | None = None,
    argv: Sequence[str] | None = None,
    *,
    dojob: DoJobber | None = None,
    **options: Any,
) -> int:
    """Run a Job as a command: read the flags, run it, and return the exit status.

    This is all that a script needs at its end::

        if __name__ == '__main__':
            raise SystemExit(dojobber.main(WatchMovie))

    Args:
        root: the Job that is to succeed in the end; or a function that is called with the parsed
            arguments and returns it. The function may change the arguments.
        parser: has the arguments of the script, and gets the flags of this function too. Where it
            has a short one already, only the long one is added. None means that the script has no
            arguments of its own.
        argv: the words of the command line; None means those of the process.
        dojob: runs the Job, for scripts that look at it afterwards. None means a new one, which
            shows the library's log from WARNING on.
        **options: those of `DoJobber.configure`, as defaults. ``summary`` and ``progress`` are
            True unless given. An option that depends on the arguments, such as ``secrets``, may be
            a list that the function fills before it returns the root.

    The script's own arguments go to `DoJobber.set_args`, as keywords.

    Returns:
        0 if each Job succeeded. 1 if one did not or only would run, if a Cleanup failed, or if the
        report could not be written. 128 and the number of the signal if SIGINT (Ctrl-C), SIGTERM
        or SIGHUP ended the run.

    Raises:
        SystemExit: as argparse does: with 2 after a line that says what is wrong with the command
            line, a Job or an option; with 0 after ``--help``. Nothing has run then.
    """
    return _until_signalled(
        lambda: _command(root, parser or _make_parser(root), argv, dojob, options)
    )


class _Flags(NamedTuple):
    """The values of the flags of this module."""

    no_act: bool
    verbose: bool
    debug: bool
    quiet: bool
    #: None: as the options say.
    jobs: int | None
    #: Names of Jobs, and patterns.
    only: Sequence[str]
    list: bool
    #: The format.
    graph: str | None
    #: The file.
    report: str | None
    keep: bool


def _make_parser(root: Any) -> ArgumentParser:
    """Make the parser of a script without arguments of its own."""
    from argparse import ArgumentParser

    known = (sys.modules.get(getattr(root, '__module__', '')), root)
    documented = (each for each in known if isinstance(each, (ModuleType, type)))
    return ArgumentParser(description=next(filter(None, map(_first_line, documented)), None))


def _first_line(documented: ModuleType | type) -> str:
    return (documented.__doc__ or '').strip().partition('\n')[0]


def _add_flags(parser: ArgumentParser) -> None:
    """Add the flags to a parser, unless an earlier call has done it."""
    if parser.get_default(f'{_OURS}no_act') is not None:
        return
    group = parser.add_argument_group('how to run the Jobs', conflict_handler='error')
    flag = partial(_add_flag, group, [*_sub_parsers(parser)])
    switch: dict[str, Any] = {'action': 'store_true'}
    flag('--no-act', 'only look: say what is to be done, change nothing', '-n', **switch)
    flag('--verbose', 'write a line for each check, run and recheck', '-v', **switch)
    flag('--debug', 'write tracebacks, too', '-d', **switch)
    flag('--quiet', 'write no summary, not even of failures, and no progress', '-q', **switch)
    flag('--jobs', 'try up to N Jobs at a time, on threads', '-j', type=int, metavar='N')
    only = 'run only this Job and what it depends on; a name or a shell pattern, again for more'
    flag('--only', only, action='append', default=[], metavar='JOB')
    flag('--list', 'list the Jobs in order, run none', **switch)
    formats = ('text', 'mermaid', 'dot')
    graph = 'print the graph after the run'
    flag('--graph', graph, nargs='?', choices=formats, const='text')
    report = 'write the report as .json, .xml (JUnit) or .html; - prints it as JSON'
    flag('--report', report, metavar='FILE')
    flag('--keep', 'call no Cleanup', **switch)


def _sub_parsers(parser: ArgumentParser) -> Iterator[ArgumentParser]:
    """Yield the parsers of the sub-commands of a parser, and of theirs."""
    from argparse import _SubParsersAction

    for action in parser._actions:  # argparse has no other way to ask
        if isinstance(action, _SubParsersAction):
            for each in action.choices.values():
                yield each
                yield from _sub_parsers(each)


def _add_flag(
    group: Any,
    sub_parsers: Sequence[ArgumentParser],
    long: str,
    text: str,
    short: str = '',
    **settings: Any,
) -> None:
    """Add a flag to a group of a parser, without its short form if the script has that one."""
    from argparse import ArgumentError

    settings |= {'help': text, 'dest': _OURS + long[2:].replace('-', '_')}
    if not any(long in each._option_string_actions for each in sub_parsers):
        for names in [(short, long), (long,)] if short else [(long,)]:
            with suppress(ArgumentError):
                group.add_argument(*names, **settings)
                return
    raise ConfigurationError(
        f'main() adds {long} to the parser; take it out or give it another name'
    )


def _command(
    root: Any,
    parser: ArgumentParser,
    argv: Sequence[str] | None,
    dojob: DoJobber | None,
    options: dict[str, Any],
) -> int:
    """Parse the command line, do what it says and return the exit status."""
    try:
        _add_flags(parser)
        args = parser.parse_args(argv)
        flags = _Flags(**{name: vars(args).pop(_OURS + name) for name in _Flags._fields})
        if callable(root) and not isinstance(root, type):
            root = root(args)
        return _execute(dojob, root, args, flags, options)
    except ConfigurationError as error:
        parser.error(escape(_hide_secrets(str(error), options)))


def _execute(
    own: DoJobber | None, root: type[Job], args: Namespace, flags: _Flags, options: dict[str, Any]
) -> int:
    """Do what the flags say and return the exit status."""
    if isinstance(options.get('secrets'), Iterator):  # they are needed more than once
        options['secrets'] = tuple(options['secrets'])
    dojob = own or DoJobber(logging.WARNING)
    # A signal that comes when nothing runs any more is put off until the report is written.
    with guarded(), ExitStack() as stack:
        settings = _settings(flags, options, stack)
        dojob.configure(root, **settings)
        chosen = _choose(dojob.graph.nodes(), flags.only)
        if flags.list:
            graph = dojob.graph.subgraph(chosen) if chosen else dojob.graph
            return 0 if _show(_hide_secrets(_listing(graph.jobs), options)) else 1
        keep_report = _report_writer(flags.report)
        dojob.set_args(**vars(args))
        status = 1
        try:
            status = _run(dojob, chosen)
        except KeyboardInterrupt:
            stack.close()  # waits for the threads: after it nothing is in flight
            # Whether the script's own DoJobber is to call Cleanups is not known.
            may_call = own is None and settings.get('cleanup', True)
            if _has_cut_short(dojob) or (flags.jobs and may_call and _has_left(dojob)):
                _clean_up(dojob, settings)
            raise
        finally:
            # Without a graph, too: it flushes what the Jobs have printed.
            _show(dojob.graph_text(flags.graph) if flags.graph else '')
            if not keep_report(dojob.report()):
                status = 1
    return status


def _hide_secrets(text: str, options: dict[str, Any]) -> str:
    """Mask the secrets in a text, unless they are invalid: configure() reports that."""
    from dojobber._output.secrets import Masker, as_secrets

    with suppress(ConfigurationError):
        return Masker(as_secrets(options.get('secrets', ()))).mask(text)
    return text


def _settings(flags: _Flags, options: dict[str, Any], stack: ExitStack) -> dict[str, Any]:
    """Return the options of configure(), with those that the flags change."""
    settings = {'summary': True, 'progress': True, **options}
    given = {'no_act': flags.no_act, 'verbose': flags.verbose, 'debug': flags.debug}
    settings |= {name: True for name, is_given in given.items() if is_given}
    if flags.quiet:
        settings |= {'summary': False, 'progress': False}
    if flags.keep:
        settings['cleanup'] = False
    if flags.jobs is not None:
        settings |= {'executor': _threads(flags.jobs, stack), 'max_in_flight': None}
    return settings


def _threads(count: int, stack: ExitStack) -> Any:
    """Return an executor of so many threads; None for one: the calling thread is enough."""
    if count < 1:
        raise ConfigurationError(f'--jobs must be at least 1, got {count}')
    if count == 1:
        return None
    from concurrent.futures import ThreadPoolExecutor

    return stack.enter_context(ThreadPoolExecutor(count))


def _choose(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Return the names that are given or match a pattern, in the order of the graph."""
    chosen = set()
    for pattern in patterns:
        found = {pattern} & {*names} or {each for each in names if fnmatchcase(each, pattern)}
        if not found:
            is_pattern = any(sign in pattern for sign in '*?[')
            hint = '; a pattern must match a whole name' if is_pattern else ''
            raise ConfigurationError(
                f'--only: there is no Job {pattern!r}; --list shows them all{hint}'
            )
        chosen |= found
    return [each for each in names if each in chosen]


def _listing(jobs: Sequence[type[Job]]) -> str:
    """Return a line for each Job: its name, and the first line of its docstring."""
    width = min(max(len(escape(each.__name__)) for each in jobs), 30)
    lines = (f'{escape(each.__name__):{width}}  {escape(_purpose(each))}' for each in jobs)
    return ''.join(f'{line.rstrip()}\n' for line in lines)


def _purpose(job: type[Job]) -> str:
    """Return the first line of the docstring of a Job, or of the nearest of its bases with one."""
    own = [each for each in job.__mro__ if each not in (DummyJob, RunonlyJob, Job, object)]
    return next(filter(None, map(_first_line, own)), '')


def _run(dojob: DoJobber, chosen: Sequence[str]) -> int:
    """Run the chosen Jobs, or all if there are none; return the exit status."""
    try:
        dojob.checknrun(chosen or None)
    except (Exception, SystemExit) as error:
        if all(each.cleanup_exception is not error for each in dojob.report()):
            raise
        return 1  # already written to stderr
    return 0 if dojob.success() else 1


def _has_cut_short(dojob: DoJobber) -> bool:
    """Return whether a signal has interrupted a Cleanup."""
    return any(isinstance(each.cleanup_exception, KeyboardInterrupt) for each in dojob.report())


def _has_left(dojob: DoJobber) -> bool:
    """Return whether a signal has ended the run while threads were at work, and Cleanups wait."""
    jobs = dojob.report().jobs
    is_cut = any(each.outcome is Outcome.INTERRUPTED for each in jobs)
    return is_cut and any(each.cleanup == 'due' for each in jobs)


def _clean_up(dojob: DoJobber, settings: dict[str, Any]) -> None:
    """Call the Cleanups that are due, and correct what the summary has said of them."""
    with uninterrupted():
        with suppress(BaseException):  # already written to stderr
            dojob.cleanup()
        due = ', '.join([each.name for each in dojob.report() if each.cleanup in ('due', 'fail')])
        text = f'Cleanups still due: {due}' if due else 'No Cleanup is due any more.'
        if settings['summary']:
            write(escape(_hide_secrets(text, settings)) + '\n')


def _report_writer(path: str | None) -> Callable[[Report], bool]:
    """Return a function that writes a report and returns whether that has worked.

    Args:
        path: of the file; ``-`` means stdout, None that no report is wanted.

    Raises:
        ConfigurationError: the file can't be written, or its suffix is unknown.
    """
    if path is None:
        return lambda report: True
    if path == '-':
        if sys.stdout is None:
            raise ConfigurationError('--report: there is no stdout')
        return _print_report
    kind = os.path.splitext(path)[1].lower()
    if kind not in _FORMATS:
        raise ConfigurationError(f'--report must end in {", ".join(_FORMATS)}, got {path!r}')
    try:
        path = os.path.abspath(path)
        open(path, 'a').close()  # only a test: the old report stays until the new one is there
    except OSError as error:
        raise ConfigurationError(f'--report: {error}') from None
    return lambda report: _write_report(path, _FORMATS[kind](report))


def _print_report(report: Report) -> bool:
    if sys.stdout is None:  # a Job has done that
        write('No report: there is no stdout\n')
        return False
    return _show(_as_json(report))


def _write_report(path: str, text: str) -> bool:
    data = text.encode('utf-8', 'backslashreplace')
    try:
        if not _replace(path, data):
            with open(path, 'wb') as file:
                file.write(data)
    except OSError as error:
        error.filename = path
        write(f'No report: {error}\n')
        return False
    return True


def _replace(path: str, data: bytes) -> bool:
    """Replace a regular file as a whole, and return whether that is possible.

    Raises:
        OSError: there is no room for the data; then the file is as it was.
    """
    import tempfile  # late, like all that few runs need

    try:
        old = os.lstat(path)
        if not stat.S_ISREG(old.st_mode) or old.st_nlink > 1:
            return False
        descriptor, temporary = tempfile.mkstemp(prefix='.report-', dir=os.path.dirname(path))
    except (FileNotFoundError, PermissionError):
        return False
    try:
        with open(descriptor, 'wb') as file:
            file.write(data)
        with suppress(OSError):  # as for another user's file, or one that is mounted
            getattr(os, 'chown', lambda *_: None)(temporary, old.st_uid, old.st_gid)
            os.chmod(temporary, stat.S_IMODE(old.st_mode))
            os.replace(temporary, path)
            return True
        return False
    finally:
        with suppress(FileNotFoundError):
            os.remove(temporary)


def _as_json(report: Report) -> str:
    import json

    return json.dumps(report.as_dict(), indent=2) + '\n'


_FORMATS: dict[str, Callable[[Report], str]] = {
    '.json': _as_json,
    '.xml': methodcaller('as_junit'),
    '.html': methodcaller('as_html'),
}


def _show(text: str) -> bool:
    """Write to stdout, with escapes for what its encoding lacks; return whether that has worked.

    A reader that stops reading, as ``head`` does, is no failure.
    """
    stream = sys.stdout
    encoding = getattr(stream, 'encoding', None) or 'utf-8'
    try:
        print(text.encode(encoding, 'backslashreplace').decode(encoding), end='', flush=True)
    except ValueError:  # it is closed
        return False
    except OSError as error:
        _discard(stream)
        if not isinstance(error, BrokenPipeError):
            write(f'stdout: {error}\n')
            return False
    return True


def _discard(stream: Any) -> None:
    """Discard the buffer of a stream: Python would fail to flush it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):  # it has no descriptor
        os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _until_signalled(work: Callable[[], int]) -> int:
    """Return the result of a call, or 128 plus the number of the signal that ended it.

    Signals that are ignored stay so, and those that the script handles are left to it.
    """
    came: list[int] = []
    replaced: dict[int, Any] = {}
    is_over, process = False, os.getpid()

    def handle(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a worker that was forked meanwhile ends as it always would
            signal.signal(number, replaced[number])
            signal.raise_signal(number)
        elif not is_over:
            came.append(number)
            raise KeyboardInterrupt(signal.Signals(number).name)

    try:
        with suppress(ValueError):  # in other threads nothing comes
            for number in SIGNALS:
                found = signal.getsignal(number)
                if found in (signal.SIG_DFL, signal.default_int_handler):
                    replaced[number] = found
                    signal.signal(number, handle)
        status = work()
        is_over = True  # here, where a signal that comes before it is caught
    except KeyboardInterrupt:
        status = 128 + (came or [signal.SIGINT])[0]
    finally:
        is_over = True
        with suppress(ValueError):
            for number, found in replaced.items():
                signal.signal(number, found)
    return status

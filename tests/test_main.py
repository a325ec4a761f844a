"""main() and python -m dojobber: flags, output and exit statuses."""

from __future__ import annotations

import json
import logging
import os
import runpy
import subprocess
import sys
import threading
import typing
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

import dojobber
from dojobber import DoJobber, DummyJob, Job, JobEnded, Outcome, RunonlyJob, RunStarted, main
from dojobber.__main__ import run
from dojobber.main import main as main_of_its_module

REPOSITORY = Path(__file__).resolve().parent.parent

done: list[str] = []


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    done.clear()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'path', sys.path.copy())
    modules = set(sys.modules)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]


class Milk(Job):
    """There is milk.

    Cows help.
    """

    def Check(self, **_: Any) -> None:
        if 'milk' not in done:
            raise RuntimeError('There is no milk.')

    def Run(self, **_: Any) -> None:
        done.append('milk')

    def Cleanup(self) -> None:
        done.append('milk back')


class Tea(RunonlyJob):
    def Run(self, **arguments: Any) -> None:
        done.append(f'tea {arguments}')


class Breakfast(DummyJob):
    """All is on the table."""

    DEPS: ClassVar[tuple[type[Job], ...]] = (Milk, Tea)


class Empty(Job):
    TRIES = 1

    def Check(self, **_: Any) -> None:
        raise RuntimeError('There is nothing.')


def refused(capfd: pytest.CaptureFixture[str], call: Callable[[], object]) -> str:
    """Return what a call writes behind the usage before it ends with status 2."""
    with pytest.raises(SystemExit) as ended:
        call()
    captured = capfd.readouterr()
    assert (ended.value.code, captured.out) == (2, '')
    usage, error, text = captured.err.partition(' error: ')
    assert usage.startswith('usage: ') and error
    assert text.count('\n') == 1
    return text.rstrip()


def test_main_is_the_function_wherever_it_is_imported_from() -> None:
    assert dojobber.main is main_of_its_module


@pytest.mark.parametrize('module', ['dojobber', 'report', '_output.console', '_record'])
def test_imports_for_type_checkers_can_be_made(
    monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setattr(typing, 'TYPE_CHECKING', True)
    extensions = SimpleNamespace(dataclass_transform=lambda **options: lambda cls: cls)
    monkeypatch.setitem(sys.modules, 'typing_extensions', extensions)
    file = REPOSITORY / 'dojobber' / f'{module.replace(".", "/")}.py'
    runpy.run_path(str(file), run_name='copy')


def test_annotations_are_there_for_whoever_checks_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typing, 'TYPE_CHECKING', True)
    copy = runpy.run_path(str(REPOSITORY / 'dojobber' / 'main.py'), run_name='dojobber.main')
    hints = typing.get_type_hints(copy['main'])
    assert hints['parser'] == ArgumentParser | None


# What is run, and the exit status


def test_all_is_run_and_summed_up_with_status_0(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(Breakfast, argv=[]) == 0
    assert done == ['milk', 'tea {}', 'milk back']
    captured = capfd.readouterr()
    assert captured.out == ''
    assert captured.err.startswith('3 Jobs: 1 ok, 2 changed in ')


def test_job_that_fails_is_status_1(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(Empty, argv=[]) == 1
    assert 'RuntimeError: There is nothing.' in ' '.join(capfd.readouterr().err.split())


@pytest.mark.parametrize('flag', ['-n', '--no-act'])
def test_no_act_only_looks_with_status_1_where_something_is_to_be_done(flag: str) -> None:
    assert main(Milk, argv=[flag]) == 1
    assert done == []
    done.append('milk')
    assert main(Milk, argv=[flag]) == 0


def test_argv_is_that_of_the_process_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, 'argv', ['breakfast', '-n'])
    assert main(Milk) == 1
    assert main(Milk, None, []) == 0


@pytest.mark.parametrize('error', [RuntimeError('It is spilt.'), SystemExit('It is spilt.')])
def test_cleanup_that_fails_is_a_line_and_status_1(
    error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    class Spilt(Milk):
        def Cleanup(self) -> None:
            raise error

    assert main(Spilt, argv=['-q']) == 1
    assert capfd.readouterr().err == 'Spilt.cleanup: fail "It is spilt."\n'


def test_error_of_no_hook_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError('There is no way back.')

    class Last(Tea):
        def Cleanup(self) -> None:
            monkeypatch.setattr(os, 'fchdir', fail)
            monkeypatch.setattr(os, 'chdir', fail)

    with pytest.raises(OSError, match='no way back'):
        main(Last, argv=['-q'])
    monkeypatch.undo()


# Options of configure()


def test_options_are_defaults_that_flags_change(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(Milk, argv=[], summary=False, verbose=True, cleanup=False) == 0
    assert done == ['milk']
    assert capfd.readouterr().err == 'Milk.check: fail\nMilk.run: pass\nMilk.recheck: pass\n'
    assert main(Tea, argv=['-d'], summary=False, no_act=True) == 1
    assert 'Error was:' in capfd.readouterr().err


def test_quiet_leaves_what_is_asked_for_and_what_went_wrong(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Broken(Milk):
        def __init__(self) -> None:
            raise RuntimeError('It is broken.')

    assert main(Milk, argv=['-q', '-v'], summary=True) == 0
    assert capfd.readouterr().err == 'Milk.check: fail\nMilk.run: pass\nMilk.recheck: pass\n'
    assert main(Broken, argv=['--quiet'], default_tries=1) == 1
    assert capfd.readouterr().err.startswith('DoJobber ERROR              : Broken can not be made')


def test_log_is_shown_from_warnings_on() -> None:
    main(Milk, argv=['-q'])
    assert logging.getLogger('DoJobber').level == logging.WARNING


def test_keep_calls_no_cleanup() -> None:
    main(Milk, argv=['--keep'], cleanup=True)
    assert done == ['milk']


def test_jobs_are_tried_on_so_many_threads_at_a_time() -> None:
    meeting = threading.Barrier(3, timeout=60)

    class Guest(RunonlyJob):
        def Run(self) -> None:
            meeting.wait()

    guests = [Guest.clone(f'Guest {number}') for number in range(3)]
    assert main(DummyJob.clone('All', DEPS=guests), argv=['-j3'], max_in_flight=1) == 0


def test_one_job_at_a_time_is_tried_in_this_thread() -> None:
    class Here(RunonlyJob):
        def Run(self) -> None:
            assert threading.current_thread() is threading.main_thread()

    assert main(Here, argv=['--jobs', '1'], executor='any') == 0


@pytest.mark.parametrize('count', ['0', '-1'])
def test_fewer_than_one_job_at_a_time_is_refused(
    count: str, capfd: pytest.CaptureFixture[str]
) -> None:
    text = refused(capfd, lambda: main(Milk, argv=[f'--jobs={count}']))
    assert text == f'--jobs must be at least 1, got {count}'


def test_job_that_can_not_work_is_refused_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    class Odd(Milk):
        TRIES = 0

    assert refused(capfd, lambda: main(Odd, argv=[])) == 'Odd.TRIES must be a number >= 1, got 0'
    nothing: Any = 'no\nJob'
    assert refused(capfd, lambda: main(nothing, argv=[])).endswith(r"got 'no\nJob'")


def test_mistyped_flag_is_refused_by_argparse(capfd: pytest.CaptureFixture[str]) -> None:
    text = refused(capfd, lambda: main(Milk, argv=['--nonsense']))
    assert text == 'unrecognized arguments: --nonsense'
    assert done == []


# A parser of the script's own


def parser_with(*flags: str) -> ArgumentParser:
    parser = ArgumentParser(prog='breakfast')
    parser.add_argument('guest')
    for flag in flags:
        parser.add_argument(flag, action='store_true')
    return parser


def test_own_arguments_are_what_jobs_are_called_with(capfd: pytest.CaptureFixture[str]) -> None:
    parser = parser_with('--sugar')
    assert main(Tea, parser, ['-v', 'ada', '--sugar']) == 0
    assert done == ["tea {'guest': 'ada', 'sugar': True}"]
    assert 'Tea.run: pass' in capfd.readouterr().err


def test_short_flags_that_the_script_has_are_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    parser = parser_with('-v', '-d', '-n')
    assert main(Tea, parser, ['ada', '-v', '-d', '-n', '-q']) == 0
    assert done == ["tea {'guest': 'ada', 'v': True, 'd': True, 'n': True}"]
    assert capfd.readouterr().err == ''
    assert main(Tea, parser, ['ada', '--verbose', '--no-act', '-q']) == 1
    assert capfd.readouterr().err == 'Tea.check: fail\n'


def test_destinations_of_the_script_are_its_own() -> None:
    parser = ArgumentParser()
    parser.add_argument('--dry', dest='no_act', action='store_true')
    parser.set_defaults(report='weekly')
    assert main(Tea, parser, ['--dry', '-q']) == 0
    assert done == ["tea {'no_act': True, 'report': 'weekly'}"]


def test_long_flag_that_both_have_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    text = refused(capfd, lambda: main(Tea, parser_with('--no-act'), ['ada', '--no-act']))
    assert text == 'main() adds --no-act to the parser; take it out or give it another name'
    assert done == []


@pytest.mark.parametrize('words', ['deploy', 'user add'])
def test_long_flag_that_a_sub_command_has_is_refused(
    words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    parser = inner = ArgumentParser()
    for word in words.split():
        inner = inner.add_subparsers().add_parser(word)
    inner.add_argument('--no-act', action='store_true')
    text = refused(capfd, lambda: main(Tea, parser, [*words.split(), '--no-act']))
    assert text == 'main() adds --no-act to the parser; take it out or give it another name'
    assert done == []


def test_flags_stand_before_a_sub_command(capfd: pytest.CaptureFixture[str]) -> None:
    parser = ArgumentParser()
    parser.add_subparsers().add_parser('deploy').add_argument('-n', type=int)
    assert main(Tea, parser, ['--no-act', '-q', 'deploy', '-n3']) == 1
    text = refused(capfd, lambda: main(Tea, parser, ['deploy', '--no-act']))
    assert text == 'unrecognized arguments: --no-act'
    assert done == []


def test_parser_that_replaces_flags_keeps_those_of_the_script() -> None:
    parser = ArgumentParser(conflict_handler='resolve')
    parser.add_argument('-v', action='store_true')
    assert main(Tea, parser, ['-v', '-q']) == 0
    assert done == ["tea {'v': True}"]


def test_parser_can_be_used_again() -> None:
    parser = parser_with()
    assert main(Tea, parser, ['ada', '-q']) == main(Tea, parser, ['bob', '-q']) == 0
    assert done == ["tea {'guest': 'ada'}", "tea {'guest': 'bob'}"]


def test_help_shows_own_arguments_and_flags_in_two_groups(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(Milk, parser_with('--sugar'), ['--help'])
    assert ended.value.code == 0
    own, _, flags = capfd.readouterr().out.partition('how to run the Jobs:\n')
    assert '--sugar' in own
    words = '-n --no-act -v --verbose -d --debug -q --quiet -j --jobs --only --list --graph'
    for each in f'{words} --report --keep'.split():
        assert f' {each}' in flags


def test_help_of_a_script_without_a_parser_begins_with_its_docstring(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for expected in ('main() and python -m dojobber: flags, output', 'There is milk.\n'):
        with pytest.raises(SystemExit):
            main(Milk, argv=['-h'])
        assert expected in capfd.readouterr().out
        monkeypatch.setattr(sys.modules[__name__], '__doc__', None)
    with pytest.raises(SystemExit):
        main(lambda args: Milk, argv=['-h'])
    assert 'There is milk.' not in capfd.readouterr().out


def test_root_may_be_made_from_the_arguments_and_change_them() -> None:
    def plan(args: Namespace) -> type[Job]:
        guests, args.guests = args.guests, len(args.guests)
        return DummyJob.clone('All', DEPS=[Tea.clone(f'Tea for {each}') for each in guests])

    parser = ArgumentParser()
    parser.add_argument('guests', nargs='+')
    assert main(plan, parser, ['-q', 'ada', 'bob']) == 0
    assert done == ["tea {'guests': 2}", "tea {'guests': 2}"]


def test_dojobber_of_the_script_is_used_and_tells_it_all() -> None:
    with DoJobber() as dojob:
        assert main(Breakfast, argv=['-q'], dojob=dojob) == 0
        assert done == ['milk', 'tea {}']  # Cleanups wait for the end of the block
    assert done[2:] == ['milk back']
    assert dojob.report()['Milk'].outcome is Outcome.CHANGED


def test_secrets_are_hidden_in_all_that_is_written(capfd: pytest.CaptureFixture[str]) -> None:
    secrets: list[str] = []

    def plan(args: Namespace) -> type[Job]:
        secrets.append(args.guest)
        return Empty.clone(f'Nothing for {args.guest}')

    for flags in (['-v', '--report=-', '--graph'], ['--list']):
        main(plan, parser_with(), ['eleonora', *flags], secrets=secrets)
        captured = capfd.readouterr()
        assert 'eleonora' not in captured.out + captured.err
        assert 'Nothing for *****' in captured.out
    text = refused(
        capfd, lambda: main(plan, parser_with(), ['eleonora', '--only=a eleonora'], secrets=secrets)
    )
    assert text.startswith("--only: there is no Job 'a *****'")
    text = refused(capfd, lambda: main(Milk, argv=[], secrets='eleonora'))
    assert text.startswith('secrets must be an iterable of texts')


def test_secrets_of_an_iterator_are_hidden_in_the_list_and_in_errors(
    capfd: pytest.CaptureFixture[str],
) -> None:
    root = DummyJob.clone('About eleonora')
    assert main(root, argv=['--list'], secrets=iter(['eleonora'])) == 0
    assert capfd.readouterr().out == 'About *****\n'
    text = refused(capfd, lambda: main(root, argv=['--only=eleonora'], secrets=iter(['eleonora'])))
    assert text.startswith("--only: there is no Job '*****'")


# --only and --list


def test_only_runs_a_job_and_what_it_depends_on() -> None:
    assert main(Breakfast, argv=['--only', 'Tea', '-q']) == 0
    assert done == ['tea {}']
    assert main(Breakfast, argv=['--only=Breakfast', '-q']) == 0
    assert done[1:] == ['milk', 'tea {}', 'milk back']


def test_only_takes_several_and_shell_patterns() -> None:
    drinks = [Tea.clone(f'Tea {each}') for each in ('green', 'black', 'grey')]
    root = DummyJob.clone('All', DEPS=(*drinks, Milk))
    assert main(root, argv=['--only', 'Tea g*', '-q']) == 0
    assert done == ['tea {}'] * 2
    assert main(root, argv=['--only', 'Milk', '--only', 'Tea bl[a]ck', '-q']) == 0
    assert done[2:] == ['tea {}', 'milk', 'milk back']


def test_name_that_looks_like_a_pattern_means_itself() -> None:
    root = DummyJob.clone('All', DEPS=(Tea.clone('Tea [1]'), Milk.clone('Tea 1')))
    assert main(root, argv=['--only', 'Tea [1]', '-q']) == 0
    assert done == ['tea {}']


@pytest.mark.parametrize('name', ['Coffee', '', 'tea'])
def test_unknown_job_is_refused_before_anything_runs(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    text = refused(capfd, lambda: main(Breakfast, argv=['--only=Milk', f'--only={name}']))
    assert text == f'--only: there is no Job {name!r}; --list shows them all'
    assert done == []


def test_pattern_that_matches_no_whole_name_is_refused_and_told_why(
    capfd: pytest.CaptureFixture[str],
) -> None:
    text = refused(capfd, lambda: main(Breakfast, argv=['--only=T*', '--only=[Mm]il']))
    assert text == (
        "--only: there is no Job '[Mm]il'; --list shows them all; a pattern must match a whole name"
    )
    assert done == []


def test_list_tells_names_in_order_and_what_they_are_for(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Cream(Milk):
        pass

    odd = Tea.clone('Tea\nfor a guest whose name is rather long')
    root = Breakfast.clone('Brunch', DEPS=(Cream, odd, Breakfast))
    assert main(root, argv=['--list', '--report=report.json', '--graph']) == 0
    assert capfd.readouterr() == (
        'Cream                           There is milk.\n'
        'Tea\\nfor a guest whose name is rather long\n'
        'Milk                            There is milk.\n'
        'Tea\n'
        'Breakfast                       All is on the table.\n'
        'Brunch                          All is on the table.\n',
        '',
    )
    assert done == os.listdir() == []


def test_list_with_only_tells_what_would_be_run(capfd: pytest.CaptureFixture[str]) -> None:
    root = DummyJob.clone('All', DEPS=(Empty, Breakfast))
    assert main(root, argv=['--list', '--only', 'Br*']) == 0
    assert capfd.readouterr().out == (
        'Milk       There is milk.\nTea\nBreakfast  All is on the table.\n'
    )


def test_list_with_only_is_in_the_order_of_that_run(capfd: pytest.CaptureFixture[str]) -> None:
    early = DummyJob.clone('Early', DEPS=(Tea,))
    late = DummyJob.clone('Late', DEPS=(Milk, Tea))
    root = DummyJob.clone('All', DEPS=(early, late))
    assert main(root, argv=['--list', '--only', 'Late']) == 0
    assert [line.split()[0] for line in capfd.readouterr().out.splitlines()] == [
        'Milk',
        'Tea',
        'Late',
    ]
    assert main(root, argv=['--only', 'Late', '-q']) == 0
    assert done == ['milk', 'tea {}', 'milk back']


# --graph and --report


@pytest.mark.parametrize(
    ('flag', 'begins'),
    [
        ('--graph', 'Breakfast: ok\n  Milk: changed\n'),
        ('--graph=text', 'Breakfast: ok\n  Milk: changed\n'),
        ('--graph=mermaid', 'flowchart'),
        ('--graph=dot', 'digraph'),
    ],
)
def test_graph_is_printed_after_the_run(
    flag: str, begins: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(Breakfast, argv=[flag, '-q']) == 0
    captured = capfd.readouterr()
    assert captured.out.startswith(begins) and captured.err == ''


def outcomes(text: str) -> dict[str, str]:
    return {each['name']: each['outcome'] for each in json.loads(text)['jobs']}


def test_report_is_json_on_stdout(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(Breakfast, argv=['--report=-', '-q']) == 0
    expected = {'Milk': 'changed', 'Tea': 'changed', 'Breakfast': 'ok'}
    assert outcomes(capfd.readouterr().out) == expected


def test_report_is_written_wherever_a_job_goes(tmp_path: Path) -> None:
    class Wanderer(RunonlyJob):
        def Run(self) -> None:
            os.chdir('/')

    (tmp_path / 'report.JSON').write_text('x' * 100_000)
    assert main(Wanderer, argv=['--report', 'report.JSON', '-q']) == 0
    assert outcomes((tmp_path / 'report.JSON').read_text()) == {'Wanderer': 'changed'}


@pytest.mark.parametrize(('suffix', 'method'), [('xml', 'as_junit'), ('html', 'as_html')])
def test_report_is_written_as_the_suffix_says(suffix: str, method: str, tmp_path: Path) -> None:
    if not hasattr(dojobber.Report, method):
        pytest.skip(f'there is no {method}() yet')
    assert main(Breakfast, argv=[f'--report=report.{suffix}', '-q']) == 0
    text = (tmp_path / f'report.{suffix}').read_text()
    assert text.lstrip().startswith('<') and 'Breakfast' in text


def test_report_is_there_when_a_run_is_ended() -> None:
    class Stopped(BaseException):
        pass

    class Halt(RunonlyJob):
        def Run(self) -> None:
            raise Stopped

    with pytest.raises(Stopped):
        main(Halt, argv=['--report=report.json', '-q'])
    assert outcomes(Path('report.json').read_text()) == {'Halt': 'interrupted'}


@pytest.mark.parametrize(
    ('path', 'expected'),
    [
        ('report.txt', "--report must end in .json, .xml, .html, got 'report.txt'"),
        ('report', "--report must end in .json, .xml, .html, got 'report'"),
        ('no/report.json', '--report: [Errno 2] No such file or directory'),
        ('folder.json', '--report: [Errno 21] Is a directory'),
    ],
)
def test_report_that_can_not_be_written_is_refused_before_anything_runs(
    path: str, expected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    os.mkdir('folder.json')
    assert refused(capfd, lambda: main(Milk, argv=['--report', path])).startswith(expected)
    assert done == []


def test_report_without_a_stdout_or_a_directory_is_refused_before_anything_runs(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / 'gone').mkdir()
    monkeypatch.chdir(tmp_path / 'gone')
    (tmp_path / 'gone').rmdir()
    told = refused(capfd, lambda: main(Milk, argv=['--report=report.json']))
    assert told.startswith('--report: [Errno 2] No such file or directory')
    monkeypatch.setattr(sys, 'stdout', None)
    told = refused(capfd, lambda: main(Milk, argv=['--report=-']))
    assert told.startswith('--report: there is no stdout')
    assert done == []


def test_report_that_can_not_be_written_any_more_is_a_line_and_status_1(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    class Remove(RunonlyJob):
        def Run(self) -> None:
            os.remove('folder/report.json')
            os.rmdir('folder')

    os.mkdir('folder')
    assert main(Remove, argv=['--report=folder/report.json', '-q']) == 1
    assert capfd.readouterr().err == (
        f'No report: [Errno 2] No such file or directory: {f"{tmp_path}/folder/report.json"!r}\n'
    )


def test_report_that_has_no_room_leaves_the_old_one(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    resource = pytest.importorskip('resource')
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    class Fill(RunonlyJob):
        def Run(self) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))

    (tmp_path / 'report.html').write_text('of yesterday')
    try:
        assert main(Fill, argv=['--report=report.html', '-q']) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    place = f'{tmp_path}/report.html'
    assert capfd.readouterr().err == f'No report: [Errno 27] File too large: {place!r}\n'
    assert (tmp_path / 'report.html').read_text() == 'of yesterday'
    assert os.listdir() == ['report.html']


def test_report_replaces_the_old_one_and_keeps_its_mode(tmp_path: Path) -> None:
    report = tmp_path / 'report.json'
    report.write_text('of yesterday')
    report.chmod(0o604)
    with report.open() as opened:
        assert main(Tea, argv=['--report=report.json', '-q']) == 0
        assert opened.read() == 'of yesterday'
    assert outcomes(report.read_text()) == {'Tea': 'changed'}
    assert report.stat().st_mode & 0o777 == 0o604
    assert os.listdir() == ['report.json']


def test_report_that_a_job_removes_is_written(tmp_path: Path) -> None:
    class Remove(RunonlyJob):
        def Run(self) -> None:
            os.remove('report.json')

    assert main(Remove, argv=['--report=report.json', '-q']) == 0
    assert outcomes((tmp_path / 'report.json').read_text()) == {'Remove': 'changed'}


@pytest.mark.parametrize('link', [os.symlink, os.link])
def test_report_is_written_where_a_link_leads(link: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / 'old').write_text('of yesterday')
    link('old', 'report.json')
    assert main(Tea, argv=['--report=report.json', '-q']) == 0
    assert os.path.samefile('old', 'report.json')
    assert outcomes((tmp_path / 'old').read_text()) == {'Tea': 'changed'}
    assert sorted(os.listdir()) == ['old', 'report.json']


def test_report_is_written_to_a_fifo() -> None:
    os.mkfifo('report.json')
    reader = os.open('report.json', os.O_RDONLY | os.O_NONBLOCK)
    assert main(Tea, argv=['--report=report.json', '-q']) == 0
    assert outcomes(os.read(reader, 100_000).decode()) == {'Tea': 'changed'}
    os.close(reader)


@pytest.mark.parametrize('name', ['tempfile.mkstemp', 'os.chown', 'os.replace'])
def test_report_that_can_not_be_replaced_is_written_in_its_place(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError

    monkeypatch.setattr(name, refuse)
    report = tmp_path / 'report.json'
    report.touch()
    before = report.stat().st_ino
    assert main(Tea, argv=['--report=report.json', '-q']) == 0
    assert outcomes(report.read_text()) == {'Tea': 'changed'}
    assert report.stat().st_ino == before
    assert os.listdir() == ['report.json']


# A stdout that is closed, full, narrow or gone


def test_report_without_a_stdout_any_more_is_a_line_and_status_1(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Close(RunonlyJob):
        def Run(self) -> None:
            monkeypatch.setattr(sys, 'stdout', None)

    assert main(Close, argv=['--report=-', '-q']) == 1
    assert capfd.readouterr().err == 'No report: there is no stdout\n'


def test_stdout_that_is_closed_or_missing_costs_no_traceback(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, 'stdout', None)
    assert main(Milk, argv=['--list']) == main(Milk, argv=['--graph', '-q']) == 0
    with open(tmp_path / 'closed', 'w') as file:
        monkeypatch.setattr(sys, 'stdout', file)
    assert main(Milk, argv=['--list']) == 1
    assert main(Milk, argv=['--report=-', '-q']) == 1


def test_stdout_that_can_not_spell_a_name_gets_it_escaped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open(tmp_path / 'out', 'w', encoding='ascii') as file:
        monkeypatch.setattr(sys, 'stdout', file)
        assert main(Milk.clone('Käse'), argv=['--list']) == 0
    assert (tmp_path / 'out').read_text().startswith('K\\xe4se  ')


@pytest.fixture
def unread() -> Iterator[int]:
    """Return the descriptor of a pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


FLAGS = pytest.mark.parametrize('flags', ['--list', '--graph -q', '--report - -q', '-q'])


@FLAGS
def test_reader_that_has_enough_is_no_failure(
    flags: str, unread: int, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(os.dup(unread), 'w') as file:
        monkeypatch.setattr(sys, 'stdout', file)
        assert main(Milk, argv=flags.split()) == 0
    assert capfd.readouterr().err == ''


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='there is no /dev/full')
@pytest.mark.parametrize(
    ('flags', 'status'), [('--list', 1), ('--graph -q', 0), ('--report - -q', 1)]
)
def test_stdout_that_is_full_is_a_line(
    flags: str, status: int, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open('/dev/full', 'w') as file:
        monkeypatch.setattr(sys, 'stdout', file)
        assert main(Milk, argv=flags.split()) == status
    assert capfd.readouterr().err == 'stdout: [Errno 28] No space left on device\n'


@pytest.mark.slow
@FLAGS
def test_script_ends_quietly_when_nobody_reads(flags: str, unread: int, tmp_path: Path) -> None:
    (tmp_path / 'milk.py').write_text(
        'import dojobber\nclass Milk(dojobber.RunonlyJob):\n'
        '    def Run(self): print("milk")\n'
        'raise SystemExit(dojobber.main(Milk))\n'
    )
    # A report has to go somewhere: without a stdout it is refused.
    closed = [] if 'report' in flags else ['exec "$0" milk.py >&-']
    for command in ('exec "$0" milk.py', *closed):
        ended = subprocess.run(
            ['sh', '-c', f'{command} {flags}', sys.executable],
            env={**os.environ, 'PYTHONPATH': str(REPOSITORY), 'PYTHONUNBUFFERED': ''},
            stdout=unread,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert (ended.returncode, ended.stderr) == (0, '')


# Listening


def test_listeners_of_the_script_hear_of_the_run() -> None:
    heard: list[Any] = []
    assert main(Milk, argv=['-q'], listeners=[heard.append]) == 0
    assert isinstance(heard[0], RunStarted)
    ends = [each.outcome for each in heard if isinstance(each, JobEnded)]
    assert ends == [Outcome.CHANGED]


# python -m dojobber

SHOP = """\
'''Keep the shop.'''
from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from helper import NAME

class Base(Job):
    pass

class Door(Base):
    '''The door is open.'''
    def Check(self, **arguments):
        print(NAME, arguments)

class Shop(DummyJob):
    DEPS = (Door,)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a directory with a file of Jobs, and a module that it imports."""
    folder = tmp_path / 'folder'
    folder.mkdir()
    (folder / 'corner_shop.py').write_text(SHOP)
    (folder / 'helper.py').write_text("NAME = 'corner shop'\n")
    return folder


@pytest.mark.parametrize('root', ['', ':Shop', ':Door'])
def test_target_may_be_a_file_and_import_what_is_beside_it(
    root: str, shop: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([f'folder/corner_shop.py{root}', '-q', '--set', 'a=1', 'b=x=y', '--set=c=']) == 0
    assert capfd.readouterr() == (
        "corner shop {'a': '1', 'b': 'x=y', 'c': ''}\n",
        '',
    )
    assert sys.modules['corner_shop'].Door.__module__ == 'corner_shop'


@pytest.mark.parametrize('target', ['corner_shop', 'corner_shop:Shop'])
def test_target_may_be_a_module(
    target: str, shop: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(shop)
    assert run([target, '--list']) == 0
    assert capfd.readouterr().out == 'Door  The door is open.\nShop\n'


def test_target_may_have_the_name_of_a_module_that_is_loaded(tmp_path: Path) -> None:
    before = sys.modules['json']
    (tmp_path / 'json.py').write_text('from dojobber import DummyJob\nclass A(DummyJob): pass\n')
    assert run(['json.py', '-q']) == 0
    assert sys.modules['json'] is before


def test_target_may_be_a_function_that_makes_the_root(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'made.py').write_text(
        'from dojobber import DummyJob\ndef plan(args): return DummyJob.clone(args.name)\n'
    )
    assert run(['made.py:plan', '--list', '--set', 'name=All']) == 0
    assert capfd.readouterr().out == 'All\n'


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        ('class A(DummyJob): pass\nclass B(DummyJob): pass', 'A, B'),
        ('class A(DummyJob): DEPS = ()\nclass B(DummyJob): DEPS = (A,)\nA.DEPS = (B,)', 'A, B'),
    ],
)
def test_target_with_several_roots_or_none_names_the_jobs(
    text: str, expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'jobs.py').write_text(f'from dojobber import DummyJob\n{text}\n')
    assert refused(capfd, lambda: run(['jobs.py'])) == (
        f'jobs.py needs a root, such as jobs.py:ROOT, out of these: {expected}'
    )


def test_root_of_a_target_is_no_base_no_import_and_what_no_other_needs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'below.py').write_text(
        'from dojobber import DummyJob\n'
        'class Deep(DummyJob): pass\nclass Other(DummyJob): DEPS = (Deep,)\n'
        'class Unneeded(DummyJob): pass\n'
    )
    (tmp_path / 'jobs.py').write_text(
        'from dojobber import DummyJob\nfrom below import Deep, Other, Unneeded\n'
        'class Middle(DummyJob): WATCH = (Other,)\nclass Base(DummyJob): pass\n'
        'Part = Base.clone("Part")\nROOT = DummyJob.clone("All", DEPS=(Middle, Part))\n'
        'AGAIN = ROOT\n'
    )
    assert run(['jobs.py', '--list']) == 0
    assert capfd.readouterr().out.split() == ['Deep', 'Other', 'Middle', 'Part', 'All']


TARGETS = 'TARGET must be file.py, file.py:Root or package.module:Root'


@pytest.mark.parametrize(
    ('argv', 'expected'),
    [
        ('nowhere.py', 'nowhere.py can not be imported: FileNotFoundError: [Errno 2] No such file'),
        (
            'nowhere:A',
            "nowhere can not be imported: ModuleNotFoundError: No module named 'nowhere'",
        ),
        ('folder/nothing', 'folder/nothing can not be imported: ImportError: its name must end'),
        ('nothing.py', 'nothing.py has no Jobs'),
        ('nothing.py:Root', 'nothing.py has no Root'),
        ('nothing.py:x', 'configure() needs a Job class as its root, got 1'),
        ('nothing.py:no Root', f"{TARGETS}, got 'nothing.py:no Root'"),
        ('nothing.py:', f"{TARGETS}, got 'nothing.py:'"),
        ('./nothing.py:A.b', f"{TARGETS}, got './nothing.py:A.b'"),
        ('nowhere:A:B', f"{TARGETS}, got 'nowhere:A:B'"),
        (':Root', f"{TARGETS}, got ':Root'"),
        ('', f"{TARGETS}, got ''"),
        ('broken.py', 'broken.py can not be imported: ZeroDivisionError: division by zero ('),
        ('syntax.py', 'syntax.py can not be imported: SyntaxError: '),
        ('exits.py', 'exits.py can not be imported: SystemExit: 3 ('),
        ('nothing.py --set a', "--set needs NAME=VALUE, got 'a'"),
        ('nothing.py --set =a', "--set needs NAME=VALUE, got '=a'"),
        ('--set a=1', 'the following arguments are required: TARGET'),
    ],
)
def test_target_that_can_not_be_run_is_refused_in_one_line(
    argv: str, expected: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / 'nothing.py').write_text('from dojobber import Job, DummyJob\nx = 1\n')
    (tmp_path / 'broken.py').write_text('\n1 / 0\n')
    (tmp_path / 'syntax.py').write_text('class\n')
    (tmp_path / 'exits.py').write_text('raise SystemExit(3)\n')
    words = argv.split(' ', 1) if ' --' in argv else [argv]
    words = [word for each in words for word in (each.split() if '--' in each else [each])]
    text = refused(capfd, lambda: run(words))
    assert text.startswith(expected)
    assert 'importlib' not in text
    if argv == 'broken.py':
        assert text.endswith(f'({tmp_path}/broken.py:2)')


def test_module_is_run_by_its_name(
    shop: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, 'argv', ['dojobber', '--help'])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(REPOSITORY / 'dojobber' / '__main__.py'), run_name='__main__')
    assert ended.value.code == 0
    text = capfd.readouterr().out
    assert text.startswith('usage: python3 -m dojobber TARGET [--set NAME=VALUE ...] [flags]\n')
    assert '--no-act' in text
    ended_process = subprocess.run(
        [sys.executable, '-m', 'dojobber', 'folder/corner_shop.py', '-n', '-q'],
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert (ended_process.returncode, ended_process.stderr) == (0, '')
    assert ended_process.stdout == 'corner shop {}\n'

"""The movie night, as a user starts it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dojobber import DoJobber
from tests import dojobber_example
from tests.seeds import sampled

REPOSITORY = Path(__file__).resolve().parent.parent

FAILED_RECHECKS = """\
TurnOnTV.recheck: fail "Remote batteries are dead."
SitOnCouch.recheck: fail "No space on couch."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
Pizza.recheck: fail "Giordano's did not arrive yet."
TurnOnTV.recheck: fail "Remote batteries are dead."
SitOnCouch.recheck: fail "No space on couch."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
Pizza.recheck: fail "Giordano's did not arrive yet."
TurnOnTV.recheck: fail "Remote batteries are dead."
SitOnCouch.recheck: fail "No space on couch."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
PopcornBowl.recheck: fail "Dishwasher cycle not done yet."
Popcorn.recheck: fail "Still popping..."
Popcorn.recheck: fail "Still popping..."
"""

GOOD_EVENING = ('--battery_state', 'charged', '--couch_space')


def failed_rechecks(text: str) -> str:
    return ''.join(line for line in text.splitlines(True) if 'recheck: fail' in line)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dojobber_example.MovieJob, 'RETRY_DELAY', 0)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Stand in for the programs that draw and show; return the directory of both."""
    directory = tmp_path / 'bin'
    directory.mkdir()
    for name in ('dot', 'display'):
        program = directory / name
        noted = f'echo {name} >>{tmp_path}/started; echo {name}'
        program.write_text(f'#!/bin/sh\n/bin/cat >/dev/null\n{noted}\n')
        program.chmod(0o755)
    monkeypatch.setenv('PATH', str(directory))
    return directory


def test_movie_night_has_the_jobs_and_dependencies_of_its_plot() -> None:
    dojobber_example.invite(dojobber_example.FRIENDS)
    dojob = DoJobber()
    dojob.configure(dojobber_example.WatchMovie)
    depends: dict[str, list[str]] = {name: [] for name in dojob.graph.nodes()}
    for dependent, dependency in dojob.graph.edges():
        depends[dependent].append(dependency)
    assert depends == {
        'WatchMovie': ['StartMovie'],
        'StartMovie': [
            *('FriendsArrive', 'PrepareRoom', 'TurnOnTV', 'InsertDVD', 'SitOnCouch', 'Food')
        ],
        'FriendsArrive': ['InviteFriends'],
        'InviteFriends': ['DetermineDetails', 'Invite Wendell Bagg', 'Invite Lawyer Cat'],
        'Invite Wendell Bagg': ['DetermineDetails'],
        'Invite Lawyer Cat': ['DetermineDetails'],
        'DetermineDetails': ['ValidateMovie', 'PickTimeAndDate'],
        'ValidateMovie': [],
        'PickTimeAndDate': [],
        'PrepareRoom': ['CleanCouch', 'FluffPillows'],
        'CleanCouch': [],
        'FluffPillows': [],
        'TurnOnTV': ['FindTVRemote'],
        'FindTVRemote': [],
        'InsertDVD': ['ValidateMovie'],
        'SitOnCouch': ['PrepareRoom'],
        'Food': ['Popcorn', 'Pizza'],
        'Popcorn': ['PopcornBowl'],
        'PopcornBowl': [],
        'Pizza': [],
    }


# Without site-packages (-S) no installed dojobber can help.
@pytest.mark.slow
@pytest.mark.parametrize(
    ('command', 'directory'),
    [
        ([sys.executable, '-S', '-m', 'tests.dojobber_example'], REPOSITORY),
        ([sys.executable, '-S', str(REPOSITORY / 'tests' / 'dojobber_example.py')], Path('/')),
        ([str(REPOSITORY / 'tests' / 'dojobber_example.py')], REPOSITORY / 'tests'),
    ],
    ids=['module', 'script', 'executable'],
)
def test_movie_night_started_any_way_prints_the_failed_rechecks_of_the_specification(
    command: list[str], directory: Path
) -> None:
    env = {**os.environ, 'PYTHONDONTWRITEBYTECODE': '1', 'PYTHONWARNINGS': 'error'}
    done = subprocess.run([*command, '-v'], cwd=directory, env=env, capture_output=True, text=True)
    assert failed_rechecks(done.stderr) == FAILED_RECHECKS
    assert (done.returncode, done.stdout) == (1, '')


def test_movie_night_with_batteries_and_space_succeeds(capfd: pytest.CaptureFixture[str]) -> None:
    assert dojobber_example.main(GOOD_EVENING) == 0
    assert capfd.readouterr() == ('', '')


def test_movie_night_twice_in_a_process_is_the_same_twice(
    capfd: pytest.CaptureFixture[str],
) -> None:
    dojobber_example.main(['-v'])
    first = capfd.readouterr().err
    dojobber_example.main(['-v'])
    assert capfd.readouterr().err == first
    assert failed_rechecks(first) == FAILED_RECHECKS


def test_movie_night_refuses_zardoz(capfd: pytest.CaptureFixture[str]) -> None:
    assert dojobber_example.main(['-v', '--movie', 'Zardoz', *GOOD_EVENING]) == 1
    err = capfd.readouterr().err
    assert failed_rechecks(err).startswith('ValidateMovie.recheck: fail "Really?')
    assert 'WatchMovie' not in err


def test_movie_night_without_acting_only_checks(capfd: pytest.CaptureFixture[str]) -> None:
    assert dojobber_example.main(['-n', '-v', *GOOD_EVENING]) == 1
    err = capfd.readouterr().err
    assert '.run:' not in err
    assert 'CleanCouch.check: fail\n' in err


def test_movie_night_with_app_logs_says_what_jobs_do_and_cleans_up_last_first(
    capfd: pytest.CaptureFixture[str],
) -> None:
    dojobber_example.main(['--app-logs', *GOOD_EVENING])
    lines = capfd.readouterr().err.splitlines()
    assert lines[-4:] == [
        'Brazil was even better than the last time.',
        'Everyone gets up.',
        'Eject the DVD.',
        'Turn off the TV.',
    ]


def test_movie_night_with_debug_shows_traces(capfd: pytest.CaptureFixture[str]) -> None:
    dojobber_example.main(['-d'])
    err = capfd.readouterr().err
    assert '  RuntimeError: Remote batteries are dead.\n' in err
    assert failed_rechecks(err) == FAILED_RECHECKS


@pytest.mark.parametrize(('flag', 'enough'), [('pizza', 3), ('pop', 3), ('bowl', 6)])
def test_movie_night_fails_one_try_beyond_what_there_is(flag: str, enough: int) -> None:
    name = f'--{flag}_success_try'
    assert dojobber_example.main([*GOOD_EVENING, name, str(enough)]) == 0
    assert dojobber_example.main([*GOOD_EVENING, name, str(enough + 1)]) == 1


@pytest.mark.skipif(shutil.which('dot') is None, reason='Graphviz is not installed')
def test_movie_night_writes_its_graph(tmp_path: Path) -> None:
    picture = tmp_path / 'movie.png'
    dojobber_example.main(['--png_output', str(picture)])
    assert picture.read_bytes().startswith(b'\x89PNG')


def test_movie_night_goes_on_without_its_pictures(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    picture = tmp_path / 'movie.png'
    picture.write_bytes(b'of the last evening')
    argv = ['--display_prerungraph', '--x11', '--png_output', str(picture), *GOOD_EVENING]
    assert dojobber_example.main(argv) == 0
    missing = (
        "'dot' and 'display' were not found; "
        'install Graphviz and ImageMagick, or a graphical web browser\n'
    )
    assert capfd.readouterr().err == (
        f'No picture before: {missing}'
        f'No picture after: {missing}'
        "No picture as PNG: 'dot' was not found; install Graphviz\n"
    )
    assert picture.read_bytes() == b'of the last evening'


def test_movie_night_without_a_window_still_writes_its_graph(
    capfd: pytest.CaptureFixture[str], programs: Path, tmp_path: Path
) -> None:
    (programs / 'display').unlink()
    picture = tmp_path / 'movie.png'
    dojobber_example.main(['--x11', '--png_output', str(picture)])
    assert capfd.readouterr().err == (
        "No picture after: 'display' was not found; "
        'install ImageMagick, or a graphical web browser\n'
    )
    assert picture.read_bytes() == b'dot\n'


@pytest.mark.parametrize(
    ('flags', 'started'),
    [
        ('--x11', ['dot', 'display']),
        ('--x11 --display_prerungraph', ['dot', 'display', 'dot', 'display']),
        ('--display_prerungraph', []),
        ('--display_prerungraph --no-x11', []),
    ],
)
def test_movie_night_opens_windows_only_with_x11(
    flags: str, started: list[str], programs: Path, tmp_path: Path
) -> None:
    dojobber_example.main(flags.split())
    log = tmp_path / 'started'
    assert (log.read_text().split() if log.exists() else []) == started


@pytest.mark.parametrize(
    'flags',
    sampled(
        [
            *('', '-v', '-d', '--battery_state charged', '--battery_state dead', '--couch_space'),
            *('--movie Clue', '--png_output /nonexistent/movie.png', '--no-x11', '--graph dot'),
            *('--pizza_success_try 0', '--pop_success_try 0', '--bowl_success_try 0'),
            # Of these there are other tests.
            *('-n', '--app-logs', '--movie Zardoz', '--display_prerungraph', '--x11'),
            *('--summary', '--graph'),
        ],
        13,
    ),
)
def test_movie_night_with_one_flag_fails_without_a_traceback_or_warning(
    flags: str, capfd: pytest.CaptureFixture[str], programs: Path
) -> None:
    assert dojobber_example.main(flags.split()) == 1
    err = capfd.readouterr().err
    assert ('Traceback' in err) == (flags == '-d')
    assert 'Warning' not in err


@pytest.mark.slow
@pytest.mark.usefixtures('programs')
def test_movie_night_with_any_flags_ends_without_a_traceback(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    flags = (
        ('-n',),
        ('-v', '--app-logs'),
        ('--movie', 'Zardoz'),
        GOOD_EVENING,
        ('--display_prerungraph', '--x11'),
        ('--png_output', str(tmp_path / 'movie.png')),
        ('--pizza_success_try', '1', '--bowl_success_try', '0'),
        ('--summary', '--graph=mermaid', '--report', str(tmp_path / 'report.json')),
    )
    for chosen in itertools.product((False, True), repeat=len(flags)):
        argv = [word for flag, taken in zip(flags, chosen) if taken for word in flag]
        assert dojobber_example.main(argv) in (0, 1), argv
    assert 'Traceback' not in capfd.readouterr().err


def test_movie_night_with_summary_says_what_went_wrong(capfd: pytest.CaptureFixture[str]) -> None:
    assert dojobber_example.main(['--summary']) == 1
    err = capfd.readouterr().err
    assert err.startswith('20 Jobs: 6 ok, 10 changed, 2 failed, 2 blocked in ')
    assert 'TurnOnTV failed after 3 tries\n' in err
    assert 'RuntimeError: Remote batteries are' in ' '.join(err.split())


def test_movie_night_prints_its_graph_for_mermaid(capfd: pytest.CaptureFixture[str]) -> None:
    dojobber_example.main(['--graph=mermaid'])
    out = capfd.readouterr().out
    assert out.startswith('flowchart TD\n')
    assert '["TurnOnTV: failed"]:::failed\n' in out


def test_movie_night_writes_its_report(tmp_path: Path) -> None:
    path = tmp_path / 'report.json'
    dojobber_example.main(['--report', str(path)])
    report = json.loads(path.read_text())
    assert report['success'] is False
    outcomes = {job['name']: job['outcome'] for job in report['jobs']}
    assert outcomes['Popcorn'] == 'changed'
    assert [name for name, outcome in outcomes.items() if outcome == 'failed'] == [
        'TurnOnTV',
        'SitOnCouch',
    ]


def test_help_names_every_flag(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        dojobber_example.main(['--help'])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    flags = '-n -v -d --app-logs --movie --battery_state --couch_space --pizza_success_try'
    more = '--pop_success_try --bowl_success_try --display_prerungraph --x11 --no-x11 --png_output'
    news = '--summary --graph --report --only --list -q'
    assert all(flag in text for flag in f'{flags} {more} {news}'.split())

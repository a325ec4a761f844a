"""examples/dotfiles.py, as a user starts it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import scripts
from tests.scripts import Done, counts

pytestmark = pytest.mark.slow

DIRECTORIES = ('.local', '.local/state', '.local/state/dotfiles')
CHANGED = (
    'Link .vim/colors/dusk.vim',
    'Link .vimrc',
    'Copy .config/tool',
    'Copy .netrc',
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory with an empty home and a folder with two links and two files."""
    files = {
        'links/.vimrc': 'set number\n',
        'links/.vim/colors/dusk.vim': 'highlight Normal\n',
        'files/.config/tool': 'theme = dark\n',
        'files/.netrc': 'machine example.com\n',
    }
    for name, text in files.items():
        path = tmp_path / 'dotfiles' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
    (tmp_path / 'dotfiles' / 'files' / '.netrc').chmod(0o600)
    (tmp_path / 'home').mkdir()
    return tmp_path


def run(place: Path, *flags: str) -> Done:
    return scripts.run('dotfiles.py', place, '--home=home', *flags)


def told(done: Done, outcome: str) -> set[str]:
    """Return the entries that the script says this of."""
    lines = [line.rpartition(': ') for line in done.stdout.splitlines()]
    return {name for name, _, found in lines if found == outcome}


def contents(place: Path) -> dict[str, tuple[int, str]]:
    """Return inode and content of all that is in the home directory."""
    found = {}
    for path in sorted((place / 'home').rglob('*')):
        text = os.readlink(path) if path.is_symlink() else ''
        if not text and path.is_file():
            text = path.read_text()
        found[str(path.relative_to(place / 'home'))] = (path.lstat().st_ino, text)
    return found


@pytest.mark.sample
def test_first_run_brings_everything_and_second_finds_all_well(place: Path) -> None:
    first = run(place)
    assert (first.returncode, counts(first)) == (0, '21 Jobs: 11 ok, 10 changed')
    directories = {f'Directory {each}' for each in (*DIRECTORIES, '.config', '.vim', '.vim/colors')}
    assert told(first, 'changed') == {*CHANGED, *directories}
    home, folder = place / 'home', place / 'dotfiles'
    for name in ('.vimrc', '.vim/colors/dusk.vim'):
        assert os.readlink(home / name) == str(folder / 'links' / name)
    assert (home / '.config' / 'tool').read_text() == 'theme = dark\n'
    assert (home / '.netrc').stat().st_mode & 0o777 == 0o600
    before = contents(place)

    second = run(place)
    assert (second.returncode, counts(second)) == (0, '21 Jobs: 21 ok')
    assert second.stdout == ''
    assert contents(place) == before
    # No temporary directories either.
    assert sum(len(Path(name).parts) == 1 for name in before) == 5


def test_name_that_is_not_utf_8_is_brought_like_others(place: Path) -> None:
    name = os.fsdecode(b'.caf\xe9')
    try:
        (place / 'dotfiles' / 'files' / name).write_text('au lait')
    except OSError:
        pytest.skip('such a file can not be made here')
    done = run(place)
    assert done.returncode == 0
    assert r'Copy .caf\xe9' in told(done, 'changed')
    assert (place / 'home' / name).read_text() == 'au lait'


def test_dry_run_says_what_would_change_and_changes_nothing(place: Path) -> None:
    run(place)
    (place / 'home' / '.vimrc').unlink()
    (place / 'dotfiles' / 'files' / '.config' / 'tool').write_text('theme = light\n')
    before = contents(place)
    done = run(place, '-n')
    assert (done.returncode, counts(done)) == (1, '21 Jobs: 18 ok, 2 would run, 1 might run')
    assert told(done, 'would_run') == {'Link .vimrc', 'Copy .config/tool'}
    assert contents(place) == before

    assert run(place).returncode == 0
    assert (place / 'home' / '.config' / 'tool').read_text() == 'theme = light\n'


def test_dry_run_in_an_empty_home_leaves_it_empty(place: Path) -> None:
    done = run(place, '-n')
    assert done.returncode == 1
    assert told(done, 'would_run') | told(done, 'might_run') >= set(CHANGED)
    assert contents(place) == {}


def test_files_of_the_user_block_only_their_own_entries(place: Path) -> None:
    (place / 'home' / '.vimrc').write_text('mine\n')
    (place / 'home' / '.netrc').write_text('mine too\n')
    dry = run(place, '-n')
    done = run(place)
    for each in (dry, done):
        assert each.returncode == 1
        assert told(each, 'blocked') == {'Link .vimrc', 'Copy .netrc'}
        assert 'home/.vimrc is not from here: move it, or use --force.\n' in each.stderr
        assert 'home/.netrc is not from here: move it, or use --force.\n' in each.stderr
    assert (place / 'home' / '.vimrc').read_text() == 'mine\n'
    assert (place / 'home' / '.netrc').read_text() == 'mine too\n'
    assert (place / 'home' / '.config' / 'tool').read_text() == 'theme = dark\n'

    forced = run(place, '--force')
    assert forced.returncode == 0
    assert told(forced, 'changed') == {'Link .vimrc', 'Copy .netrc'}
    assert (place / 'home' / '.vimrc').is_symlink()
    assert (place / 'home' / '.netrc').read_text() == 'machine example.com\n'
    assert counts(run(place)) == '21 Jobs: 21 ok'


@pytest.mark.parametrize('name', ['.vimrc', '.netrc'])
@pytest.mark.parametrize('leads_to', ['elsewhere', 'nowhere'])
def test_link_of_the_user_is_a_file_of_the_user(place: Path, name: str, leads_to: str) -> None:
    (place / 'home' / 'elsewhere').write_text('machine example.com\n')
    (place / 'home' / name).symlink_to(leads_to)
    assert told(run(place), 'blocked') == {f'{"Link" if name == ".vimrc" else "Copy"} {name}'}
    assert os.readlink(place / 'home' / name) == leads_to

    assert run(place, '--force').returncode == 0
    assert (place / 'home' / 'elsewhere').read_text() == 'machine example.com\n'


def test_copy_that_the_user_has_changed_is_theirs_until_it_is_as_we_wrote_it(place: Path) -> None:
    run(place)
    tool = place / 'home' / '.config' / 'tool'
    tool.write_text('theme = mine\n')
    (place / 'dotfiles' / 'files' / '.config' / 'tool').write_text('theme = light\n')
    assert told(run(place), 'blocked') == {'Copy .config/tool'}
    assert tool.read_text() == 'theme = mine\n'

    tool.write_text('theme = dark\n')  # an earlier version of ours
    assert told(run(place), 'changed') == {'Copy .config/tool'}
    assert tool.read_text() == 'theme = light\n'


def test_mode_of_a_copy_follows_the_folder(place: Path) -> None:
    run(place)
    (place / 'dotfiles' / 'files' / '.config' / 'tool').chmod(0o755)
    assert told(run(place), 'changed') == {'Copy .config/tool'}
    assert (place / 'home' / '.config' / 'tool').stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize('flags', [(), ('--force',), ('-n', '--force')])
def test_directory_is_never_replaced_and_no_file_by_a_directory(
    place: Path, flags: tuple[str, ...]
) -> None:
    (place / 'home' / '.vimrc').mkdir()
    (place / 'home' / '.config').write_text('a file\n')
    done = run(place, *flags)
    assert done.returncode == 1
    assert told(done, 'blocked') == {'Link .vimrc', 'Directory .config', 'Copy .config/tool'}
    assert 'home/.vimrc is in the way: move it.\n' in done.stderr
    assert 'home/.config is in the way: move it.\n' in done.stderr
    assert (place / 'home' / '.vimrc').is_dir()
    assert (place / 'home' / '.config').read_text() == 'a file\n'


def test_directory_may_be_a_link_of_the_user(place: Path) -> None:
    (place / 'home' / 'settings').mkdir()
    (place / 'home' / '.config').symlink_to('settings')
    assert run(place).returncode == 0
    assert (place / 'home' / '.config').is_symlink()
    assert (place / 'home' / 'settings' / 'tool').read_text() == 'theme = dark\n'


def test_mistakes_of_the_caller_are_told_with_status_2(place: Path) -> None:
    for flag in ('--home=nowhere', '--folder=nowhere'):
        done = run(place, flag)
        assert (done.returncode, done.stdout) == (2, '')
        assert done.stderr.endswith('error: nowhere is no directory\n')
    (place / 'dotfiles' / 'links' / '.netrc').write_text('')
    done = run(place)
    assert done.returncode == 2
    assert "error: two Jobs are named 'Room for .netrc'" in done.stderr
    assert contents(place) == {}

"""Which lines are the user's own, by where their code comes from."""

from __future__ import annotations

import linecache
import subprocess
import sys
import sysconfig
import zipfile
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import dojobber
from dojobber import _own_code
from dojobber._own_code import is_users_own

PACKAGE = Path(dojobber.__file__).parent
SOURCE = 'import sys\ndef frame(): return sys._getframe()\n'


def frame_of(file: str, module_file: object = None) -> FrameType:
    """Return a frame of code that has this file name."""
    names: dict[str, Any] = {'__file__': module_file}
    exec(compile(SOURCE, file, 'exec'), names)
    frame: FrameType = names['frame']()
    return frame


def is_own(file: object, module_file: object = None) -> bool:
    return is_users_own(frame_of(str(file), module_file))


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SOURCE)
    return path


@pytest.mark.parametrize('name', ['jobs.py', 'template.html', 'script', 'fast.pyx'])
def test_file_that_exists_is_own(tmp_path: Path, name: str) -> None:
    assert is_own(write(tmp_path / name))


def test_answer_stays_when_the_file_is_deleted(tmp_path: Path) -> None:
    path = write(tmp_path / 'jobs.py')
    assert is_own(path)
    path.unlink()
    assert is_own(path)


@pytest.mark.parametrize(
    'name', ['src/lxml/parser.pxi', 'pandas/_libs/parsers.pyx', 'json/decoder.py', '/no/such.py']
)
def test_file_that_does_not_exist_is_not_own(name: str) -> None:
    assert not is_own(name)
    assert not is_own(f'{name}x', '/venv/lib/python3.11/site-packages/lxml/etree.so')


def test_relative_name_is_own_for_a_script_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / 'src' / 'here.pxi')
    write(tmp_path / 'here.py')
    assert not is_own('src/here.pxi')
    assert is_own('here.py')


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('<stdin>', True),
        ('<stdin-1>', True),
        ('<python-input-3>', True),
        ('<ipython-input-1-2b3c>', True),
        ('<doctest jobs.py[0]>', True),
        ('<console>', True),
        ('<pyshell#1>', True),
        ('<string>', False),
        ('<attrs generated methods jobs.Host>', False),
        ('<attrs generated init jobs.Host>', False),
        ('<frozen importlib._bootstrap>', False),
        ('<template>', False),
        ('<__array_function__ internals>', False),
        ('<decorator-gen-1>', False),
    ],
)
def test_what_is_typed_is_own_and_what_is_generated_is_not(name: str, expected: bool) -> None:
    assert is_own(name) is expected


def test_line_of_a_command_is_own() -> None:
    code = (
        'import sys; from dojobber._own_code import is_users_own; '
        'print((lambda: is_users_own(sys._getframe()))())'
    )
    assert python('-c', code) == 'True\n'


def test_cell_of_a_notebook_is_own(monkeypatch: pytest.MonkeyPatch) -> None:
    file = '/tmp/ipykernel_1/23456.py'
    monkeypatch.setitem(linecache.cache, file, (len(SOURCE), None, [SOURCE], file))
    assert is_own(file)


def test_file_that_linecache_only_knows_how_to_look_for_is_not_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(linecache.cache, 'lazy.pyx', (lambda: None,))
    assert not is_own('lazy.pyx')


def test_method_of_a_dataclass_is_not_own() -> None:
    @dataclass(frozen=True)
    class Point:
        x: int

    try:
        Point(1).x = 2  # type: ignore[misc]
    except AttributeError as error:
        assert error.__traceback__ is not None
        assert error.__traceback__.tb_next is not None
        assert not is_users_own(error.__traceback__.tb_next.tb_frame)


def test_standard_library_is_not_own() -> None:
    stdlib = Path(sysconfig.get_path('stdlib'))
    assert not is_own(stdlib / 'json' / 'decoder.py')
    assert not is_own(stdlib.resolve() / 'subprocess.py')
    assert not is_own('/opt/python/python311.zip/json/decoder.py')


def test_what_is_installed_is_not_own() -> None:
    assert not is_own(pytest.__file__)
    assert not is_own(Path(sysconfig.get_path('purelib')) / 'tool.py')


def test_this_library_is_not_own_but_the_tests_beside_it_are() -> None:
    assert not is_own(_own_code.__file__)
    assert not is_own(PACKAGE / '_output' / 'summary.py')
    assert is_own(__file__)


@pytest.mark.parametrize(
    'place',
    [
        '.venv/lib/python3.11/site-packages',
        'env/lib64/python3.13t/site-packages',
        'env/Lib/site-packages',
        'usr/lib/python3/dist-packages',
        'pypy/lib/pypy3.10/site-packages',
    ],
)
def test_virtualenv_within_a_project_is_not_own(tmp_path: Path, place: str) -> None:
    assert not is_own(write(tmp_path / place / 'requests' / 'api.py'))


def test_project_below_a_directory_by_the_name_of_one_of_packages_is_own(tmp_path: Path) -> None:
    assert is_own(write(tmp_path / 'site-packages' / 'project' / 'jobs.py'))
    assert is_own(write(tmp_path / 'my-site-packages' / 'jobs.py'))
    assert is_own(write(tmp_path / 'site-packages.py'))


def test_directory_that_packages_were_installed_into_is_not_own(tmp_path: Path) -> None:
    (tmp_path / 'site-packages' / 'requests-2.0.dist-info').mkdir(parents=True)
    assert not is_own(write(tmp_path / 'site-packages' / 'requests' / 'api.py'))
    assert not is_own('/no/such/site-packages/tool.py')
    assert not is_own(write(tmp_path / 'tool-1.0.whl' / 'tool.py'))


def test_code_in_a_zip_is_own_where_it_is_imported_from_there() -> None:
    assert is_own('/home/you/app.pyz/jobs.py', '/home/you/app.pyz/jobs.py')
    assert not is_own('/home/you/other.pyz/jobs.py', ['/home/you/other.pyz/jobs.py'])


def test_answers_are_kept_for_some_files_only() -> None:
    for number in range(10_100):
        _own_code._known[f'/no/{number}'] = False
    assert not is_own('/no/other')
    assert len(_own_code._known) < 10_000


def python(*arguments: str, script: str | None = None) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={'PYTHONPATH': str(PACKAGE.parent)},
        input=script,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_unpacked_program_is_not_own(tmp_path: Path) -> None:
    file = write(tmp_path / '_MEI123' / 'requests' / 'api.py')
    script = f"""
import sys
sys._MEIPASS = {str(tmp_path / '_MEI123')!r}
from dojobber._own_code import is_users_own
names = {{}}
exec(compile({SOURCE!r}, {str(file)!r}, 'exec'), names)
print(is_users_own(names['frame']()), is_users_own(sys._getframe()))
"""
    assert python(script=script) == 'False True\n'


def test_library_in_a_zip_and_without_a_file_is_known_and_works(tmp_path: Path) -> None:
    archive = tmp_path / 'app.pyz'
    with zipfile.ZipFile(archive, 'w') as packed:
        for path in PACKAGE.rglob('*.py'):
            packed.write(path, Path('dojobber') / path.relative_to(PACKAGE))
        packed.writestr(
            '__main__.py',
            'from dojobber import DoJobber, Job\n'
            'import dojobber._own_code\n'
            'class Fails(Job):\n'
            '    TRIES = 1\n'
            '    def Check(self):\n'
            '        raise ValueError\n'
            'dojob = DoJobber()\n'
            'dojob.configure(Fails)\n'
            'dojob.checknrun()\n'
            'print(dojobber._own_code.PACKAGE)\n'
            'print(dojob.report())\n',
        )
    done = subprocess.run([sys.executable, archive], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert lines[0] == f'{archive}/dojobber/'
    assert '__main__.py:6: ValueError' in ' '.join(lines)


def test_library_whose_modules_have_no_file_is_imported() -> None:
    script = """
import sys
from importlib.machinery import PathFinder

class Frozen:
    def find_spec(self, name, path=None, target=None):
        spec = PathFinder.find_spec(name, path)
        if spec is not None and name.partition('.')[0] == 'dojobber':
            spec.has_location = False
        return spec

sys.meta_path.insert(0, Frozen())
from dojobber import DoJobber, DummyJob
import dojobber
dojob = DoJobber()
dojob.configure(DummyJob, summary=True)
dojob.checknrun()
print(hasattr(dojobber, '__file__'), dojob.success())
"""
    assert python(script=script) == 'False True\n'

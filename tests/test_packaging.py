"""What is installed, and how the modules depend on each other."""

from __future__ import annotations

import ast
import doctest
import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import dojobber
import dojobber.dojobber
import dojobber.errors
import dojobber.events
import dojobber.job
import dojobber.outcome
import dojobber.remote
import dojobber.report

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / 'dojobber'

#: The modules of the package, and which of the others each imports at its top.
_IMPORTS = {
    '__init__': '_interrupt dojobber errors events job main outcome remote report',
    '__main__': '_attributes _exceptions _own_code errors job main',
    '_attempt': '_failures _interrupt _record _workdir errors job outcome',
    '_attributes': '_exceptions errors job',
    '_cleanup': '_attempt _failures _graph _interrupt _workdir job',
    '_exceptions': 'remote',
    '_executors': '',
    '_executors.by_value': '_executors.pickling',
    '_executors.locks': '_scheduler',
    '_executors.pickling': '_exceptions _failures _record remote',
    '_executors.pool': (
        '_attributes _exceptions _executors.by_value _executors.pickling _graph _record errors job'
    ),
    '_executors.reports': '_exceptions _executors.pickling _failures _record job remote report',
    '_executors.run': (
        '_attempt _attributes _cleanup _exceptions _executors.locks _executors.pool '
        '_executors.storage _executors.transport _failures _graph _interrupt _run _workdir '
        'outcome'
    ),
    '_executors.storage': '_executors.pickling',
    '_executors.transport': (
        '_attempt _exceptions _executors.pickling _executors.pool _executors.storage '
        '_executors.worker _workdir job remote'
    ),
    '_executors.worker': (
        '_attempt _exceptions _executors.by_value _executors.pickling _executors.storage '
        '_failures _record _workdir job outcome'
    ),
    '_failures': '_exceptions _interrupt _own_code job',
    '_graph': '_attributes _exceptions errors job',
    '_interrupt': '',
    '_notify': '_attempt _exceptions _failures _interrupt _results events job outcome',
    '_options': '_attributes _exceptions errors events',
    '_output': '',
    '_output.console': '_exceptions _output.stderr _output.text events outcome remote report',
    '_output.graph_formats': '_graph _output.palette _output.text outcome',
    '_output.graph_layout': '',
    '_output.graphviz': '',
    '_output.html': (
        '_exceptions _failures _output.palette _output.reasons _output.summary _output.svg '
        '_output.text outcome report'
    ),
    '_output.junit': '_output.plain report',
    '_output.palette': 'outcome',
    '_output.plain': '_exceptions _failures _output.reasons remote report',
    '_output.progress': '_output.status_line _output.text _record events outcome',
    '_output.reasons': '_exceptions _failures _output.text outcome',
    '_output.secrets': 'errors',
    '_output.status_line': '_output.text',
    '_output.stderr': '',
    '_output.summary': '_failures _output.palette _output.reasons _output.text outcome report',
    '_output.svg': '_output.graph_layout _output.palette _output.text outcome',
    '_output.text': '',
    '_own_code': '',
    '_record': '',
    '_results': '_attempt _failures _graph outcome',
    '_run': (
        '_attempt _cleanup _exceptions _failures _graph _interrupt _notify _options '
        '_results _scheduler _watch _workdir events job outcome'
    ),
    '_scheduler': '',
    '_watch': '_attributes _results outcome',
    '_workdir': '',
    'dojobber': (
        '_cleanup _exceptions _failures _graph _interrupt _options _output.console _results '
        '_run _workdir errors events job outcome report'
    ),
    'errors': '',
    'events': '_record job outcome',
    'job': '',
    'main': '_interrupt _output.stderr _output.text dojobber errors job outcome report',
    'outcome': '',
    'remote': '',
    'report': '_failures _graph _record _results job outcome',
}
ARROWS = {module: set(names.split()) for module, names in _IMPORTS.items()}


def imports(node: ast.AST) -> Iterator[str]:
    """Yield the full names of what an import statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, 'a relative import'
        yield from (f'{node.module}.{alias.name}' for alias in node.names)


@cache
def parsed() -> dict[str, ast.Module]:
    """Return the syntax trees of the package's modules, by name."""
    return {module_name(path): ast.parse(path.read_text()) for path in PACKAGE.rglob('*.py')}


@cache
def nodes() -> dict[str, list[ast.AST]]:
    """Return all nodes of these trees."""
    return {module: [*ast.walk(tree)] for module, tree in parsed().items()}


def module_name(path: Path) -> str:
    """Return the name of a module below the package; a folder stands for its __init__."""
    name = '.'.join(path.relative_to(PACKAGE).with_suffix('').parts)
    return name.removesuffix('.__init__')


def target(name: str) -> str:
    """Return the module that an import of a full name is from."""
    parts = name.split('.')[1:]
    while '.'.join(parts) not in ARROWS:
        parts.pop()
    return '.'.join(parts)


def test_modules_import_each_other_along_the_arrows() -> None:
    found = {
        module: {
            target(name)
            for node in tree.body
            for name in imports(node)
            if name.split('.')[0] == 'dojobber'
        }
        for module, tree in parsed().items()
    }
    assert found == ARROWS


def test_arrows_form_no_circle() -> None:
    assert {*[*TopologicalSorter(ARROWS).static_order()][-2:]} == {'__init__', '__main__'}


#: The doors to a wing: modules that enter it only when it is needed, by an import in a function.
DOORS = {
    'report': {
        '_executors.reports',
        '_output.html',
        '_output.junit',
        '_output.plain',
        '_output.summary',
    },
    '_output.console': {'_output.secrets', '_output.summary'},
    'main': {'_output.secrets'},
    'dojobber': {
        '_executors.pool',
        '_executors.run',
        '_output.graph_formats',
        '_output.graphviz',
        '_output.progress',
        '_output.secrets',
        '_output.svg',
        '_output.text',
    },
}
#: What is loaded late of the standard library: few runs need it, or not all systems have it.
LOADED_LATE = {
    '_attributes': {'decimal', 'difflib', 'inspect', 'numbers'},
    '_graph': {'difflib'},
    '_output.graphviz': {'pathlib', 'subprocess', 'tempfile', 'webbrowser'},
    '_output.console': {'textwrap'},
    '_output.status_line': {'termios'},
    '_output.text': {'shutil'},
    '_record': {'dataclasses', 'inspect', 'typing_extensions'},
    '_workdir': {'fcntl'},
    'report': {'datetime', 'shutil'},
    'dojobber': {'concurrent'},
    'main': {'argparse', 'concurrent', 'json', 'tempfile'},
}


def test_modules_import_at_their_top_but_for_the_doors_and_what_is_loaded_late() -> None:
    for module, tree in parsed().items():
        below = {*nodes()[module]} - {*tree.body}
        names = {name for node in below for name in imports(node)}
        doors = {target(name) for name in names if name.startswith('dojobber.')}
        others = {name.partition('.')[0] for name in names} - {'dojobber'}
        assert doors == DOORS.get(module, set()), module
        assert others == LOADED_LATE.get(module, set()), module


def test_no_module_loads_dataclasses_or_inspect_at_its_top() -> None:
    # With either, the import takes a third longer.
    tops = {
        name.split('.')[0] for tree in parsed().values() for n in tree.body for name in imports(n)
    }
    assert not tops & {'dataclasses', 'inspect'}


def test_doors_lead_into_a_wing() -> None:
    wings = {name.partition('.')[0] for names in DOORS.values() for name in names}
    assert wings == {'_executors', '_output'}


def private_names(module: str) -> set[str]:
    """Return the private names that a module defines, whatever they are names of."""
    found: set[str] = set()
    for node in nodes()[module]:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)  # it may be one of __slots__
    return {name for name in found if name.startswith('_') and not name.endswith('__')}


def is_own(node: ast.Attribute) -> bool:
    """Return whether it is an attribute of the object itself; that may be one of a base class."""
    return isinstance(node.value, ast.Name) and node.value.id in ('self', 'cls')


def test_no_module_reads_the_private_fields_of_another() -> None:
    own = {module: private_names(module) for module in nodes()}
    everywhere = set().union(*own.values())
    assert [
        (module, ast.unparse(node))
        for module, below in nodes().items()
        for node in below
        if isinstance(node, ast.Attribute) and node.attr in everywhere - own[module]
        if not is_own(node)
    ] == []


def test_no_test_module_is_imported_by_another() -> None:
    imported = {
        (path.name, f'{getattr(node, "module", "")}.{alias.name}')
        for path in (REPOSITORY / 'tests').rglob('*.py')
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert [each for each in imported if '.test_' in each[1]] == []


def test_tox_knows_newer_pythons_too() -> None:
    listed = re.search(r'^env_list = py3\{([\d,]+)\}', (REPOSITORY / 'tox.ini').read_text(), re.M)
    assert listed is not None and listed[1].split(',') == ['10', '11', '12', '13', '14', '15']


def test_phases_are_compared_as_members_of_their_enumeration() -> None:
    names = {phase.value for phase in dojobber.Phase}
    assert [
        (module, ast.unparse(node))
        for module, below in nodes().items()
        for node in below
        if isinstance(node, ast.Compare)
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and each.value in names
    ] == [('job', "self._check_phase == 'check'")]  # a text, as in DoJobber


def test_modules_import_nothing_but_the_standard_library() -> None:
    for module, below in nodes().items():
        tops = {name.split('.')[0] for node in below for name in imports(node)}
        # Only type checkers look for typing_extensions, and they bring it along.
        assert tops <= {*sys.stdlib_module_names, 'dojobber', 'typing_extensions'}, module


#: Imports the package and prints what else that loads, but for the standard library.
LOADS = f"""
import sys
before = set(sys.modules)
sys.path.insert(0, {str(REPOSITORY)!r})
import dojobber
found = {{name.partition('.')[0] for name in set(sys.modules) - before}}
heavy = {{'subprocess', '_posixsubprocess', 'argparse', 'asyncio'}}
print(*(found - sys.stdlib_module_names), *(found & heavy))
"""


def test_import_writes_nothing_and_loads_no_subprocess_argparse_or_asyncio() -> None:
    # Without the site module, which may load what it likes.
    command = [sys.executable, '-I', '-S', '-W', 'error', '-c', LOADS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, 'dojobber\n', '')


@pytest.mark.parametrize(
    'module',
    [
        *(dojobber, dojobber.dojobber, dojobber.errors, dojobber.events, dojobber.job),
        *(dojobber.outcome, dojobber.remote, dojobber.report),
    ],
)
def test_public_names_are_sorted_and_there(module: object) -> None:
    names: list[str] = module.__all__  # type: ignore[attr-defined]
    assert names == sorted(set(names))
    assert all(hasattr(module, name) for name in names)


def test_example_in_help_does_what_it_shows() -> None:
    failed, tried = doctest.testmod(dojobber)
    assert not failed and tried


@pytest.mark.parametrize('name', ['README.rst', 'pyproject.toml'])
def test_readers_are_told_which_systems_are_tested_and_which_only_simulated(name: str) -> None:
    text = ' '.join((REPOSITORY / name).read_text().split()).lower()
    assert 'tested on linux' in text
    assert 'only simulated' in text


def test_version_is_written_in_one_place() -> None:
    assert re.fullmatch(r'\d+\.\d+\.\d+', dojobber.__version__)
    for name in ('pyproject.toml', 'tox.ini', 'README.rst', 'docs/conf.py'):
        assert dojobber.__version__ not in (REPOSITORY / name).read_text(), name


def test_changelog_begins_with_the_version() -> None:
    headings = re.findall(r'^(\d.*)\n-+$', (REPOSITORY / 'docs/changelog.rst').read_text(), re.M)
    assert headings[0] == dojobber.__version__


def test_contributors_are_told_of_every_module() -> None:
    page = (REPOSITORY / 'docs' / 'contributing.rst').read_text()
    assert [name for name in ARROWS if f'``{name.rpartition(".")[2]}``' not in page] == []


def installed() -> importlib.metadata.Distribution:
    """Return what is installed of this package, or skip the test."""
    try:
        return importlib.metadata.distribution('dojobber')
    except importlib.metadata.PackageNotFoundError:
        pytest.skip('dojobber is not installed, only checked out')


def test_metadata_are_those_of_the_project() -> None:
    metadata = installed().metadata
    assert metadata['Version'] == dojobber.__version__
    assert (metadata['License-Expression'], metadata['Requires-Python']) == ('MIT', '>=3.10')
    requirements = [line.split(';') for line in metadata.get_all('Requires-Dist') or ()]
    assert sorted(name.strip() for name, _ in requirements) == ['pytest', 'sphinx', 'tox']
    assert {extra.strip() for _, extra in requirements} == {"extra == 'dev'"}


def test_wheel_holds_the_package_and_nothing_else() -> None:
    files = [str(path) for path in installed().files or ()]
    if 'dojobber/__init__.py' not in files:
        pytest.skip('dojobber is installed as editable, not from a wheel; tox does that')
    package = {path for path in files if '.dist-info/' not in path and '.pyc' not in path}
    assert package == {str(path.relative_to(REPOSITORY)) for path in PACKAGE.rglob('*.py')} | {
        'dojobber/py.typed'
    }
    assert any(path.endswith('.dist-info/licenses/LICENSE') for path in files)

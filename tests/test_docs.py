"""README and docs: the scripts are executed, and what they print is compared."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from docutils.core import publish_doctree

import dojobber
from tests.seeds import sampled

REPOSITORY = Path(__file__).resolve().parent.parent
README = REPOSITORY / 'README.rst'
PAGES = [README, *sorted((REPOSITORY / 'docs').glob('*.rst'))]
COMMANDS = (
    'python3 -m tests.dojobber_example --summary',
    "python3 -m venv .venv && .venv/bin/pip install -e '.[dev]' && .venv/bin/pytest",
)
# The directory in which the scripts of the pages lie, as the pages show it.
PLACE = '/home/you'


class Block(NamedTuple):
    """A piece of code of a page."""

    language: str
    #: The file that it stands for; '' if it stands for none.
    name: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page, in order."""
    found = re.findall(
        r'^\.\. code-block:: (\w+)\n(?:   :name: (\S+)\n)?\n((?:   .*\n|\n)+)',
        page.read_text(),
        re.MULTILINE,
    )
    return [
        Block(language, name, re.sub('^   ', '', text, flags=re.MULTILINE).rstrip() + '\n')
        for language, name, text in found
    ]


def session(text: str, directory: Path) -> str:
    """Type the commands of a console block anew and return how it looks then."""
    path = os.pathsep.join((os.path.dirname(sys.executable), os.environ['PATH']))
    env = {**os.environ, 'PATH': path, 'PYTHONPATH': str(REPOSITORY), 'COLUMNS': '80'}
    # So that lines on stdout and on stderr come in the order in which a terminal shows them.
    env['PYTHONUNBUFFERED'] = '1'
    seen = ''
    for command in re.findall(r'^\$ (.+)$', text, re.MULTILINE):
        done = subprocess.run(
            command,
            shell=True,
            cwd=REPOSITORY if 'tests.dojobber_example' in command else directory,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        seen += f'$ {command}\n{done.stdout}'
    return re.sub(r' in \d+\.\d s, ', ' in 0.4 s, ', seen.replace(str(directory), PLACE))


def executed(page: Path, directory: Path) -> list[tuple[str, str]]:
    """Write the scripts of a page and type its commands; pair how that looks with what it shows."""
    pairs = []
    for block in blocks(page):
        if block.language == 'console':
            pairs.append((session(block.text, directory), block.text))
        else:
            assert block.name, f'nothing executes this:\n{block.text}'
            (directory / block.name).parent.mkdir(exist_ok=True)
            (directory / block.name).write_text(block.text)
    return pairs


@pytest.mark.parametrize('page', sampled(PAGES, 1), ids=lambda page: page.name)
def test_scripts_of_a_page_print_what_it_shows(page: Path, tmp_path: Path) -> None:
    for found, shown in executed(page, tmp_path):
        assert found == shown


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.name)
def test_examples_of_a_page_print_what_it_shows(page: Path) -> None:
    failed, _ = doctest.testfile(
        str(page), module_relative=False, optionflags=doctest.ELLIPSIS, encoding='utf-8'
    )
    assert not failed


def test_code_of_the_pages_is_found() -> None:
    assert [block.name for block in blocks(README)] == ['web.py', 'reload.sh', '', '']
    for page in PAGES:
        assert len(blocks(page)) == page.read_text().count('code-block::')


def test_readme_renders_without_a_remark() -> None:
    # The lowest level reports everything and stops at it.
    publish_doctree(README.read_text(), settings_overrides={'report_level': 1, 'halt_level': 1})


def test_readme_is_short_and_so_is_its_first_script() -> None:
    assert len(README.read_text().splitlines()) <= 120
    assert len(blocks(README)[0].text.splitlines()) <= 40


def test_readme_has_the_two_commands_and_ci_types_the_second() -> None:
    lines = [line.strip() for line in README.read_text().splitlines()]
    commands = [line for line in lines if line.startswith('python3') and '/path/to/' not in line]
    assert commands == list(COMMANDS)
    assert COMMANDS[1] in (REPOSITORY / '.ci' / 'run').read_text()


def test_reference_has_every_public_name() -> None:
    reference = (REPOSITORY / 'docs' / 'reference.rst').read_text()
    named = re.findall(r'^\.\. auto\w+:: (\w+)(?:\(\))?$', reference, re.MULTILINE)
    assert sorted(named) == dojobber.__all__

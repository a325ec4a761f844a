"""The benchmark works; how fast we are is its matter, not that of the tests."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.benchmarks.__main__ import SECTIONS, main
from tests.benchmarks.sections import Settings
from tests.benchmarks.subjects import CASES, SHAPES, Case, Subject
from tests.seeds import sampled

TINY = Settings(
    sizes=(10, 24), rounds=1, growth=(10, 20), waiting=16, working=4, empty=10, layered=(10, 20)
)


@pytest.mark.slow
def test_each_section_has_rows_of_finite_positive_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(['--json', str(tmp_path / 'figures.json')], TINY)
    tables = json.loads((tmp_path / 'figures.json').read_text())
    printed = capsys.readouterr().out
    for section in [*(each.__name__ for each in SECTIONS), 'summary']:
        assert tables[section], section
        for row in tables[section]:
            figures = [cell for cell in row.values() if not isinstance(cell, str)]
            assert figures and all(0 < each < math.inf for each in figures), (section, row)
            assert all(column in printed for column in row)


@pytest.mark.parametrize('shape', SHAPES)
def test_shapes_have_the_size_they_say(shape: str) -> None:
    for size in (2, 9, 10, 11, 24, 31):
        assert len(Subject(shape, size).configured().graph.nodes()) == size


@pytest.mark.parametrize('case', CASES, ids=[case.name for case in CASES])
def test_bare_loop_and_dojobber_end_with_the_same_work_done(case: Case) -> None:
    subject = Subject('layered', 31, case)
    subject.bare_loop()()
    assert not any(subject.runs_left)
    dojob = subject.configured()
    dojob.checknrun()
    assert dojob.success() is not case.bare_passes
    assert any(subject.runs_left) is case.bare_passes


@pytest.mark.parametrize('shape', sampled(sorted(SHAPES, key=lambda shape: shape != 'layered')))
@pytest.mark.parametrize('case', CASES, ids=[case.name for case in CASES])
def test_floor_and_dojobber_come_to_the_same(case: Case, shape: str) -> None:
    subject = Subject(shape, 31, case)
    done = subject.floor()()
    left, subject.runs_left[:] = list(subject.runs_left), subject.runs
    dojob = subject.configured()
    dojob.checknrun()
    assert subject.runs_left == left
    assert done.nodestatus == dojob.nodestatus
    assert done.noderesults == dojob.noderesults
    assert list(map(str, done.nodeexceptions.values())) == list(
        map(str, dojob.nodeexceptions.values())
    )
    assert [len(each) for each in done.spans] == [entry.tries for entry in dojob.report()]

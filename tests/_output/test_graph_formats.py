"""The graph as text: an indented tree, Mermaid, DOT."""

from __future__ import annotations

import re

import pytest

from dojobber import DummyJob, Job
from dojobber._graph import Graph, walk
from dojobber._output.graph_formats import dot, mermaid, text
from dojobber.outcome import Outcome

MERMAID_LABEL = re.compile(r'\["(.*)"\]')


def named(name: str, *dependencies: type[Job]) -> type[Job]:
    return DummyJob.clone(name, DEPS=dependencies)


def graph_of(root: type[Job]) -> Graph:
    return walk(root, 1, 0)


def diamond() -> Graph:
    """Return the graph of a Job on two others that share one, which has a dependency itself."""
    kettle = named('Kettle', named('Water'))
    return graph_of(named('Breakfast', named('Tea', kettle), named('Egg', kettle)))


AFTER = {
    'Water': Outcome.OK,
    'Kettle': Outcome.CHANGED,
    'Tea': Outcome.FAILED,
    'Egg': Outcome.OK,
    'Breakfast': Outcome.BLOCKED,
}


def chain(length: int) -> Graph:
    """Return a graph of Jobs that are named so that each takes the same room."""
    job = named('J00000')
    for number in range(1, length):
        job = named(f'J{number:05}', job)
    return graph_of(job)


def mermaid_label(name: str) -> str:
    found = MERMAID_LABEL.search(mermaid(graph_of(named(name)), {}))
    assert found
    return found[1]


def contrast(one: str, other: str) -> float:
    dark, bright = sorted(map(light, (one, other)))
    return (bright + 0.05) / (dark + 0.05)


def light(colour: str) -> float:
    parts = [int(each, 16) / 255 for each in re.findall('..', colour[1:])]
    linear = [each / 12.92 if each <= 0.04 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear))


# The tree


def test_text_before_a_run_shows_each_job_above_its_dependencies_and_a_shared_one_once() -> None:
    assert text(diamond(), {}, True) == (
        'Breakfast\n  Tea\n    Kettle\n      Water\n  Egg\n    Kettle (see above)\n'
    )


def test_text_after_a_run_labels_each_job_with_its_outcome() -> None:
    assert text(diamond(), AFTER, False) == (
        'Breakfast: blocked\n'
        '  Tea: failed\n'
        '    Kettle: changed\n'
        '      Water: ok\n'
        '  Egg: ok\n'
        '    Kettle: changed (see above)\n'
    )


def test_text_with_colours_paints_names_and_outcomes() -> None:
    assert text(diamond(), AFTER, True) == (
        '\x1b[33mBreakfast: blocked\x1b[0m\n'
        '  \x1b[31mTea: failed\x1b[0m\n'
        '    \x1b[32mKettle: changed\x1b[0m\n'
        '      \x1b[32mWater: ok\x1b[0m\n'
        '  \x1b[32mEgg: ok\x1b[0m\n'
        '    \x1b[32mKettle: changed\x1b[0m (see above)\n'
    )


def test_text_of_jobs_without_an_outcome_is_their_names() -> None:
    assert text(diamond(), {'Water': Outcome.OK, 'Kettle': Outcome.WOULD_RUN}, False) == (
        'Breakfast\n'
        '  Tea\n'
        '    Kettle: would run\n'
        '      Water: ok\n'
        '  Egg\n'
        '    Kettle: would run (see above)\n'
    )


def test_text_of_a_shared_job_without_dependencies_has_no_remark() -> None:
    shared = named('Shared')
    assert text(graph_of(named('Top', named('Other', shared), shared)), {}, False) == (
        'Top\n  Other\n    Shared\n  Shared\n'
    )


def test_text_masks_secrets() -> None:
    graph = graph_of(named('s3cret'))
    assert text(graph, {}, False, lambda text: text.replace('s3cret', 'x')) == 'x\n'


def test_text_of_an_empty_graph_is_empty() -> None:
    assert text(Graph(), {}, False) == ''


def test_text_of_odd_names_stays_on_one_line_and_shows_what_can_not_be_seen() -> None:
    graph = graph_of(named('two\nlines', named('\x1b[31mred'), named('Füße 映画 🎬')))
    assert text(graph, {}, False) == 'two\\nlines\n  \\x1b[31mred\n  Füße 映画 🎬\n'


def test_text_goes_thirty_deep_and_then_on_at_the_left_margin() -> None:
    lines = text(chain(33), {}, False).split('\n')
    assert lines[:2] == ['J00032', '  J00031']
    assert lines[29:] == [
        '  ' * 29 + 'J00003',
        '  ' * 30 + 'J00002 (see below)',
        '',
        'J00002',
        '  J00001',
        '    J00000',
        '',
    ]


def test_text_of_a_leaf_at_the_greatest_depth_refers_to_nothing() -> None:
    lines = text(chain(31), {}, False).splitlines()
    assert lines[-1] == '  ' * 30 + 'J00000'


def test_text_shows_a_deep_job_once_however_often_it_is_referred_to() -> None:
    deep = named('Deep', named('Leaf'))
    deepest = job = named('J0', deep, named('Other', deep))
    for number in range(1, 29):
        job = named(f'J{number}', job)
    lines = text(graph_of(named('Top', job, deepest)), {}, False).splitlines()
    assert lines[29:] == [
        '  ' * 29 + 'J0',
        '  ' * 30 + 'Deep (see below)',
        '  ' * 30 + 'Other (see below)',
        '  J0 (see above)',
        '',
        'Deep',
        '  Leaf',
        '',
        'Other',
        '  Deep (see above)',
    ]


def test_text_goes_on_where_a_deep_job_comes_again_less_deep() -> None:
    deep = job = named('J30', named('Leaf'))
    for number in reversed(range(1, 30)):
        job = named(f'J{number}', job)
    lines = text(graph_of(named('Top', job, deep)), {}, False).splitlines()
    assert lines[30:] == ['  ' * 30 + 'J30 (see below)', '  J30', '    Leaf']


def test_text_of_a_chain_grows_with_its_length_only() -> None:
    short, long = text(chain(600), {}, False), text(chain(1_200), {}, False)
    assert len(long) < 2.1 * len(short)
    assert long.count('\n') < 1_320


@pytest.mark.slow
def test_text_of_many_jobs_under_one_has_a_line_for_each() -> None:
    class Top(DummyJob):
        DEPS = [named(f'J{number}') for number in range(100_000)]

    lines = text(graph_of(Top), {}, False).splitlines()
    assert lines[:3] == ['Top', '  J0', '  J1']
    assert len(lines) == 100_001


# Mermaid


def test_mermaid_before_a_run_gives_each_job_and_its_dependencies() -> None:
    assert mermaid(diamond(), {}) == (
        'flowchart TD\n'
        '    n0["Water"]\n'
        '    n1["Kettle"]\n'
        '    n1 --> n0\n'
        '    n2["Tea"]\n'
        '    n2 --> n1\n'
        '    n3["Egg"]\n'
        '    n3 --> n1\n'
        '    n4["Breakfast"]\n'
        '    n4 --> n2\n'
        '    n4 --> n3\n'
    )


def test_mermaid_after_a_run_gives_outcomes_and_only_the_classes_that_are_used() -> None:
    assert mermaid(diamond(), {**AFTER, 'Elsewhere': Outcome.NOT_RUN}) == (
        'flowchart TD\n'
        '    n0["Water: ok"]:::ok\n'
        '    n1["Kettle: changed"]:::changed\n'
        '    n1 --> n0\n'
        '    n2["Tea: failed"]:::failed\n'
        '    n2 --> n1\n'
        '    n3["Egg: ok"]:::ok\n'
        '    n3 --> n1\n'
        '    n4["Breakfast: blocked"]:::blocked\n'
        '    n4 --> n2\n'
        '    n4 --> n3\n'
        '    classDef ok fill:#1a7f37,color:#ffffff,stroke:#8a9099\n'
        '    classDef changed fill:#0b4a1f,color:#ffffff,stroke:#8a9099\n'
        '    classDef failed fill:#c62828,color:#ffffff,stroke:#8a9099\n'
        '    classDef blocked fill:#5d646d,color:#ffffff,stroke:#8a9099,stroke-dasharray:5 3\n'
    )


def test_mermaid_of_an_outcome_of_two_words_has_a_class_of_one() -> None:
    lines = mermaid(diamond(), {'Water': Outcome.WOULD_RUN}).splitlines()
    assert lines[1] == '    n0["Water: would run"]:::would_run'
    assert lines[2] == '    n1["Kettle"]'
    assert lines[-1].startswith('    classDef would_run fill:')


def test_mermaid_of_an_empty_graph_is_an_empty_chart() -> None:
    assert mermaid(Graph(), {}) == 'flowchart TD\n'


@pytest.mark.parametrize(
    ('name', 'label'),
    [
        ('end', 'end'),
        ('Make tea (hot), v1.2-rc/3', 'Make tea (hot), v1.2-rc/3'),
        ('Füße 映画 🎬', 'Füße 映画 🎬'),
        ('a{b}|c];d=e+f', 'a{b}|c];d=e+f'),
        ('say "hi"', 'say #34;hi#34;'),
        ('#35;', '#35;35;'),
        ('<b>&amp;', '#60;b#62;#38;amp;'),
        ('`x`', '#96;x#96;'),
        ('*x*', '#42;x#42;'),
        ('50 %% x', '50 #37;#37; x'),
        ('$$x$$', '#36;#36;x#36;#36;'),
        ('~~x~~', '#126;#126;x#126;#126;'),
        ('a@b.c', 'a#64;b.c'),
        ('[x](y)', '#91;x](y)'),
        ('a\\nb', 'a#92;nb'),
        ('snake_case_2', 'snake_case_2'),
        ('_x_', '#95;x#95;'),
        ('a__b', 'a#95;#95;b'),
        ('- x', '#45; x'),
        ('+ x', '#43; x'),
        ('=', '#61;'),
        ('1. x', '#49;. x'),
        ('10) x', '#49;0) x'),
        ('10 x', '10 x'),
        ('v 1. x', 'v 1. x'),
        ('WWW.x.y', '#87;WW.x.y'),
        ('awww', 'awww'),
        ('SendInvite:Bob', 'SendInvite:Bob'),
        ('https://x.y', 'https#58;//x.y'),
        ('fa:fa-car', 'fa#58;fa-car'),
        ('style a:b#c;', 'style a#58;b#35;c;'),
        ('two\nlines', 'two#92;nlines'),
        ('bell\x07', 'bell#92;x07'),
        (' a  b ', '#160;a #160;b#160;'),
        ('', '#160;'),
        ('ﬂ°35¶ß', 'ﬂ\ufeff°35¶\ufeffß'),
        ('ﬂ ¶', 'ﬂ ¶'),
    ],
)
def test_mermaid_spells_odd_names_as_they_are(name: str, label: str) -> None:
    assert mermaid_label(name) == label


def test_mermaid_gives_each_outcome_white_letters_on_a_dark_fill() -> None:
    jobs = {str(each): each for each in Outcome}
    chart = mermaid(graph_of(named('Top', *map(named, jobs))), jobs)
    found = re.findall('classDef (.*) fill:(#[^,]*),color:#ffffff,stroke:#[^,]*\n', chart)
    dashed = re.findall(
        'classDef (.*) fill:(#[^,]*),color:#ffffff,.*,stroke-dasharray:5 3\n', chart
    )
    assert sorted(dict(found + dashed)) == sorted(set(jobs) - {'not_run'})
    assert [name for name, _ in dashed] == ['blocked', 'might_run']
    for _, fill in found + dashed:
        assert contrast(fill, '#ffffff') >= 4.5


def test_mermaid_masks_secrets() -> None:
    chart = mermaid(graph_of(named('s3cret')), {}, lambda text: text.replace('s3cret', 'x'))
    assert chart == 'flowchart TD\n    n0["x"]\n'


# DOT


def test_dot_gives_each_job_and_its_dependencies() -> None:
    assert dot(diamond(), {}) == (
        'digraph {\n'
        '    n0 [label="Water"]\n'
        '    n1 [label="Kettle"]\n'
        '    n1 -> n0\n'
        '    n2 [label="Tea"]\n'
        '    n2 -> n1\n'
        '    n3 [label="Egg"]\n'
        '    n3 -> n1\n'
        '    n4 [label="Breakfast"]\n'
        '    n4 -> n2\n'
        '    n4 -> n3\n'
        '}\n'
    )


def test_dot_tells_outcomes_in_words_and_with_the_colours_of_dojobber() -> None:
    assert dot(diamond(), AFTER, {'Kettle'}) == (
        'digraph {\n'
        '    n0 [label="Water\\nok" style=filled fillcolor="green" fontcolor=black]\n'
        '    n1 [label="Kettle\\nchanged" style=filled fillcolor="darkgreen" fontcolor=white]\n'
        '    n1 -> n0\n'
        '    n2 [label="Tea\\nfailed" style=filled fillcolor="red" fontcolor=black]\n'
        '    n2 -> n1\n'
        '    n3 [label="Egg\\nok" style=filled fillcolor="green" fontcolor=black]\n'
        '    n3 -> n1\n'
        '    n4 [label="Breakfast\\nblocked" style="filled,dashed"'
        ' fillcolor="dimgrey" fontcolor=white]\n'
        '    n4 -> n2\n'
        '    n4 -> n3\n'
        '}\n'
    )


def test_dot_of_a_job_that_changed_but_passed_its_check_in_the_end_is_green() -> None:
    assert 'label="Tea\\nchanged" style=filled fillcolor="green"' in dot(
        graph_of(named('Tea')), {'Tea': Outcome.CHANGED}
    )


def test_dot_does_not_fill_jobs_that_were_not_run() -> None:
    assert dot(graph_of(named('Tea')), {'Tea': Outcome.NOT_RUN}) == (
        'digraph {\n    n0 [label="Tea\\nnot run"]\n}\n'
    )


#: What the names of X11 mean to Graphviz.
X11 = {'green': '#00ff00', 'darkgreen': '#006400', 'red': '#ff0000', 'dimgrey': '#696969'}
LETTERS = {'black': '#000000', 'white': '#ffffff'}


def test_dot_has_letters_that_can_be_read_on_each_fill() -> None:
    names = {str(each): each for each in Outcome}
    graph = graph_of(named('Top', *map(named, names)))
    found = re.findall('fillcolor="(.*)" fontcolor=(.*)]', dot(graph, names, set(names)))
    assert len(found) == len(Outcome) - 1
    for fill, letters in found:
        assert contrast(str(X11.get(fill, fill)), LETTERS[letters]) >= 4.5


def test_dot_masks_secrets() -> None:
    graph = graph_of(named('s3cret'))
    assert 's3cret' not in dot(graph, {}, (), lambda text: text.replace('s3cret', 'x'))


def test_dot_of_an_empty_graph_draws_nothing() -> None:
    assert dot(Graph(), {}) == 'digraph {\n}\n'


@pytest.mark.parametrize(
    ('name', 'label'),
    [
        ('say "hi"', r'say \"hi\"'),
        ('a:b:c', 'a:b:c'),
        ('back\\slash', r'back\\slash'),
        ('two\nlines', r'two\nlines'),
        ('Füße 映画 🎬', 'Füße 映画 🎬'),
        ('&amp;', '&amp;amp;'),
        ('bell\x07', r'bell\\x07'),
    ],
)
def test_dot_spells_odd_names_as_they_are(name: str, label: str) -> None:
    assert dot(graph_of(named(name)), {}) == f'digraph {{\n    n0 [label="{label}"]\n}}\n'

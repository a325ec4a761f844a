"""The graph as SVG."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

import pytest

from dojobber._output.palette import LOOKS
from dojobber._output.svg import svg
from dojobber.outcome import Outcome

NAMESPACE = '{http://www.w3.org/2000/svg}'
ODD_NAMES = [
    *(
        'two\nlines',
        'bell\x07',
        'nul\x00',
        '\x1b[31mred',
        'say "hi"',
        "it's",
        '<b>&amp;</b>',
        ']]>',
    ),
    *(
        '--><!--',
        '</title></svg>',
        '\ud800',
        '\ufffe\uffff',
        '\u202eabc',
        '映画',
        '🎬',
        '',
        ' a  b ',
    ),
    *('\u0085\u2028', '&#0;', 'x' * 100_000),
]


def parsed(
    names: Sequence[str], outcomes: Mapping[str, Outcome], **options: object
) -> ElementTree.Element:
    """Return the picture of Jobs that each depend on the one before."""
    below = [[each - 1] if each else [] for each in range(len(names))]
    return ElementTree.fromstring(svg(names, below, outcomes, **options))  # type: ignore[arg-type]


def drawn(
    names: Sequence[str], outcomes: Mapping[str, Outcome], **options: object
) -> list[ElementTree.Element]:
    """Return the group of each Job."""
    groups = parsed(names, outcomes, **options).findall(f'{NAMESPACE}g/{NAMESPACE}g')
    assert len(groups) == len(names)
    return groups


def words(group: ElementTree.Element) -> list[str]:
    return [''.join(each.itertext()) for each in group]


def rect(group: ElementTree.Element) -> ElementTree.Element:
    found = group.find(f'{NAMESPACE}rect')
    assert found is not None
    return found


def light(colour: str) -> float:
    parts = [int(each, 16) / 255 for each in re.findall('..', colour.lstrip('#'))]
    linear = [each / 12.92 if each <= 0.04 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
    return sum(weight * each for weight, each in zip((0.2126, 0.7152, 0.0722), linear))


def test_job_before_a_run_is_an_outline_with_its_name_in_the_colour_of_the_page() -> None:
    (group,) = drawn(['Tea'], {})
    assert words(group) == ['Tea', '', 'Tea']
    assert (rect(group).get('fill'), rect(group).get('stroke')) == ('none', 'currentColor')
    assert 'fill' not in group.attrib


def test_job_after_a_run_tells_its_outcome_in_words_too() -> None:
    (group,) = drawn(['Tea'], {'Tea': Outcome.WOULD_RUN})
    assert words(group) == ['Tea: would run', '', 'Tea', 'would run']


@pytest.mark.parametrize('outcome', LOOKS)
def test_letters_are_white_on_a_dark_fill(outcome: Outcome) -> None:
    (group,) = drawn(['Tea'], {'Tea': outcome}, rechecked={'Tea'})
    assert group.get('fill') == '#fff'
    assert rect(group).get('fill') == LOOKS[outcome].fill
    assert 1.05 / (light(LOOKS[outcome].fill) + 0.05) >= 4.5


def test_outcomes_differ_in_their_fill() -> None:
    assert len({each.fill for each in LOOKS.values()}) == len(LOOKS)


def test_job_that_was_not_reached_is_dashed() -> None:
    dashed = {
        outcome
        for outcome in Outcome
        if 'stroke-dasharray' in rect(drawn(['Tea'], {'Tea': outcome})[0]).attrib
    }
    assert dashed == {Outcome.BLOCKED, Outcome.MIGHT_RUN}


def test_job_that_was_not_run_is_not_filled() -> None:
    (group,) = drawn(['Tea'], {'Tea': Outcome.NOT_RUN})
    assert (group.get('fill'), rect(group).get('fill')) == (None, 'none')
    assert words(group)[2:] == ['Tea', 'not run']


def test_job_that_changed_is_as_green_as_what_decided() -> None:
    outcomes = dict.fromkeys(['Passed', 'Later', 'Fixed'], Outcome.CHANGED)
    outcomes['Passed'] = Outcome.OK
    fills = [
        rect(each).get('fill') for each in drawn(list(outcomes), outcomes, rechecked={'Fixed'})
    ]
    assert fills[0] == fills[1] != fills[2]


def test_picture_is_told_to_those_who_can_not_see_it() -> None:
    picture = parsed(['Water', 'Tea', 'Egg'], {'Water': Outcome.OK, 'Tea': Outcome.OK})
    assert picture.get('role') == 'img'
    title, description = picture[:2]
    assert (title.tag, title.text) == (f'{NAMESPACE}title', 'The graph of 3 Jobs')
    assert (description.tag, description.text) == (
        f'{NAMESPACE}desc',
        '2 ok. Arrows lead from each Job to those that it depends on.',
    )
    assert parsed(['Tea'], {})[1].text == (
        '1 Job. Arrows lead from each Job to those that it depends on.'
    )


def test_each_edge_ends_in_an_arrow_at_a_box() -> None:
    picture = svg(['Water', 'Tea', 'Egg', 'Meal'], [[], [0], [0], [1, 2]], {})
    lines, heads = re.findall(r'<path d="([^"]*)"', picture)
    assert (lines.count('M'), heads.count('M')) == (4, 4)
    for x, y in re.findall(r'M(\d+) (\d+)l', heads):
        assert re.search(rf'<rect x="[\d.]+" y="{y}"', picture)
        assert re.search(rf'<text x="{x}"', picture)


def test_edge_to_a_job_right_below_is_a_straight_line() -> None:
    lines, _ = re.findall(r'<path d="([^"]*)"', svg(['Water', 'Tea'], [[], [0]], {}))
    assert re.fullmatch(r'M\d+ \d+V\d+', lines)


def test_edge_that_passes_a_job_is_drawn_in_pieces_with_one_arrow() -> None:
    picture = svg(['Water', 'Tea', 'Meal'], [[], [0], [0, 1]], {})
    lines, heads = re.findall(r'<path d="([^"]*)"', picture)
    assert (lines.count('M'), heads.count('M')) == (4, 3)


def test_edges_have_the_colour_of_the_page() -> None:
    lines, heads = parsed(['Water', 'Tea'], {}).findall(f'{NAMESPACE}path')
    assert (lines.get('stroke'), heads.get('fill')) == ('currentColor', 'currentColor')


@pytest.mark.parametrize('outcomes', [{}, dict.fromkeys(ODD_NAMES, Outcome.FAILED)])
def test_odd_names_make_well_formed_xml(outcomes: dict[str, Outcome]) -> None:
    for name in ODD_NAMES:
        picture = svg([name], [[]], outcomes)
        picture.encode()
        ElementTree.fromstring(picture)
        assert picture.count('<svg') == 1, name


@pytest.mark.parametrize(
    ('name', 'title', 'line'),
    [
        ('two\nlines', r'two\nlines', r'two\nlines'),
        ('<b>&amp;"', '<b>&amp;"', '<b>&amp;"'),
        (' a  b ', ' a  b ', '\xa0a\xa0\xa0b\xa0'),
        ('\u202eabc', r'\u202eabc', r'\u202eabc'),
        ('映画', '映画', '映画'),
        ('x' * 40, 'x' * 40, 'x' * 29 + '...'),
    ],
)
def test_odd_names_are_drawn_as_they_are(name: str, title: str, line: str) -> None:
    assert words(drawn([name], {})[0]) == [title, '', line]


def test_box_is_as_wide_as_its_name() -> None:
    short, long, wide, endless = (
        float(rect(drawn([name], {})[0]).attrib['width'])
        for name in ('x', 'x' * 20, '映' * 10, 'x' * 999)
    )
    assert short < long == wide < endless < 300


def test_secrets_are_masked_in_names_and_titles() -> None:
    picture = svg(['a secret'], [[]], {}, (), lambda text: text.replace('secret', '*****'))
    assert 'secret' not in picture
    assert picture.count('*****') == 2


def test_picture_has_nothing_that_could_touch_the_page_around_it() -> None:
    names = list(map(str, Outcome))
    picture = svg(names, [[] for _ in names], dict(zip(names, Outcome)))
    assert not re.search(r'<style|<script|\bid=|\bclass=|href|url\(', picture)


def test_empty_graph_is_an_empty_picture() -> None:
    assert parsed([], {})[0].text == 'The graph of 0 Jobs'

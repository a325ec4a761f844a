"""Where our own layout puts boxes and edges."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import pytest

from dojobber._output.graph_layout import BOX_HEIGHT, Layout, Link, layout
from tests.seeds import sampled

Dependencies = list[list[int]]


def chain(length: int) -> Dependencies:
    return [[each - 1] if each else [] for each in range(length)]


def fan(width: int) -> Dependencies:
    """Return a graph of one node, the last, that depends on so many others."""
    return [[] for _ in range(width)] + [list(range(width))]


def ladder(length: int) -> Dependencies:
    """Return a chain in which each node also depends on some far below."""
    odds = random.Random(length)
    return [sorted({each - 1, odds.randrange(each)}) if each else [] for each in range(length)]


def scattered(odds: random.Random, nodes: int, edges: int) -> Dependencies:
    found: list[set[int]] = [set() for _ in range(nodes)]
    for _ in range(edges if nodes > 1 else 0):
        low, high = sorted(odds.sample(range(nodes), 2))
        found[high].add(low)
    return [sorted(each) for each in found]


def graphs() -> Iterator[tuple[str, Dependencies]]:
    yield 'empty', []
    yield 'one', [[]]
    yield 'unconnected', [[], [0], [], [2], [], []]
    yield 'chain', chain(30)
    yield 'fan', fan(300)
    yield (
        'fan of chains',
        [*([] if each % 3 == 0 else [each - 1] for each in range(180))] + [list(range(2, 180, 3))],
    )
    yield 'all on all', [list(range(each)) for each in range(30)]
    yield 'ladder with lanes', ladder(125)
    odds = random.Random(7)
    for number in range(25):
        nodes = odds.randint(1, 40)
        yield f'random {number}', scattered(odds, nodes, odds.randint(0, 3 * nodes))
    yield 'large', scattered(odds, 300, 600)


GRAPHS = dict(graphs())
#: Those of one shape, and a few random ones, are looked at in each run of the tests.
SAMPLE = 12


def widths_of(dependencies: Dependencies) -> list[float]:
    return [20 + 13 * (each % 9) for each in range(len(dependencies))]


def boxes(dependencies: Dependencies, found: Layout) -> list[tuple[float, float, float, float]]:
    """Return the left, top, right and bottom of each box."""
    half = BOX_HEIGHT / 2
    return [
        (x - width / 2, y - half, x + width / 2, y + half)
        for (x, y), width in zip(found.centres, widths_of(dependencies))
    ]


@cache
def drawn(name: str) -> tuple[Dependencies, Layout]:
    dependencies = GRAPHS[name]
    return dependencies, layout(dependencies, widths_of(dependencies))


all_graphs = pytest.mark.parametrize('name', sampled(GRAPHS, SAMPLE))


@all_graphs
def test_dependents_are_above_their_dependencies(name: str) -> None:
    dependencies, found = drawn(name)
    for node, below in enumerate(dependencies):
        for each in below:
            assert found.centres[node][1] + BOX_HEIGHT < found.centres[each][1]


@all_graphs
def test_boxes_are_apart_and_in_the_picture(name: str) -> None:
    dependencies, found = drawn(name)
    rows = defaultdict(list)
    for left, top, right, bottom in boxes(dependencies, found):
        assert left > 0 and top > 0 and right < found.width and bottom < found.height
        rows[top].append((left, right))
    for row in rows.values():
        for (_, right), (left, _) in pairwise(sorted(row)):
            assert right + 20 < left
    for top, lower in pairwise(sorted(rows)):
        assert top + BOX_HEIGHT + 40 <= lower


@all_graphs
def test_edges_run_beside_boxes_only(name: str) -> None:
    dependencies, found = drawn(name)
    rows = defaultdict(list)
    for left, top, right, _ in boxes(dependencies, found):
        rows[top].append((left, right))
    tops = sorted(rows)

    def between(above: float, below: float) -> list[float]:
        return tops[bisect_right(tops, above - BOX_HEIGHT) : bisect_left(tops, below)]

    for link in found.links:
        assert 0 < link.end[0] < found.width
        # The curve is between two rows; the line behind it may pass some.
        assert between(link.start[1], link.end[1]) == []
        for top in between(link.end[1], link.bottom):
            assert not any(left - 4 < link.end[0] < right + 4 for left, right in rows[top])


@all_graphs
def test_edges_lead_from_each_node_to_its_dependencies(name: str) -> None:
    dependencies, found = drawn(name)
    links: dict[tuple[int, tuple[int, int]], list[Link]] = defaultdict(list)
    for link in found.links:
        links[link.dependent, link.start].append(link)
    for node, (x, y) in enumerate(found.centres):
        reached, starts = [], [(x, y + BOX_HEIGHT // 2)]
        for start in starts:
            for link in links.pop((node, start), []):
                if link.dependency is None:
                    starts.append((link.end[0], link.bottom))
                    continue
                reached.append(link.dependency)
                x, y = found.centres[link.dependency]
                assert (link.end, link.bottom) == ((x, y - BOX_HEIGHT // 2), link.end[1])
        assert sorted(reached) == dependencies[node]
    assert not links


@all_graphs
def test_layout_is_the_same_each_time(name: str) -> None:
    dependencies, found = drawn(name)
    assert layout(dependencies, widths_of(dependencies)) == found


def test_passing_lines_of_different_nodes_are_apart() -> None:
    _, found = drawn('ladder with lanes')
    passing = defaultdict(list)
    for link in found.links:
        passing[link.end[0]].append((link.end[1], link.bottom, link.dependent))
    for lines in passing.values():
        for (_, bottom, one), (top, _, other) in pairwise(sorted(lines)):
            assert bottom <= top or one == other


def test_lines_that_pass_many_layers_at_once_are_beside_all_boxes() -> None:
    dependencies, found = drawn('ladder with lanes')
    long = [link.end[0] for link in found.links if link.bottom - link.end[1] > BOX_HEIGHT]
    assert long
    assert min(long) > max(right for _, _, right, _ in boxes(dependencies, found))


def test_chain_is_straight() -> None:
    assert len({x for x, _ in layout(chain(9), [30, 70, 50] * 3).centres}) == 1


def test_chain_is_straight_beside_edges_that_pass_it() -> None:
    dependencies = [*chain(9), [0, 3, 5, 8]]
    assert len({x for x, _ in layout(dependencies, [60] * 10).centres}) == 1


def test_edge_that_passes_one_layer_stays_near_its_ends() -> None:
    # The last of many has a dependency that it shares with another of its dependencies.
    found = layout([[], [0], [0, 1], *([] for _ in range(8)), [*range(3, 11), 2]], [60] * 12)
    (passing,) = [link for link in found.links if link.dependency is None]
    assert abs(passing.end[0] - passing.start[0]) < 80


def test_node_is_above_the_middle_of_its_dependencies() -> None:
    (left, _), (middle, _), (right, _), (above, _) = layout(fan(3), [60] * 3 + [200]).centres
    assert left < middle == above < right
    assert middle - left == right - middle


def test_dependencies_are_side_by_side_in_their_order() -> None:
    assert layout(fan(8), [60] * 9).centres[:8] == sorted(layout(fan(8), [60] * 9).centres[:8])


def test_layers_are_reordered_so_that_edges_do_not_cross() -> None:
    # As they come, the third would cross the second.
    dependencies = [[], [], [1], [0], [1], [2, 3, 4]]
    x = [place for place, _ in layout(dependencies, [60] * 6).centres]
    pairs = [(x[node], x[below]) for node in (2, 3, 4) for below in dependencies[node]]
    assert all(
        (one - other) * (end - other_end) >= 0 for one, end in pairs for other, other_end in pairs
    )


def test_layers_are_farther_apart_where_edges_go_far_sideways() -> None:
    def gap(dependencies: Dependencies) -> int:
        places = layout(dependencies, [60] * len(dependencies)).centres
        return places[0][1] - places[-1][1]

    assert gap(chain(2)) == gap(fan(2)) < gap(fan(9)) < 200


def test_many_leaves_go_on_in_the_next_layers_and_hang_on_one_straight_line() -> None:
    found = layout(fan(200), [100] * 201)
    rows = [y for _, y in found.centres[:200]]
    assert rows == sorted(rows)
    assert 8 < len(set(rows)) < 20
    assert found.width < 3 * found.height
    passing = [link.end[0] for link in found.links if link.dependency is None]
    assert len(passing) == len(set(rows)) - 1
    assert max(passing) - min(passing) < 100
    row = [x for x, y in found.centres[:200] if y == rows[0]]
    assert abs(sum(x < passing[0] for x in row) - len(row) / 2) <= 1


def test_like_parts_of_a_graph_are_side_by_side_though_wide() -> None:
    parts = 12
    dependencies = [[each - 1] if each % 3 else [] for each in range(3 * parts)]
    found = layout([*dependencies, list(range(2, 3 * parts, 3))], [200] * (3 * parts + 1))
    assert len({y for _, y in found.centres}) == 4


def test_dummies_grow_with_the_graph_only() -> None:
    short = layout(ladder(80), [60] * 80)
    _, long = drawn('ladder with lanes')  # half as long again
    assert len(long.links) < 1.5 * len(short.links)


def test_deep_graph_needs_no_recursion() -> None:
    assert len(set(layout(chain(1100), [60] * 1100).centres)) == 1100

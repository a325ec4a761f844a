"""A layered layout: where the boxes of a graph are drawn, and how its edges run between them.

Pure functions from edges and widths to positions. Knows neither Jobs nor how anything is drawn.

Dependents are above what they depend on: layers by longest path, where one that is too wide goes on
in the next. An edge that passes through a layer has a dummy there, which gets room of its own like
a box; so no edge can touch a box. The edges of one dependent share their dummies: they leave it as
a tree, which needs less room, and can be followed upwards without a doubt.
"""

from __future__ import annotations

import math
from bisect import bisect, insort
from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import heappush, heapreplace
from itertools import accumulate, pairwise
from typing import NamedTuple

#: How tall each box is.
BOX_HEIGHT = 44

_MARGIN = 12
# The least free width beside a box, and beside an edge that passes.
_BOX_SPACE = 12
_EDGE_SPACE = 7
# A layer may always be as wide as the former, and as wide as the latter for nodes with others below
# them. In a large graph it may be as wide as makes the picture about twice as wide as tall.
_LAYER_WIDTH, _WIDEST_LAYER = 1200, 3000
# Between two layers; the more the farther edges go sideways there.
_LEAST_GAP, _MOST_GAP, _SLOPE = 44, 130, 0.14

_ORDER_SWEEPS = 8
_PLACE_SWEEPS = 8


class Link(NamedTuple):
    """A piece of an edge: a curve between two layers, then a straight line downwards."""

    #: The node that the edge comes from.
    dependent: int
    #: The node at whose box it ends; None if another piece goes on from its end.
    dependency: int | None
    #: Where the curve begins; from there it goes downwards.
    start: tuple[int, int]
    #: Where the curve ends, also going downwards.
    end: tuple[int, int]
    #: How far down the straight line goes.
    bottom: int


class Layout(NamedTuple):
    """Where all is drawn; y grows downwards."""

    width: int
    height: int
    #: The centre of each node's box.
    centres: list[tuple[int, int]]
    links: list[Link]


def layout(dependencies: Sequence[Sequence[int]], widths: Sequence[float]) -> Layout:
    """Return where the boxes of a graph are drawn, and how its edges run.

    Equal arguments make equal layouts. The time grows with the nodes and edges, but for sorting.

    Args:
        dependencies: for each node those that it depends on, each once; without a cycle.
        widths: how wide each node's box is.
    """
    if not dependencies:
        return Layout(2 * _MARGIN, 2 * _MARGIN, [], [])
    net = _Net(dependencies, _layers(dependencies, widths))
    _reorder(net)
    centres, right = _columns(net, widths)
    _add_lanes(net, centres, right)
    return _assembled(net, centres, widths)


# Layers


def _layers(dependencies: Sequence[Sequence[int]], widths: Sequence[float]) -> list[int]:
    """Return the layer of each node, below those of all its dependents."""
    space = [width + 2 * _BOX_SPACE for width in widths]
    layers = _longest_paths(dependencies, space, math.inf)
    # Many nodes alike stay side by side, each with its own below it; leaves need not.
    used: defaultdict[int, float] = defaultdict(float)
    for layer, below, width in zip(layers, dependencies, space):
        used[layer] += width if below else 0
    square = (2 * sum(space) * (BOX_HEIGHT + _LEAST_GAP)) ** 0.5
    most = max(_LAYER_WIDTH, square, min(max(used.values()), _WIDEST_LAYER))
    return _longest_paths(dependencies, space, most)


def _longest_paths(
    dependencies: Sequence[Sequence[int]], space: Sequence[float], most: float
) -> list[int]:
    """Return the layer of each node.

    Args:
        dependencies: for each node those that it depends on.
        space: how much width each node needs.
        most: a layer that is this wide takes no more nodes; they go into one below.
    """
    layers = [0] * len(dependencies)
    used: defaultdict[int, float] = defaultdict(float)
    # Where the last node from a full layer went: not to look at all full layers for each.
    moved: dict[int, int] = {}
    for node in _dependents_first(dependencies):
        layer = moved.get(layers[node], layers[node])
        while used[layer] >= most:
            layer += 1
        moved[layers[node]] = layer
        layers[node] = layer
        used[layer] += space[node]
        for dependency in dependencies[node]:
            layers[dependency] = max(layers[dependency], layer + 1)
    return layers


def _dependents_first(dependencies: Sequence[Sequence[int]]) -> list[int]:
    """Return the nodes, each after all its dependents."""
    missing = [0] * len(dependencies)
    for below in dependencies:
        for node in below:
            missing[node] += 1
    order = [node for node, count in enumerate(missing) if not count]
    for node in order:  # It grows meanwhile.
        for dependency in dependencies[node]:
            missing[dependency] -= 1
            if not missing[dependency]:
                order.append(dependency)
    return order


# Dummies


class _Net:
    """The vertices, nodes first and then dummies, and the pairs of them that are linked.

    A chain of thousands with edges across it would need millions of dummies. Where there would be
    many, the longest edges run in lanes beside all boxes: a dummy there passes many layers at once.
    """

    def __init__(self, dependencies: Sequence[Sequence[int]], layers: list[int]) -> None:
        #: How many vertices are nodes.
        self.nodes = len(layers)
        #: The first and last layer of each vertex.
        self.first, self.last = layers[:], layers[:]
        #: The node that each vertex is, or whose edges run through it.
        self.owner = list(range(self.nodes))
        #: For each vertex those that are linked to it, in the next layer and in the one before.
        self.below: list[list[int]] = [[] for _ in layers]
        self.above: list[list[int]] = [[] for _ in layers]
        #: The dummies in lanes.
        self.lanes: set[int] = set()
        in_lanes = _longest(dependencies, layers, 8 * self.nodes + 1000)
        for node in _dependents_first(dependencies):
            if dependencies[node]:
                self._add_edges(node, dependencies[node], node in in_lanes)
        self.rows: list[list[int]] = [[] for _ in range(max(layers) + 1)]
        for vertex in self._depth_first():
            if vertex not in self.lanes:
                self.rows[self.first[vertex]].append(vertex)

    def neighbours(self, linked: list[list[int]]) -> list[list[int]]:
        """Return what each vertex is linked to, `below` or `above`, without those in lanes."""
        return [[each for each in others if each not in self.lanes] for others in linked]

    def _add_edges(self, node: int, dependencies: Sequence[int], in_lane: bool) -> None:
        targets: defaultdict[int, list[int]] = defaultdict(list)
        for dependency in dependencies:
            targets[self.first[dependency]].append(dependency)
        vertex, layer = node, self.first[node] + 1
        for target in sorted(targets):
            if in_lane and layer < target:
                vertex = self._dummy(vertex, layer, target - 1)
                self.lanes.add(vertex)
            elif not in_lane:
                for each in range(layer, target):
                    vertex = self._dummy(vertex, each, each)
            layer = target
            self._link(vertex, targets[target])

    def _dummy(self, above: int, first: int, last: int) -> int:
        """Return a new dummy below a vertex."""
        dummy = len(self.first)
        self.first.append(first)
        self.last.append(last)
        self.owner.append(self.owner[above])
        self.below.append([])
        self.above.append([])
        self._link(above, [dummy])
        return dummy

    def _link(self, vertex: int, others: list[int]) -> None:
        # A dummy comes into the middle of what is below the vertex, where it is in nobody's way.
        below = self.below[vertex]
        middle = len(below) // 2
        below[middle:middle] = others
        for other in others:
            self.above[other].append(vertex)

    def _depth_first(self) -> Iterator[int]:
        seen = [False] * len(self.first)
        stack = [node for node in reversed(range(self.nodes)) if not self.above[node]]
        while stack:
            vertex = stack.pop()
            if not seen[vertex]:
                seen[vertex] = True
                yield vertex
                stack += reversed(self.below[vertex])


def _longest(dependencies: Sequence[Sequence[int]], layers: list[int], most: int) -> set[int]:
    """Return the nodes of the longest edges, so that the others have so many dummies at most."""
    # How many layers the edges of each node pass through.
    spans = [
        max((layers[each] for each in below), default=layer + 1) - layer - 1
        for below, layer in zip(dependencies, layers)
    ]
    by_span = sorted(range(len(spans)), key=spans.__getitem__)
    totals = accumulate(spans[node] for node in by_span)
    return {node for node, total in zip(by_span, totals) if total > most}


# Order within the layers


def _reorder(net: _Net) -> None:
    """Order each layer so that few edges cross: by barycentres, downwards and upwards in turn."""
    best, least = net.rows, _crossings(net, net.rows)
    rows, above, below = net.rows, net.neighbours(net.above), net.neighbours(net.below)
    for sweep in range(_ORDER_SWEEPS):
        if not least:
            break
        rows = _swept(rows, below if sweep % 2 else above, bool(sweep % 2))
        crossings = _crossings(net, rows)
        if crossings < least:
            best, least = rows, crossings
    net.rows = best


def _swept(rows: list[list[int]], neighbours: list[list[int]], upwards: bool) -> list[list[int]]:
    """Return the layers, each sorted by the mean place of the neighbours in the one before it."""
    places = [0.0] * len(neighbours)
    swept = []
    for row in reversed(rows) if upwards else rows:
        _number(row, places)
        means = {each: _mean(neighbours[each], places, places[each]) for each in row}
        row = sorted(row, key=means.__getitem__)
        _number(row, places)
        swept.append(row)
    return swept[::-1] if upwards else swept


def _number(row: list[int], places: list[float]) -> None:
    """Note the place of each vertex of a layer, from 0 to 1."""
    for number, vertex in enumerate(row):
        places[vertex] = (number + 0.5) / len(row)


def _mean(vertices: list[int], places: list[float], default: float) -> float:
    if not vertices:
        return default
    return math.fsum([places[each] for each in vertices]) / len(vertices)


def _crossings(net: _Net, rows: list[list[int]]) -> int:
    """Return how many pairs of edges cross."""
    place = {vertex: number for row in rows for number, vertex in enumerate(row)}
    count = 0
    for row in rows:
        ends: list[int] = []
        for vertex in row:
            below = [place[each] for each in net.below[vertex] if each in place]
            count += sum(len(ends) - bisect(ends, end) for end in below)
            for end in below:
                insort(ends, end)
    return count


# Positions


def _columns(net: _Net, widths: Sequence[float]) -> tuple[list[float], float]:
    """Return the x of each vertex outside of lanes, and the right end of the boxes.

    Each layer in turn is moved as near to its neighbours above or below as its order allows. Boxes
    follow boxes and dummies follow dummies, where they can: so chains of either are straight.
    """
    dummies = len(net.first) - net.nodes
    space = [width + 2 * _BOX_SPACE for width in widths] + [2.0 * _EDGE_SPACE] * dummies
    weights = _weights(net)
    x = [0.0] * len(net.first)
    for row in net.rows:
        _put(row, x, space, weights)
    above, below = _guides(net, net.above), _guides(net, net.below)
    for sweep in range(_PLACE_SWEEPS):
        guides = below if sweep % 2 else above
        for row in reversed(net.rows) if sweep % 2 else net.rows:
            for vertex in row:
                x[vertex] = _mean(guides[vertex], x, x[vertex])
            _put(row, x, space, weights)
    left = min(x[row[0]] - space[row[0]] / 2 for row in net.rows)
    x = [each - left - _BOX_SPACE + _MARGIN for each in x]
    return x, max(x[row[-1]] + space[row[-1]] / 2 for row in net.rows) - _BOX_SPACE


def _weights(net: _Net) -> list[float]:
    """Return how much it matters for each vertex to be near its neighbours."""
    weights = [1.0] * net.nodes
    for dummy in range(net.nodes, len(net.first)):
        if max(net.below[dummy]) < net.nodes:
            weights.append(0.001)  # The last of its line yields, so that boxes stay in line.
        else:
            # Many boxes may hang on one vertex with a dummy, and want its place.
            weights.append(float(len(net.below[net.above[dummy][0]]) ** 2))
    return weights


def _guides(net: _Net, linked: list[list[int]]) -> list[list[int]]:
    """Return the neighbours in whose middle each vertex should be."""
    return [
        [each for each in others if (each < net.nodes) == (vertex < net.nodes)] or others
        for vertex, others in enumerate(net.neighbours(linked))
    ]


def _put(row: list[int], x: list[float], space: list[float], weights: list[float]) -> None:
    """Move the vertices of a layer apart, as little as is needed (by least squares).

    Args:
        row: the vertices, from left to right.
        x: where each should be; changed to where it is.
        space: how much width each needs.
        weights: how much it matters for each to be moved little.
    """
    # Vertices that touch are a block, which is where it suits them best together.
    blocks: list[tuple[float, float, int]] = []
    offsets = [0.0, *accumulate((space[a] + space[b]) / 2 for a, b in pairwise(row))]
    for vertex, offset in zip(row, offsets):
        place, weight, count = x[vertex] - offset, weights[vertex], 1
        while blocks and blocks[-1][0] >= place:
            other_place, other_weight, other_count = blocks.pop()
            place = (place * weight + other_place * other_weight) / (weight + other_weight)
            weight, count = weight + other_weight, count + other_count
        blocks.append((place, weight, count))
    places = [place for place, _, count in blocks for _ in range(count)]
    for vertex, offset, place in zip(row, offsets, places):
        x[vertex] = place + offset


def _add_lanes(net: _Net, x: list[float], right: float) -> None:
    """Set the x of each dummy in a lane, to the right of all boxes."""
    # The dummies of a node were made from above to below: here the last one counts.
    ends = {net.owner[dummy]: net.last[dummy] for dummy in sorted(net.lanes)}
    lanes: dict[int, int] = {}
    # The last layer and the number of each lane that is taken.
    taken: list[tuple[int, int]] = []
    for node in sorted(ends, key=net.first.__getitem__):
        if taken and taken[0][0] <= net.first[node]:
            lanes[node] = heapreplace(taken, (ends[node], taken[0][1]))[1]
        else:
            lanes[node] = len(taken)
            heappush(taken, (ends[node], len(taken)))
    for dummy in net.lanes:
        x[dummy] = right + _BOX_SPACE + (2 * lanes[net.owner[dummy]] + 1) * _EDGE_SPACE


def _assembled(net: _Net, x: list[float], widths: Sequence[float]) -> Layout:
    """Return the layout of vertices whose x is known."""
    tops = _tops(net, x)
    links = []
    for vertex, below in enumerate(net.below):
        start = round(x[vertex]), tops[net.last[vertex]] + BOX_HEIGHT
        for other in below:
            end = round(x[other]), tops[net.first[other]]
            is_node = other < net.nodes
            bottom = end[1] if is_node else tops[net.last[other]] + BOX_HEIGHT
            links.append(Link(net.owner[vertex], other if is_node else None, start, end, bottom))
    centres = [
        (round(place), tops[layer] + BOX_HEIGHT // 2)
        for place, layer in zip(x[: net.nodes], net.first)
    ]
    rights = [place + width / 2 for place, width in zip(x, widths)]
    width = max(*rights, *x) + _MARGIN
    return Layout(round(width), tops[-1] + BOX_HEIGHT + _MARGIN, centres, links)


def _tops(net: _Net, x: list[float]) -> list[int]:
    """Return where each layer begins."""
    below = net.neighbours(net.below)
    tops = [_MARGIN]
    for row in net.rows[:-1]:
        ways = [abs(x[other] - x[vertex]) for vertex in row for other in below[vertex]]
        gap = min(max(round(_SLOPE * max(ways, default=0)), _LEAST_GAP), _MOST_GAP)
        tops.append(tops[-1] + BOX_HEIGHT + gap)
    return tops

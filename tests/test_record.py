"""Records: what they have in common with frozen dataclasses."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from dojobber._record import Record


class Named(Record):
    """A record."""

    name: str


class Point(Named):
    """A record with a base."""

    x: int
    y: int


class Empty(Record):
    """A record without a field."""


@dataclasses.dataclass(frozen=True)
class Twin:
    """The dataclass of the same fields as a Point."""

    name: str
    x: int
    y: int


POINT = Point('a', 1, 2)


@pytest.mark.parametrize(
    'args, kwargs',
    [(('a', 1), {'y': 2}), (('a',), {'y': 2, 'x': 1}), ((), {'y': 2, 'name': 'a', 'x': 1})],
)
def test_fields_are_set_in_order_or_by_name(args: Any, kwargs: Any) -> None:
    point = Point(*args, **kwargs)
    assert (point.name, point.x, point.y) == ('a', 1, 2)


@pytest.mark.parametrize(
    'args, kwargs, given',
    [
        ((), {}, r'0 values and the names \(\)'),
        (('a', 1), {}, r'2 values and the names \(\)'),
        (('a', 1, 2, 3), {}, r'4 values and the names \(\)'),
        (('a', 1), {'z': 2}, r'2 values and the names \(z\)'),
        (('a', 1), {'x': 2}, r'2 values and the names \(x\)'),
        (('a', 1, 2), {'y': 2}, r'3 values and the names \(y\)'),
        (('a',), {'x': 2}, r'1 values and the names \(x\)'),
    ],
)
def test_fields_that_are_missing_unknown_or_given_twice_are_refused(
    args: Any, kwargs: Any, given: str
) -> None:
    with pytest.raises(TypeError, match=rf'^Point takes \(name, x, y\), got {given}$'):
        Point(*args, **kwargs)


def test_field_can_not_be_set_or_deleted() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="^cannot assign to field 'x'$"):
        POINT.x = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="^cannot delete field 'x'$"):
        del POINT.x  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(POINT, '__dict__')
    assert (POINT.x, POINT.y) == (1, 2)


def test_records_are_equal_if_their_class_and_fields_are() -> None:
    class Other(Point):
        pass

    point: Any = POINT
    assert point == Point('a', 1, 2)
    assert hash(point) == hash(Point('a', 1, 2))
    for different in (Point('a', 1, 3), Other('a', 1, 2), Twin('a', 1, 2), ('a', 1, 2)):
        assert point != different
    assert Empty() == Empty()


def test_record_is_shown_with_its_fields() -> None:
    assert (repr(POINT), repr(Empty())) == ("Point(name='a', x=1, y=2)", 'Empty()')


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
def test_record_can_be_pickled_and_copied(protocol: int) -> None:
    made = pickle.loads(pickle.dumps(POINT, protocol))
    assert (type(made), made) == (Point, POINT)
    deep = copy.deepcopy(Point('a', [], 0))  # type: ignore[arg-type]
    assert copy.copy(POINT) == POINT and deep.x == []  # type: ignore[comparison-overlap]


def test_record_is_replaced_field_by_field() -> None:
    assert POINT.__replace__(x=5) == dataclasses.replace(POINT, x=5) == Point('a', 5, 2)
    with pytest.raises(TypeError, match='z'):
        POINT.__replace__(z=5)


def test_record_passes_for_a_dataclass_of_its_fields() -> None:
    assert dataclasses.is_dataclass(Point) and dataclasses.is_dataclass(POINT)
    shown = [(each.name, each.type) for each in dataclasses.fields(POINT)]
    assert shown == [(each.name, each.type) for each in dataclasses.fields(Twin)]
    assert dataclasses.fields(POINT) == dataclasses.fields(Point)  # they are made once
    assert dataclasses.asdict(POINT) == {'name': 'a', 'x': 1, 'y': 2}
    assert inspect.signature(Point) == inspect.signature(Twin)
    assert Point.__match_args__ == Twin.__match_args__  # type: ignore[attr-defined]


def test_dataclass_can_have_a_record_as_its_base() -> None:
    @dataclasses.dataclass(frozen=True)
    class Further(Point):
        z: int

    assert repr(Further('a', 1, 2, 3)).endswith("Further(name='a', x=1, y=2, z=3)")


def test_record_is_matched_by_its_fields_in_order() -> None:
    match POINT:
        case Point('a', x, y):
            assert (x, y) == (1, 2)
        case _:
            raise AssertionError

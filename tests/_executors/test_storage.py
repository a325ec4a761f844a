"""The dict that Jobs share in other processes, and the journal of it."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from dojobber._executors.storage import (
    Journal,
    Packed,
    SharedDict,
    read_journal,
    read_records,
    record_of,
)

PLAIN = {'a': 1, 'b': [2], 'c': {'d': 3}}


class Traced:
    """Notes that it was unpickled."""

    made: list[str] = []

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        return _remake, (self.name,)


class Counted:
    """Notes that it was pickled."""

    pickled: list[str] = []

    def __init__(self, name: str) -> None:
        self.name = name

    def __getstate__(self) -> dict[str, str]:
        self.pickled.append(self.name)
        return {'name': self.name}


def _remake(name: str) -> Traced:
    Traced.made.append(name)
    return Traced(name)


def dumps(value: object) -> bytes:
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)


def packed(values: dict[Any, Any]) -> dict[Any, Packed]:
    return {key: Packed(dumps(value)) for key, value in values.items()}


def shared(**more: Any) -> SharedDict:
    return SharedDict(packed({**PLAIN, **more}))


def changes(changed: SharedDict, before: dict[Any, Packed]) -> tuple[dict[Any, Any], list[Any]]:
    found, unpicklable = changed.changes(before)
    return {key: each and pickle.loads(each.data) for key, each in found.items()}, unpicklable


# As a dict


@pytest.mark.parametrize(
    'look',
    [
        dict, list, sorted, len, bool, repr, str, json.dumps, reversed, copy.copy, copy.deepcopy,
        lambda d: {**d}, lambda d: d | {'x': 0}, lambda d: {'x': 0} | d, lambda d: d.copy(),
        lambda d: d == PLAIN, lambda d: d != PLAIN, lambda d: d != {},
        lambda d: list(d.items()), lambda d: list(d.values()), lambda d: list(d.keys()),
        lambda d: d['b'], lambda d: d.get('b'), lambda d: d.get('x', 5), lambda d: 'b' in d,
        lambda d: 'x' in d, lambda d: [d.pop('b'), d], lambda d: [d.pop('x', 5), d],
        lambda d: [d.popitem(), d], lambda d: [d.setdefault('b', 5), d.setdefault('x', 6), d],
        lambda d: [d.update(b=5), d], lambda d: [d.clear(), d], lambda d: [d.__delitem__('a'), d],
        lambda d: pickle.loads(pickle.dumps(d)), lambda d: [*d], lambda d: dict(d, x=1),
        lambda d: isinstance(d, dict), lambda d: d.__hash__, lambda d: [d.__ior__({'x': 1}), d],
    ],
)  # fmt: skip
def test_shared_dict_behaves_as_a_dict(look: Any) -> None:
    mine, theirs = look(shared()), look(copy.deepcopy(PLAIN))
    if look is reversed:
        mine, theirs = list(mine), list(theirs)
    assert mine == theirs
    assert type(mine) is type(theirs)


@pytest.mark.parametrize('look', [lambda d: d['x'], lambda d: d.pop('x'), lambda d: d[[]]])
def test_shared_dict_raises_as_a_dict(look: Any) -> None:
    with pytest.raises((KeyError, TypeError)) as theirs:
        look({})
    with pytest.raises(type(theirs.value)):
        look(shared())


def test_value_is_made_when_it_is_looked_at_and_no_other_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = SharedDict(packed({'one': Traced('one'), 'two': Traced('two')}))
    monkeypatch.setattr(Traced, 'made', [])
    values['three'] = 3
    assert 'four' not in values
    assert Traced.made == []
    assert values['two'] is values['two']
    assert 'one' not in Traced.made


@pytest.mark.parametrize(
    'look', [list, len, lambda d: 'bad' in d, lambda d: d.get('bad'), lambda d: d.pop('bad', None)]
)
def test_value_that_can_not_be_made_is_not_there(look: Any) -> None:
    before = {**packed(PLAIN), 'bad': Packed(b'bad')}
    values = SharedDict(before)
    look(values)
    assert values == PLAIN
    assert values.dropped == {'bad'}
    assert changes(values, before) == ({}, [])


def test_value_set_anew_after_it_could_not_be_made_hides_no_deletion() -> None:
    before = {**packed({'x': 1}), 'bad': Packed(b'bad')}
    values = SharedDict(before)
    assert 'bad' not in values
    values['bad'] = 2
    del values['x']
    assert changes(values, before) == ({'bad': 2, 'x': None}, [])


def test_value_that_can_not_be_made_is_not_deleted_with_another() -> None:
    before = {**packed({'x': 1}), 'bad': Packed(b'bad')}
    values = SharedDict(before)
    assert 'bad' not in values
    del values['x']
    assert changes(values, before) == ({'x': None}, [])


def test_value_that_could_not_be_made_and_was_discarded_hides_no_deletion() -> None:
    before = {**packed({'x': 1}), 'bad': Packed(b'bad')}
    values = SharedDict(before)
    assert 'bad' not in values
    values.discard('bad')
    del before['bad'], values['x']
    assert changes(values, before) == ({'x': None}, [])


def test_value_that_was_discarded_and_set_again_is_a_change() -> None:
    value = ['set']
    values = SharedDict()
    values['x'] = value
    assert changes(values, {}) == ({'x': ['set']}, [])
    values.discard('x')
    values['x'] = value
    assert changes(values, {}) == ({'x': ['set']}, [])


# What has changed


def test_changes_are_those_of_values_that_were_set_changed_or_deleted() -> None:
    before = packed({**PLAIN, 'e': 5, 'f': 6})
    values = SharedDict(before)
    assert values.get('a') == 1
    values['b'].append(3)
    values['c'] = {'d': 3}
    del values['e']
    values.update(g=7, h=lambda: None)
    assert changes(values, before) == ({'b': [2, 3], 'e': None, 'g': 7}, ['h'])
    after = {**before, **packed({'b': [2, 3], 'g': 7})}
    del after['e']
    assert changes(values, after) == ({}, [])
    values['b'].append(4)
    assert values.get('h') is not None
    assert changes(values, after) == ({'b': [2, 3, 4]}, ['h'])


def test_value_that_is_set_again_after_it_was_deleted_is_a_change() -> None:
    values = SharedDict()
    values['a'] = 1
    assert changes(values, {}) == ({'a': 1}, [])
    del values['a']
    assert changes(values, packed({'a': 1})) == ({'a': None}, [])
    values['a'] = 1
    assert changes(values, {}) == ({'a': 1}, [])


@pytest.mark.parametrize(
    ('access', 'expected'),
    [
        (lambda values: None, ''),
        (lambda values: values['a'], 'a'),
        (lambda values: values.get('b'), 'b'),
        (lambda values: values.update(c=Counted('c')), 'c'),
        (lambda values: [*values.values()], 'abc'),
        (len, 'abc'),
    ],
)
def test_only_values_that_are_new_or_were_accessed_are_pickled_to_find_changes(
    access: Any, expected: str
) -> None:
    values = SharedDict()
    values.update({name: Counted(name) for name in 'abc'})
    before = {key: each for key, each in values.changes({})[0].items() if each is not None}
    access(values)
    for once in expected, '':
        Counted.pickled.clear()
        assert values.changes(before) == ({}, [])
        assert ''.join(Counted.pickled) == once


def test_value_that_was_put_or_discarded_is_no_change() -> None:
    values = shared()
    assert values['b'] == [2]
    values.put('b', Packed(dumps(5)))
    values.discard('a')
    values.discard('x')
    before = packed({'b': 5, 'c': {'d': 3}})
    assert changes(values, before) == ({}, [])
    assert values == {'b': 5, 'c': {'d': 3}}


def test_key_that_does_not_pickle_has_no_record() -> None:
    assert record_of(lambda: None, Packed(b'')) is None


# Journals


def put(journal: Journal, key: Any, value: Any) -> None:
    data = Packed(dumps(value))
    journal.put(key, data, record_of(key, data) or b'')


def read(run: str, journal: Journal) -> dict[Any, Any]:
    index, lost = read_journal(run, journal.edition, bytes(journal))
    assert lost == 0
    assert index == journal.index
    return dict(SharedDict(index))


def test_journal_is_read_as_it_was_written_from_where_it_was_read_before() -> None:
    journal = Journal()
    assert read('first', journal) == {}
    for number in range(250):
        put(journal, number % 50, [number])
        if number % 7 == 0:
            journal.discard((number + 5) % 50)
        if number % 3 == 0:
            read('first', journal)
    expected = read('second', journal)
    assert read('first', journal) == expected
    assert 25 < len(expected) <= 50
    assert journal.edition > 0
    assert len(bytes(journal)) < 20_000


def test_journal_that_is_shorter_than_what_was_read_is_read_anew() -> None:
    journal = Journal()
    put(journal, 'a', 1)
    early = bytes(journal)
    put(journal, 'b', 2)
    read('late', journal)
    assert read_journal('late', 0, early)[0] == packed({'a': 1})


def test_journals_of_a_few_runs_are_remembered() -> None:
    journal = Journal()
    put(journal, 'a', Traced('a'))
    first, _ = read_journal('run 0', 0, bytes(journal))
    assert read_journal('run 0', 0, bytes(journal))[0] is first
    for number in range(20):
        read_journal(f'run {number}', 0, bytes(journal))
    assert read_journal('run 0', 0, bytes(journal))[0] is not first


def test_records_that_can_not_be_read_are_counted() -> None:
    assert read_records([b'bad', record_of('a', None) or b'']) == ({'a': None}, 1)

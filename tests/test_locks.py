"""Locks: which Jobs are passed over, and who gets a lock next."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from dojobber import _locks, _scheduler
from dojobber._locks import LockingScheduler


def scheduler(
    locks: Mapping[int, Sequence[str]],
    dependencies: Sequence[Sequence[int]],
    tries: float = 1,
    delay: float = 0,
) -> LockingScheduler:
    count = len(dependencies)
    return LockingScheduler(dependencies, [tries] * count, [delay] * count, locks)


def handed_out(queue: LockingScheduler, now: float = 0) -> list[int]:
    """Return all that can be tried at the same time."""
    found = []
    while (node := queue.next(now)) is not None:
        found.append(node)
    return found


def test_job_that_lacks_a_lock_is_passed_over_and_holds_up_nobody() -> None:
    queue = scheduler({0: ['a'], 1: ['a'], 3: ['b']}, [()] * 4)
    assert handed_out(queue) == [0, 2, 3]


def test_lock_that_is_free_again_goes_to_those_passed_over_in_their_order() -> None:
    queue = scheduler({0: ['a'], 1: ['a'], 2: ['a']}, [()] * 3)
    assert handed_out(queue) == [0]
    queue.succeeded(0)
    assert handed_out(queue) == [1]
    queue.failed(1, 0)
    assert handed_out(queue) == [2]


def test_job_passed_over_has_its_turn_before_later_ones() -> None:
    queue = scheduler({0: ['a'], 1: ['a']}, [()] * 3)
    assert queue.next(0) == 0
    assert queue.next(0) == 2
    queue.succeeded(0)
    assert queue.next(0) == 1


def test_job_that_lacks_one_of_its_locks_takes_none() -> None:
    queue = scheduler({0: ['b'], 1: ['a', 'b'], 2: ['a']}, [()] * 3)
    assert handed_out(queue) == [0, 2]
    queue.succeeded(0)
    assert handed_out(queue) == []
    queue.succeeded(2)
    assert handed_out(queue) == [1]


def test_job_woken_for_one_lock_that_lacks_another_lets_the_next_one_have_it() -> None:
    # 0 holds a, 1 holds b; 2 waits for a and then for b, 3 for a alone.
    queue = scheduler({0: ['a'], 1: ['b'], 2: ['a', 'b'], 3: ['a']}, [()] * 4)
    assert handed_out(queue) == [0, 1]
    queue.succeeded(0)
    assert handed_out(queue) == [3]
    queue.succeeded(1)
    queue.succeeded(3)
    assert handed_out(queue) == [2]


def test_retry_takes_its_locks_anew() -> None:
    queue = scheduler({0: ['a'], 1: ['a']}, [()] * 2, tries=2, delay=5)
    assert handed_out(queue) == [0]
    queue.failed(0, 0)
    assert handed_out(queue, 5) == [1]
    queue.succeeded(1)
    assert handed_out(queue, 5) == [0]


def test_job_of_an_earlier_round_gets_the_lock_first() -> None:
    # When 1 ends, 0 waits for the lock in round 2, and 2 in round 1.
    queue = scheduler({0: ['a'], 1: ['a'], 2: ['a']}, [()] * 3, tries=2)
    assert handed_out(queue) == [0]
    queue.failed(0, 0)
    assert handed_out(queue) == [1]
    queue.succeeded(1)
    assert handed_out(queue) == [2]
    queue.succeeded(2)
    assert handed_out(queue) == [0]


def test_job_freed_by_the_holder_of_its_lock_gets_it() -> None:
    queue = scheduler({0: ['a'], 1: ['a']}, [(), (0,)])
    assert handed_out(queue) == [0]
    queue.succeeded(0)
    assert handed_out(queue) == [1]


@pytest.mark.parametrize('seed', range(300))
def test_random_endings_keep_locks_exclusive_and_lose_no_job(seed: int) -> None:
    dice = random.Random(seed)
    count = dice.randint(1, 30)
    dependencies = [dice.sample(range(node), min(node, dice.choice((0, 0, 1, 2)))) for node in
                    range(count)]  # fmt: skip
    locks = {node: dice.sample('abcd', dice.randint(1, 3)) for node in range(count)
             if dice.random() < 0.7}  # fmt: skip
    failures = {node: dice.choice((0, 0, 1, 2)) for node in range(count)}
    queue = LockingScheduler(dependencies, [3] * count, [dice.choice((0, 2))] * count, locks)
    now, limit = 0.0, dice.randint(1, 6)
    under_way: list[int] = []
    passed: set[int] = set()
    while True:
        node = queue.next(now) if len(under_way) < limit else None
        if node is not None:
            assert passed.issuperset(dependencies[node])
            held = {name for other in under_way for name in locks.get(other, ())}
            assert held.isdisjoint(locks.get(node, ()))
            under_way.append(node)
        elif under_way:
            ended = under_way.pop(dice.randrange(len(under_way)))
            if failures[ended]:
                failures[ended] -= 1
                queue.failed(ended, now)
            else:
                assert ended not in passed
                passed.add(ended)
                queue.succeeded(ended)
        elif queue.due is not None:
            now = queue.due
        else:
            break
    assert passed == set(range(count))


@pytest.mark.parametrize('limit', [1, 2, 100, 5000])
def test_two_thousand_jobs_with_one_lock_are_linear_work(
    monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    steps = []
    for module in (_locks, _scheduler):
        for name in ('heappush', 'heappop'):
            real = getattr(module, name)
            monkeypatch.setattr(module, name, lambda *a, real=real: steps.append(1) or real(*a))
    count = 2000
    queue = scheduler(dict.fromkeys(range(count), ('a', 'b')), [()] * count)
    left, asked = count, 0
    under_way: list[int] = []
    while left:
        node = queue.next(0) if len(under_way) < limit else None
        asked += 1
        if node is not None:
            under_way.append(node)
        else:
            queue.succeeded(under_way.pop())
            left -= 1
    assert asked <= 2 * count + 1
    assert len(steps) <= 6 * count


def test_job_that_needs_two_locks_has_its_turn_though_others_pass_each_of_them_on() -> None:
    # a and b are never free at the same time before all that need only one of them are through.
    locks: dict[int, Sequence[str]] = {0: ['a'], 1: ['b'], 2: ['a', 'b']}
    locks.update({node: ['ab'[node % 2]] for node in range(3, 40)})
    queue = scheduler(locks, [()] * len(locks))
    under_way, order = handed_out(queue), list[int]()
    while under_way:
        order.append(under_way.pop(0))
        queue.succeeded(order[-1])
        under_way += handed_out(queue)
    assert sorted(order) == list(range(40))

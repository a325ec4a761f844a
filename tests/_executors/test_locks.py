"""Locks: which Jobs are passed over, and who gets a lock next."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from dojobber import _scheduler
from dojobber._executors import locks as locks_module
from dojobber._executors.locks import LockingScheduler
from tests.seeds import seeds


def scheduler(
    locks: Mapping[int, tuple[str, ...]],
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
    queue = scheduler({0: ('a',), 1: ('a',), 3: ('b',)}, [()] * 4)
    assert handed_out(queue) == [0, 2, 3]


def test_lock_that_is_free_again_goes_to_those_passed_over_in_their_order() -> None:
    queue = scheduler({0: ('a',), 1: ('a',), 2: ('a',)}, [()] * 3)
    assert handed_out(queue) == [0]
    queue.succeeded(0)
    assert handed_out(queue) == [1]
    queue.failed(1, 0)
    assert handed_out(queue) == [2]


def test_job_passed_over_has_its_turn_before_later_ones() -> None:
    queue = scheduler({0: ('a',), 1: ('a',)}, [()] * 3)
    assert queue.next(0) == 0
    assert queue.next(0) == 2
    queue.succeeded(0)
    assert queue.next(0) == 1


def test_job_that_lacks_one_of_its_locks_takes_none() -> None:
    queue = scheduler({0: ('b',), 1: ('a', 'b'), 2: ('a',)}, [()] * 3)
    assert handed_out(queue) == [0, 2]
    queue.succeeded(0)
    assert handed_out(queue) == []
    queue.succeeded(2)
    assert handed_out(queue) == [1]


def test_job_woken_for_one_lock_that_lacks_another_lets_the_next_one_have_it() -> None:
    # 0 holds a, 1 holds b; 2 waits for a and then for b, 3 for a alone.
    queue = scheduler({0: ('a',), 1: ('b',), 2: ('a', 'b'), 3: ('a',)}, [()] * 4)
    assert handed_out(queue) == [0, 1]
    queue.succeeded(0)
    assert handed_out(queue) == [3]
    queue.succeeded(1)
    queue.succeeded(3)
    assert handed_out(queue) == [2]


def test_retry_takes_its_locks_anew() -> None:
    queue = scheduler({0: ('a',), 1: ('a',)}, [()] * 2, tries=2, delay=5)
    assert handed_out(queue) == [0]
    queue.failed(0, 0)
    assert handed_out(queue, 5) == [1]
    queue.succeeded(1)
    assert handed_out(queue, 5) == [0]


def test_job_of_an_earlier_round_gets_the_lock_first() -> None:
    # When 1 ends, 0 waits for the lock in round 2, and 2 in round 1.
    queue = scheduler({0: ('a',), 1: ('a',), 2: ('a',)}, [()] * 3, tries=2)
    assert handed_out(queue) == [0]
    queue.failed(0, 0)
    assert handed_out(queue) == [1]
    queue.succeeded(1)
    assert handed_out(queue) == [2]
    queue.succeeded(2)
    assert handed_out(queue) == [0]


def test_job_freed_by_the_holder_of_its_lock_gets_it() -> None:
    queue = scheduler({0: ('a',), 1: ('a',)}, [(), (0,)])
    assert handed_out(queue) == [0]
    queue.succeeded(0)
    assert handed_out(queue) == [1]


@pytest.mark.parametrize('numbers', seeds(600, sample=60), ids=str)
def test_random_endings_keep_locks_exclusive_and_the_order_and_lose_no_job(
    numbers: range,
) -> None:
    for seed in numbers:
        end_at_random(seed)


def end_at_random(seed: int) -> None:
    """Try random Jobs, which end in a random order."""
    dice = random.Random(seed)
    count = dice.randint(1, 30)
    dependencies = [dice.sample(range(node), min(node, dice.choice((0, 0, 1, 2)))) for node in
                    range(count)]  # fmt: skip
    locks = {node: tuple(dice.sample('abcd', dice.randint(1, 3))) for node in range(count)
             if dice.random() < 0.7}  # fmt: skip
    failures = {node: dice.choice((0, 0, 1, 2)) for node in range(count)}
    delay = dice.choice((0, 2))
    queue = LockingScheduler(dependencies, [3] * count, [delay] * count, locks)
    now, limit = 0.0, dice.randint(1, 6)
    under_way: list[int] = []
    passed: set[int] = set()
    # Of each Job that is left: its round, and the instant from which it may be tried. Of each that
    # was tried: the round of its last try, and the instant at which that began.
    turns: dict[int, tuple[int, float]] = dict.fromkeys(range(count), (1, 0.0))
    tried: dict[int, tuple[int, float]] = {}
    while turns or under_way:
        held = {name for other in under_way for name in locks.get(other, ())}
        free = [
            (round_, node)
            for node, (round_, not_before) in turns.items()
            if not_before <= now
            and passed.issuperset(dependencies[node])
            and held.isdisjoint(locks.get(node, ()))
        ]
        node = queue.next(now) if len(under_way) < limit else None
        if node is not None:
            assert (turns[node][0], node) == min(free)
            under_way.append(node)
            tried[node] = turns.pop(node)[0], now
        elif under_way:
            ended = under_way.pop(dice.randrange(len(under_way)))
            round_, started = tried[ended]
            if failures[ended]:
                failures[ended] -= 1
                queue.failed(ended, started)
                turns[ended] = round_ + 1, started + delay
            else:
                passed.add(ended)
                queue.succeeded(ended)
                for node in turns:
                    if ended in dependencies[node]:
                        turns[node] = round_, 0.0
        else:
            assert not free
            assert queue.due is not None
            now = queue.due
    assert passed == set(range(count))


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """Get longer by one with each step of a heap."""
    found: list[None] = []
    for module in (locks_module, _scheduler):
        for name in ('heappush', 'heappop'):
            real = getattr(module, name)
            monkeypatch.setattr(module, name, lambda *a, real=real: found.append(None) or real(*a))
    return found


@pytest.mark.parametrize('limit', [1, 2, 100, 1000])
@pytest.mark.parametrize('second', ['b', 'b{}'])
def test_hundreds_of_jobs_with_one_lock_are_linear_work(
    steps: list[None], second: str, limit: int
) -> None:
    count = 500
    locks = {node: ('a', second.format(node)) for node in range(count)}
    queue = scheduler(locks, [()] * count)
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
    assert len(steps) <= 7 * count


def test_hundreds_of_jobs_that_need_two_locks_while_others_pass_them_on_are_linear_work(
    steps: list[None],
) -> None:
    # a and b are never free at the same time before all that need only one of them are through.
    needed = [('a',), ('b',), *[('a', 'b')] * 300, *[('a',), ('b',)] * 300]
    queue = scheduler(dict(enumerate(needed)), [()] * len(needed))
    under_way, order = handed_out(queue), list[int]()
    while under_way:
        order.append(under_way.pop(0))
        queue.succeeded(order[-1])
        under_way += handed_out(queue)
    singles = [0, 1, *range(302, 902)]
    assert order == singles + list(range(2, 302))
    assert len(steps) <= 10 * len(needed)

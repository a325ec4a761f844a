"""The order in which Jobs are handed out: rounds, tries, delays, blocking."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from dojobber._scheduler import Scheduler


def scheduler(
    dependencies: Sequence[Sequence[int]], tries: float = 3, delay: float = 0
) -> Scheduler:
    count = len(dependencies)
    return Scheduler(dependencies, [tries] * count, [delay] * count)


def drain(queue: Scheduler, failures: dict[int, int]) -> list[int]:
    """Try everything; a Job fails as often as `failures` says."""
    left = dict(failures)
    order = []
    while (node := queue.next(0)) is not None:
        order.append(node)
        if left.get(node, 0) > 0:
            left[node] -= 1
            queue.failed(node, 0)
        else:
            queue.succeeded(node)
    return order


def test_all_pass_are_handed_out_in_their_order_once() -> None:
    assert drain(scheduler([(), (0,), (0, 1), ()]), {}) == [0, 1, 2, 3]


def test_failed_jobs_have_their_next_turn_after_all_others() -> None:
    queue = Scheduler([(), (), (0, 1)], [3, 2, 3], [0, 0, 0])
    assert drain(queue, {0: 9, 1: 9}) == [0, 1, 0, 1, 0]


def test_infinite_tries_go_on_until_success() -> None:
    assert drain(scheduler([()], tries=math.inf), {0: 5}) == [0] * 6


def test_job_of_a_late_success_joins_the_round_of_that_success() -> None:
    # 0 passes in round 2, which frees 1; it comes before 2, which fails in round 1 and again.
    assert drain(scheduler([(), (0,), ()]), {0: 1, 2: 2}) == [0, 2, 0, 1, 2, 2]


def test_blocked_job_is_never_handed_out() -> None:
    assert drain(scheduler([(), (0,), (1,)]), {0: 9}) == [0, 0, 0]


def test_job_that_lacks_two_is_freed_by_the_last() -> None:
    assert drain(scheduler([(), (), (0, 1)]), {0: 1, 1: 2}) == [0, 1, 0, 1, 1, 2]


def test_retry_is_not_handed_out_before_its_delay_and_says_when() -> None:
    queue = scheduler([()], delay=5)
    assert queue.next(100) == 0
    assert queue.failed(0, 100) == 105
    assert queue.next(104) is None
    assert queue.due == 105
    assert queue.next(105) == 0
    assert queue.due is None


def test_last_try_failed_has_no_next() -> None:
    queue = scheduler([()], tries=1)
    queue.next(0)
    assert queue.failed(0, 0) is None
    assert queue.next(0) is None
    assert queue.due is None


def test_ready_job_does_not_wait_behind_one_that_does() -> None:
    queue = Scheduler([(), (), (0,)], [3, 3, 3], [9, 0, 0])
    assert queue.next(0) == 0
    queue.failed(0, 0)
    assert queue.next(1) == 1
    queue.failed(1, 1)
    assert queue.next(2) == 1


def test_due_retries_of_an_earlier_round_come_first() -> None:
    queue = Scheduler([(), ()], [9, 9], [0, 10])
    assert queue.next(0) == 0
    queue.failed(0, 0)
    assert queue.next(0) == 1
    queue.failed(1, 0)
    for now in range(1, 4):
        assert queue.next(now) == 0
        queue.failed(0, now)
    # By now 0 is in its fifth round, 1 still in its second.
    assert queue.next(20) == 1


def test_dependency_under_way_counts_as_one_that_succeeds_late() -> None:
    queue = scheduler([(), (0,), ()])
    assert [queue.next(0), queue.next(0), queue.next(0)] == [0, 2, None]
    queue.succeeded(2)
    assert queue.next(0) is None
    queue.succeeded(0)
    assert queue.next(0) == 1


def test_job_freed_in_the_first_round_comes_before_the_rest_of_the_walk() -> None:
    queue = scheduler([(), (0,), (), ()])
    assert [queue.next(0), queue.next(0)] == [0, 2]
    queue.succeeded(0)
    assert [queue.next(0), queue.next(0)] == [1, 3]


def test_looks_are_linear_when_a_chain_is_blocked_at_its_bottom() -> None:
    class Counting(Sequence[int]):
        looks = 0

        def __init__(self, *positions: int) -> None:
            self._positions = positions

        def __len__(self) -> int:
            return len(self._positions)

        def __getitem__(self, index):  # type: ignore[no-untyped-def]
            Counting.looks += 1
            return self._positions[index]

    count = 1000
    drain(scheduler([Counting(), *(Counting(n) for n in range(count - 1))]), {0: 9})
    assert Counting.looks <= 3 * count


def test_any_order_of_endings_keeps_dependencies_first_and_loses_no_job() -> None:
    for seed in range(200):
        dice = random.Random(seed)
        count = dice.randint(1, 12)
        dependencies = [
            tuple(sorted(dice.sample(range(node), dice.randint(0, min(node, 3)))))
            for node in range(count)
        ]
        queue = scheduler(dependencies)
        under_way: list[int] = []
        done: list[int] = []
        while True:
            node = queue.next(0) if len(under_way) < 3 else None
            if node is not None:
                assert set(dependencies[node]) <= set(done), seed
                under_way.append(node)
            elif under_way:
                ended = under_way.pop(dice.randrange(len(under_way)))
                queue.succeeded(ended)
                done.append(ended)
            else:
                break
        assert sorted(done) == list(range(count)), seed


def test_delays_that_grow_count_the_failed_tries_of_each_job() -> None:
    queue = Scheduler([(), ()], [math.inf, 3], [(1, 2, 0), (7,)])
    instants = []
    for _ in range(5):
        instants.append(queue.failed(0, 100))
    assert instants == [101, 102, 100, 100, 100]
    assert [queue.failed(1, 100), queue.failed(1, 100), queue.failed(1, 100)] == [107, 107, None]

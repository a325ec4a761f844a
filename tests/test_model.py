"""Random plans: the library does what the model predicts."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from inspect import getmembers, getsource, isclass

import pytest

from tests import model, plans
from tests.model import explain, predict
from tests.plans import JobPlan, Options, Outcome, Phase, Plan, Run, Try, random_plan
from tests.seeds import seeds
from tests.stage import Stage

SEEDS = 4000


@pytest.mark.parametrize('numbers', seeds(SEEDS, sample=100), ids=str)
def test_random_plans_come_to_what_the_model_predicts(numbers: range) -> None:
    for seed in numbers:
        plan = random_plan(seed)
        predicted, performed = predict(plan), Stage(plan).perform()
        if predicted != performed:
            pytest.fail(explain(seed, plan, predicted, performed))


# The generator must not go blind.

KINDS = {
    *(f'{ending} in {phase}'
      for ending in ('pass', 'error', 'exit', 'interrupt')
      for phase in ('init', 'check', 'run', 'recheck')),
    'interrupted sleep',
    'Job', 'Job without Run', 'RunonlyJob', 'RunonlyJob with Check',
    'DummyJob', 'DummyJob with Check', 'DummyJob with Check and Run', 'DummyJob with Run',
    'shared dependency', 'dependency named twice',
    'blocked Job', 'success', 'partial success', 'no success',
    'retry', 'retry that succeeds', 'fractional TRIES used up', 'infinite TRIES beyond others',
    'Job unblocked in a later round', 'Job of an earlier round first, against post-order',
    'Job of a later round first, as others wait',
    'retry without delay', 'sleep as long as a delay', 'sleep shorter than a delay',
    'no_act', 'no_act with Cleanups due', 'only a node', 'cleanup=False',
    'again', 'again after configure()',
    'Cleanup of an earlier run', 'Cleanup of several tries of a Job', 'Cleanup held back',
    'ValueError of a Cleanup raised', 'SystemExit of a Cleanup raised',
    'KeyboardInterrupt of a Cleanup raised', 'interrupt raised before the error of a Cleanup',
    'Cleanup by hand', 'second Cleanup by hand',
}  # fmt: skip


def kind_of_job(job: JobPlan) -> str:
    usual = {'Job': {'Check', 'Run'}, 'RunonlyJob': {'Run'}, 'DummyJob': set[str]()}[job.base]
    hooks = {name for name, there in (('Check', job.check), ('Run', job.run)) if there}
    extra, missing = sorted(hooks - usual), sorted(usual - hooks)
    with_them = f' with {" and ".join(extra)}' if extra else ''
    return job.base + with_them + (f' without {" and ".join(missing)}' if missing else '')


def kinds_of_graph(plan: Plan, run: Run) -> Iterator[str]:
    jobs = [plan.job(name) for name in plan.post_order(run.node or run.options.root)]
    dependents = Counter(name for job in jobs for name in set(job.deps))
    if any(count > 1 for count in dependents.values()):
        yield 'shared dependency'
    if any(len(set(job.deps)) < len(job.deps) for job in jobs):
        yield 'dependency named twice'


def kinds_of_phases(plan: Plan, outcome: Outcome) -> Iterator[str]:
    tried = {(event.job, event.number) for event in outcome.events if event.phase == 'init'}
    cleaned = Counter(event.job for event in outcome.events if event.phase == 'cleanup')
    if any(count > 1 for count in cleaned.values()):
        yield 'Cleanup of several tries of a Job'
    for event in outcome.events:
        if event.phase != 'cleanup':
            yield f'{plan.job(event.job).phase(event.number, event.phase).ending} in {event.phase}'
            yield kind_of_job(plan.job(event.job))
        elif (event.job, event.number) not in tried:
            yield 'Cleanup of an earlier run'


def kinds_of_order(outcome: Outcome) -> Iterator[str]:
    seen = set()
    for before, choice in zip([outcome.choices[0], *outcome.choices], outcome.choices):
        if choice.job in seen:
            yield 'retry'
            if outcome.nodestatus[choice.job]:
                yield 'retry that succeeds'
        elif choice.round > 1:
            yield 'Job unblocked in a later round'
        if choice.job != choice.ready[0]:
            yield 'Job of an earlier round first, against post-order'
        if choice.round < before.round:
            yield 'Job of a later round first, as others wait'
        seen.add(choice.job)


def kinds_of_tries(plan: Plan, run: Run, outcome: Outcome) -> Iterator[str]:
    delays = set()
    for name, count in Counter(choice.job for choice in outcome.choices).items():
        job = plan.job(name)
        tries = run.options.default_tries if job.tries is None else job.tries
        delay = job.retry_delay
        delays.add(run.options.default_retry_delay if delay is None else delay)
        if tries < count < tries + 1:
            yield 'fractional TRIES used up'
        if tries == math.inf and count > 4:
            yield 'infinite TRIES beyond others'
    if delays == {0} and len(outcome.choices) > len({choice.job for choice in outcome.choices}):
        yield 'retry without delay'
    if delays.intersection(outcome.sleeps):
        yield 'sleep as long as a delay'
    if any(seconds not in delays for seconds in outcome.sleeps):
        yield 'sleep shorter than a delay'


def kinds_of_ending(outcome: Outcome) -> Iterator[str]:
    raised = outcome.raised or ''
    if outcome.success:
        yield 'success'
    else:
        yield 'partial success' if outcome.partial_success else 'no success'
    if None in outcome.nodestatus.values() and not raised:
        yield 'blocked Job'
    if raised == 'KeyboardInterrupt: sleep':
        yield 'interrupted sleep'
    if raised.endswith('cleanup'):
        yield f'{raised.split(":")[0]} of a Cleanup raised'
    elif raised and any('.cleanup: fail' in line for line in outcome.lines):
        yield 'interrupt raised before the error of a Cleanup'
    if outcome.held_back:
        yield 'Cleanup held back'


def kinds_of_options(plan: Plan, outcomes: list[Outcome]) -> Iterator[str]:
    options = None
    for run in plan.runs:
        if options:
            yield 'again' if options == run.options else 'again after configure()'
        options = run.options
        if options.no_act:
            yield 'no_act'
        if options.no_act and any(each.events for each in outcomes[len(plan.runs) :]):
            yield 'no_act with Cleanups due'
        if run.node not in (None, options.root):
            yield 'only a node'
        if not options.cleanup:
            yield 'cleanup=False'


def kinds(plan: Plan, outcomes: list[Outcome]) -> Iterator[str]:
    """Tell which kinds of things happen in a plan."""
    yield from kinds_of_options(plan, outcomes)
    for run, outcome in zip(plan.runs, outcomes):
        yield from kinds_of_graph(plan, run)
        yield from kinds_of_phases(plan, outcome)
        yield from kinds_of_order(outcome)
        yield from kinds_of_tries(plan, run, outcome)
        yield from kinds_of_ending(outcome)
    by_hand = [bool(outcome.events) for outcome in outcomes[len(plan.runs) :]]
    if by_hand[0]:
        yield 'Cleanup by hand'
    if by_hand[1]:
        yield 'second Cleanup by hand'


@pytest.mark.slow
def test_random_plans_show_every_kind_of_thing() -> None:
    count: Counter[str] = Counter()
    for seed in range(SEEDS // 2):
        plan = random_plan(seed)
        count.update(set(kinds(plan, predict(plan))))
    assert set(count) == KINDS
    # Not just by luck: another version of Python may roll the dice differently.
    assert min(count.values()) >= 3, count.most_common()


def test_random_plans_have_one_to_twelve_jobs() -> None:
    assert {len(random_plan(seed).jobs) for seed in range(200)} == set(range(1, 13))


def test_plan_as_it_is_shown_can_be_pasted() -> None:
    names = {**dict(getmembers(plans, isclass)), 'inf': math.inf}
    for seed in range(100):
        plan = random_plan(seed)
        assert eval(explain(seed, plan, [], []).partition(': ')[2], names) == plan


def test_difference_is_shown_with_seed_and_plan() -> None:
    plan = Plan((JobPlan('a'),), (Run(Options('a')),))
    predicted = predict(plan)
    performed = [replace(predicted[0], sleeps=[2]), *predicted[1:]]
    assert explain(7, plan, predicted, performed).splitlines() == [
        "seed 7: Plan(jobs=(JobPlan(name='a'),), runs=(Run(options=Options(root='a')),))",
        'call 0, sleeps',
        '    model:   []',
        '    library: [2]',
    ]


def test_model_and_plans_know_nothing_of_the_library() -> None:
    for module in (model, plans):
        used = re.findall(r'^(?:from|import) (\S+)', getsource(module), re.MULTILINE)
        assert not {'dojobber', 'tests.fakes', 'tests.stage'}.intersection(used)


# The model by itself, against examples with their results written out.

FAILS = Try(check=Phase('error'), recheck=Phase('error'))


def tried(plan: Plan) -> str:
    return ''.join(choice.job for choice in predict(plan)[0].choices)


def test_model_of_failing_jobs_tries_them_in_rounds() -> None:
    a = JobPlan('a', script=(FAILS,), tries=3)
    b = JobPlan('b', script=(FAILS,), tries=2)
    c = JobPlan('c', ('a', 'b'))
    plan = Plan((a, b, c), (Run(Options('c', default_retry_delay=0)),))
    assert tried(plan) == 'ababa'
    assert predict(plan)[0].nodestatus == {'a': False, 'b': False, 'c': None}
    assert tried(replace(plan, runs=(Run(Options('c', no_act=True)),))) == 'ab'


def test_model_of_delays_sleeps_only_when_no_job_can_be_tried() -> None:
    slow = Try(check=Phase('error'), run=Phase(seconds=4), recheck=Phase('error'))
    a = JobPlan('a', script=(slow, Try()), retry_delay=10)
    b = JobPlan('b', script=(replace(FAILS, run=Phase(seconds=1)), Try()), retry_delay=1)
    plan = Plan((a, b, JobPlan('c', ('a', 'b'))), (Run(Options('c')),))
    assert tried(plan) == 'abbac'
    assert predict(plan)[0].sleeps == [5]


def test_model_of_failing_cleanup_holds_back_what_its_job_depends_on() -> None:
    a, x = (JobPlan(name, base='RunonlyJob', check=False, cleanup=()) for name in 'ax')
    b = replace(a, name='b', deps=('a',))
    c = replace(a, name='c', deps=('b',), cleanup=(Phase('error'),))
    root = JobPlan('root', ('x', 'c'))
    calls = predict(Plan((a, x, b, c, root), (Run(Options('root')),)))
    cleaned = [[event.job for event in call.events if event.phase == 'cleanup'] for call in calls]
    assert cleaned == [['c', 'x'], ['c', 'b', 'a'], []]
    assert calls[0].raised == 'ValueError: c.1 cleanup'
    assert calls[0].held_back == ['b.1', 'a.1']


def test_model_of_interrupt_cleans_up_and_leaves_the_rest_none() -> None:
    script = (Try(check=Phase('error'), run=Phase('interrupt')),)
    a, b = JobPlan('a', cleanup=(), script=script), JobPlan('b', ('a',))
    outcome = predict(Plan((a, b), (Run(Options('b')),), output='verbose'))[0]
    assert [event.phase for event in outcome.events] == ['init', 'check', 'run', 'cleanup']
    assert outcome.nodestatus == {'a': False, 'b': None}
    assert outcome.nodeexceptions == {'a': 'KeyboardInterrupt: a.1 run'}
    assert outcome.lines == ['a.check: fail']
    assert outcome.raised == 'KeyboardInterrupt: a.1 run'

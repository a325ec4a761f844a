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


@pytest.mark.parametrize('numbers', seeds(SEEDS, sample=25), ids=str)
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
    'no_act', 'no_act with Cleanups due', 'only a node', 'only some nodes', 'cleanup=False',
    'delays that grow', 'more DEPS',
    'again', 'again after configure()',
    'Cleanup of an earlier run', 'Cleanup of several tries of a Job', 'Cleanup held back',
    'ValueError of a Cleanup raised', 'SystemExit of a Cleanup raised',
    'KeyboardInterrupt of a Cleanup raised', 'interrupt raised before the error of a Cleanup',
    'Cleanup by hand', 'second Cleanup by hand',
    *(f'give up in {phase}' for phase in ('init', 'check', 'run', 'recheck')),
    'tries left when it gave up', 'success in spite of a Run that gave up',
    'Job without Check', 'Job without Check and Run', 'WATCH without a change',
    'change that calls', 'change that calls again', 'changes that call',
    'failed Run of a call', 'change of a group',
}  # fmt: skip


def kind_of_job(job: JobPlan) -> str:
    usual = {'Job': {'Check', 'Run'}, 'RunonlyJob': {'Run'}, 'DummyJob': set[str]()}[job.base]
    hooks = {name for name, there in (('Check', job.check), ('Run', job.run)) if there}
    extra, missing = sorted(hooks - usual), sorted(usual - hooks)
    with_them = f' with {" and ".join(extra)}' if extra else ''
    return job.base + with_them + (f' without {" and ".join(missing)}' if missing else '')


def kinds_of_graph(plan: Plan, run: Run) -> Iterator[str]:
    jobs = [plan.job(name) for name in plan.order(run)]
    dependents = Counter(name for job in jobs for name in set(run.options.needs(job)))
    if any(count > 1 for count in dependents.values()):
        yield 'shared dependency'
    if any(len(set(job.deps)) < len(job.deps) for job in jobs):
        yield 'dependency named twice'
    if any(more for name, more in run.options.more_deps):
        yield 'more DEPS'


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
        delays.add(run.options.delay(job, 1))
        if run.options.delay(job, count) != run.options.delay(job, 1):
            yield 'delays that grow'
            delays |= {run.options.delay(job, failures) for failures in range(count)}
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


def kinds_of_giving_up(plan: Plan, run: Run, outcome: Outcome) -> Iterator[str]:
    tried = Counter(choice.job for choice in outcome.choices)
    for name, number, phase in {event[1:] for event in outcome.events if event.phase != 'cleanup'}:
        if plan.job(name).phase(number, phase).ending == 'give up':
            if outcome.nodestatus[name]:
                yield 'success in spite of a Run that gave up'
            elif tried[name] < (plan.job(name).tries or run.options.default_tries):
                yield 'tries left when it gave up'


def kinds_of_changes(plan: Plan, run: Run, outcome: Outcome) -> Iterator[str]:
    called = Counter(job for job, _ in outcome.calls)
    for job, names in outcome.calls:
        yield 'change that calls' if len(names) == 1 else 'changes that call'
        if called[job] > 1:
            yield 'change that calls again'
        if any(plan.job(name).base == 'DummyJob' and not plan.job(name).run for name in names):
            yield 'change of a group'
        if outcome.nodeexceptions.get(job, '').endswith(' run') and plan.job(job).base == 'Job':
            yield 'failed Run of a call'
    for name, status in outcome.nodestatus.items():
        if status and plan.job(name).watch and not called[name]:
            yield 'WATCH without a change'


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
        if run.nodes not in (None, (options.root,)):
            yield 'only a node' if len(run.nodes or ()) == 1 else 'only some nodes'
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
        yield from kinds_of_giving_up(plan, run, outcome)
        yield from kinds_of_changes(plan, run, outcome)
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
    for seed in range(30):
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


def test_model_of_delays_that_grow_counts_failed_tries() -> None:
    a = JobPlan('a', script=(FAILS,), tries=5, retry_delay=(1, 2, 4))
    assert predict(Plan((a,), (Run(Options('a')),)))[0].sleeps == [1, 2, 4, 4]
    default = Options('a', default_retry_delay=(3, 0))
    plan = Plan((replace(a, tries=3, retry_delay=None),), (Run(default),) * 2)
    assert [outcome.sleeps for outcome in predict(plan)[:2]] == [[3], [3]]


def test_model_of_several_nodes_goes_as_if_they_were_deps_of_a_root() -> None:
    jobs = JobPlan('a'), JobPlan('b', ('a',)), JobPlan('c'), JobPlan('d', ('c', 'b'))
    assert tried(Plan(jobs, (Run(Options('d'), ('b', 'a', 'c')),))) == 'abc'
    assert tried(Plan(jobs, (Run(Options('d'), ('c', 'd')),))) == 'cabd'


def test_model_of_more_deps_tries_them_behind_deps() -> None:
    jobs = JobPlan('a'), JobPlan('b'), JobPlan('c', ('b',))
    assert tried(Plan(jobs, (Run(Options('c', more_deps=(('c', ('a',)),))),))) == 'bac'
    assert tried(Plan(jobs, (Run(Options('c', more_deps=(('b', ('a',)),))),))) == 'abc'


def test_model_of_giving_up_ends_the_tries_of_a_job() -> None:
    check = Try(check=Phase('give up'))
    run = Try(check=Phase('error'), run=Phase('give up'), recheck=Phase('error'))
    recheck = Try(check=Phase('error'), recheck=Phase('give up'))
    phases = []
    for script in ((check,), (run,), (recheck,), (replace(run, recheck=Phase()),)):
        outcome = predict(Plan((JobPlan('a', script=script),), (Run(Options('a')),)))[0]
        phases.append([event.phase for event in outcome.events])
        text = outcome.nodeexceptions.get('a')
        phases[-1].append(text or 'passed')
    assert phases == [
        ['init', 'check', 'GiveUp: a.1 check'],
        ['init', 'check', 'run', 'recheck', 'ValueError: a.1 recheck'],
        ['init', 'check', 'run', 'recheck', 'GiveUp: a.1 recheck'],
        ['init', 'check', 'run', 'recheck', 'passed'],
    ]


CHANGES = Try(check=Phase('error'))


def lines_of(job: JobPlan, *others: JobPlan, options: Options) -> list[str]:
    """Return what is written about a Job."""
    plan = Plan((*others, job), (Run(options),), output='verbose')
    return [line for line in predict(plan)[0].lines if line.startswith(job.name)]


def test_model_of_a_change_calls_for_run_until_a_try_has_succeeded() -> None:
    conf, cert = JobPlan('conf', script=(CHANGES,)), JobPlan('cert')
    job = JobPlan('reload', watch=('conf', 'cert'), check=False)
    options = Options('reload', default_retry_delay=0)
    passing = ['reload.check: fail', 'reload.run: pass', 'reload.recheck: pass']
    assert lines_of(job, conf, cert, options=options) == passing
    assert lines_of(job, replace(conf, script=(Try(),)), cert, options=options) == [
        'reload.check: pass'
    ]
    # A Run that raises fails the try, without a recheck.
    fails_once = replace(job, script=(Try(run=Phase('error')), Try()))
    failing = ['reload.check: fail', 'reload.run: fail']
    assert lines_of(fails_once, conf, cert, options=options) == failing + passing
    # Else the recheck decides.
    wrong = replace(job, check=True, script=(Try(recheck=Phase('error')), Try()))
    failing = ['reload.check: fail', 'reload.run: pass', 'reload.recheck: fail "reload.1 recheck"']
    assert lines_of(wrong, conf, cert, options=options) == failing + passing


def test_model_of_a_group_changes_with_what_it_depends_on() -> None:
    conf = JobPlan('conf', script=(CHANGES,))
    group = JobPlan('group', ('conf',), base='DummyJob', check=False, run=False)
    job = JobPlan('reload', watch=('group',), check=False)
    assert predict(Plan((conf, group, job), (Run(Options('reload')),)))[0].calls == [
        ('reload', ('group',))
    ]
    looks = replace(group, check=True)
    assert predict(Plan((conf, looks, job), (Run(Options('reload')),)))[0].calls == []


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

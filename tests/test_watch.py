"""WATCH: Jobs that act when another one has changed, and what it costs to find out."""

from __future__ import annotations

from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, Phase, Report
from dojobber._attempt import TryRecord
from dojobber._graph import walk
from dojobber._results import Results
from dojobber._watch import Watcher


@pytest.fixture
def done() -> list[str]:
    """Return a list for what was done."""
    return []


class Config(Job):
    """Is out of date while 'stale' is in the list of what was done."""

    def Check(self, done: list[str]) -> None:
        if 'stale' in done:
            raise RuntimeError('The configuration is out of date.')

    def Run(self, done: list[str]) -> None:
        done[:] = [each.replace('stale', 'written') for each in done]


def converge(root: type[Job], done: list[str], **options: Any) -> Report:
    dojob = DoJobber()
    dojob.configure(root, default_retry_delay=0, **options)
    dojob.set_args(done)
    return dojob.checknrun()


class Reload(Job):
    WATCH = (Config,)

    def Check(self, done: list[str]) -> None:
        done.append('check')

    def Run(self, done: list[str]) -> None:
        done.append('reload')


def test_change_calls_run_without_asking_check_first(
    done: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    done.append('stale')
    entry = converge(Reload, done, verbose=True)['Reload']
    assert done == ['written', 'reload', 'check']
    assert (entry.outcome, entry.changed_deps) == ('changed', ('Config',))
    assert str(entry.check_exception) == 'Config has changed'
    assert capfd.readouterr().err.splitlines()[3:] == [
        'Reload.check: fail', 'Reload.run: pass', 'Reload.recheck: pass']  # fmt: skip


def test_without_a_change_check_decides(done: list[str]) -> None:
    entry = converge(Reload, done)['Reload']
    assert (done, entry.outcome, entry.changed_deps) == (['check'], 'ok', ())


def test_job_without_a_check_passes_where_nothing_has_changed(done: list[str]) -> None:
    class Restart(Job):
        WATCH = (Config,)

        def Run(self, done: list[str]) -> None:
            done.append('restart')

    assert converge(Restart, done)['Restart'].outcome == 'ok'
    done.append('stale')
    assert converge(Restart, done)['Restart'].outcome == 'changed'
    assert done == ['written', 'restart']


def test_run_that_raises_after_a_change_has_failed_and_is_called_again(done: list[str]) -> None:
    class Fails(Reload):
        TRIES = 2

        def Run(self, done: list[str]) -> None:
            super().Run(done)
            raise OSError('The service is down.')

    done.append('stale')
    entry = converge(Fails, done)['Fails']
    assert done == ['written', 'reload', 'reload']
    assert (entry.outcome, entry.phase, entry.tries) == ('failed', 'run', 2)
    assert str(entry.exception) == 'The service is down.'


def test_without_a_run_the_recheck_decides_after_a_change(done: list[str]) -> None:
    class Answers(Job):
        WATCH = (Config,)

        def Check(self, done: list[str]) -> None:
            done.append('check')

    done.append('stale')
    entry = converge(Answers, done)['Answers']
    assert done == ['written', 'check']
    assert (entry.outcome, entry.phase, entry.run_exception) == ('ok', 'recheck', None)


class Looks(Results):
    """Counts how often it is asked what became of a Job."""

    count = 0

    def outcome(self, node: int) -> Any:
        self.count += 1
        return super().outcome(node)


@pytest.mark.parametrize('first_changed', [False, True])
def test_work_grows_with_jobs_and_watchers_not_with_their_product(first_changed: bool) -> None:
    parts = [DummyJob.clone(f'part {number}') for number in range(100)]
    group = DummyJob.clone('group', DEPS=parts)
    watchers = [DummyJob.clone(f'watcher {number}', WATCH=(group,)) for number in range(50)]
    graph = walk(DummyJob.clone('All', DEPS=watchers), 1, 0)
    results = Looks(graph, no_act=False)
    for node, name in enumerate(graph.names):
        if name == 'group' or name.startswith('part'):
            has_run = first_changed and name == 'part 0'
            results.succeeded(node, TryRecord(0.0, (0.0,), Phase.CHECK, ran=has_run))
    watcher = Watcher(results)
    found = {watcher.changes(graph.names.index(job.__name__)) for job in watchers}
    assert found == {('group',) if first_changed else ()}
    assert results.count <= len(parts) + 2 * len(watchers)


def test_groups_of_groups_are_looked_at_once_for_each_dependency() -> None:
    below: tuple[type[Job], ...] = ()
    for number in range(12):
        below = tuple(DummyJob.clone(f'{side} {number}', DEPS=below) for side in ('left', 'right'))
    graph = walk(DummyJob.clone('All', WATCH=below), 1, 0)
    results = Looks(graph, no_act=False)
    for node in range(len(graph.names) - 1):
        results.succeeded(node, TryRecord(0.0, (0.0,), Phase.CHECK))
    assert Watcher(results).changes(len(graph.names) - 1) == ()
    assert results.count <= 2 + 4 * 11

"""Jobs of a plan that can be sent to other processes, and note in a file what they do there.

Owns no test: workers import this module.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.plans import Event, JobPlan, Phase
from tests.stage import ERRORS, Stage, _trace


class PackableStage(Stage):
    """A stage whose Jobs know nothing of it: they note what they do in a file.

    For plans in which nothing takes time, since a worker can't turn the clock of the driver.
    """

    def __init__(self, plan: Any, directory: Path, **configuration: Any) -> None:
        self.directory = directory
        super().__init__(plan, **configuration)

    def hooks(self, job: JobPlan) -> dict[str, Any]:
        """Make the hooks of one Job."""
        hooks = {'PLAN': job, 'NOTES': str(self.directory / 'notes'), '__init__': _init}
        if job.none:
            hooks.update(Run=None, Cleanup=None)
        if job.check:
            hooks['Check'] = _check
        if job.run:
            hooks['Run'] = _run
        if job.cleanup is not None:
            hooks['Cleanup'] = _cleanup
        return hooks

    def record(self, *args: Any) -> Any:
        """Make one call and tell what came of it, without instants."""
        before = len(self.events)
        outcome = super().record(*args)
        notes = Path(self.directory / 'notes')
        lines = notes.read_text().splitlines() if notes.exists() else []
        self.events[:] = [Event(0, *json.loads(line)) for line in lines]
        outcome.events[:] = self.events[before:]
        return outcome


def _count(job: Any, phase: str) -> int:
    """Count the calls of a hook of this Job until now."""
    try:
        with open(job.NOTES) as notes:
            lines = [json.loads(line) for line in notes]
    except FileNotFoundError:
        return 0
    return sum(name == job.PLAN.name and each == phase for name, _, each in lines)


def _init(job: Any) -> None:
    job.number = _count(job, 'init') + 1
    _play(job, 'init', job.PLAN.phase(job.number, 'init'))


def _check(job: Any) -> str:
    phase = job._check_phase
    trace = _trace(job, job.PLAN, phase)
    _play(job, phase, job.PLAN.phase(job.number, phase))
    return trace


def _run(job: Any) -> str:
    trace = _trace(job, job.PLAN, 'run')
    _play(job, 'run', job.PLAN.phase(job.number, 'run'))
    return trace


def _cleanup(job: Any) -> None:
    call = _count(job, 'cleanup') + 1
    _trace(job, job.PLAN, 'cleanup')
    _play(job, 'cleanup', job.PLAN.cleaned(call))


def _play(job: Any, phase: str, how: Phase) -> None:
    with open(job.NOTES, 'a') as notes:
        notes.write(json.dumps([job.PLAN.name, job.number, phase]) + '\n')
    if how.ending != 'pass':
        raise ERRORS[how.ending](f'{job.PLAN.name}.{job.number} {phase}')

"""Bring things into their wanted state with small idempotent Jobs that depend on each other.

A Job has a Check, which raises if there is something to do, and a Run, which does it:

    >>> from dojobber import DoJobber, Job
    >>> class Milk(Job):
    ...     def Check(self, fridge):
    ...         if 'milk' not in fridge:
    ...             raise RuntimeError('There is no milk.')
    ...     def Run(self, fridge):
    ...         fridge.append('milk')
    >>> dojob = DoJobber()
    >>> dojob.configure(Milk, summary=True)
    >>> dojob.set_args(fridge=[])
    >>> report = dojob.checknrun()
    >>> dojob.nodestatus
    {'Milk': True}

As a command with flags and an exit status, a script ends with
``raise SystemExit(dojobber.main(Milk))``.

``help(dojobber.Job)`` tells how to write Jobs, ``help(dojobber.DoJobber)``
how to run them, ``help(dojobber.main)`` how to make a command of them,
``help(dojobber.Report)``, ``help(dojobber.JobReport)`` and
``help(dojobber.PhaseEnded)`` how to learn what came of them. Modules whose
names begin with an underscore may change with any release.
"""

from dojobber._interrupt import uninterrupted
from dojobber.dojobber import DoJobber
from dojobber.errors import (
    ConfigurationError,
    CycleError,
    DuplicateNameError,
    GiveUp,
    NotAJobError,
)
from dojobber.events import (
    Event,
    JobEnded,
    JobEvent,
    Listener,
    PhaseEnded,
    PhaseStarted,
    RunEnded,
    RunStarted,
    TryEnded,
    TryEvent,
    TryStarted,
    Waiting,
)
from dojobber.job import DummyJob, Job, RunonlyJob
from dojobber.main import main
from dojobber.outcome import Outcome, Phase
from dojobber.remote import RemoteBaseException, RemoteError, RemoteValue
from dojobber.report import Failure, JobReport, Report

__all__ = [
    'ConfigurationError',
    'CycleError',
    'DoJobber',
    'DummyJob',
    'DuplicateNameError',
    'Event',
    'Failure',
    'GiveUp',
    'Job',
    'JobEnded',
    'JobEvent',
    'JobReport',
    'Listener',
    'NotAJobError',
    'Outcome',
    'Phase',
    'PhaseEnded',
    'PhaseStarted',
    'RemoteBaseException',
    'RemoteError',
    'RemoteValue',
    'Report',
    'RunEnded',
    'RunStarted',
    'RunonlyJob',
    'TryEnded',
    'TryEvent',
    'TryStarted',
    'Waiting',
    'main',
    'uninterrupted',
]

__version__ = '1.0.0'

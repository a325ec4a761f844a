"""Bring things into their wanted state with small idempotent Jobs that depend on each other."""

from dojobber.dojobber import DoJobber
from dojobber.errors import ConfigurationError, CycleError, DuplicateNameError, NotAJobError
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
from dojobber.outcome import JobReport, Outcome
from dojobber.remote import RemoteError, RemoteValue
from dojobber.report import Report

__all__ = [
    'ConfigurationError',
    'CycleError',
    'DoJobber',
    'DummyJob',
    'DuplicateNameError',
    'Event',
    'Job',
    'JobEnded',
    'JobEvent',
    'JobReport',
    'Listener',
    'NotAJobError',
    'Outcome',
    'PhaseEnded',
    'PhaseStarted',
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
]

__version__ = '1.0.0'

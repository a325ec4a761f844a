"""Bring things into their wanted state with small idempotent Jobs that depend on each other."""

from dojobber.dojobber import DoJobber
from dojobber.errors import ConfigurationError, CycleError, DuplicateNameError, NotAJobError
from dojobber.job import DummyJob, Job, RunonlyJob

__all__ = [
    'ConfigurationError',
    'CycleError',
    'DoJobber',
    'DummyJob',
    'DuplicateNameError',
    'Job',
    'NotAJobError',
    'RunonlyJob',
]

__version__ = '1.0.0'

"""Job, DummyJob and RunonlyJob: the classes that users subclass.

Owns the attributes that a Job has by default. Knows nothing of how or when Jobs are tried.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, TypeVar

__all__ = ['DummyJob', 'Job', 'RunonlyJob']

_AnyJob = TypeVar('_AnyJob', bound='Job')


class Job:
    """One thing that is to be in its wanted state: subclass this with a Check and a Run.

    A try of a Job makes a new object of its class and calls up to three hooks
    on it, Check and Run with the arguments of `DoJobber.set_args`:

    * ``Check(*args, **kwargs)``: return if the wanted state holds, else raise.
      The returned value is kept as the Job's result; False, too, means success.
    * ``Run(*args, **kwargs)``: called when Check raised, to bring the state
      about. Its own result or exception decides nothing: Check is called again,
      and that decides. A Job without Run, or with ``Run = None``, is an assertion.
    * ``Cleanup()``: optional; called after the run, for each try that called
      Run, last one first.

    Optional attributes of the class:

    * ``DEPS = (A, B)``: the Jobs that must succeed before this one is tried.
    * ``TRIES = 5``: the greatest number of tries in one run; 3 by default.
    * ``RETRY_DELAY = 0.5``: the least time in seconds from the start of a
      try to the start of the next; 1 by default. ``(1, 2, 5)`` is 1 after the
      first failed try, 2 after the second and 5 from then on.
    * ``WATCH = (A, B)``: more DEPS; once one has changed, Run is called.
      Check is optional then.
    * ``LOCKS = ('apt',)``: with an executor, Jobs that share a lock are not
      tried at the same time.
    * ``IN_DRIVER = True``: with an executor, the Job is tried in this process.

    Within a try ``self.storage`` is a dict for its hooks, and
    ``self.global_storage`` one for all Jobs of the run.

    A hook that raises `GiveUp` says that no other try will help. Within
    ``with uninterrupted():`` it is not interrupted by Ctrl-C. Dependencies for
    one graph only are ``more_deps`` of `DoJobber.configure`.
    """

    # Hooks, WATCH, LOCKS and IN_DRIVER are not set here, so that `class MakeTea(Job, KettleMixin)`
    # finds those of the mixin.

    #: Job classes, in the order to try them.
    DEPS: ClassVar[Collection[type[Job]]] = ()
    #: At least 1; a fraction rounds up and ``math.inf`` sets no limit. None means
    #: ``default_tries`` of `DoJobber.configure`.
    TRIES: ClassVar[float | None] = None
    #: Seconds, as a number or as a tuple or list of numbers. None means ``default_retry_delay`` of
    #: `DoJobber.configure`.
    RETRY_DELAY: ClassVar[float | Sequence[float] | None] = None
    #: Job classes, tried behind the DEPS. None unless set.
    WATCH: ClassVar[Collection[type[Job]]]
    #: Names of locks. None unless set.
    LOCKS: ClassVar[tuple[str, ...] | list[str] | set[str] | frozenset[str]]
    #: Whether the Job needs the process and thread that called `DoJobber.checknrun`. False unless
    #: set.
    IN_DRIVER: ClassVar[bool]

    #: The values that the hooks of one try share; a new dict for each try.
    storage: dict[Any, Any]
    #: The values that Jobs share; one dict for all tries of a run.
    global_storage: dict[Any, Any]

    # How this try goes, for odd Jobs that must know; may change with any release.
    _check_phase: str = 'check'
    _check_results: Any = None  # nothing sets it: no hook follows a Check that passed
    _check_exception: BaseException | None = None
    _run_results: Any = None
    _run_exception: BaseException | None = None
    _recheck_results: Any = None
    _recheck_exception: BaseException | None = None

    @classmethod
    def clone(cls: type[_AnyJob], name: str, /, **attributes: Any) -> type[_AnyJob]:
        """Make a subclass of this Job with another name and other attributes.

        ``SendInvite.clone('Invite Bob', EMAIL='bob@example.com')`` is a Job made from data.

        Args:
            name: the name of the new Job, any string without NUL that UTF-8 can hold; no other Job
                of the graph may have it.
            **attributes: what to set on the new class.

        Returns:
            The new class. It belongs to the module of the class that it is made from.
        """
        return type(name, (cls,), {'__module__': cls.__module__, **attributes})


class DummyJob(Job):
    """A group of Jobs: it depends on them, and passes.

    ``class Site(DummyJob): DEPS = (Pages, Server)`` is all there is to write.
    """

    def Check(self, *args: Any, **kwargs: Any) -> Any:
        """Pass."""


class RunonlyJob(Job):
    """A Job without a Check: it runs every time, and fails if its Run raises.

    With no_act it fails, for Run is not called then.
    """

    def Check(self, *args: Any, **kwargs: Any) -> Any:
        """Fail before Run; after it, raise Run's exception or return its result.

        Raises:
            RuntimeError: always before Run.
        """
        if self._check_phase == 'check':
            raise RuntimeError('Runonly node check intentionally fails first time.')
        if self._run_exception is not None:
            raise self._run_exception
        return self._run_results

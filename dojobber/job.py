"""Job, DummyJob and RunonlyJob: what a user subclasses.

Owns the attributes that a Job has by default. Knows nothing of how or when Jobs are tried.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, TypeVar

__all__ = ['DummyJob', 'Job', 'RunonlyJob']

_AnyJob = TypeVar('_AnyJob', bound='Job')


class Job:
    """One thing that is to be in its wanted state: subclass this with a Check and a Run.

    A try of a Job makes a fresh object of its class and calls up to three
    hooks on it, Check and Run with the arguments of `DoJobber.set_args`:

    * ``Check(*args, **kwargs)``: return if the wanted state holds, raise if
      it does not. What it returns is kept as the Job's result; False, too,
      means that all is well.
    * ``Run(*args, **kwargs)``: called when Check raised, to make it so. What
      it returns or raises decides nothing: Check is called again, and that
      decides. A Job without Run, or with ``Run = None``, is an assertion.
    * ``Cleanup()``: optional; called after the run, for each try that called
      Run, last one first.

    Optional attributes of the class say what it depends on and how often it
    is tried:

    * ``DEPS = (A, B)``: the Jobs that must have succeeded before this one is
      tried.
    * ``TRIES = 5``: how often it may be tried in one run; 3 times unless
      configured otherwise.
    * ``RETRY_DELAY = 0.5``: seconds from the start of a try to the start of
      the next at least; 1 unless configured otherwise. ``(1, 2, 5)`` is 1
      after the first failed try, 2 after the second and 5 from then on.
    * ``WATCH = (A, B)``: Jobs that it depends on as on its DEPS, and whose
      change in this run calls for its Run. It needs no Check then.
    * ``LOCKS = ('apt',)``: no two Jobs that share a lock are tried at the
      same time; ``IN_DRIVER = True``: it must be tried in this process. Both
      count with an executor only.

    Within a try ``self.storage`` is a dict for its hooks, and
    ``self.global_storage`` one for all Jobs of the run.

    A hook that raises `GiveUp` says that no other try will help. Within
    ``with uninterrupted():`` it is not interrupted by Ctrl-C. Dependencies for
    one graph only are ``more_deps`` of `DoJobber.configure`.
    """

    # Hooks, WATCH, LOCKS and IN_DRIVER are not set here, so that `class MakeTea(Job, KettleMixin)`
    # finds those of the mixin.

    #: Job classes that must have succeeded before this one is tried, in the order to try them.
    DEPS: ClassVar[Collection[type[Job]]] = ()
    #: How often the Job may be tried in one run, at least 1; a fraction rounds up and ``math.inf``
    #: sets no limit. None means ``default_tries`` of `DoJobber.configure`.
    TRIES: ClassVar[float | None] = None
    #: Least time in seconds from the start of a try to the start of this Job's next one; a tuple or
    #: list has one for each failed try, and its last one holds from then on. None means
    #: ``default_retry_delay`` of `DoJobber.configure`.
    RETRY_DELAY: ClassVar[float | Sequence[float] | None] = None
    #: Job classes that count as DEPS, behind these, and whose change in a run calls for this Job's
    #: Run. None unless set.
    WATCH: ClassVar[Collection[type[Job]]]
    #: Names of locks, used only with an executor. No two Jobs that share one are tried at the same
    #: time. None unless set.
    LOCKS: ClassVar[tuple[str, ...] | list[str] | set[str] | frozenset[str]]
    #: Whether the Job is tried in the process and thread that called `DoJobber.checknrun`, used
    #: only with an executor. False unless set.
    IN_DRIVER: ClassVar[bool]

    #: A dict for what Check, Run and Cleanup of one try tell each other; new for each try.
    storage: dict[Any, Any]
    #: A dict for what Jobs tell each other; the same one for all tries of a run.
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
        """Fail before Run; after it raise what Run raised or return what it returned.

        Raises:
            RuntimeError: always before Run.
        """
        if self._check_phase == 'check':
            raise RuntimeError('Runonly node check intentionally fails first time.')
        if self._run_exception is not None:
            raise self._run_exception
        return self._run_results

"""DoJobber: configures a graph of Jobs, runs it and keeps the results.

Owns what lasts from run to run: the graph, the arguments, the Cleanups that are due and the last
results. Leaves the running to `_run`.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from dojobber._cleanup import CleanupStack
from dojobber._exceptions import safe_repr
from dojobber._failures import is_failure, raise_first
from dojobber._graph import Graph, walk
from dojobber._interrupt import collect, guarded, uninterrupted
from dojobber._options import Options, as_listeners
from dojobber._output.console import Console, log_tries, mask_log, print_summary, show_log
from dojobber._results import Results
from dojobber._run import Run, RunConfig, receive
from dojobber._workdir import Workdir
from dojobber.errors import ConfigurationError
from dojobber.events import Event, Listener, RunEnded
from dojobber.job import DummyJob, Job, RunonlyJob
from dojobber.outcome import Outcome, Phase
from dojobber.report import Report

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from dojobber._executors.pool import Pool
    from dojobber._output.graphviz import PictureFormat, Writable
    from dojobber._output.progress import Progress

__all__ = ['DoJobber', 'DummyJob', 'Job', 'RunonlyJob']

_LOG = logging.getLogger('DoJobber')
_Self = TypeVar('_Self', bound='DoJobber')
#: The work of one public call. The list gets the exceptions that end the run or fail a Cleanup.
_Work = Callable[[Workdir, list[BaseException]], None]


class DoJobber:
    """A runner of a Job and all that it depends on.

    Call `configure` and then `checknrun`, which can be called again and again. `configure` also
    takes ``more_deps``, dependencies for one graph only, and ``secrets``, texts that are never
    written. `stop` ends a run early, from any thread. `main` does all of this for a script, with
    flags and an exit status.

    As a context manager it puts off the automatic Cleanup to the end of the block::

        with DoJobber() as dojob:
            dojob.configure(ServiceIsUp)
            dojob.checknrun()
            ...  # use the service
    """

    # Tests put a clock of their own here.
    _clock = staticmethod(time.monotonic)
    _receive = staticmethod(receive)

    def __init__(
        self, dojobber_loglevel: int | str = logging.CRITICAL, cleanup: bool = True
    ) -> None:
        """Make a DoJobber without a graph.

        Args:
            dojobber_loglevel: how much of the library's own log is written to stderr, as a level
                of the `logging` module. It holds for all DoJobber objects.
            cleanup: whether `checknrun`, or the end of a ``with`` block, calls the Cleanups that
                are due. If this or that of `configure` is False, only `cleanup` calls them.
        """
        show_log(dojobber_loglevel)
        self._cleanup = cleanup
        self._options = Options()
        self._pool: Pool | None = None
        self._graph = Graph()
        self._arguments: tuple[tuple[Any, ...], dict[str, Any]] = (), {}
        self._stack = CleanupStack()
        self._results = Results(self._graph, False)
        self._busy = threading.Lock()
        self._run: Run | None = None
        self._blocks = 0
        self._is_deferred = False

    def configure(
        self,
        root: type[Job],
        no_act: bool = False,
        verbose: bool = False,
        debug: bool = False,
        cleanup: bool = True,
        default_tries: float = 3,
        default_retry_delay: float | Sequence[float] = 1,
        *,
        listeners: Iterable[Listener] = (),
        summary: bool = False,
        progress: bool = False,
        secrets: Iterable[str] = (),
        executor: Executor | None = None,
        max_in_flight: int | None = None,
        more_deps: Mapping[type[Job], Collection[type[Job]]] | None = None,
    ) -> None:
        """Walk the graph of a Job and all that it depends on, and forget earlier results.

        Arguments that were set and Cleanups that are due stay.

        Args:
            root: the Job that is to succeed in the end.
            no_act: only call Checks: no Run, no retry, no Cleanup.
            verbose: write a line to stderr about each check, run and recheck.
            debug: write the traceback of each failure too, and lines about each Cleanup.
            cleanup: whether the Cleanups that are due are called automatically, as in
                ``DoJobber(cleanup=...)``.
            default_tries: how often a Job without TRIES may be tried, at least 1; a fraction
                rounds up, ``math.inf`` sets no limit.
            default_retry_delay: least time in seconds from the start of a try to the start of the
                same Job's next one, for Jobs without RETRY_DELAY; a sequence has one for each
                failed try, and its last one holds from then on.
            listeners: callables that get each event of a run, in order and in the thread that
                called `checknrun`. One that raises is logged, and gets no more of that run.
            summary: write a summary of each run to stderr at its end.
            progress: where stderr is a terminal, show there how far a run is.
            secrets: strings that are written as ``*****`` wherever the library writes: lines,
                traces, log, summary, graph and report. So are their spellings in repr(), in
                URLs and in base64, and their lines.
            executor: tries Jobs that don't depend on each other at the same time, on its workers;
                None means one after the other, here. It must have ``submit()`` as in
                `concurrent.futures`. The caller shuts it down.
            max_in_flight: how many tries may be in flight at once, at least 1; None means the
                number of the executor's workers, and is refused where that is unknown.
            more_deps: dependencies for this graph only, by Job class; they come behind its own DEPS
                and WATCH. The classes stay as they are.

        Raises:
            NotAJobError: the root or an entry of DEPS is no Job class, or DEPS can't hold any.
            CycleError: Jobs depend on each other in a circle.
            DuplicateNameError: two classes in the graph share a name.
            ConfigurationError: an attribute of a Job or a default can't work. The base of the
                three above; after any of them there is no graph.
            RuntimeError: this object is running; then nothing has changed.
        """
        with guarded():
            if not self._busy.acquire(blocking=False):
                raise _running('configure')
            try:
                self._graph, self._pool = Graph(), None
                self._results = Results(self._graph, False)  # of no Job: nothing has run
                mask, heard = _make_mask(secrets), as_listeners(listeners)
                graph = walk(root, default_tries, default_retry_delay, more_deps)
                self._pool = _make_pool(executor, max_in_flight, graph)
                self._options = Options(
                    no_act, verbose, debug, cleanup, heard, summary, progress, mask
                )
                self._graph = graph
            finally:
                self._busy.release()

    def set_args(self, /, *args: Any, **kwargs: Any) -> None:
        """Set the arguments of each Check and Run, in place of earlier ones.

        Args:
            *args: the positional arguments.
            **kwargs: the keyword arguments.
        """
        self._arguments = args, kwargs

    def checknrun(self, node: type[Job] | str | Iterable[type[Job] | str] | None = None) -> Report:
        """Check, run and recheck each Job, dependencies first.

        A Job that fails blocks its dependents and no other Job. Then the Cleanups that are due are
        called, unless automatic Cleanup is off, or with no_act; in a ``with`` block they wait for
        its end.

        Args:
            node: a Job of the graph or its name, or several of these: run only these and what they
                depend on, in the order as if they were the DEPS of a root. None means the root.

        Returns:
            The report of the run, as of `report`.

        Raises:
            RuntimeError: there is no graph, the node is not in it, or this object is running.
            BaseException: the exception that ended the run, such as KeyboardInterrupt; else such a
                one of a Cleanup; else the first error of a Cleanup; or an OSError, if there was no
                way back to the directory in which the run began.
        """
        if not self._graph.jobs:
            raise RuntimeError('checknrun() has no graph; call configure() with a Job class first')
        graph = self._graph if node is None else self._graph.subgraph(node)
        self._work('checknrun', lambda workdir, errors: self._perform(graph, workdir, errors))
        return Report(self._results, self._options.mask)

    def _perform(self, graph: Graph, workdir: Workdir, errors: list[BaseException]) -> None:
        progress = self._make_progress() if self._options.progress else None
        self._run = run = self._new_run(graph, workdir, progress)
        self._results = run.results
        try:
            run.perform(errors)
            if self._cleanup and self._options.cleanup and not self._options.no_act:
                self._unwind(errors, run.expects_signal)
            run.end(errors)
        finally:
            self._run = None
            del run  # this frame may be kept by an exception of the run
            if progress is not None:
                progress.close()

    def _make_progress(self) -> Progress:
        from dojobber._output.progress import Progress

        return Progress(clock=self._clock, mask=self._options.mask)

    def _unwind(self, errors: list[BaseException], expects_signal: bool) -> None:
        # Asked at the end of a run: another thread may have left the block meanwhile.
        self._is_deferred = bool(self._blocks)
        if not self._is_deferred:
            try:
                with uninterrupted() if expects_signal else nullcontext():
                    self._stack.unwind(errors)
            except BaseException as caught:  # the signal, put off
                errors.append(caught)

    def _new_run(self, graph: Graph, workdir: Workdir, progress: Progress | None) -> Run:
        options, (args, kwargs) = self._options, self._arguments
        config = RunConfig(
            args=args,
            kwargs=kwargs,
            options=options,
            listeners=self._all_listeners(progress),
            clock=self._clock,
            receive=self._receive,
            on_interrupt=(lambda: None) if progress is None else progress.interrupted,
        )
        if self._pool is not None:
            from dojobber._executors.run import ConcurrentRun

            return ConcurrentRun(graph, config, self._stack, workdir, self._pool)
        return Run(graph, config, self._stack, workdir)

    def _all_listeners(self, progress: Progress | None) -> list[Listener]:
        """Return the listeners of a run, in order; the console is always one."""
        options = self._options
        listeners: list[Listener] = [] if progress is None else [progress]
        listeners.append(Console(options.verbose, options.debug, options.mask))
        if _LOG.isEnabledFor(logging.DEBUG):
            listeners.append(log_tries)
        listeners += options.listeners
        if options.summary:
            listeners.append(self._summarize)
        return listeners

    def stop(self) -> None:
        """End the run early, from any thread, listener, hook or handler of a signal.

        No new try begins. Those in flight go through all their phases, a wait ends at once, the
        Cleanups are called and `checknrun` returns; Jobs that were not reached are ``not_run``.
        While nothing runs, it does nothing.
        """
        run = self._run
        if run is not None:
            run.stop()

    def _summarize(self, event: Event) -> None:
        if isinstance(event, RunEnded):
            print_summary(self.report().jobs, event.seconds, self._options.mask)

    def cleanup(self) -> None:
        """Call the Cleanups that are due, last one first, each in the directory of its run.

        One that fails stays due, and so do those of the Jobs that its Job depends on.

        Raises:
            RuntimeError: this object is running.
            BaseException: a KeyboardInterrupt or the like out of a Cleanup, else the first error
                of one; or an OSError, if there was no way back to the caller's directory.
        """
        self._work('cleanup', lambda _, errors: self._stack.unwind_all(errors))

    def _work(self, method: str, work: _Work) -> None:
        """Refuse a second call meanwhile, come back to the caller's directory, raise an error.

        Args:
            method: the method that was called.
            work: is called in the directory of the caller.
        """
        errors: list[BaseException] = []
        with guarded():
            if not self._busy.acquire(blocking=False):
                raise _running(method)
            try:
                workdir = Workdir.current(self._stack.workdir)
                try:
                    work(workdir, errors)
                    workdir.go()
                except BaseException as caught:
                    errors.append(caught)
                finally:
                    workdir.release()
                    self._results.release_callers()
            finally:
                self._busy.release()
            collect(errors)
        raise_first(errors)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to a run or a block that is going on.

        Raises:
            TypeError: there is an executor.
        """
        if self._pool is not None:
            raise TypeError('a DoJobber that has an executor can not be copied or pickled')
        return {**vars(self), '_busy': None, '_run': None, '_blocks': 0, '_is_deferred': False}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _busy=threading.Lock())
        masker = getattr(self._options.mask, '__self__', None)
        if masker is not None:
            mask_log(masker)

    def __enter__(self: _Self) -> _Self:
        """Put off the automatic Cleanup to the end of the block."""
        self._blocks += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Call the Cleanups that were put off, whatever happened in the block."""
        with guarded():
            self._blocks -= 1
            if self._blocks or not self._is_deferred:
                return
            self._is_deferred = False
            try:
                self._work('cleanup', lambda _, errors: self._stack.unwind(errors))
            except BaseException as raised:
                if error is None or is_failure(error) and not is_failure(raised):
                    raise

    def report(self) -> Report:
        """Return the report of the last run; within a run, of the tries that have ended.

        Before any run it is empty.
        """
        return Report(self._results, self._options.mask).taken()

    def success(self) -> bool:
        """Return whether each Job of the last run succeeded; False before any run."""
        statuses = self._results.nodestatus.values()
        return 0 < len(statuses) == len(self._results.graph.jobs) and all(statuses)

    def partial_success(self) -> bool:
        """Return whether any Job of the last run succeeded; False before any run."""
        return any(self._results.nodestatus.values())

    def failure(self) -> bool:
        """Return whether any Job of the last run did not succeed; True before any run."""
        return not self.success()

    @property
    def graph(self) -> Graph:
        """The configured graph.

        ``graph.nodes()`` returns the names of its Jobs, dependencies first, and ``graph.edges()``
        pairs of names: a Job and one that it depends on. Both are empty before `configure`.
        """
        return self._graph

    @property
    def nodestatus(self) -> dict[str, bool | None]:
        """The status of each Job by name, True if it succeeded, False if it failed, else None.

        Like the two that follow, a new dict for each run, filled as it goes and empty before it.
        """
        return self._results.nodestatus

    @property
    def noderesults(self) -> dict[str, Any]:
        """The result of the passing Check, by name of each Job that succeeded."""
        return self._results.noderesults

    @property
    def nodeexceptions(self) -> dict[str, BaseException]:
        """The exception that failed the last try, by name of each Job that failed."""
        return self._results.nodeexceptions

    @property
    def global_storage(self) -> dict[Any, Any]:
        """The common storage of the Jobs of the last run."""
        return self._results.global_storage

    def graph_text(self, fmt: str = 'text') -> str:
        """Return the graph as text, after a run with the outcome of each Job.

        Args:
            fmt: ``text`` for an indented tree, in colours where a summary on `sys.stdout` would
                have some; ``mermaid`` for a flowchart of Mermaid; ``dot`` for what `write_graph`
                draws.

        Raises:
            RuntimeError: there is no such format.
        """
        from dojobber._output import graph_formats
        from dojobber._output.text import wants_colours

        mask = self._options.mask
        outcomes, rechecked = self._drawn()
        if fmt == 'text':
            return graph_formats.text(self._graph, outcomes, wants_colours(sys.stdout), mask)
        if fmt == 'mermaid':
            return graph_formats.mermaid(self._graph, outcomes, mask)
        if fmt == 'dot':
            return graph_formats.dot(self._graph, outcomes, rechecked, mask)
        raise RuntimeError(f"fmt must be 'text', 'mermaid' or 'dot', got {safe_repr(fmt)}")

    def write_graph(
        self, filed: str | PathLike[str] | Writable, fmt: PictureFormat | str = 'png'
    ) -> None:
        """Draw the graph, after a run with the outcome of each Job, in words and in colour.

        A Job that passed its Check is green, one that passed its recheck dark green, one that
        failed red, a blocked one grey and dashed.

        Args:
            filed: the path of a file, or a file that is open for writing, as bytes or text; an
                object that only has ``write()`` gets bytes.
            fmt: one of Graphviz's formats. Without Graphviz the library itself draws ``svg``.

        Raises:
            RuntimeError: Graphviz is not installed, doesn't know the format or fails. Nothing is
                written then, and no file made.
            TypeError: ``filed`` takes text only, and the picture is no text.
            OSError: the file can't be written.
        """
        from dojobber._output import graphviz

        picture = graphviz.draw(self.graph_text('dot'), fmt, self._svg)
        graphviz.write(picture, filed)

    def display_graph(self) -> None:
        """Show the graph of `write_graph` in a window, and wait until it is closed.

        Where Graphviz or ImageMagick is not installed, open it in a web browser, and don't wait;
        the temporary file that it reads stays.

        Raises:
            RuntimeError: a program fails, or there is no browser either.
        """
        from dojobber._output import graphviz

        graphviz.show(self.graph_text('dot'), self._svg)

    def _svg(self) -> str:
        from dojobber._output.svg import svg

        outcomes, rechecked = self._drawn()
        return svg(
            self._graph.names, self._graph.dependencies, outcomes, rechecked, self._options.mask
        )

    def _drawn(self) -> tuple[dict[str, Outcome], set[str]]:
        """Return the outcomes by name, and the names of the Jobs whose recheck decided."""
        jobs = self.report().jobs
        rechecked = {each.name for each in jobs if each.phase is Phase.RECHECK}
        return {each.name: each.outcome for each in jobs}, rechecked


def _make_pool(executor: Any, max_in_flight: Any, graph: Graph) -> Pool | None:
    """Return the pool of an executor for a graph; None without an executor."""
    if executor is None:
        if max_in_flight is not None:
            raise ConfigurationError(
                f'max_in_flight needs an executor, got {safe_repr(max_in_flight)} and executor=None'
            )
        return None
    from dojobber._executors.pool import make_pool

    return make_pool(executor, max_in_flight, graph)


def _make_mask(secrets: Any) -> Callable[[str], str]:
    """Return a function that masks secrets in a text, and mask them in the log."""
    if secrets == ():
        return str
    from dojobber._output.secrets import Masker, as_secrets

    masker = Masker(as_secrets(secrets))
    mask_log(masker)
    return masker.mask


def _running(method: str) -> RuntimeError:
    return RuntimeError(f'{method}() was called while this DoJobber is running')

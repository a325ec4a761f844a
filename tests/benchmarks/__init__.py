"""Measures what dojobber costs beyond the work of the Jobs.

    python -m tests.benchmarks [--quick] [--json FILE]

Most figures are ratios of two times that were taken in turn in one process: ours, and that of a
reference that does the same work without dojobber. 4.0 means that ours takes four times as long.
Each is the median of the ratios of several rounds, so that a noisy machine matters little. Garbage
is collected before each timing, and as usual during it; what Jobs remember is reset outside of it.
Beside the ratios stand times in microseconds a Job (us): a ratio says little where the reference
does next to nothing, and the Jobs here do nothing but take their arguments.

* One reference of a run is the bare loop: over the order in which dojobber tries the Jobs, it makes
  an object of each class and calls its Check, and where that fails Run and Check again, with the
  same arguments.
* The other reference of a run is the floor: one function that does all that is promised, and has no
  structure. The bare loop does nothing of that, so a ratio to it says little of how well we do.
* The reference of configure() is a `graphlib.TopologicalSorter`. Timed are one add() for each Job
  with its DEPS and all of static_order(); the list of the Jobs is made before.
* The reference of a run on an executor is a loop that submits what tries the Jobs, and waits, with
  as many calls under way; or the time that the Jobs must take if nothing but them takes any.

The import is that of a whole process, without the site module, and its time that of the processor.

Nothing is judged here: the summary shows the target of a figure, if there is one, beside it.
"""

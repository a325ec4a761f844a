"""Jobs of a script whose workers do not have them: below the main guard, in `-c`, on stdin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dojobber._executors.by_value import dumps_by_value, loads_by_value, names_of_main
from tests._executors.travelling import METHODS
from tests.seeds import sampled

ABOVE = """
import abc
import dataclasses
import functools
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dojobber import DoJobber, DummyJob, Job

LIMIT = 3
made = []


class Rebound(Job):
    WORD = 'above'

    def Check(self):
        return self.WORD


def add(number):
    return number + LIMIT
"""
BELOW = (
    """
registry = {}


def decorated(function):
    @functools.wraps(function)
    def decorator(*args, **kwargs):
        return function(*args, **kwargs)
    return decorator


class Registered(Job):
    RETRY_DELAY = 0

    def __init_subclass__(cls):
        super().__init_subclass__()
        if cls.__name__ in registry:
            raise RuntimeError('There is one of this name.')
        registry[cls.__name__] = cls

    def words(self):
        return ['base']


class NotYet(Exception):
    pass


class Child(Registered):
    HOST: str = 'ada'
    __slots__ = ('slot',)

"""
    + METHODS
    + """
    @decorated
    def Check(self, number=add(1), *, word='x'):
        self.slot = [add(each) for each in (number,)]
        if 'ran' not in self.storage:
            raise NotYet('not yet')
        assert isinstance(self, Child) and os.getpid() != DRIVER
        return [self.slot, word, self.static(), self.name(), self.shown, self.cached,
                *super().words()]

    def Run(self):
        if 'tried' not in self.global_storage:
            self.global_storage['tried'] = True
            raise SystemExit('once more')
        self.storage['ran'] = True


class Sized(Registered, dict):
    def Check(self):
        return len(self)


class Meta(type):
    def __new__(cls, name, bases, attributes):
        if name in registry:
            raise RuntimeError('There is one of this name.')
        registry[name] = super().__new__(cls, name, bases, attributes)
        return registry[name]


class Ruled(Job, metaclass=Meta):
    pass


class Subject(Ruled):
    def Check(self):
        return sorted({'Ruled', 'Subject'} & {*registry})


class Abstract(Registered, abc.ABC):
    @abc.abstractmethod
    def word(self):
        pass


class Concrete(Abstract):
    def word(self):
        return 'word'

    def Check(self):
        return self.word(), isinstance(self, Abstract)


@dataclasses.dataclass(frozen=True)
class Frozen(Job):
    size: int = 3
    more: list = dataclasses.field(default_factory=list)

    def Check(self):
        assert self == type(self)()
        return dataclasses.asdict(dataclasses.replace(self, size=4))


class Fails(Registered):
    def Check(self):
        raise NotYet('never')


class Value:
    pass


class Gives(Job):
    def Check(self):
        return Value()


DRIVER = os.getpid()
Rebound = Rebound.clone('Rebound', WORD='below')
Hello = Rebound.clone('Hello', WORD='hello')
jobs = Child, Sized, Fails, Gives, Rebound, Hello, Subject, Concrete, Frozen
with ProcessPoolExecutor(1, multiprocessing.get_context(METHOD)) as pool:
    for _ in range(2):
        dojob = DoJobber()
        dojob.configure(DummyJob.clone('All', DEPS=jobs), executor=pool)
        dojob.checknrun()
        results = dict(dojob.noderesults)
        assert type(results.pop('Gives')) is Value
        print(results == WANTED, {type(each) for each in dojob.nodeexceptions.values()})
        if results != WANTED:
            print(results, dojob.nodeexceptions)
"""
)
WANTED = {
    'Child': [[7], 'x', 'static', 'Child', 'ada', 'cached', 'base'],
    'Sized': 0,
    'Rebound': 'below',
    'Hello': 'hello',
    'Subject': ['Ruled', 'Subject'],
    'Concrete': ('word', True),
    'Frozen': {'size': 4, 'more': []},
}


def run(*command: str, text: str = '') -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).parent.parent.parent)
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, 'PYTHONPATH': root},
        capture_output=True,
        text=True,
        input=text,
        timeout=60,
    )


def script(method: str, guard: bool = True) -> str:
    below = f'METHOD = {method!r}\nWANTED = {WANTED!r}\n{BELOW}'
    if not guard:
        return ABOVE + below
    lines = '\n'.join('    ' + line for line in below.splitlines())
    return f"{ABOVE}\n\nif __name__ == '__main__':\n{lines}\n"


GOOD = "True {<class '__main__.NotYet'>}\n" * 2
each_method = pytest.mark.parametrize('method', sampled(['spawn', 'fork', 'forkserver']))


@each_method
def test_jobs_below_the_main_guard_travel(method: str, tmp_path: Path) -> None:
    path = tmp_path / 'script.py'
    path.write_text(script(method))
    done = run(str(path))
    assert (done.stdout, done.stderr) == (GOOD, '')


@pytest.mark.slow
@each_method
def test_jobs_on_the_command_line_travel(method: str) -> None:
    done = run('-c', script(method, guard=False))
    assert (done.stdout, done.stderr) == (GOOD, '')


@pytest.mark.slow
def test_jobs_on_stdin_travel_to_forked_workers_and_are_refused_for_others() -> None:
    done = run('-', text=script('fork', guard=False))
    assert (done.stdout, done.stderr) == (GOOD, '')
    done = run('-', text=script('spawn', guard=False))
    assert "there is no file '<stdin>'" in done.stderr.splitlines()[-1]


def test_job_made_after_the_workers_began_costs_neither_pool_nor_other_jobs(
    tmp_path: Path,
) -> None:
    path = tmp_path / 'script.py'
    path.write_text("""
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dojobber import DoJobber, DummyJob, Job, RunonlyJob

if __name__ == '__main__':
    with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as pool:
        pool.submit(int).result()

        class Late(Job):
            TRIES = 1

            def Check(self):
                return 1

        class Other(DummyJob):
            def Run(self):
                pass

        dojob = DoJobber()
        dojob.configure(DummyJob.clone('All', DEPS=(Late, RunonlyJob.clone('Early', Run=print))),
                        executor=pool)
        dojob.checknrun()
        print(dojob.nodestatus, dojob.nodeexceptions)
""")
    done = run(str(path))
    assert "'Late': False, 'Early': True" in done.stdout
    assert 'AttributeError' in done.stdout


def test_names_above_the_guard_are_those_that_are_bound_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / 'script.py'
    file.write_text("""
import os.path, sys as system
from a import b
x = y = 1
for z in (): w = 2
class C:
    inner = 1
def f(): local = 1; global g, x
try: t = 1
except OSError as error: pass
if __name__ != '__main__': n = 1
else: m = 1
if __name__ == '__main__':
    y = 2
    class D: pass
else:
    e = 1
""")
    as_main(monkeypatch, file)
    assert names_of_main() == {'os', 'system', 'b', 'z', 'w', 'C', 'f', 't', 'm', 'e'}


def test_functions_that_know_each_other_and_modules_travel() -> None:
    cell: list[object] = []

    def outer(n: int = 3) -> object:
        return unset if n < 0 else (n, os, cell)  # noqa: F821

    outer.__module__ = '__main__'
    again = loads_by_value(dumps_by_value(outer, set()))
    assert again is not outer
    assert again() == (3, os, [])
    if cell:
        unset = 1


IN_PROCESS = """
import dataclasses
import functools
import math
from dojobber import Job

TABLE = {{}}

{guard}
    def twice(number):
        return [number * 2 for _ in range(1)][0]

    def counted(limit):
        class Counted(Job):
            SEEN = []
            LIMIT = limit

            @staticmethod
            def half(number):
                return number / 2

            @functools.cached_property
            def root(self):
                return math.sqrt(self.LIMIT)

            def Check(self):
                return twice(self.half(self.LIMIT)), self.root, limit

        return Counted

    class Base(Job):
        SIZE = 4

    class Registered(Base):
        def Check(self):
            return self.SIZE

    class Slotted(Job):
        __slots__ = ('a',)

        def Check(self):
            return 'slotted'

    class OnSlotted(Slotted):
        pass

    class Meta(type):
        pass

    @dataclasses.dataclass(frozen=True)
    class Frozen(Job):
        size: int = dataclasses.field(default=3, metadata={{'unit': 'MB'}})

        def Check(self):
            return dataclasses.asdict(self)

    class Typed(Job, metaclass=Meta):
        def Check(self):
            return type(type(self)).__name__
"""


def as_main(monkeypatch: pytest.MonkeyPatch, file: Path | None, source: str = '') -> dict[str, Any]:
    """Take the place of the main module, and return its names."""
    main = ModuleType('__main__')
    if file is not None:
        main.__file__ = str(file)
    monkeypatch.setitem(sys.modules, '__main__', main)
    exec(source, vars(main))
    return vars(main)


@pytest.mark.parametrize('is_known', [True, False])
def test_classes_of_a_script_are_made_again_where_they_are_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    file = tmp_path / 'script.py'
    source = IN_PROCESS.format(guard="if __name__ == '__main__':")
    file.write_text(source)
    names = as_main(monkeypatch, file, source)
    found = names_of_main() if is_known else None
    assert found is None or found >= {'functools', 'math', 'Job', 'TABLE'}
    jobs = [names['counted'](9), names['Registered'], names['OnSlotted'], names['Typed']]
    jobs.append(names['Frozen'])
    sent = [dumps_by_value(job, found if is_known else set(), job) for job in jobs]
    as_main(monkeypatch, file, IN_PROCESS.format(guard='if False:') if is_known else '')
    made = [loads_by_value(data) for data in sent]
    assert [job().Check() for job in made] == [(9.0, 3.0, 9), 4, 'slotted', 'Meta', {'size': 3}]
    assert made[1].__bases__[0].__name__ == 'Base'


def test_names_of_a_script_that_can_not_be_read_are_taken_for_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_main(monkeypatch, None)
    assert names_of_main() == set()
    as_main(monkeypatch, tmp_path / 'missing.py')
    assert names_of_main() is None
    file = tmp_path / 'broken.py'
    file.write_text('class')
    as_main(monkeypatch, file)
    assert names_of_main() is None


class Probe:
    """Calls, while it is unpickled, what another thread might call then."""

    def __reduce__(self) -> Any:
        return called_meanwhile, ()


LOADED: list[Any] = []


def called_meanwhile() -> list[str]:
    return [each().word() for each in LOADED]


def test_class_in_use_gets_no_function_that_is_not_whole_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = 'class Used:\n    def word(self, default=probe):\n        return default\n'
    used = as_main(monkeypatch, None, f'probe = None\n{source}')['Used']
    used.word.__defaults__ = (Probe(),)
    data = dumps_by_value(used, set(), used)
    as_main(monkeypatch, None)
    made = loads_by_value(data)
    assert made().word() == []
    monkeypatch.setattr(f'{__name__}.LOADED', [made])
    assert loads_by_value(data) is made
    assert made().word() == [[]]


def test_function_of_main_takes_no_names_along_where_all_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = as_main(monkeypatch, None, 'LIMIT = 3\ndef within():\n    return lambda: LIMIT\n')
    data = dumps_by_value(names['within'](), None)
    as_main(monkeypatch, None, 'LIMIT = 4\n')
    assert loads_by_value(data)() == 4


def test_cell_that_is_not_filled_yet_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        'def outer():\n    def inner():\n        return later\n    yield inner\n    later = 1\n'
    )
    names = as_main(monkeypatch, None, source)
    made = loads_by_value(dumps_by_value(next(names['outer']()), set()))
    with pytest.raises(NameError):
        made()

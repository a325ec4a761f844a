"""Jobs that can be sent to other processes, and what they use to tell what they did there.

Owns no test. Workers and scripts import this module, which is why it imports little.
"""

from __future__ import annotations

import os
import select
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from dojobber import Job, RunonlyJob

#: Methods of a class of a script that has a HOST. What wraps them does not pickle by itself.
METHODS = """
    @staticmethod
    def static():
        return 'static'

    @classmethod
    def name(cls):
        return cls.__name__

    @property
    def shown(self):
        return self.HOST

    @functools.cached_property
    def cached(self):
        return 'cached'
"""

# Tell the test


def note(directory: Path, *words: object) -> None:
    """Add a line to what was noted, in one piece."""
    with open(directory / 'notes', 'a') as file:
        file.write(' '.join(map(str, words)) + '\n')


def noted(directory: Path) -> list[str]:
    """Return the lines that were noted."""
    path = directory / 'notes'
    return path.read_text().splitlines() if path.exists() else []


def wait(path: Path) -> None:
    """Wait until somebody calls `allow` with this path, of a named pipe."""
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        # In slices: a signal that comes just before a system call does not end it.
        while not select.select([pipe], [], [], 0.5)[0]:
            pass
    finally:
        os.close(pipe)


def allow(path: Path) -> None:
    """Wait until somebody calls `wait` with this path, and let it go on."""
    path.write_bytes(b'')


# Exceptions and values that can't travel


class Picky(Exception):
    """Pickles, but can't be unpickled: its __init__ needs more than its args."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f'{text} ({code})')


class Locked(Exception):
    """Does not pickle."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.lock = threading.Lock()


class Unloadable:
    """Pickles in a worker, but can't be unpickled in the driver."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def __setstate__(self, state: dict[str, int]) -> None:
        if state['pid'] != os.getpid():
            raise ValueError('not here')
        self.__dict__.update(state)


# Jobs


class Once(Job):
    """Is done once its file is there."""

    TEXT = ''

    def Check(self, directory: Path, **kwargs: Any) -> str:
        """Return what is in the file."""
        return (directory / type(self).__name__).read_text()

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Write the file."""
        (directory / type(self).__name__).write_text(f'{self.TEXT} {os.getpid()}')


class Late(Job):
    """Fails twice."""

    RETRY_DELAY = 0

    def Check(self, directory: Path, **kwargs: Any) -> int:
        """Pass from the third time on that Run was called."""
        count = noted(directory).count(type(self).__name__)
        if count < 3:
            raise RuntimeError(f'only {count}')
        return count

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Make a note."""
        note(directory, type(self).__name__)


class Base(Job):
    """Has a method that others call with super()."""

    def Check(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return a list."""
        return ['base']


class Derived(Base):
    """Calls it."""

    def Check(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return a longer list."""
        return [*super().Check(*args, **kwargs), type(self).__name__]


class Demanding(Base):
    """Has subclasses that are told something when they are made."""

    def __init_subclass__(cls, demand: int) -> None:
        """Take the word."""


class Shown(Job):
    """Returns what it was called with."""

    def Check(self, *args: Any, **kwargs: Any) -> Any:
        """Return all arguments."""
        return args, kwargs


class Where(Job):
    """Tells where it is, in each phase, and leaves."""

    def __init__(self) -> None:
        """Leave."""
        self.made = os.getcwd()
        os.chdir('/')

    def Check(self, **kwargs: Any) -> list[str]:
        """Fail at first."""
        seen: list[str] = self.storage.setdefault('seen', [self.made])
        seen.append(os.getcwd())
        os.chdir('/')
        if self._check_phase == 'check':
            raise RuntimeError
        return seen

    def Run(self, **kwargs: Any) -> None:
        """Leave."""
        self.storage['seen'].append(os.getcwd())
        os.chdir('/')


class Raises(Job):
    """Raises what its class says."""

    TRIES = 1
    KIND = ''

    def Check(self, **kwargs: Any) -> Any:
        """Raise."""
        if self.KIND == 'picky':
            raise Picky(7, 'so picky')
        if self.KIND == 'locked':
            raise Locked('it holds a lock')
        if self.KIND == 'exit':
            raise SystemExit('it exits')
        if self.KIND == 'interrupt':
            raise KeyboardInterrupt('it interrupts')
        if self.KIND == 'caused':
            try:
                raise Locked('a cause')
            except Locked as error:
                raise ValueError('an effect') from error
        raise ValueError('it fails')


class Exits(Unloadable):
    """Exits when it is unpickled in another process."""

    def __setstate__(self, state: dict[str, int]) -> None:
        if state['pid'] != os.getpid():
            raise SystemExit('no licence')
        self.__dict__.update(state)


class Returns(Job):
    """Returns what can't travel."""

    KIND = ''

    def Check(self, **kwargs: Any) -> Any:
        """Pass."""
        kinds: dict[str, Any] = {'lock': threading.Lock, 'exits': Exits}
        return kinds.get(self.KIND, Unloadable)()


Panic = type('Panic', (BaseException,), {'__module__': 'nowhere'})


class Panics(Job):
    """Raises an exception that is no Exception, of a class that the driver can't import."""

    def Check(self, **kwargs: Any) -> Any:
        """Raise it."""
        raise Panic('index out of bounds')


class SetsCleanup(RunonlyJob):
    """Has a Cleanup that can't travel."""

    Cleanup: Any = None

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Set it."""
        self.Cleanup = lambda: note(directory, 'cleanup')


class Slotted(RunonlyJob):
    """Keeps what its Cleanup needs in a slot."""

    __slots__ = ('directory',)

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Keep it."""
        self.directory = directory

    def Cleanup(self) -> None:
        """Make a note."""
        note(self.directory, 'cleanup')


class Counts(Job):
    """Puts one key, and looks at no other."""

    def Check(self, **kwargs: Any) -> None:
        """Put it."""
        self.global_storage[type(self).__name__] = [1]


class Cleans(RunonlyJob):
    """Leaves things for its Cleanup, some of which can't travel."""

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Leave them."""
        self.directory = directory
        self.storage.update(pid=os.getpid(), lock=threading.Lock(), thread=threading.get_ident())
        self.storage['odd'] = self.odd = self.global_storage['odd'] = Unloadable()
        self.event = threading.Event()
        self.word = type(self).__name__
        self.global_storage[self.word] = 1

    def Cleanup(self) -> None:
        """Note what is there."""
        there = (
            'lock' in self.storage,
            hasattr(self, 'event'),
            sorted({*self.global_storage} - {'odd'}),
        )
        note(self.directory, 'cleanup', self.word, os.getpid(), self.storage['pid'], *there)


WORD: ContextVar[str] = ContextVar('WORD', default='none')


class SetsWord(Job):
    """Sets a context variable."""

    def Check(self, **kwargs: Any) -> str:
        """Return what it was."""
        word = WORD.get()
        WORD.set(type(self).__name__)
        return word


class Keyed(Cleans, dict):  # type: ignore[type-arg]
    """Is made of a built-in class, too."""


class Guards(RunonlyJob):
    """Sets its attributes by means of what can't travel."""

    guard: Any

    def __init__(self) -> None:
        """Make the guard."""
        object.__setattr__(self, 'guard', threading.Lock())

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute."""
        with self.guard:
            object.__setattr__(self, name, value)

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Leave an attribute."""
        self.directory = directory

    def Cleanup(self) -> None:
        """Note what is there."""
        note(self.directory, 'cleanup', type(self).__name__, self.storage)


class Replaces(RunonlyJob):
    """Has a storage of its own."""

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Replace the storage."""
        self.directory = directory
        self.storage = ['mine']  # type: ignore[assignment]

    def Cleanup(self) -> None:
        """Note what is there."""
        note(self.directory, 'cleanup', type(self).__name__, self.storage)


class Shares(Job):
    """Changes what is shared."""

    def Check(self, **kwargs: Any) -> dict[str, Any]:
        """Return what was shared before."""
        shared = self.global_storage
        before = {key: str(shared[key]) for key in sorted(shared)}
        self.change(shared)
        return before

    def change(self, shared: dict[Any, Any]) -> None:
        """Change nothing."""


class Sets(Shares):
    """Sets three, one of which can't travel."""

    def change(self, shared: dict[Any, Any]) -> None:
        """Set them."""
        shared.update(gone=1, old='old', nested={'list': [1]}, untouched=3)
        shared['lock'] = threading.Lock()


class Changes(Shares):
    """Deletes one, replaces one, changes one in place."""

    DEPS = (Sets,)

    def change(self, shared: dict[Any, Any]) -> None:
        """Change them."""
        del shared['gone']
        shared['old'] = 'new'
        shared['nested']['list'].append(2)


class Looks(Shares):
    """Looks at them."""

    DEPS = (Changes,)


class Loses(Job):
    """Loses the same in each try."""

    TRIES = 3

    def Check(self, **kwargs: Any) -> None:
        """Set what can't travel, and fail."""
        self.global_storage['lock'] = threading.Lock()
        raise ValueError


class Puts(Job):
    """Shares, in the driver, what can't be made again elsewhere."""

    IN_DRIVER = True

    def Check(self, **kwargs: Any) -> None:
        """Share it."""
        self.global_storage.update(odd=Unloadable(), good=1)


class Finds(Job):
    """Looks for it."""

    DEPS = (Puts,)

    def Check(self, **kwargs: Any) -> list[str]:
        """Return the keys that are there."""
        return sorted(self.global_storage)


class Slow(Job):
    """Is sent out first, and writes last."""

    def Check(self, directory: Path, **kwargs: Any) -> None:
        """Wait for the other to have come back."""
        wait(directory / 'other')
        self.global_storage['who'] = 'slow'
        self.global_storage['slow'] = True


class Quick(Job):
    """Is sent out second, and writes first."""

    def Check(self, **kwargs: Any) -> None:
        """Write."""
        self.global_storage['who'] = 'quick'


class After(Job):
    """Lets the first one go on."""

    DEPS = (Quick,)

    def Check(self, directory: Path, **kwargs: Any) -> Any:
        """Let it."""
        who = self.global_storage['who']
        allow(directory / 'other')
        return who


class Ping(Job):
    """Needs the other under way at the same time."""

    def Check(self, directory: Path, **kwargs: Any) -> None:
        """Wait for it."""
        allow(directory / 'ping')
        wait(directory / 'pong')


class Pong(Job):
    """Likewise."""

    def Check(self, directory: Path, **kwargs: Any) -> None:
        """Wait for it."""
        wait(directory / 'ping')
        allow(directory / 'pong')


class Locks(Job):
    """Notes when it begins and ends."""

    LOCKS = ('door',)

    def Check(self, directory: Path, **kwargs: Any) -> None:
        """Make notes."""
        note(directory, 'in', type(self).__name__)
        for _ in range(1000):
            os.getppid()
        note(directory, 'out', type(self).__name__)


class Here(Job):
    """Tells where it is tried."""

    IN_DRIVER = True

    def Check(self, **kwargs: Any) -> tuple[int, int]:
        """Return process and thread."""
        return os.getpid(), threading.get_ident()


class There(Here):
    """Likewise, in a worker."""

    IN_DRIVER = False


class Dies(RunonlyJob):
    """Takes its process along."""

    AFTER = ''

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Die."""
        wait(directory / self.AFTER)
        note(directory, 'dies')
        os._exit(3)


class Allows(Job):
    """Lets it."""

    def Check(self, directory: Path, **kwargs: Any) -> None:
        """Let it."""
        allow(directory / 'alive')


class Held(RunonlyJob):
    """Tells that it runs, and waits."""

    def Run(self, directory: Path, **kwargs: Any) -> None:
        """Wait."""
        self.directory, name = directory, type(self).__name__
        note(directory, 'run', name)
        allow(directory / f'{name}-runs')
        wait(directory / f'{name}-goes-on')
        note(directory, 'done', name)

    def Cleanup(self) -> None:
        """Make a note."""
        note(self.directory, 'cleanup', type(self).__name__)

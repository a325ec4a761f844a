"""What holds for all tests."""

import gc
import signal
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite('tests._executors.promises')

if hasattr(gc, 'set_threshold'):  # not on PyPy
    # A tenth of the time in which test modules are rewritten went to rounds that free nothing.
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(scope='session', autouse=True)
def _signals_are_heard() -> Iterator[None]:
    """Hear signals even where they are ignored: below a script's `&`, or nohup."""
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.default_int_handler),
        signal.SIGHUP: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope='module', autouse=True)
def _few_to_collect() -> None:
    """Spare the collector the objects from before a module: many of its tests call it."""
    gc.collect()
    if hasattr(gc, 'freeze'):  # not on PyPy
        gc.freeze()


@pytest.fixture
def collected() -> None:
    """Close what the tests before have left open, so that this one can count what is open."""
    gc.collect()

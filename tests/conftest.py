"""What holds for all tests."""

import gc
import signal
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite('tests._executors.promises')


@pytest.fixture(scope='session', autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """Hear Ctrl-C even where it is ignored, as in what a script starts with `&`."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


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

"""What holds for all tests."""

import gc

import pytest

pytest.register_assert_rewrite('tests._executors.promises')


@pytest.fixture(scope='module', autouse=True)
def _few_to_collect() -> None:
    """Spare the collector what is there before the tests of a module: many call it, some often."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def collected() -> None:
    """Close what the tests before have left open, so that this one can count what is open."""
    gc.collect()

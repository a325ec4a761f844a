"""What holds for all tests."""

import gc

import pytest

pytest.register_assert_rewrite('tests.promises')


def pytest_collection_finish() -> None:
    """Spare the collector what is there before the first test: many tests call it, some often."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def collected() -> None:
    """Close what the tests before have left open, so that this one can count what is open."""
    gc.collect()

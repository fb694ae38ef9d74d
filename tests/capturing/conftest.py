"""Fixtures of the tests of capture."""

from collections.abc import Iterator

import pytest

from edgescope.capturing.adapters.registry import ADAPTERS


@pytest.fixture
def own_adapters() -> Iterator[None]:
    """Forget the adapters that a test registers."""
    before = list(ADAPTERS)
    yield
    ADAPTERS[:] = before

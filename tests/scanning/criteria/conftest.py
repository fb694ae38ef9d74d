"""What tests of criteria share."""

import pytest

from support.own_criterion import forgotten_kinds


@pytest.fixture(autouse=True)
def _forget_kinds():
    with forgotten_kinds():
        yield

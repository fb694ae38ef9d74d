"""Fixtures that several rooms share."""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No deadlines and no check of speed, as these say how busy the machine is. The same examples in
# every run of `make test`, so that a failure belongs to the change at hand; `make fuzz` draws
# others each time, and more of them.
TIMELESS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("tests", **TIMELESS, max_examples=30, derandomize=True)
settings.register_profile("fuzz", **TIMELESS, max_examples=200)
settings.load_profile("tests")

# A job in the background of a shell ignores Ctrl-C, and so would processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and golden numbers that lies beside a developer's checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the reference data folder, absent at {folder}")
    return folder

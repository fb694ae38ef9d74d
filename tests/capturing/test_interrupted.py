"""An interrupt at any moment of entering or leaving a capture leaves the model as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
BLOCKS = ("capture", "edit", "nested", "capture_and_run", "scan", "diagnose", "ablate")


@pytest.mark.slow
def test_an_interrupt_at_any_moment_leaves_nothing_behind():
    """Of any block; one after the other, as what one leaves the next would find."""
    command = [sys.executable, "-W", "ignore", "-m", "scripts.interrupts", *BLOCKS]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=TESTS)
    assert found.returncode == 0, found.stdout + found.stderr[-2000:]
    assert found.stdout.splitlines() == [f"{block}: nothing is left" for block in BLOCKS]

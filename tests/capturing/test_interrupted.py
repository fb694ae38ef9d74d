"""An interrupt at any moment of entering or leaving a capture leaves the model as it was."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "interrupts.py"


@pytest.mark.parametrize(
    "block", ["capture", "edit", "nested", "capture_and_run", "scan", "diagnose", "ablate"]
)
def test_an_interrupt_at_any_moment_leaves_nothing_behind(block):
    command = [sys.executable, "-W", "ignore", str(SCRIPT), block]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr[-2000:]
    assert found.stdout == "nothing is left\n"

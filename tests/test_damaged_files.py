"""Damaged results are refused, or they are what was written; a kill leaves the old or the new."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import fuzz_stored
from scripts.fuzz_stored import ABSENT, EQUAL, REFUSED, TOLD


@pytest.mark.slow
def test_what_was_damaged_is_refused_or_is_what_was_written(tmp_path, capsys):
    """``make fuzz`` tries more, and others."""
    counts = fuzz_stored.tally(flips=54, damages=81, seed=11, root=tmp_path)
    assert {fate.rpartition(": ")[2] for fate in counts} <= {REFUSED, EQUAL, ABSENT, TOLD}, (
        capsys.readouterr().err
    )
    assert counts[REFUSED] > counts[EQUAL] > 0


@pytest.mark.slow
def test_a_process_killed_while_it_replaces_a_result_leaves_the_old_or_the_new():
    """In a process of its own, which forks: it must not have used polars before."""
    script = ("-m", "scripts.kill_replacing")
    words = ["--kills", "4", "--seed", "3", "--of", "scan", "ablation", "metrics"]
    ended = subprocess.run(
        [sys.executable, *script, *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "killed" in ended.stdout

"""Where the threads of torch can be used, and where not."""

import sys

import pytest

from edgescope.statistics import openmp


@pytest.mark.skipif(sys.platform != "linux", reason="torch has another OpenMP there")
def test_torchs_threads_are_found():
    assert openmp.openmp()


def test_after_a_fork_they_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(openmp, "_PROCESS", -1)
    assert openmp.openmp() == 0


def test_on_other_systems_there_are_none(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert openmp._find.__wrapped__() == 0

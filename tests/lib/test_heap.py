"""Freed memory stays with the process, so that the next layer's pages are not given out anew."""

import platform
import subprocess
import sys

import pytest

GROW_AND_FREE = """
import resource
import sys

import numpy as np

from edgescope.lib.heap import keep_heap

if "keep" in sys.argv:
    keep_heap()
# What glibc learns from a layer: blocks of 1 MiB once came from the system.
first = np.ones(2**20, np.uint8)
del first


def layer():
    # Together above twice that, and freed one after the other: the top of the heap is trimmed.
    blocks = [np.ones(2**20 - 2**12, np.uint8) for _ in range(12)]
    blocks.clear()


layer()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    layer()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_of_ten_layers(*argv: str) -> int:
    """Return how many pages the system gave out while ten layers allocated and freed 12 MiB."""
    done = subprocess.run(
        [sys.executable, "-c", GROW_AND_FREE, *argv], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another library of C")
def test_layers_use_the_same_pages_again() -> None:
    assert pages_of_ten_layers("keep") < 1000 < pages_of_ten_layers()

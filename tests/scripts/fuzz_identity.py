"""Run random programs until enough rows were checked.

``PYTHONPATH=tests python -m scripts.fuzz_identity --rows 1000000``

Exits with 1 if any row is said to be an edge that it is not, or a capture ends in another error
than a refusal.
"""

import argparse
import sys
import time
from random import Random

import edgescope as es
from support.identity.flow import OPERATIONS
from support.identity.layers import TagAdapter
from support.identity.programs import draw_program, run_program
from support.identity.scans import draw_scan, run_scan
from support.identity.tally import Tally

ALONE = 0.3
"""Share of programs that do one thing only, so that each operation is seen by itself."""
SCAN_EVERY = 20
"""One scan over a loader for this many programs."""


def main() -> int:
    """Return 0 if all rows were right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows to check, at least")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    es.capture.register(TagAdapter())
    started, tally = time.monotonic(), Tally()
    number = 0
    while tally.right + tally.wrong < wanted.rows:
        random = Random(f"{wanted.seed}-{number}")
        only = random.choice(list(OPERATIONS)) if random.random() < ALONE else None
        program = draw_program(random, only)
        tally.add(program, run_program(program))
        if number % SCAN_EVERY == 0:
            scanned = draw_scan(random)
            tally.add_scan(scanned, run_scan(scanned))
        number += 1
    sys.stdout.write(tally.text(time.monotonic() - started) + "\n")
    return int(tally.wrong > 0 or tally.crashed > 0)


if __name__ == "__main__":
    sys.exit(main())

"""What edgescope sees of models in other people's styles, and what it costs to see it.

    python benchmarks/reach.py [--write]

The models are those of the tests (tests/support/attention_zoo), whose attention is worked out by
loops in float64. Each is discovered on a small batch, captured, compared with what was worked out,
and held against what changes with its edges and nodes. The cost is a forward pass with capture over
one without, on 64 graphs of 24 to 27 nodes and 64 channels, in eval mode without gradients:
"vectors" captures the site that a scan takes by default, "all" every site; each is the median over
rounds. --write stores all of it for docs/reach.md.
"""

import argparse
import json
import subprocess
import sys
import warnings
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import torch
from _common import alternating_times
from capture import reduce, vector_sites

import edgescope as es

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "reach.json"
ROUNDS = 9
WIDTH = 64

sys.path.insert(0, str(ROOT / "tests"))


def cost(case: Any) -> dict[str, Any]:  # noqa: ANN401  (a case of the tests)
    """Return the milliseconds of a forward pass, and the ratios of captures to it."""
    from support.attention_zoo.graphs import of_real_size

    model = case.model()
    with of_real_size():
        batch = case.batch()
    es.capture.discover(model, batch, call=case.call)

    def forward() -> None:
        with torch.no_grad():
            case.call(model, batch)

    def captured(sites: list[str] | None) -> None:
        with es.capture(model, sites, reduce=reduce):
            forward()

    seen = bool(es.capture.sites(model)["reason"].is_null().any())
    vectors = vector_sites(model) if seen else []
    plain, *captures = alternating_times(
        *(forward, lambda: captured(vectors or None), lambda: captured(None))[: 3 if seen else 1],
        rounds=ROUNDS,
        clock=process_time,
    )
    ratios = [
        round(median(a / b for a, b in zip(times, plain, strict=True)), 2) for times in captures
    ]
    nodes = batch["x"].shape[:-1].numel()
    forward_ms = round(1e3 * median(plain), 2)
    return {"nodes": nodes, "forward": forward_ms} | dict(
        zip(("vectors", "all"), ratios, strict=False)  # none where nothing is seen
    )


def print_costs(names: list[str]) -> None:
    """Print what the named models cost when they are wide."""
    from support.attention_zoo import by_hand

    by_hand.DIM = WIDTH  # before the models are made, which take it from there
    from support.attention_zoo.table import CASES

    print(json.dumps({case.name: cost(case) for case in CASES if case.name in names}))


def looks() -> dict[str, dict[str, Any]]:
    """Return what is seen of every model."""
    from support.attention_zoo.reach import differences, facts, look
    from support.attention_zoo.table import CASES

    table: dict[str, dict[str, Any]] = {}
    for case in CASES:
        row = table[case.name] = facts(case)
        far = [each for each in differences(case).values() if each is not None]
        if far:
            row |= {"same": look(case).same, "difference": f"{max(far):.0e}"}
    return table


def main() -> None:
    """Look at every model and print one line of each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="store the table for the docs")
    parser.add_argument("--costs", nargs="*", help="print what models cost, and nothing else")
    options = parser.parse_args()
    torch.set_num_threads(1)  # several would add the noise of their scheduling to small ratios
    warnings.simplefilter("ignore")  # of rows known by their nodes, and the like
    if options.costs is not None:
        print_costs(options.costs)
        return
    table = looks()
    seen = [name for name, row in table.items() if "difference" in row]
    command = [sys.executable, __file__, "--costs", *seen]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603
    for name, row in json.loads(told).items():
        table[name]["cost"] = row
    for name, row in table.items():
        found = row.get("how") or ", ".join(f"{n} {role}" for role, n in row["roles"].items())
        print(f"{name:45s} {found:18s} {row.get('difference', ''):6s} {row.get('cost', '')}")
    if options.write:
        FIGURES.write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()

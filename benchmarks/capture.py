"""What capture costs, layer by layer: forward passes with it over forward passes without.

    python benchmarks/capture.py [--data zinc12k --root FOLDER] [--layers NAME ...] [--write]

Four layers of each class, width 64 and 8 heads (GATEConv and GENConv have none), run in eval mode
without gradients over the same 512 molecules as one batch. What is captured is reduced inside the
hook to the largest magnitude of every edge. "vectors" captures the site that a scan takes by
default, "all" every site; each is the median over rounds, with the quartiles, of processor time.
--write stores the figures of these layers for the table in docs/layers.md.
"""

import argparse
import json
from pathlib import Path
from statistics import median, quantiles
from time import process_time
from typing import Any

import torch
from _common import alternating_times
from _layers import CASES, RELATIONS, HeteroStack, build
from torch import Tensor, nn
from torch_geometric.data import Batch

import edgescope as es
from edgescope.capturing import EdgeActivations

GRAPHS = 512
ROUNDS = 31
FIGURES = Path(__file__).resolve().parents[1] / "docs" / "layers.json"


def reduce(found: EdgeActivations) -> Tensor:
    """Return the largest magnitude of every edge ``[E]``."""
    return found.values.abs().amax(dim=(1, 2))


def vector_sites(model: nn.Module) -> list[str]:
    """Return the score of every layer, or its message if it has no score."""
    names = es.capture.sites(model)["site"].to_list()
    scored = {name.rpartition(":")[0] for name in names if name.endswith(":score")}
    return [
        name
        for name in names
        if name.endswith(":score")
        or (name.endswith(":message") and name.rpartition(":")[0] not in scored)
    ]


def inputs_of(model: nn.Module, batch: Batch) -> dict[str, Any]:
    """Return the arguments of a stack; the relations of a heterogeneous one are bond types."""
    if not isinstance(model, HeteroStack):
        return {name: batch[name] for name in ("x", "edge_index", "edge_attr", "batch")}
    kind = batch.edge_attr.view(-1)
    relations = {r: batch.edge_index[:, kind == number] for number, r in enumerate(RELATIONS)}
    return {"x_dict": {"atom": batch.x}, "edge_index_dict": relations}


def time_layer(model: nn.Module, inputs: dict[str, Any]) -> list[list[float]]:
    """Return the seconds of forward passes: plain, with the vectors captured, with everything."""

    def forward() -> None:
        with torch.no_grad():
            model(**inputs)

    def captured(sites: list[str] | None) -> None:
        with es.capture(model, sites, reduce=reduce):
            forward()

    vectors = vector_sites(model)
    return alternating_times(
        *(forward, lambda: captured(vectors), lambda: captured(None)),
        rounds=ROUNDS,
        clock=process_time,
    )


def ratio(times: list[float], plain: list[float]) -> str:
    """Return the median of the ratios within a round, and their quartiles."""
    low, middle, high = quantiles((a / b for a, b in zip(times, plain, strict=True)), n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def main() -> None:
    """Time every layer and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--layers", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--write", action="store_true", help="store the figures for the docs")
    options = parser.parse_args()
    dataset = es.data.load(options.data, options.root).train
    batch = dataset.batch(range(GRAPHS))
    torch.manual_seed(0)
    torch.set_num_threads(1)  # several would add the noise of their scheduling to small ratios
    setting = (
        f"{GRAPHS} molecules of {dataset.name} ({batch.num_nodes} atoms, {batch.num_edges} edges), "
        f"one thread, seed 0"
    )
    print(f"{setting}\n\n{'layer':30s} {'forward':>10s}   {'vectors':20s} {'all':20s}")
    stored = json.loads(FIGURES.read_text())
    if stored["setting"] != setting and set(options.layers) != set(CASES) and options.write:
        parser.error(f"what is stored was measured on {stored['setting']}; measure all layers")
    figures = {}
    for name in options.layers:
        model = build(name, len(dataset.vocabulary))
        plain, vectors, everything = time_layer(model, inputs_of(model, batch))
        found = {"vectors": ratio(vectors, plain), "all": ratio(everything, plain)}
        print(
            f"{name:30s} {median(plain) * 1e3:7.1f} ms   {found['vectors']:20s} {found['all']:20s}"
        )
        figures[name] = found
    if options.write:
        ratios = stored["ratios"] | figures
        FIGURES.write_text(json.dumps({"setting": setting, "ratios": ratios}, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""What capture costs, layer by layer: forward passes with it over forward passes without.

    python benchmarks/capture.py [--data zinc12k --root FOLDER] [--write]

Four layers of each class, width 64 and 8 heads (GATEConv and GENConv have none), run in eval mode
without gradients over the same 512 molecules as one batch. What is captured is reduced inside the
hook to the largest magnitude of every edge. "vectors" captures the site that a scan takes by
default, "all" every site. --write stores the figures for the table in docs/layers.md.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from _common import alternate
from _layers import CASES, RELATIONS, HeteroStack, build
from torch import Tensor, nn
from torch_geometric.data import Batch

import edgescope as es
from edgescope.capture import EdgeActivations

GRAPHS = 512
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


def time_layer(model: nn.Module, inputs: dict[str, Any]) -> list[float]:
    """Return the seconds of a forward pass: plain, with the vectors captured, with everything."""

    def forward() -> None:
        with torch.no_grad():
            model(**inputs)

    def captured(sites: list[str] | None) -> None:
        with es.capture(model, sites, reduce=reduce):
            forward()

    vectors = vector_sites(model)
    return alternate(forward, lambda: captured(vectors), lambda: captured(None))


def main() -> None:
    """Time every layer and print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="solubility", help="a published data set")
    parser.add_argument("--root", help="folder that holds its files")
    parser.add_argument("--write", action="store_true", help="store the figures for the docs")
    options = parser.parse_args()
    dataset = es.data.load(options.data, options.root).train
    batch = dataset.batch(range(GRAPHS))
    torch.manual_seed(0)
    setting = (
        f"{GRAPHS} molecules of {dataset.name} ({batch.num_nodes} atoms, {batch.num_edges} edges), "
        f"{torch.get_num_threads()} threads, seed 0"
    )
    print(f"{setting}\n\n{'layer':32s} {'forward':>10s} {'vectors':>17s} {'all':>17s}")
    figures = {}
    for name in CASES:
        model = build(name, len(dataset.vocabulary))
        plain, vectors, everything = time_layer(model, inputs_of(model, batch))
        figures[name] = {"vectors": round(vectors / plain, 2), "all": round(everything / plain, 2)}
        print(
            f"{name:32s} {plain * 1e3:7.1f} ms {vectors * 1e3:7.1f} ms x{vectors / plain:5.2f} "
            f"{everything * 1e3:7.1f} ms x{everything / plain:5.2f}"
        )
    if options.write:
        FIGURES.write_text(json.dumps({"setting": setting, "ratios": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()

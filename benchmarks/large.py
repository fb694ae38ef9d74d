"""The exact scan of a graph of ogbn-proteins' size, over the time of its matrix products alone.

    python benchmarks/large.py [--edges 791224 --nodes 132534] [--threads 2] [--residual]

The model is the published PROTEINS configuration of the GraphTransformer (3 layers, width 64,
8 heads, no residuals, read-out per node), untrained, its batch norms with random statistics.
The graph is drawn, written to a folder, sorted by target and mapped from there.

Three times are compared with the scan's: that of the products it computes, on inputs of the same
shapes, through the same operation (folded, oneDNN); of the same products through torch.mm; and of
the products of the model's own linear layers, in the same passes, through torch.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from _proteins_like import NUM_SPECIES, proteins_like

import edgescope as es
from edgescope import LargeGraph, scan_large
from edgescope.data.sources.ogbn_proteins import EDGES, FEATURES
from edgescope.large.edge_stream import EdgeStream
from edgescope.large.limits import CACHED_EDGES, GIBIBYTE
from edgescope.large.passes import Piece, pieces, workers

LAYERS = 3


def build_model(residual: bool) -> es.models.GraphTransformer:
    """Build the model, with batch norms that do something."""
    torch.manual_seed(0)
    model = es.models.GraphTransformer(
        num_atom_types=NUM_SPECIES,
        edge_dim=FEATURES,
        num_layers=LAYERS,
        hidden_dim=64,
        num_heads=8,
        out_dim=112,
        readout="node",
        residual=residual,
    ).eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 2)
    return model


Product = tuple[torch.Tensor, torch.Tensor | None]


def folded(model: es.models.GraphTransformer) -> list[list[Product]]:
    """Return weight and bias of every product of each pass, as the scan computes them."""
    stream = EdgeStream(model)
    steps = []
    for update in stream.updates:
        used = [update.expand, update.contract]
        steps.append([update.mix, *used, update.project] if stream.residual else used)
    state = [stream.embed] if stream.residual else []  # the first pass needs no states
    passes = [sum(steps[:number], [stream.first, *state]) for number in range(1, LAYERS)]
    return [[stream.first], *passes]


def declared(model: es.models.GraphTransformer) -> list[list[Product]]:
    """Return those of the model's own linear layers on edges, in the same passes."""
    project = [layer.attention.edge for layer in model.layers]
    steps = [
        [layer.edge.output, layer.edge.expand, layer.edge.contract, following]
        for layer, following in zip(model.layers, project[1:], strict=False)
    ]
    passes = [sum(steps[:number], [model.edge_embedding, project[0]]) for number in range(LAYERS)]
    return [[(linear.weight, linear.bias) for linear in step] for step in passes]


def onednn(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
    """Compute a product as the scan does."""
    torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # noqa: SLF001


def replay(
    passes: list[list[Product]], graph: LargeGraph, threads: int, product: Callable[..., object]
) -> float:
    """Return the seconds that the products of all passes take on chunks of random numbers."""
    inputs = {
        weight.size(1): torch.randn(CACHED_EDGES, weight.size(1))
        for step in passes
        for weight, _ in step
    }
    start = time.perf_counter()
    with torch.no_grad(), workers(threads) as apply:
        for step in passes:

            def work(piece: Piece, step: list[Product] = step) -> None:
                with torch.no_grad():
                    for start in range(piece.edges.start, piece.edges.stop, CACHED_EDGES):
                        size = min(CACHED_EDGES, piece.edges.stop - start)
                        for weight, bias in step:
                            product(inputs[weight.size(1)][:size], weight, bias)

            for _ in apply(work, pieces(graph)):
                pass
    return time.perf_counter() - start


def main() -> None:
    """Draw, sort, scan, replay, and print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--edges", type=int, default=EDGES, help="directed edges")
    parser.add_argument("--nodes", type=int, help="nodes; in proportion by default")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", type=float, default=4, help="budget of the scan in GiB")
    parser.add_argument("--residual", action="store_true", help="with residuals")
    parser.add_argument("--rounds", type=int, default=1, help="scans and replays, in turn")
    parser.add_argument("--folder", help="where to keep the graph; a temporary one by default")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        start = time.perf_counter()
        drawn = proteins_like(Path(folder) / "drawn", options.edges, options.nodes)
        x, nodes = torch.from_numpy(drawn.x), len(drawn.x)
        drawing = time.perf_counter() - start
        LargeGraph.from_edge_index(drawn.edge_index, drawn.edge_attr, nodes, Path(folder) / "csr")
        del drawn
        graph = LargeGraph.load(Path(folder) / "csr")
        sorting = time.perf_counter() - start - drawing
        print(
            f"{nodes:,} nodes, {graph.num_edges:,} edges, largest in-degree "
            f"{np.bincount(graph.target).max():,}; drawn in {drawing:.1f} s, "
            f"sorted in {sorting:.1f} s, {options.threads} threads; {peak()}"
        )
        model = build_model(options.residual)
        small = proteins_like(Path(folder) / "small", 1000)
        warm = LargeGraph.from_edge_index(small.edge_index, small.edge_attr, len(small.x))
        scan_large(model, torch.from_numpy(small.x), warm, progress=False)  # compiles the kernels
        for _ in range(options.rounds):
            scan = scan_large(
                model, x, graph, memory=int(options.memory * GIBIBYTE), progress=False
            )
            assert scan["layers.2.attention:score"].num_edges == graph.num_edges
            seconds = scan.info.seconds
            print(f"scan {seconds:.2f} s, {seconds / graph.num_edges * 1e9:.0f} ns/edge; {peak()}")
            for name, passes, product in (
                ("its products, as it computes them", folded(model), onednn),
                ("its products, by torch", folded(model), F.linear),
                ("the model's linear layers, by torch", declared(model), F.linear),
            ):
                took = replay(passes, graph, options.threads, product)
                print(f"  {name}: {took:.2f} s (ratio {seconds / took:.2f})")


def peak() -> str:
    """Return the largest resident memory of the process so far."""
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"peak resident memory {kib / 2**20:.2f} GiB"


if __name__ == "__main__":
    main()

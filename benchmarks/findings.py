"""What diagnosis says of healthy models: rules by models, untrained and trained.

    python benchmarks/findings.py --data tu-mutag --root FOLDER [--seeds 2] [--epochs 40]

GAT, GATv2, TransformerConv, GPS and GraphTransformer (4 layers of width 64, 8 heads) are diagnosed
untrained and after training with Adam, on the data that they were trained on and with the default
options. That they are healthy is shown by their test metric, beside that of the best constant
prediction. A cell counts the findings of a rule, error (E), warning (W) or note (n); every finding
is printed below, to be judged one by one. Models and data are real and nothing was broken, so each
finding must either be true or be mended. Times are those of a diagnosis over one pass of the model.

GPS attends to all pairs of nodes, of which Chameleon has 5.2 million. There, it works on the
subgraph of the 800 nodes with most links, and its rows say so.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import edgescope as es
from edgescope.data import GraphDataset, NodeDataset
from edgescope.diagnosis import Findings
from edgescope.diagnosis.rules import RULES
from edgescope.lib.model_call import call_model
from edgescope.lib.progress import track

MODELS = ("GAT", "GATv2", "TransformerConv", "GPS", "GraphTransformer")
EPOCHS = {"tu-mutag": 60, "zinc12k": 40, "chameleon": 100}
"""How long to train by default, so that the test metric is far from that of a constant."""

MARKS = {"error": "E", "warning": "W", "note": "n"}
WIDTH = 64
MOST_NODES = 800
"""Nodes that GPS is given at most; it attends to the square of their number."""


def built(architecture: str, dataset: GraphDataset, layers: int, seed: int) -> nn.Module:
    """Return an untrained model for a data set; real-valued node features enter linearly."""
    torch.manual_seed(seed)
    sizes = {"hidden_dim": WIDTH, "num_heads": 8, "num_layers": layers, **dataset.model_sizes}
    linear = dataset.x.is_floating_point()
    if linear:
        sizes["num_atom_types"] = 1
    if isinstance(dataset, NodeDataset):
        sizes["readout"] = "node"
    model = es.models.build(architecture, **sizes)
    if linear:
        model.node_embedding = nn.Linear(dataset.x.size(1), WIDTH)
    return model.eval()


def batches(dataset: GraphDataset, architecture: str, graphs: int) -> list[Any]:
    """Return the batches of a data set, or its densest part where GPS would need too many pairs."""
    if len(dataset) > graphs:
        dataset = dataset.subset(torch.arange(graphs))
    found = list(es.data.loader(dataset, batch_size=64))
    if architecture == "GPS" and isinstance(dataset, NodeDataset):
        return [densest(batch) for batch in found]
    return found


def densest(batch: Any) -> Any:  # noqa: ANN401  (a PyG batch)
    """Return the subgraph of the nodes with most edges."""
    degree = batch.edge_index[1].bincount(minlength=batch.num_nodes)
    chosen = degree.topk(min(MOST_NODES, batch.num_nodes)).indices.sort().values
    return batch.subgraph(chosen)


def predicted(model: nn.Module, batch: Any) -> tuple[Tensor, Tensor]:  # noqa: ANN401  (a batch)
    """Return predictions and targets; of one graph, those of the nodes of its part."""
    found, y = call_model(model, batch), batch.y
    mask = getattr(batch, "mask", None)
    return (found, y) if mask is None else (found[mask], y[mask])


def loss_of(model: nn.Module, batch: Any, labels: bool) -> Tensor:  # noqa: ANN401  (a batch)
    """Return the loss of a batch: cross-entropy of classes or labels, or absolute error."""
    found, y = predicted(model, batch)
    if y.dtype == torch.long:
        return F.cross_entropy(found, y)
    y = y.reshape(found.shape)
    return F.binary_cross_entropy_with_logits(found, y) if labels else (found - y).abs().mean()


def train(model: nn.Module, loader: list[Any], epochs: int, labels: bool, name: str) -> None:
    """Train with Adam, at a learning rate that falls to zero along a cosine."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    model.train()
    for _ in track(range(epochs), f"training {name}", epochs, True):
        for batch in loader:
            optimiser.zero_grad()
            loss_of(model, batch, labels).backward()
            optimiser.step()
        falling.step()
    model.eval()


def metric(model: nn.Module, loader: Iterable[Any], labels: bool) -> str:
    """Return the test metric as text: accuracy, or mean absolute error, beside a constant's."""
    with torch.no_grad():
        pairs = [predicted(model, batch) for batch in loader]
    found, y = (torch.cat(parts) for parts in zip(*pairs, strict=True))
    if y.dtype != torch.long and not labels:
        y = y.reshape(found.shape)
        constant = (y - y.median()).abs().mean()
        return f"test MAE {(found - y).abs().mean():.3f} (median {constant:.3f})"
    classes = found.argmax(1) if y.dtype == torch.long else (found > 0).flatten().long()
    y = y.flatten().long()
    return (
        f"test accuracy {(classes == y).float().mean():.3f} "
        f"(largest class {y.bincount().max() / len(y):.3f})"
    )


def seconds_of_a_pass(model: nn.Module, loader: list[Any]) -> float:
    """Return how long the model alone takes over the loader."""
    started = time.process_time()
    with torch.no_grad():
        for batch in loader:
            call_model(model, batch)
    return time.process_time() - started


def cell(findings: Findings, rule: str) -> str:
    """Count the findings of a rule by severity."""
    counts = Counter(MARKS[each.severity] for each in findings if each.rule == rule)
    return "".join(f"{number}{mark}" for mark, number in counts.items()) or "."


def diagnosed(model: nn.Module, loader: list[Any], label: str, note: str = "") -> Findings:
    """Diagnose a model, and print at once how it went."""
    alone = seconds_of_a_pass(model, loader)
    started = time.process_time()
    findings = es.diagnose(model, loader, progress=False)
    ratio = (time.process_time() - started) / alone
    print(f"{label}: {len(findings)} findings, {ratio:.2f} passes{note}", flush=True)
    for each in findings:
        print(f"    {each.severity} {each.rule}, {each.where}: {each.message}", flush=True)
    return findings


def main() -> None:
    """Diagnose every model on every data set, print what fired and then the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", help="folder that holds the data set's files")
    parser.add_argument("--data", default="tu-mutag", help=f"such as {', '.join(EPOCHS)}")
    parser.add_argument("--model", action="append", help=f"of {', '.join(MODELS)}; may be repeated")
    parser.add_argument("--epochs", type=int, help="of training")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--graphs", type=int, default=1000, help="of the training part, at most")
    parser.add_argument("--seeds", type=int, default=2, help="how many models of each kind")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--keep", type=Path, help="folder for trained weights, which are used again"
    )
    options = parser.parse_args()
    splits = es.data.load(options.data, options.root)
    labels = splits.train.task == "labels"
    rows: list[tuple[str, Findings]] = []
    for architecture in options.model or MODELS:
        loader = batches(splits.train, architecture, options.graphs)
        tests = batches(splits.test, architecture, options.graphs)
        part = (
            ", subgraph" if isinstance(splits.train, NodeDataset) and architecture == "GPS" else ""
        )
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            model = built(architecture, splits.train, options.layers, seed)
            label = f"{options.data}{part} {architecture} {seed}"
            rows.append((f"{label} untrained", diagnosed(model, loader, f"{label} untrained")))
            epochs = options.epochs or EPOCHS.get(options.data, 40)
            kept = options.keep and options.keep / f"{label}, {epochs} epochs.pt"
            if kept and kept.exists():
                model.load_state_dict(torch.load(kept))
            else:
                train(model, loader, epochs, labels, label)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                torch.save(model.state_dict(), kept)
            note = f"; {metric(model, tests, labels)}"
            rows.append((f"{label} trained", diagnosed(model, loader, f"{label} trained", note)))
    print(f"\n{'':44}" + " ".join(f"{rule.id[:11]:>11}" for rule in RULES))
    for label, findings in rows:
        print(f"{label:44}" + " ".join(f"{cell(findings, rule.id):>11}" for rule in RULES))


if __name__ == "__main__":
    main()

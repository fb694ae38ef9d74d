"""What diagnosis says of healthy models: rules by models, untrained and briefly trained.

    python benchmarks/findings.py --root FOLDER [--data tu-mutag --data zinc12k --data chameleon]

GAT, GATv2, TransformerConv, GPS and GraphTransformer are built as the recipes build them, and
diagnosed untrained and after some epochs of Adam. A cell counts the findings of a rule, error (E),
warning (W) or note (n); every finding is printed below, to be judged one by one. Models and data
are real and nothing was broken, so each finding must either be true or be mended. The time of a
diagnosis is given over that of one pass over the same data.
"""

import argparse
import time
from collections import Counter

import torch
import torch.nn.functional as F
from torch import nn

import edgescope as es
from edgescope.calling import call_model
from edgescope.data import GraphDataset, NodeDataset
from edgescope.diagnose import Findings
from edgescope.diagnose.rules import RULES

MODELS = ("GAT", "GATv2", "TransformerConv", "GPS", "GraphTransformer")
DATA = ("solubility", "tu-mutag", "zinc12k", "chameleon")
MARKS = {"error": "E", "warning": "W", "note": "n"}


def built(architecture: str, dataset: GraphDataset, layers: int, seed: int) -> nn.Module:
    """Return an untrained model for a data set; real-valued node features enter linearly."""
    torch.manual_seed(seed)
    sizes = {"hidden_dim": 64, "num_heads": 8, "num_layers": layers, **dataset.model_sizes}
    linear = dataset.x.is_floating_point()
    if linear:
        sizes["num_atom_types"] = 1
    if isinstance(dataset, NodeDataset):
        sizes["readout"] = "node"
    model = es.models.build(architecture, **sizes)
    if linear:
        model.node_embedding = nn.Linear(dataset.x.size(1), 64)
    return model.eval()


def loss_of(model: nn.Module, batch: object) -> torch.Tensor:
    """Return the loss of a batch: cross-entropy of classes, or absolute error."""
    predicted, y = call_model(model, batch), batch.y
    mask = getattr(batch, "mask", None)
    if mask is not None:
        predicted, y = predicted[mask], y[mask]
    if y.dtype == torch.long:
        return F.cross_entropy(predicted, y)
    y = y.reshape(predicted.shape)
    known = y.isfinite()
    return (predicted[known] - y[known]).abs().mean()


def train(model: nn.Module, loader: object, epochs: int) -> tuple[float, float]:
    """Train with Adam and return the mean loss of the first and of the last epoch."""
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    model.train()
    means = []
    for _ in range(epochs):
        losses = []
        for batch in loader:
            optimiser.zero_grad()
            loss = loss_of(model, batch)
            loss.backward()
            optimiser.step()
            losses.append(float(loss.detach()))
        means.append(sum(losses) / len(losses))
    model.eval()
    return means[0], means[-1]


def seconds_of_a_pass(model: nn.Module, loader: object) -> float:
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


def main() -> None:
    """Diagnose every model on every data set, print the table and then what fired."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", help="folder that holds the data sets' files")
    parser.add_argument("--data", action="append", help=f"of {', '.join(DATA)}; may be repeated")
    parser.add_argument("--model", action="append", help=f"of {', '.join(MODELS)}; as above")
    parser.add_argument("--epochs", type=int, default=10, help="of training")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--graphs", type=int, default=1000, help="of the training part, at most")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rows: list[tuple[str, Findings]] = []
    for name in options.data or ["solubility"]:
        dataset = es.data.load(name, None if name == "solubility" else options.root).train
        chosen = torch.arange(min(len(dataset), options.graphs))
        if len(chosen) < len(dataset):
            dataset = dataset.subset(chosen)
        loader = es.data.loader(dataset, batch_size=64)
        for architecture in options.model or MODELS:
            model = built(architecture, dataset, options.layers, options.seed)
            for state in ("untrained", "trained"):
                note = ""
                if state == "trained":
                    first, last = train(model, loader, options.epochs)
                    note = f", loss {first:.3f} -> {last:.3f}"
                alone = seconds_of_a_pass(model, loader)
                started = time.process_time()
                findings = es.diagnose(model, loader, progress=False)
                ratio = (time.process_time() - started) / alone
                label = f"{name} {architecture} {state}"
                print(f"{label}: {len(findings)} findings, {ratio:.2f} passes{note}", flush=True)
                rows.append((label, findings))
    print(f"\n{'':36}" + " ".join(f"{rule.id[:11]:>11}" for rule in RULES))
    for label, findings in rows:
        print(f"{label:36}" + " ".join(f"{cell(findings, rule.id):>11}" for rule in RULES))
    for label, findings in rows:
        for each in findings:
            print(f"\n{label}: {each.severity} {each.rule}\n  {each.where}: {each.message}")


if __name__ == "__main__":
    main()

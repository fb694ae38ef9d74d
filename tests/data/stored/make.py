"""Write one small stored result of every kind, and figures of each, with the version at hand.

The folders beside this script were written once, by edgescope 0.1.0 as of commit 0b6ac47, before
its modules were moved; `tests/test_stored_before.py` shows that they still load and hold what
`figures.json` says. So this is not to be run again into the same folder: what a later version
writes belongs into one of its own.

    python tests/data/stored/make.py FOLDER
"""

import json
import os
import pickle
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import yaml
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, TransformerConv

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

import interrupted_scan  # noqa: E402

import edgescope as es  # noqa: E402
from support.scan_equality import numbered_graphs, small_model, small_scan  # noqa: E402
from support.stored_figures import edgescope, figures_of  # noqa: E402

SIZE = ("num_layers=2", "hidden_dim=8", "num_heads=2", "seed=43")

MOLECULES = [
    f"{'C' * left}{group}{'C' * right}F"
    for left in (1, 2, 3, 4)
    for group in ("O", "N", "C(=O)", "S", "C=C", "c1ccc(cc1)")
    for right in (1, 2, 3, 4)
]

STUDY = {
    "models": ["GraphTransformer"],
    "recipe": "demo",
    "data": [{"source": "molecules.csv", "target_columns": ["value"]}],
    "states": ["untrained", "trained"],
    "seeds": [41, 42],
    "overrides": {"epochs": 1, "num_layers": 1, "hidden_dim": 8, "num_heads": 2},
    "scan": {"max_rows": 20},
    "threads": 1,
}


def tidy(folder: Path, *names: str) -> None:
    """Delete what nobody reads later; one checkpoint is kept."""
    for name in ("logs", *names):
        for found in list(folder.rglob(name)):
            shutil.rmtree(found)


def run(folder: Path) -> None:
    """Train on an own table, and leave what every later command stores in the run."""
    sizes = [word for size in SIZE for word in ("--set", size)]
    data = ("--data", "molecules.csv", "--target-column", "value")
    edgescope("train", "--out", folder, *data, "--recipe", "demo", "--epochs", 2, *sizes)
    trained = es.train.RunFolder(folder)
    es.scan(
        trained.model(),
        es.data.loader(trained.splits().test),
        baseline=trained.model("untrained"),
        criterion=es.Criterion("low", ratio=6),  # which a barely trained model meets
        max_rows=500,
        progress=False,
    ).save(folder / "scan")
    few = ("--permutations", 50, "--resamples", 50)
    edgescope("interpret", folder, "--by", "bond_type", "--by", "degree_product", *few)
    edgescope("ablate", folder, "--where", "scan", "--repeats", 2)
    edgescope("explain", folder, "--methods", "massive,occlusion,attention")
    tidy(folder)


def planted(folder: Path) -> None:
    """Train on graphs drawn at random, without a description of where they came from."""
    splits = es.data.planted("edge_type", 60, nodes=(8, 12))
    size = {"num_layers": 1, "hidden_dim": 8, "num_heads": 2}
    recipe = es.train.recipe("demo", loss="masked_bce", **size)
    es.train.fit(recipe, splits, folder, epochs=1, progress=False)
    tidy(folder, "checkpoints")


def study(folder: Path) -> None:
    """Run a small grid."""
    Path("study.yaml").write_text(yaml.safe_dump(STUDY), encoding="utf-8")
    edgescope("study", "run", "study.yaml", "--out", folder)
    tidy(folder, "checkpoints")


GRAPHS = numbered_graphs(6)
for graph in GRAPHS:
    del graph.smiles  # it is of another molecule, which reports would find out
LOUD = {"factor": 3000.0}


def small(**options: object) -> es.Scan:
    """Scan a model with one channel that is too large, in one layer."""
    return small_scan(small_model(**LOUD), GRAPHS, max_rows=500, **options)


class Layers(nn.Module):
    """Two layers of PyG with heads, on features of nodes and edges."""

    def __init__(self) -> None:
        super().__init__()
        self.first = GATConv(4, 3, heads=2, edge_dim=3)
        self.second = TransformerConv(6, 3, heads=2, edge_dim=3, beta=True)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor, edge_attr: torch.Tensor) -> object:
        """Return the output of the second layer."""
        return self.second(self.first(x, edge_index, edge_attr).relu(), edge_index, edge_attr)


def layers() -> es.Scan:
    """Scan PyG's layers at all their sites."""
    torch.manual_seed(0)
    model = Layers().eval()
    graphs = [
        Data(
            x=torch.randn(5, 4),
            edge_index=torch.randint(0, 5, (2, 9)),
            edge_attr=torch.eye(3)[torch.randint(0, 3, (9,))],
        )
        for _ in range(5)
    ]
    low = es.Criterion("low", ratio=2)
    return es.scan(model, graphs, sites="*:message", criterion=low, max_rows=500, progress=False)


def large() -> es.Scan:
    """Scan a graph in pieces, from files."""
    torch.manual_seed(0)
    x, edge_index = torch.randint(0, 5, (20,)), torch.randint(0, 20, (2, 60))
    kinds = torch.randint(0, 3, (60,))
    graph = es.LargeGraph.from_edge_index(edge_index, kinds, 20, tile=8, folder="large")
    return es.scan_large(small_model(**LOUD), x, graph, max_rows=500, progress=False)


def seeds() -> es.SeedScans:
    """Scan with two models, against one that both share."""
    return es.scan_seeds(
        [small_model(seed, **LOUD) for seed in (0, 1)],
        DataLoader(GRAPHS, 4),
        baseline=small_model(9),
        edge_type_names=["a", "b", "c"],
        keep_ratio=50.0,
        max_rows=500,
        progress=False,
    )


def log_of_scores() -> dict[str, object]:
    """Return the published code's log of activations: batches of one graph."""
    model = small_model(**LOUD)
    layers: list[list[dict[str, torch.Tensor]]] = [[], []]
    for graph in GRAPHS:
        with es.capture(model) as tape, torch.no_grad():
            model(graph.x, graph.edge_index, graph.edge_attr, None)
        for number, layer in enumerate(layers):
            layer.append({"attention": tape[f"layers.{number}.attention:score"].values.flatten(1)})
    types = [graph.edge_attr for graph in GRAPHS]
    return {"layers.malog_h": [[], []], "layers.malog_e": layers, "model.edge_types": types}


ENSEMBLE = es.Untrained(members=5, calibrate_batch_norm=False)
CALIBRATED = es.Calibrated(rate=0.02)
SCANS = {
    "paper2025": lambda: small(baseline=small_model(1)),
    "sun2024": lambda: small(criterion="sun2024"),
    "calibrated": lambda: small(criterion=CALIBRATED, baseline=ENSEMBLE, keep_ratio=None),
    "own": lambda: small(criterion=es.Criterion("own", ratio=100, magnitude=2.0)),
    "both": lambda: small(
        criterion=es.Criterion("high", ratio=100) & CALIBRATED,
        baseline=ENSEMBLE,
        sites="layers.0*:score",
        keep_ratio=None,
    ),
    "either": lambda: small(
        criterion=es.Criterion("high", ratio=100) | es.Criterion("large", ratio=0, magnitude=50)
    ),
    "layers": layers,
    "large": large,
}


class StopError(Exception):
    """Ends a scan."""


def shards(folder: Path) -> None:
    """Leave the shards of a scan that ended in the middle."""

    def stop(given: int) -> None:
        if given == 4:
            raise StopError

    try:
        interrupted_scan.run(interrupted_scan.Loader(stop), folder, max_rows=500)
    except StopError:
        return
    raise AssertionError("the scan was not stopped")


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.mkdir(parents=True)
    os.chdir(out)  # so that nothing stored names a folder of this machine
    torch.set_num_threads(1)
    rows = [f"{smiles},{smiles.count('C') * 0.5 - 3}" for smiles in MOLECULES]
    Path("molecules.csv").write_text("\n".join(["smiles,value", *rows]) + "\n", encoding="utf-8")
    run(Path("run"))
    planted(Path("planted"))
    study(Path("study"))
    for name, make in SCANS.items():
        make().save(f"scans/{name}")
    seeds().save("seeds")
    shards(Path("shards"))
    Path("malog.pkl").write_bytes(pickle.dumps(log_of_scores(), protocol=4))
    with TemporaryDirectory() as folder:
        copied = shutil.copytree(Path(), Path(folder) / "copy")
        figures = {name: read() for name, read in figures_of(copied).items()}
    lines = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in figures.items()]
    Path("figures.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")

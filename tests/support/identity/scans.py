"""Scans whose every kept row says which edge of which graph it is, whatever the loader does."""

import warnings
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn
from torch.utils.data import RandomSampler, Subset, SubsetRandomSampler
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.identity.layers import TagConv

TYPES = ["red", "green", "blue"]
COLUMNS = ("graph", "edge", "source", "target", "edge_type")


class OneSet(nn.Module):
    """A model of graphs with one kind of nodes, told which graph a node is of, or not."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = TagConv()

    def forward(self, x, edge_index, tag, edge_type, batch):  # noqa: ARG002  (read by capture)
        return self.conv(x, edge_index, tag)


class OneSetUntold(OneSet):
    def forward(self, x, edge_index, tag, edge_type):  # noqa: ARG002  (as above)
        return self.conv(x, edge_index, tag)


class TwoSets(OneSet):
    def forward(self, x_s, x_t, edge_index, tag, edge_type, x_s_batch, x_t_batch):  # noqa: ARG002  (as above)
        return self.conv((x_s, x_t), edge_index, tag)


class TwoSetsUntold(OneSet):
    def forward(self, x_s, x_t, edge_index, tag, edge_type):  # noqa: ARG002  (as above)
        return self.conv((x_s, x_t), edge_index, tag)


class Bipartite(Data):
    """A graph with two kinds of nodes, as PyG's page on advanced batching has it."""

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        if key == "edge_index":
            return torch.tensor([[self.x_s.size(0)], [self.x_t.size(0)]])
        return super().__inc__(key, value, *args, **kwargs)


MODELS = {
    "one set": OneSet,
    "one set, untold": OneSetUntold,
    "two sets": TwoSets,
    "two sets, untold": TwoSetsUntold,
}
LOADERS = ["in order", "shuffled", "random sampler", "subset sampler", "subset", "list", "graphs"]


@dataclass(frozen=True)
class ScanProgram:
    """A model and how its graphs come."""

    model: str
    loader: str
    size: int
    """Graphs in a batch."""
    seed: int


@dataclass
class ScanOutcome:
    """What a scan said of its rows."""

    right: int = 0
    wrong_rows: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    crashed: str = ""
    """An error other than a refusal."""
    refused: str = ""
    """Why the scan was refused, or what it warned of."""


def draw_scan(random: Random, model: str | None = None, loader: str | None = None) -> ScanProgram:
    """Draw a model and a loader."""
    return ScanProgram(
        model or random.choice(list(MODELS)),
        loader or random.choice(LOADERS),
        random.randint(1, 4),
        random.randrange(2**31),
    )


def run_scan(program: ScanProgram) -> ScanOutcome:
    """Scan, and compare every kept row with the tags that it holds."""
    random = Random(program.seed)
    torch.manual_seed(program.seed)
    graphs, truth = _graphs(random, two_sets="two" in program.model)
    found = ScanOutcome()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            scan = es.scan(
                MODELS[program.model](),
                _loader(program, graphs, random),
                keep_ratio=0,
                edge_type_names=TYPES,
                progress=False,
            )
            rows = scan.massive(es.Criterion("everything", 1e-9))
        except InputError as error:
            found.refused = str(error)
            return found
        except Exception as error:  # noqa: BLE001  (whatever a scan lets through is a finding)
            found.crashed = f"{type(error).__name__}: {error}"
            return found
    said = [str(each.message) for each in warned if issubclass(each.category, EdgescopeWarning)]
    if said:
        found.refused = said[0]
        return found
    _judge(rows, truth, found)
    return found


def _judge(rows: pl.DataFrame, truth: pl.DataFrame, found: ScanOutcome) -> None:
    """Count the rows that name the edge whose tag they hold."""
    # The three channels hold the tags of the edge, its source and its target: the first says all.
    edges = rows.filter(pl.col("channel") == 0).with_columns(tag=pl.col("value").cast(pl.Int64))
    if edges.height != truth.height or edges["tag"].n_unique() != truth.height:
        found.wrong["rows missing"] = abs(truth.height - edges["tag"].n_unique())
        found.wrong_rows += found.wrong["rows missing"]
    both = edges.join(truth, on="tag", suffix="_true")
    wrong = np.zeros(both.height, dtype=bool)
    for name in COLUMNS:
        differs = (both[name] != both[f"{name}_true"]).to_numpy()
        wrong |= differs
        if differs.any():
            found.wrong[name] = int(differs.sum())
    found.right += int((~wrong).sum())
    found.wrong_rows += int(wrong.sum())


def _graphs(random: Random, *, two_sets: bool) -> tuple[list[Data], pl.DataFrame]:
    """Draw a data set, and what is true of the tag of each of its edges."""
    graphs, rows, tag = [], [], 1
    for number in range(random.randint(1, 7)):
        sources = random.randint(1, 5)
        targets = random.randint(1, 5) if two_sets else sources
        size = random.randint(1, 8)
        pairs = [(random.randrange(sources), random.randrange(targets)) for _ in range(size)]
        kinds = [random.randrange(len(TYPES)) for _ in pairs]
        for place, ((source, target), kind) in enumerate(zip(pairs, kinds, strict=True)):
            rows.append((tag + place, number, place, source, target, TYPES[kind]))
        given = {
            "edge_index": torch.tensor(pairs).t().contiguous(),
            "edge_type": torch.tensor(kinds),
            "tag": torch.arange(tag, tag + size, dtype=torch.float64)[:, None],
        }
        x = torch.arange(1.0, sources + 1, dtype=torch.float64)[:, None]
        y = torch.arange(1.0, targets + 1, dtype=torch.float64)[:, None]
        if two_sets:
            graphs.append(Bipartite(x_s=x, x_t=y, num_nodes=sources, **given))
        else:
            graphs.append(Data(x=x, **given))
        tag += size
    return graphs, pl.DataFrame(rows, schema=["tag", *COLUMNS], orient="row")


def _loader(program: ScanProgram, graphs: list[Data], random: Random) -> Any:  # noqa: PLR0911  (one per way)
    """Return what a user passes as the loader; graph ``k`` is the k-th of the data set."""
    more: dict[str, Any] = {"batch_size": program.size}
    if "two" in program.model:
        more["follow_batch"] = ["x_s", "x_t"]
    match program.loader:
        case "shuffled":
            return DataLoader(graphs, shuffle=True, **more)
        case "random sampler":
            return DataLoader(graphs, sampler=RandomSampler(graphs), **more)
        case "subset sampler":
            order = random.sample(range(len(graphs)), len(graphs))
            return DataLoader(graphs, sampler=SubsetRandomSampler(order), **more)
        case "subset":
            # The loader's data set has the graphs in this order, however they lie elsewhere.
            order = random.sample(range(len(graphs)), len(graphs))
            mixed = [graphs[order.index(place)] for place in range(len(graphs))]
            return DataLoader(Subset(mixed, order), **more)
        case "list":
            return list(DataLoader(graphs, **more))
        case "graphs" if "two" not in program.model:
            return graphs
    return DataLoader(graphs, **more)

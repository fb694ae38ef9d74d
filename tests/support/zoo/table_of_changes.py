"""Cases whose graphs are several, or change on their way, or whose layers are foreign."""

from typing import Any

from torch import nn
from torch_geometric.data import Batch

from support.zoo import changing, foreign, graphs, several, typed
from support.zoo.case import Case, Refused, Right, refused, seen
from support.zoo.graphs import molecules, without_edge_features

ON_THE_WAY = "(renumbered|written|cannot be told)"
NO_SITE = "(?i)no (site|layer|attention)"


def _both(model: nn.Module, batch: dict[str, Any]) -> Any:
    return model(batch["a"], batch["b"])


def two_graphs() -> list[Any]:
    """Return a batch of one molecule each, and one of the others."""
    ends = range(4), range(7, 11)
    return [
        {
            name: Batch.from_data_list([graphs.molecule(k) for k in end])
            for name, end in zip("ab", ends, strict=True)
        }
    ]


def _snapshots(model: nn.Module, batch: dict[str, Any]) -> Any:
    return model(batch["snapshots"])


def snapshots() -> list[Any]:
    """Return two snapshots of the same nodes."""
    return [{"snapshots": [graphs.molecule(4), graphs.molecule(4, loops=True)]}]


def events() -> list[Any]:
    """Return a graph of events, with the time of each and of the last of every node."""
    data = graphs.times()[0]
    data.t = data.edge_attr.float()
    data.last_update = data.t[: data.num_nodes]
    del data.edge_attr
    return [data]


def _with_both() -> list[Any]:
    """Return molecules with a type and features of every edge."""
    batches = molecules()
    for batch, typed_batch in zip(batches, graphs.with_kinds(), strict=True):
        batch.edge_type = typed_batch.edge_type
    return batches


SEVERAL: list[Case] = [
    seen("recommender", several.Recommender, graphs.two_sets, "conv"),
    seen("recommender with sizes", several.with_sizes, graphs.two_sets, "conv"),
    seen("pairs of drugs", several.DrugPair, graphs.pairs, "conv", explain=Refused("edge_index")),
    seen(
        "two towers",
        several.TwoTowers,
        two_graphs,
        "conv",
        "other",
        call=_both,
        explain=Refused("edge_index"),
    ),
    seen(
        "snapshots",
        several.OverTime,
        snapshots,
        "conv",
        call=_snapshots,
        explain=Refused("edge_index"),
    ),
    seen(
        "seconds on edges",
        several.Temporal,
        graphs.times,
        "conv",
        scan=Right(("conv",), warned="different integers"),
    ),
    seen("memory of nodes", several.Memory, events, "attend"),
]

CHANGING: list[Case] = [
    refused(
        "pooled",
        changing.TopK,
        without_edge_features,
        ON_THE_WAY,
        capture=Refused(ON_THE_WAY, ("conv1",)),
        scan=Right(("conv1",), unseen=("GATConv",), warned="conv2"),
        diagnose=Right(("conv1",), unseen=("GATConv",), warned="conv2"),
        ablate=Refused(ON_THE_WAY, ("conv1",)),
    ),
    seen(
        "pooled by attention",
        changing.ScoredByAttention,
        without_edge_features,
        "conv",
        "pool.gnn",
        scan=Right(("conv",), unseen=("GATConv",), warned="pool.gnn"),
        ablate=Right(("conv", "pool.gnn")),  # a function may choose among single numbers
        explain=Right(("conv",)),
    ),
    seen("virtual node", changing.VirtualNode, without_edge_features, "conv"),
    seen("loops added by the model", changing.LoopsFirst, without_edge_features, "conv"),
    seen("sorted on the way", changing.Sorted, molecules, "conv", edge_features="edge_attr"),
    seen(
        "drops edges in training", changing.Dropping, molecules, "conv", edge_features="edge_attr"
    ),
    refused("nearest neighbours", changing.Nearest, molecules, "edge_index"),
    seen(
        "sorted in place",
        changing.InPlace,
        molecules,
        "conv",
        edge_features="edge_attr",
        explain=Refused("other edges than the batch holds"),
    ),
    refused(
        "attention from nodes to graphs",
        changing.PoolsAll,
        without_edge_features,
        "pool",
        capture=Refused("pool", ("conv",)),
        scan=Right(("conv",), unseen=("GATConv",), warned="pool"),
        diagnose=Right(("conv",), unseen=("GATConv",), warned="pool"),
        ablate=Refused("pool", ("conv",)),
    ),
]

HETERO = {"explain": Refused("(?i)heterogeneous|edge_index")}

NOT_EDITED = Refused("cannot be edited")

TYPED: list[Case] = [
    seen(
        "HeteroConv",
        typed.ByHeteroConv,
        graphs.scholarly,
        *(f"conv.convs.<{'___'.join(kind)}>" for kind in typed.METADATA[1]),
        **HETERO,
    ),
    seen(
        "to_hetero",
        typed.Transformed,
        graphs.scholarly,
        *(
            f"model.conv{number}.{'__'.join(kind)}"
            for number in (1, 2)
            for kind in typed.METADATA[1]
        ),
        **HETERO,
    ),
    seen("HGT", typed.hgt, graphs.scholarly, "conv", ablate=NOT_EDITED, **HETERO),
    seen("HAN", typed.han, graphs.scholarly, "conv", ablate=NOT_EDITED, **HETERO),
]

FOREIGN: list[Case] = [
    *(
        refused(name, model, without_edge_features, NO_SITE, diagnose=Refused(words))
        for name, model, words in (
            ("GCN", foreign.NoAttention, NO_SITE),
            ("dense GAT", foreign.Dense, "DenseGATConv"),
            ("another message", foreign.Overrides, "overrides message"),
            ("attention by hand", foreign.ByHand, "HandWritten"),
        )
    ),
    seen("AGNN", foreign.Cosine, without_edge_features, "conv"),
    seen("FAGCN", foreign.Frequencies, without_edge_features, "conv"),
    seen("HEAT", foreign.EdgeTyped, _with_both, "conv", edge_features="edge_attr"),
    seen("both ways", foreign.BothWays, without_edge_features, "conv.conv_in", "conv.conv_out"),
    seen(
        "half of it known",
        foreign.Half,
        without_edge_features,
        "conv1",
        scan=Right(("conv1",), unseen=("HandWritten",)),
        diagnose=Right(("conv1",), unseen=("HandWritten",)),
    ),
]

"""The zoo: models in other people's styles, and what is expected of every tool."""

from functools import partial
from typing import Any

from torch import nn
from torch_geometric.nn import GAT, AttentiveFP, GATConv, GATv2Conv, TransformerConv

from support.zoo import framed, graphs, plain
from support.zoo.case import Case, Refused, Right, eagerly_seen, seen
from support.zoo.graphs import EDGES, WIDTH, molecules, without_edge_features
from support.zoo.table_of_changes import CHANGING, FOREIGN, SEVERAL, TYPED

EDGE = {"edge_features": "edge_attr"}
ONE_CHANNEL = {
    "scan": Right(("conv1",), unseen=("GATConv",), warned="conv2"),
    "ablate": Right(("conv1", "conv2")),  # a function may choose among single numbers
    "explain": Right(("conv1",)),
}
NO_LOOPS = {"add_self_loops": False}


def _of_edges(layer: type[nn.Module], **options: Any) -> partial:
    return partial(plain.WithEdges, layer, **options)


def _keywords(model: nn.Module, batch: Any) -> Any:
    return model(x=batch.x, edge_index=batch.edge_index, batch=batch.batch)


def _nodes_only(model: nn.Module, batch: Any) -> Any:
    return model(batch.x, batch.edge_index)


def _without_edge_features(model: nn.Module, batch: Any) -> Any:
    return model(batch.x, batch.edge_index, batch=batch.batch)


def _with_edge_features(model: nn.Module, batch: Any) -> Any:
    return model(batch.x, batch.edge_index, edge_attr=batch.edge_attr)


def _inner(model: nn.Module, batch: Any) -> Any:
    return model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)


def _in_bfloat16() -> list:
    batches = molecules()
    for batch in batches:
        batch.x, batch.edge_attr = batch.x.bfloat16(), batch.edge_attr.bfloat16()
    return batches


def _prediction(model: nn.Module, batch: Any) -> Any:
    return model(batch.x, batch.edge_index, batch.batch)[0]


def _gat(**options: Any) -> nn.Module:
    return GAT(WIDTH, 4, 2, 4, v2=True, **options)


def _attentive() -> nn.Module:
    return AttentiveFP(WIDTH, 4, 1, EDGES, num_layers=2, num_timesteps=2)


PLAIN = [
    seen("transformer with edges", plain.WithEdges, molecules, "conv1", "conv2", **EDGE),
    seen("GATv2 with edges", _of_edges(GATv2Conv), molecules, "conv1", "conv2", **EDGE),
    seen("GAT with edges", _of_edges(GATConv), molecules, "conv1", "conv2", **EDGE),
    seen(
        "reversed flow",
        _of_edges(TransformerConv, flow="target_to_source"),
        molecules,
        "conv1",
        "conv2",
        **EDGE,
    ),
    seen("multigraph", _of_edges(GATv2Conv), graphs.multigraphs, "conv1", "conv2", **EDGE),
    seen(
        "loops kept", _of_edges(GATv2Conv, **NO_LOOPS), graphs.with_loops, "conv1", "conv2", **EDGE
    ),
    seen("loops replaced", _of_edges(GATConv), graphs.with_loops, "conv1", "conv2", **EDGE),
    seen("bfloat16", plain.narrow, _in_bfloat16, "conv1", "conv2", **EDGE),
    seen("frozen", plain.frozen, molecules, "conv1", "conv2", **EDGE),
    seen("checkpointed", plain.Checkpointed, molecules, "conv1", "conv2", **EDGE),
    seen("jumping knowledge", plain.Jumping, molecules, "convs.0", "convs.1", "convs.2"),
    seen("shared layer", plain.SharedLayer, molecules, "conv"),
    seen("recurrent", plain.Recurrent, molecules, "attend"),
    seen("by relation", plain.ByRelation, graphs.with_kinds, "conv"),
    seen(
        "self-supervised",
        plain.SelfSupervised,
        without_edge_features,
        "conv",
        call=_prediction,
    ),
    seen(
        "one output channel",
        plain.OutputLayer,
        graphs.one_graph,
        "conv1",
        "conv2",
        **ONE_CHANNEL,
    ),
    seen(
        "a layer that never runs",
        plain.NeverRun,
        molecules,
        "conv",
        scan=Refused("did not run old", ("conv",)),
        ablate=Refused("did not run old", ("conv",)),
        explain=Refused("old", ("conv",)),
        diagnose=Right(("conv",), unseen=("GATv2Conv",)),
    ),
    seen(
        "GAT of PyG",
        _gat,
        without_edge_features,
        "convs.0",
        "convs.1",
        call=_nodes_only,
        told=False,
    ),
    seen(
        "GAT of PyG with edges",
        partial(_gat, edge_dim=EDGES),
        molecules,
        "convs.0",
        "convs.1",
        call=_with_edge_features,
        told=False,
        **EDGE,
    ),
    seen(
        "GAT of PyG, with a batch that has edge features it cannot take",
        _gat,
        molecules,
        "convs.0",
        "convs.1",
        call=_without_edge_features,
        by_itself=True,
    ),
    seen(
        "AttentiveFP",
        _attentive,
        molecules,
        "gate_conv",
        "atom_convs.0",
        scan=Right(("gate_conv", "atom_convs.0"), unseen=("GATConv",)),
        diagnose=Right(("gate_conv", "atom_convs.0"), unseen=("GATConv",)),
        edge_features="edge_attr",
    ),
]

FRAMED = [
    seen("GraphGym", framed.Gym, molecules, "layers.0.model", "layers.1.model"),
    seen(
        "GraphGPS",
        framed.GPS,
        molecules,
        "layers.0.local_model",
        "layers.0.self_attn",
        "layers.1.local_model",
        "layers.1.self_attn",
        ablate=Right(("layers.0.local_model", "layers.1.local_model"), warned="self_attn"),
    ),
    seen(
        "transformer encoder",
        framed.Encoder,
        without_edge_features,
        "encoder.layers.0.self_attn",
        "encoder.layers.1.self_attn",
        ablate=Refused("cannot be edited"),
    ),
    seen(
        "sampled",
        plain.OutputLayer,
        graphs.sampled,
        "conv1",
        "conv2",
        **ONE_CHANNEL | {"ablate": Refused("parts of one large graph")},
    ),
    seen("Lightning", framed.Lit, molecules, "conv", edge_features="edge_attr"),
    seen("of data", framed.OfData, molecules, "conv"),
    seen("sequence of PyG", plain.sequential, molecules, "module_0", "module_2", call=_keywords),
    seen("wrapped", framed.wrapped, molecules, "module.conv1", "module.conv2", call=_inner, **EDGE),
    seen(
        "wrapped, called by name",
        framed.wrapped,
        molecules,
        "module.conv1",
        "module.conv2",
    ),
    seen(
        "DataParallel",
        framed.parallel,
        molecules,
        "module.conv1",
        "module.conv2",
        call=_inner,
        **EDGE,
    ),
    eagerly_seen("compiled", framed.compiled, molecules, "conv1", "conv2", call=_inner, **EDGE),
    eagerly_seen("partly compiled", framed.partly_compiled, molecules, "conv1", "conv2", **EDGE),
]

ZOO: list[Case] = [*PLAIN, *FRAMED, *SEVERAL, *CHANGING, *TYPED, *FOREIGN]

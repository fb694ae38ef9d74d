"""The ways in which models are called: with a graph, two of them, node sets, or relations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch_geometric.data import Data

from support.identity.graphs import Given
from support.identity.models import (
    RELATIONS,
    Arguments,
    Bipartite,
    BipartiteData,
    BipartiteTuple,
    ByRelation,
    Heterogeneous,
    OneData,
    Pair,
    ProgramModel,
    SecondArguments,
    Snapshots,
    TwoData,
)


def _data(given: Given, batches: bool) -> Data:
    more = {"batch": given.batch} if batches else {}
    return Data(given.x, given.edges, tag=given.tag, edge_type=given.kind, **more)


def _pair(inputs: list[Given], batches: bool) -> Data:
    data = Data()
    for given, end in zip(inputs, "st", strict=True):
        data[f"x_{end}"], data[f"edge_index_{end}"] = given.x, given.edges
        data[f"tag_{end}"] = given.tag
        if batches:
            data[f"x_{end}_batch"] = given.batch
    return data


def _two_sided(given: Given, batches: bool) -> dict[str, Any]:
    call = {"x_s": given.x, "x_t": given.y, "edge_index": given.edges, "tag": given.tag}
    call["edge_type"] = given.kind
    if batches:
        call |= {"x_s_batch": given.batch, "x_t_batch": given.batch_y}
    return call


def _arguments(given: Given, batches: bool, end: str = "") -> dict[str, Any]:
    call = {"x": given.x, "edge_index": given.edges, "tag": given.tag, "batch": given.batch}
    if not batches:
        del call["batch"]
    return {f"{name}{end}": value for name, value in call.items()}


def _relations(given: list[Given], batches: bool) -> dict[str, Any]:
    """Return a call with a heterogeneous graph, by relation and node type."""
    both, back, own = given
    return {
        "x_dict": {"u": own.x, "v": back.x},
        "edge_index_dict": {r: each.edges for r, each in zip(RELATIONS, given, strict=True)},
        "tag_dict": {r: each.tag for r, each in zip(RELATIONS, given, strict=True)},
        "batch_dict": {"u": both.batch, "v": both.batch_y} if batches else None,
    }


@dataclass(frozen=True)
class Form:
    """A way to call a model."""

    model: type[ProgramModel]
    names: tuple[str, ...]
    """Names of its inputs."""
    call: Callable[[list[Given], bool], tuple[tuple[Any, ...], dict[str, Any]]]
    """Arguments of a call, with batch vectors or without."""
    square: bool = True
    tells_graphs: bool = True
    """Whether a call can tell the graphs of nodes."""
    relations: tuple[tuple[str, str, str], ...] = ()
    """Relations of a heterogeneous graph, which are the inputs."""


FORMS = {
    "arguments": Form(
        Arguments,
        ("",),
        lambda g, b: ((), _arguments(g[0], b) | {"edge_type": g[0].kind}),
    ),
    "one Data": Form(OneData, ("",), lambda g, b: ((_data(g[0], b),), {})),
    "two Data": Form(TwoData, ("a", "b"), lambda g, b: ((_data(g[0], b), _data(g[1], b)), {})),
    "snapshots": Form(
        Snapshots,
        ("snapshots[0]", "snapshots[1]"),
        lambda g, b: (([_data(each, b) for each in g],), {}),
    ),
    "second arguments": Form(
        SecondArguments,
        ("edge_index", "edge_index2"),
        lambda g, b: (
            (),
            _arguments(g[0], b) | _arguments(g[1], b, "2") | {"edge_type": g[0].kind},
        ),
    ),
    "pair": Form(
        Pair, ("data.edge_index_s", "data.edge_index_t"), lambda g, b: ((_pair(g, b),), {})
    ),
    "bipartite": Form(Bipartite, ("",), lambda g, b: ((), _two_sided(g[0], b)), square=False),
    "bipartite tuple": Form(
        BipartiteTuple,
        ("",),
        lambda g, _: (((g[0].x, g[0].y), g[0].edges, g[0].tag, g[0].kind), {}),
        square=False,
        tells_graphs=False,
    ),
    "bipartite Data": Form(
        BipartiteData,
        ("",),
        lambda g, b: ((Data(**_two_sided(g[0], b)),), {}),
        square=False,
    ),
    "heterogeneous": Form(
        Heterogeneous,
        ("", "", ""),
        lambda g, b: ((), _relations(g, b)),
        relations=RELATIONS,
    ),
    "by relation": Form(
        ByRelation,
        ("", "", ""),
        lambda g, b: ((), _relations(g, b)),
        relations=RELATIONS,
    ),
}

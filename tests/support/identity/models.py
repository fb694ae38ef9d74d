"""Models that run a program of operations and layers."""

from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from torch_geometric.data import Data

import support.identity.additions
import support.identity.aliases
import support.identity.copies
import support.identity.renumbering  # noqa: F401
from support.identity.flow import OPERATIONS, Flow
from support.identity.layers import tag_layer


@dataclass(frozen=True)
class Step:
    """One step of a program, on one of the inputs of a call."""

    does: str
    """Name of an operation; or ``"layer"``, or ``"again"`` for the edges as they were given."""
    input: int = 0
    number: int = 0
    """The layer's; or the seed of an operation."""


@dataclass(frozen=True)
class LayerOptions:
    """A layer of a program."""

    kind: str
    flow: str
    loops: bool


@dataclass(frozen=True)
class Ran:
    """One call of a layer."""

    layer: int
    call: int
    history: tuple[str, ...]
    input: int

    def name(self, path: str) -> str:
        """Return what the sites of this call are named after, of a layer at ``path``."""
        return path if self.call == 1 else f"{path}@{self.call}"


class ProgramModel(nn.Module):
    """Runs the steps of a program; a subclass says how it is called."""

    keys: tuple[str, ...] = ()
    """Keys of the layers, if they are in a dictionary."""

    def __init__(self, steps: tuple[Step, ...], layers: tuple[LayerOptions, ...]) -> None:
        super().__init__()
        self.steps = steps
        made = [tag_layer(each.kind, each.flow, each.loops, k) for k, each in enumerate(layers)]
        if self.keys:
            self.layers = nn.ModuleDict(dict(zip(self.keys, made, strict=False)))
        else:
            self.layers = nn.ModuleList(made)
        self.made = list(self.layers.values()) if self.keys else made
        self.memory: dict[int, dict[str, Any]] = {}
        self.ran: list[Ran] = []

    def path(self, number: int) -> str:
        """Return the path of a layer."""
        return f"layers.{self.keys[number] if self.keys else number}"

    def walk(self, flows: list[Flow]) -> Any:
        self.ran = []
        flows = [
            replace(flow, memory=self.memory.setdefault(number, {}))
            for number, flow in enumerate(flows)
        ]
        first, out, written = list(flows), 0.0, False
        for step in self.steps:
            flow = flows[step.input]
            if step.does == "layer":
                calls = 1 + sum(ran.layer == step.number for ran in self.ran)
                self.ran.append(Ran(step.number, calls, flow.history, step.input))
                layer = self.made[step.number]
                nodes = flow.x if flow.y is None else (flow.x, flow.y)
                if flow.y is not None and layer.flow == "target_to_source":
                    nodes = flow.y, flow.x  # PyG takes those attended to first
                out = out + layer(nodes, flow.edges, flow.tag[:, None]).sum()
            elif step.does == "again":
                flows[step.input] = flow if written else first[step.input]
            else:
                doing = OPERATIONS[step.does]
                written |= doing.writes
                flows[step.input] = doing.apply(flow, step.number)
        return out


def _flow(x, edges, tag, batch=None, y=None, shared=False) -> Flow:
    return Flow(edges, tag, x, y, batch, shared=shared)


class Arguments(ProgramModel):
    def forward(self, x, edge_index, tag, edge_type=None, batch=None):  # noqa: ARG002  (read by capture)
        return self.walk([_flow(x, edge_index, tag, batch)])


class OneData(ProgramModel):
    def forward(self, data):
        return self.walk([_of(data)])


class TwoData(ProgramModel):
    def forward(self, a, b):
        same = a.edge_index is b.edge_index
        return self.walk([replace(_of(each), shared=same) for each in (a, b)])


class Snapshots(ProgramModel):
    def forward(self, snapshots):
        same = snapshots[0].edge_index is snapshots[1].edge_index
        return self.walk([replace(_of(each), shared=same) for each in snapshots])


class SecondArguments(ProgramModel):
    def forward(
        self,
        x,
        edge_index,
        tag,
        x2,
        edge_index2,
        tag2,
        edge_type=None,  # noqa: ARG002  (read by capture)
        batch=None,
        batch2=None,
    ):
        same = edge_index is edge_index2
        one = _flow(x, edge_index, tag, batch, shared=same)
        return self.walk([one, _flow(x2, edge_index2, tag2, batch2, shared=same)])


class Pair(ProgramModel):
    def forward(self, data):
        same = data.edge_index_s is data.edge_index_t
        return self.walk(
            [
                _flow(data[f"x_{k}"], data[f"edge_index_{k}"], data[f"tag_{k}"], shared=same)
                for k in "st"
            ]
        )


class Bipartite(ProgramModel):
    def forward(self, x_s, x_t, edge_index, tag, edge_type=None, x_s_batch=None, x_t_batch=None):  # noqa: ARG002
        return self.walk([_flow(x_s, edge_index, tag, x_s_batch, x_t)])


class BipartiteTuple(ProgramModel):
    def forward(self, x, edge_index, tag, edge_type=None):  # noqa: ARG002
        return self.walk([_flow(x[0], edge_index, tag, None, x[1])])


class BipartiteData(ProgramModel):
    def forward(self, data):
        return self.walk([_flow(data.x_s, data.edge_index, data.tag, None, data.x_t)])


RELATIONS = (("u", "to", "v"), ("v", "back", "u"), ("u", "self", "u"))


class Heterogeneous(ProgramModel):
    def forward(self, x_dict, edge_index_dict, tag_dict, batch_dict=None):
        batches = batch_dict or {}
        return self.walk(
            [
                _flow(
                    x_dict[kind[0]],
                    edges,
                    tag_dict[kind],
                    batches.get(kind[0]),
                    None if kind[0] == kind[2] else x_dict[kind[2]],
                )
                for kind, edges in edge_index_dict.items()
            ]
        )


class ByRelation(Heterogeneous):
    keys = tuple("__".join(relation) for relation in RELATIONS)


def _of(data: Data) -> Flow:
    return _flow(data.x, data.edge_index, data.tag, data.get("batch"))

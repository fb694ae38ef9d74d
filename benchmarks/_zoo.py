"""Untrained models of many architectures, for the benchmark of stated rates."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import (
    GATConv,
    GATv2Conv,
    GENConv,
    GPSConv,
    RGATConv,
    SuperGATConv,
    TransformerConv,
    global_add_pool,
)
from torch_geometric.nn.models import GAT, AttentiveFP
from torch_geometric.utils import degree, to_dense_batch

import edgescope as es

WIDTH, HEADS, TYPES = 32, 4, 4


class Embedded(nn.Module):
    """Atoms and bonds as vectors; a kind of model says what is made of them.

    Args:
        atoms: number of atom types.
    """

    def __init__(self, atoms: int) -> None:
        super().__init__()
        self.atoms = nn.Embedding(atoms, WIDTH)
        self.bonds = nn.Embedding(TYPES, WIDTH)
        self.head = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor) -> Tensor:
        """Predict every graph ``[G, 1]``."""
        bond = edge_attr.view(-1)
        state = self.states(self.atoms(x.view(-1)), edge_index, self.bonds(bond), bond, batch)
        return self.head(global_add_pool(state, batch))

    def states(
        self, state: Tensor, edge_index: Tensor, edge: Tensor, bond: Tensor, batch: Tensor
    ) -> Tensor:
        """Return the states of the atoms ``[V, F]``."""
        raise NotImplementedError


class Stack(Embedded):
    """Layers of one class, each followed by a norm, a ReLU and perhaps a residual.

    Args:
        atoms: number of atom types.
        layer: makes a layer.
        takes: what a layer is called with besides states and edges: nothing, ``"features"``,
            ``"types"`` or ``"graphs"``.
        layers: how many.
        norm: makes the norm after a layer.
        residual: whether a layer's input is added to its output.
    """

    def __init__(
        self,
        atoms: int,
        layer: Callable[[], nn.Module],
        takes: str = "",
        layers: int = 3,
        norm: Callable[[], nn.Module] = nn.Identity,
        residual: bool = False,
    ) -> None:
        super().__init__(atoms)
        self.layers = nn.ModuleList(layer() for _ in range(layers))
        self.norms = nn.ModuleList(norm() for _ in range(layers))
        self.takes, self.residual = takes, residual

    def states(
        self, state: Tensor, edge_index: Tensor, edge: Tensor, bond: Tensor, batch: Tensor
    ) -> Tensor:
        """Return the states of the atoms ``[V, F]``."""
        for layer, norm in zip(self.layers, self.norms, strict=True):
            match self.takes:
                case "features":
                    new = layer(state, edge_index, edge)
                case "types":
                    new = layer(state, edge_index, bond, edge)
                case "graphs":
                    new = layer(state, edge_index, batch, edge_attr=edge)
                case _:
                    new = layer(state, edge_index)
            new = norm(new).relu()
            state = state + new if self.residual else new
        return state


class Mixed(Embedded):
    """Attention along bonds and between all atoms of a molecule, added, with batch norm."""

    def __init__(self, atoms: int) -> None:
        super().__init__(atoms)
        self.near = nn.ModuleList(
            GATv2Conv(WIDTH, WIDTH // HEADS, HEADS, edge_dim=WIDTH) for _ in range(3)
        )
        self.far = nn.ModuleList(
            nn.MultiheadAttention(WIDTH, HEADS, batch_first=True) for _ in range(3)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in range(3))

    def states(
        self, state: Tensor, edge_index: Tensor, edge: Tensor, bond: Tensor, batch: Tensor
    ) -> Tensor:
        """Return the states of the atoms ``[V, F]``."""
        del bond
        for near, far, norm in zip(self.near, self.far, self.norms, strict=True):
            dense, mask = to_dense_batch(state, batch)
            every = far(dense, dense, dense, key_padding_mask=~mask, need_weights=False)[0][mask]
            state = norm(state + near(state, edge_index, edge) + every)
        return state


class Scaled(Embedded):
    """TransformerConv, then what PNA does with an aggregate: scale by degree, and a tower."""

    def __init__(self, atoms: int) -> None:
        super().__init__(atoms)
        self.layers = nn.ModuleList(
            TransformerConv(WIDTH, WIDTH // HEADS, HEADS, edge_dim=WIDTH) for _ in range(3)
        )
        self.towers = nn.ModuleList(
            nn.Sequential(nn.Linear(4 * WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
            for _ in range(3)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in range(3))

    def states(
        self, state: Tensor, edge_index: Tensor, edge: Tensor, bond: Tensor, batch: Tensor
    ) -> Tensor:
        """Return the states of the atoms ``[V, F]``."""
        del bond, batch
        scale = (degree(edge_index[1], len(state))[:, None] + 1).log()
        for layer, tower, norm in zip(self.layers, self.towers, self.norms, strict=True):
            found = layer(state, edge_index, edge)
            parts = [state, found, found * scale, found / scale.clamp(min=0.1)]
            state = state + norm(tower(torch.cat(parts, dim=1))).relu()
        return state


class Dense(Embedded):
    """torch's TransformerEncoder over molecules padded to one length."""

    def __init__(self, atoms: int, norm_first: bool = False) -> None:
        super().__init__(atoms)
        layer = nn.TransformerEncoderLayer(
            WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        self.encoder = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False)

    def states(
        self, state: Tensor, edge_index: Tensor, edge: Tensor, bond: Tensor, batch: Tensor
    ) -> Tensor:
        """Return the states of the atoms ``[V, F]``."""
        del edge_index, edge, bond
        dense, mask = to_dense_batch(state, batch)
        return self.encoder(dense, src_key_padding_mask=~mask)[mask]


class Published(Embedded):
    """A whole model of PyG on the vectors of atoms and bonds.

    Args:
        atoms: number of atom types.
        model: makes it.
        graphs: whether it wants the graph of every atom, and predicts graphs.
    """

    def __init__(self, atoms: int, model: Callable[[], nn.Module], graphs: bool) -> None:
        super().__init__(atoms)
        self.model, self.graphs = model(), graphs

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor) -> Tensor:
        """Predict every graph, or return the states of the atoms."""
        state, edge = self.atoms(x.view(-1)), self.bonds(edge_attr.view(-1))
        if self.graphs:
            return self.model(state, edge_index, edge, batch)
        return self.head(self.model(state, edge_index, edge_attr=edge))


def conv(layer: type[nn.Module], **options: Any) -> Callable[[], nn.Module]:
    """Return what makes a layer of the common width."""
    return partial(layer, WIDTH, WIDTH // HEADS, heads=HEADS, **options)


def gps(layer: type[nn.Module], norm: str | None = "batch_norm") -> Callable[[int], nn.Module]:
    """Return three GPSConv around a layer."""

    def make() -> nn.Module:
        return GPSConv(WIDTH, conv(layer, edge_dim=WIDTH)(), heads=HEADS, norm=norm)

    return partial(Stack, layer=make, takes="graphs")


def own(name: str, layers: int, **settings: Any) -> Callable[[int], nn.Module]:
    """Return one of edgescope's models."""

    def make(atoms: int) -> nn.Module:
        return es.models.build(
            name,
            num_atom_types=atoms,
            num_bond_types=TYPES,
            hidden_dim=WIDTH,
            num_heads=HEADS,
            num_layers=layers,
            **settings,
        )

    return make


batch_norm = partial(nn.BatchNorm1d, WIDTH)
layer_norm = partial(nn.LayerNorm, WIDTH)

CHOOSING: dict[str, Callable[[int], nn.Module]] = {
    "SAN": own("SAN", 4),
    "SuperGAT": partial(Stack, layer=conv(SuperGATConv)),
    "GATv2": partial(Stack, layer=conv(GATv2Conv, edge_dim=WIDTH), takes="features"),
    "AttentiveFP": partial(
        Published,
        model=partial(AttentiveFP, WIDTH, WIDTH, 1, WIDTH, num_layers=3, num_timesteps=2),
        graphs=True,
    ),
    "GPS around TransformerConv": gps(TransformerConv),
    "GraphTransformer": own("GraphTransformer", 4),
    "TransformerConv, batch norm, residual": partial(
        Stack,
        layer=conv(TransformerConv, edge_dim=WIDTH),
        takes="features",
        norm=batch_norm,
        residual=True,
    ),
}
"""Architectures that were looked at while the law of p-values was chosen."""

HELD_OUT: dict[str, Callable[[int], nn.Module]] = {
    "RGAT": partial(
        Stack, layer=conv(RGATConv, num_relations=TYPES, edge_dim=WIDTH), takes="types"
    ),
    "GPS around GATv2": gps(GATv2Conv),
    "GPS around GAT, layer norm": gps(GATConv, "layer_norm"),
    "GATv2 and global attention, batch norm": Mixed,
    "TransformerConv, degree scalers": Scaled,
    "TransformerEncoder": Dense,
    "GAT of PyG, batch norm, jumping knowledge": partial(
        Published,
        model=partial(
            GAT, WIDTH, WIDTH, 4, WIDTH, heads=HEADS, edge_dim=WIDTH, norm="batch_norm", jk="cat"
        ),
        graphs=False,
    ),
    "GEN, layer norm, residual": partial(
        Stack,
        layer=partial(GENConv, WIDTH, WIDTH, edge_dim=WIDTH),
        takes="features",
        norm=layer_norm,
        residual=True,
    ),
}
"""Architectures that nothing was chosen on."""

KEEP = {"RGAT": ("layers.*.w", "layers.*.l2")}
"""Parameters that a layer's own reset leaves out; they are constants when a layer is made."""

"""Graphs like small molecules, as somebody keeps them: rings with tails, types and a target."""

import torch
from torch_geometric.data import Data, HeteroData

ATOMS, BONDS = 6, 4


def molecules(count=24, seed=0):
    """Return graphs with types ``x`` ``[V, 1]``, ``edge_attr`` ``[E]`` and ``y`` ``[1, 1]``."""
    random = torch.Generator().manual_seed(seed)

    def draw(low, high, size=(1,)):
        return torch.randint(low, high, size, generator=random)

    made = []
    for _ in range(count):
        ring, tail = int(draw(3, 7)), int(draw(1, 4))
        pairs = [(i, (i + 1) % ring) for i in range(ring)]
        pairs += [(ring - 1 if i == 0 else ring + i - 1, ring + i) for i in range(tail)]
        one_way = torch.tensor(pairs).T
        bonds = draw(1, BONDS, (one_way.size(1),))
        made.append(
            Data(
                x=draw(0, ATOMS, (ring + tail, 1)),
                edge_index=torch.cat([one_way, one_way.flip(0)], 1),
                edge_attr=bonds.repeat(2),
                y=bonds.float().mean().view(1, 1),
            )
        )
    return made


def papers(count=12, seed=0):
    """Return heterogeneous graphs of authors and papers."""
    random = torch.Generator().manual_seed(seed)
    made = []
    for _ in range(count):
        data = HeteroData()
        data["author"].x = torch.randn(5, 6, generator=random)
        data["paper"].x = torch.randn(7, 4, generator=random)
        for relation, ends in (
            (("author", "writes", "paper"), (5, 7)),
            (("paper", "written_by", "author"), (7, 5)),
            (("paper", "cites", "paper"), (7, 7)),
        ):
            columns = [torch.randint(0, end, (12,), generator=random) for end in ends]
            data[relation].edge_index = torch.stack(columns)
        made.append(data)
    return made

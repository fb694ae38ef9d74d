"""The score is what is summed into the logit, however the sum is written."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch
from torch_geometric.utils import softmax

import edgescope as es
from support.hand_written import WIDTH, graphs

HEADS, CHANNELS = 2, 5

Form = Callable[[Tensor, Tensor], Tensor]
"""Makes logits ``[E, H]`` of channels ``[E, H, D]`` and a projection ``[H, D]``."""

FORMS: dict[str, Form] = {
    "product, sum": lambda z, w: (z * w).sum(-1),
    "product, mean": lambda z, w: (z * w).mean(-1),
    "einsum": lambda z, w: torch.einsum("ehd,hd->eh", z, w),
    "einsum, projection first": lambda z, w: torch.einsum("hd,ehd->eh", w, z),
    "einsum of three": lambda z, w: torch.einsum("dhc,ehd->ehc", w.t().unsqueeze(-1), z)[..., 0],
    "matmul from the right": lambda z, w: (z.unsqueeze(-2) @ w.unsqueeze(-1))[..., 0, 0],
    "matmul from the left": lambda z, w: (w.unsqueeze(-2) @ z.unsqueeze(-1))[..., 0, 0],
    "bmm from the left": lambda z, w: torch.bmm(w.unsqueeze(1), z.permute(1, 2, 0))[:, 0].t(),
    "baddbmm": lambda z, w: torch.baddbmm(
        z.new_zeros(HEADS, 1, 1), w.unsqueeze(1), z.permute(1, 2, 0)
    )[:, 0].t(),
    "vecdot": torch.linalg.vecdot,
    "minus a distance": lambda z, w: -((z - w) ** 2).sum(-1),
}
ONE_HEAD: dict[str, Form] = {
    "linear": functional.linear,
    "transposed": lambda z, w: (w @ z.t()).t(),
    "inner": torch.inner,
    "tensordot, projection first": lambda z, w: torch.tensordot(w, z, ([1], [1])).t(),
    "matrix and vector": lambda z, w: (z @ w[0]).unsqueeze(-1),
    "vector and matrix": lambda z, w: (w[0] @ z.t()).unsqueeze(-1),
    "addmv": lambda z, w: torch.addmv(z.new_zeros(len(z)), z, w[0]).unsqueeze(-1),
}


class Net(nn.Module):
    """One layer of additive attention, whose logits are made in a given way."""

    def __init__(self, form: Form, heads: int) -> None:
        super().__init__()
        width = heads * CHANNELS
        self.query, self.key, self.value = (nn.Linear(WIDTH, width) for _ in range(3))
        self.projection = nn.Parameter(torch.randn(heads, CHANNELS))
        self._form, self._heads = form, heads

    def channels(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Return what is computed for every edge ``[E, H, D]``."""
        z = torch.tanh(self.query(x)[edge_index[1]] + self.key(x)[edge_index[0]])
        return z.view(-1, self._heads, CHANNELS)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Return states of nodes ``[V, H, D]``."""
        z = self.channels(x, edge_index)
        given = z[:, 0] if self._heads == 1 else z
        logit = self._form(given, self.projection)
        weight = softmax(logit, edge_index[1], num_nodes=len(x)).unsqueeze(-1)
        value = self.value(x).view(len(x), self._heads, -1)[edge_index[0]]
        return torch.zeros_like(value[: len(x)]).index_add(0, edge_index[1], weight * value)


@pytest.mark.parametrize("name", [*FORMS, *ONE_HEAD])
def test_the_score_is_summed_to_the_logit(name):
    torch.manual_seed(0)
    heads = HEADS if name in FORMS else 1
    model = Net({**FORMS, **ONE_HEAD}[name], heads).double().eval()
    batch = Batch.from_data_list(graphs(8))
    batch.x = batch.x.double()
    sites = es.capture.discover(model, batch).sites
    with torch.no_grad(), es.capture(model, list(sites)) as tape:
        model(batch.x, batch.edge_index)
    held = {site.removeprefix(":"): tape[site].values for site in sites}
    torch.testing.assert_close(held["score"].sum(-1), held["logit"][..., 0])
    with torch.no_grad():
        z = model.channels(batch.x, batch.edge_index)
        wanted = z * model.projection
        if name == "product, mean":
            wanted = wanted / CHANNELS
        if name == "minus a distance":
            wanted = -((z - model.projection) ** 2)
    torch.testing.assert_close(held["score"], wanted)

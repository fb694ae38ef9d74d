"""A constant is told from a signal, and both from what is used for nothing."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model
from edgescope.models import EdgeAttention
from support.planted_causes import loader as typed_loader
from support.planted_causes import two_tensors

MASSIVE = 50.0


class Sends(nn.Module):
    """Nodes of type 0 send one massive value, which the prediction is read from or not.

    Args:
        varies: whether how massive it is depends on the second feature of the node.
        alive: whether the prediction is read from it.
    """

    def __init__(self, varies, alive=True):
        super().__init__()
        torch.manual_seed(0)
        self.varies = varies
        self.embedding = nn.Embedding(4, 8)
        self.attention = EdgeAttention(8, 2)
        self.register_buffer("read", torch.ones(8))
        self.read[3] = 0
        if alive:
            self.read = 1 - self.read
        with torch.no_grad():
            self.attention.value.weight.copy_(torch.eye(8))
            self.attention.query.weight.zero_()  # all neighbours weigh the same
            self.embedding.weight[:, 3] = torch.tensor([MASSIVE, 0.1, -0.1, 0.2])

    def forward(self, x, edge_index, edge_attr, batch):
        node = self.embedding(x[:, 0]).clone()
        if self.varies:
            node[:, 3] = node[:, 3] * (1 + x[:, 1])
        edge = torch.ones(len(edge_attr), 8)
        attended, _ = self.attention(node, edge, edge_index)
        graphs = int(batch.max()) + 1
        return attended.new_zeros(graphs, 8).index_add(0, batch, attended) @ self.read[:, None]


def paths(model, number=40):
    """Paths of nodes each with one neighbour, with targets that the model gives."""
    random = torch.Generator().manual_seed(0)
    made = []
    for _ in range(number):
        size = int(torch.randint(4, 9, (1,), generator=random))
        x = torch.stack([torch.randint(0, kinds, (size,), generator=random) for kinds in (4, 3)], 1)
        chain = torch.arange(size - 1)
        edge_index = torch.stack([chain, chain + 1])
        made.append(Data(x=x, edge_index=edge_index, edge_attr=torch.zeros(size - 1).long()))
    batches = list(DataLoader(made, batch_size=16))
    for batch in batches:
        with torch.no_grad():
            batch.y = call_model(model, batch)
    return batches


def probe(model, batches=None, **options):
    options = {"where": 20, "metric": "mae", "repeats": 2, "progress": False} | options
    batches = paths(model) if batches is None else batches
    return es.intervene.constancy(model, batches, sites="*:message", **options)


@pytest.mark.parametrize(
    ("model", "verdict"),
    [
        (Sends(varies=False), "hidden bias"),
        (Sends(varies=True), "signal"),
        (Sends(varies=False, alive=False), "unused"),
    ],
    ids=["constant", "signal", "dead"],
)
def test_the_verdict_is_what_was_planted(model, verdict):
    found = probe(model)
    assert found.verdict() == verdict
    row = found.table().row(0, named=True)
    assert row["activations"] > 20
    assert found.info.margin == pytest.approx(0.01 * found.info.guess)
    assert (row["constant"] < 1e-4) == (verdict != "signal")
    spread = found.spreads.filter(kind="type")["spread"][0]
    assert (spread < 1e-5) == (verdict != "signal")
    assert found.spreads.filter(kind="triple")["spread"][0] < 1e-5  # x holds what varies
    if verdict == "signal":
        assert row["beyond_controls"]
    assert found.table()["verdict"][-1] in found.conclusion().replace("used for nothing", "unused")


def test_presence_and_values_tell_what_they_depend_on():
    found = probe(Sends(varies=True))
    rows = {(r["what"], r["about"]): r for r in found.information.rows(named=True)}
    assert rows["presence", "triple"]["told"] == 1
    assert rows["presence", "triple"]["p"] == pytest.approx(1 / 200)
    assert rows["presence", "triple"]["bits"] > rows["presence", "triple"]["null_high"]
    assert rows["value", "triple"]["bits"] == pytest.approx(
        rows["value", "triple"]["entropy"], abs=0.4
    )
    one = rows["presence", "type"]  # there is but one type
    assert one["bits"] == pytest.approx(0, abs=1e-9)
    assert one["told"] == one["guess"]
    assert {rows["value", about]["rows"] for about in ("type", "target")} == {
        found.table()["edges"][0]
    }


def test_passes_and_draws_are_as_it_says():
    model, calls = Sends(varies=True), []
    batches = paths(model)

    def call(model, batch):
        calls.append(1)
        return call_model(model, batch)

    found = probe(model, batches, call=call, controls=["number"])
    assert len(calls) == found.info.passes * len(batches)
    again = probe(model, batches, controls=["number"])
    assert found.table().equals(again.table())
    assert found.information.equals(again.information)


def test_without_targets_or_types_the_rest_is_tested_and_the_reason_is_given():
    model = Sends(varies=False)
    batches = paths(model)
    for batch in batches:
        batch.y = None
    found = probe(model, batches, metric="none")
    assert "no target" in found.info.no_target
    assert found.verdict() == "hidden bias"
    assert "target" not in found.information["about"].to_list()
    real = paths(model)
    for batch in real:
        batch.edge_attr = batch.edge_attr + 0.5
    found = probe(model, real)
    assert "real numbers" in found.info.no_triples
    assert found.spreads["kind"].to_list() == ["type"]


def test_where_nothing_is_massive_or_graphs_are_few_it_is_undecided():
    found = probe(Sends(varies=True), where=1e9)
    assert (found.verdict(), found.table()["activations"][-1]) == ("undecided", 0)
    assert "nothing is massive" in found.conclusion()
    model = Sends(varies=True)
    few = probe(model, paths(model, 5))
    assert few.verdict() == "undecided"
    assert np.isnan(few.table()["constant_low"][0])


def test_all_sites_together_are_the_last_row():
    model, _ = two_tensors()
    found = es.intervene.constancy(
        model, typed_loader(), where=5, metric="mae", repeats=1, progress=False
    )
    assert found.table()["site"].to_list() == [
        "layers.0.attention:score",
        "layers.1.attention:score",
        "all",
    ]
    assert set(found.table()["verdict"]) <= {"hidden bias", "signal", "unused", "undecided"}


def test_options_out_of_range_are_refused():
    for options, message in (
        ({"tolerance": -1}, "tolerance=-1"),
        ({"permutations": 0}, "permutations=0"),
        ({"repeats": 0}, "repeats=0"),
    ):
        with pytest.raises(InputError, match=message):
            probe(Sends(varies=False), **options)


def test_the_constant_is_the_mean_of_the_massive_values_of_a_channel():
    model = Sends(varies=True)
    batches = paths(model)
    found = es.ablate(
        model,
        batches,
        where=20,
        value="constant",
        sites="*:message",
        controls=(),
        metric="mae",
        progress=False,
    )
    values = []
    for batch in batches:
        with torch.no_grad(), es.capture(model, "*:message") as tape:
            call_model(model, batch)
        values.append(tape["attention:message"].values.flatten(1)[:, 3])
    sent = torch.cat(values).double()
    massive = sent > MASSIVE / 2
    target = torch.cat([batch.y for batch in batches]).flatten().double()
    by = torch.cat([torch.as_tensor(batch.batch)[batch.edge_index[1]] for batch in batches])
    shift = torch.cat([torch.full((batch.num_edges,), 16 * n) for n, batch in enumerate(batches)])
    constant = torch.where(massive, sent[massive].mean(), sent)
    prediction = torch.zeros(len(target)).double().index_add(0, by + shift, constant)
    assert found.table()["metric"][0] == pytest.approx(
        (prediction - target).abs().mean().item(), rel=1e-5
    )

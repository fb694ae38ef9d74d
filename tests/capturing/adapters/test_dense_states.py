"""Node states around dense attention: padding is no node, and must be known."""

import pytest
import torch
from torch import nn
from torch_geometric.utils import to_dense_batch

import edgescope as es
from edgescope.lib.errors import InputError
from support.graph_cases import WIDTH

SIZES = [3, 1, 5]
BATCH = torch.arange(3).repeat_interleave(torch.tensor(SIZES))
X = torch.randn(9, WIDTH, generator=torch.Generator().manual_seed(0))


class Dense(nn.Module):
    def __init__(self, layer, run):
        super().__init__()
        self.layer = layer
        self.run = run

    def forward(self, x, batch=None):
        return self.run(self.layer, x, batch)


def attended(layer, x, batch):
    dense, mask = to_dense_batch(x, batch)
    return layer(dense, dense, dense, key_padding_mask=~mask, need_weights=False)[0]


def sequence_first(layer, x, batch):
    dense, mask = to_dense_batch(x, batch)
    dense = dense.transpose(0, 1)
    return layer(dense, dense, dense, key_padding_mask=~mask)[0].transpose(0, 1)


def encoded(layer, x, batch):
    dense, mask = to_dense_batch(x, batch)
    return layer(dense, src_key_padding_mask=~mask)


def attention(**options):
    return nn.MultiheadAttention(WIDTH, 2, **options)


def encoder(**options):
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 16, batch_first=True, dropout=0.0, **options)
    return nn.TransformerEncoder(layer, 1, enable_nested_tensor=not options)


def captured(model, x=X, batch=BATCH, sites="*:state"):
    with torch.no_grad(), es.capture(model, sites) as tape:
        out = model(x, batch)
    return tape, out


@pytest.mark.parametrize(
    ("layer", "run", "at"),
    [
        (lambda: attention(batch_first=True), attended, "layer"),
        (attention, sequence_first, "layer"),
        (encoder, encoded, "layer.layers.0"),
        (lambda: encoder(norm_first=True), encoded, "layer.layers.0"),
    ],
    ids=["batch first", "sequence first", "encoder", "encoder, norm first"],
)
@pytest.mark.parametrize("training", [False, True])
def test_states_without_padding(layer, run, at, training):
    model = Dense(layer(), run).train(training)
    tape, out = captured(model)
    assert tape.sites == [f"{at}.in:state", f"{at}:state"]
    for site in tape.sites:
        assert tape[site].graph.tolist() == BATCH.tolist()
        assert tape[site].node.tolist() == [0, 1, 2, 0, 0, 1, 2, 3, 4]
        assert tape[site].identity.of == "node"
    assert torch.equal(tape[f"{at}.in:state"].values[:, 0], X)
    _, mask = to_dense_batch(X, BATCH)
    assert torch.equal(tape[f"{at}:state"].values[:, 0], out[mask])


def test_one_graph_without_a_batch_dimension():
    model = Dense(attention(), lambda layer, x, _: layer(x, x, x)[0]).eval()
    tape, out = captured(model, X[:4], torch.zeros(4, dtype=torch.int64))
    assert torch.equal(tape["layer:state"].values[:, 0], out)
    assert tape["layer:state"].node.tolist() == [0, 1, 2, 3]


def unmarked(layer, x, batch):
    dense, _ = to_dense_batch(x, batch)
    return layer(dense, dense, dense)[0]


def crossed(layer, x, batch):
    dense, mask = to_dense_batch(x, batch)
    return layer(2 * dense, dense, dense, key_padding_mask=~mask)[0]


def with_token(layer, x, batch):
    dense, mask = to_dense_batch(x, batch)
    dense = torch.cat([dense.new_ones(3, 1, WIDTH), dense], 1)
    mask = torch.cat([mask.new_ones(3, 1), mask], 1)
    return layer(dense, dense, dense, key_padding_mask=~mask)[0]


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (unmarked, "its padding is not marked"),
        (crossed, "query other than its key"),
        (with_token, "virtual node or a CLS token"),
    ],
)
@pytest.mark.parametrize("site", ["layer.in:state", "layer:state"])
def test_what_is_not_certain_is_refused(run, reason, site):
    model = Dense(attention(batch_first=True), run).eval()
    with pytest.raises(InputError, match=reason):
        captured(model, sites=site)


def test_no_graph_without_a_batch_vector_is_guessed():
    model = Dense(attention(batch_first=True), lambda layer, x, _: unmarked(layer, x, BATCH)).eval()
    with pytest.raises(InputError, match="neither edges nor the graph of every node"):
        captured(model, batch=None)

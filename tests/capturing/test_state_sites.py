"""Sites of node states are there for whoever asks, and for nobody else."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.capturing.coverage import layer_of
from edgescope.lib.errors import InputError

X, EDGES = torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]])
EDGE_SITES = [f"convs.{n}:{stage}" for n in (0, 1) for stage in ("logit", "weight", "message")]
STATES = ["convs.0.in:state", "convs.0:state", "convs.1.in:state", "convs.1:state"]


def told(wanted):
    """Name a case alike in every process: a function's own text has its address."""
    return "a function" if callable(wanted) else str(wanted)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([GATConv(4, 4), GATConv(4, 4)])

    def forward(self, x, edge_index):
        for conv in self.convs:
            x = conv(x, edge_index)
        return x


def taken(sites):
    model = Net().eval()
    with torch.no_grad(), es.capture(model, sites) as tape:
        model(X, EDGES)
    assert [site in tape for site in tape.sites] == [True] * len(tape.sites)
    return tape.sites


@pytest.mark.parametrize(
    "sites",
    [None, "*", ["*:*"], "convs.*", lambda _: True, lambda site: site.has_vectors or True],
    ids=told,
)
def test_what_does_not_ask_gets_edges_as_before(sites):
    assert taken(sites) == EDGE_SITES


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ("*:state", STATES),
        ("*.in:state", STATES[::2]),
        ("convs.1:state", ["convs.1:state"]),
        (["convs.0:weight", "convs.0*:state"], ["convs.0:weight", *STATES[:2]]),
        (lambda site: site.stage == "state", STATES),
        (lambda site: site.name == "convs.1.in:state", ["convs.1.in:state"]),
    ],
    ids=told,
)
def test_what_asks_gets_them(sites, expected):
    assert taken(sites) == expected


def test_an_unknown_one_is_refused():
    with pytest.raises(InputError, match=r"no site matches 'convs.2:state'.*convs.1.in:state"):
        taken("convs.2:state")


def test_they_are_listed_for_who_asks():
    model = Net()
    assert es.capture.sites(model)["site"].to_list() == EDGE_SITES
    listed = es.capture.sites(model, states=True)
    assert listed["site"].to_list() == EDGE_SITES + STATES
    rows = listed.filter(listed["site"].is_in(STATES))
    assert rows["shape"].to_list() == ["[V, 1, D]"] * 4
    assert not rows["editable"].any()


def test_the_name_of_another_module_is_not_taken():
    model = nn.ModuleDict({"a": nn.ModuleDict({"in": GATConv(4, 4)}), "b": GATConv(4, 4)})
    model["b"].add_module("in", nn.Linear(1, 1))
    names = es.capture.sites(model, states=True)["site"].to_list()
    assert [name for name in names if name.endswith("state")] == [
        *("a.in.in:state", "a.in:state", "b:state")
    ]


def test_they_cannot_be_edited():
    reason = r"convs.0:state cannot be edited"
    edit = es.capture.edit(Net(), "convs.0:state", lambda found: found.values)
    with pytest.raises(InputError, match=reason), edit:
        pass


@pytest.mark.parametrize(
    ("site", "layer"),
    [
        ("convs.0.in:state", "convs.0"),
        ("convs.0:state", "convs.0"),
        ("convs.0.in@2:state", "convs.0"),
        ("in:state", ""),
        (":state", ""),
        ("main:state", "main"),
        ("a.in:score", "a.in"),
    ],
)
def test_the_layer_of_a_site(site, layer):
    assert layer_of(site) == layer


def test_a_diagnosis_looks_at_the_layers_of_such_sites():
    from edgescope.diagnosis.observation import layers_of

    assert [layer.path for layer in layers_of(Net(), "convs.1.in:state")] == ["convs.1"]


def test_the_coverage_of_an_encoder_names_the_layer():
    from torch_geometric.data import Data

    class Encoded(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
            self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)

        def forward(self, x, edge_index):  # noqa: ARG002  (read by capture)
            return self.encoder(x[None])[0]

    scan = es.scan(Encoded(), [Data(x=X, edge_index=EDGES)], sites="*:state", progress=False)
    assert list(scan.sites) == ["encoder.layers.0.in:state", "encoder.layers.0:state"]
    assert [(each.path, each.ran) for each in scan.coverage.seen] == [("encoder.layers.0", True)]
    assert scan.coverage.complete

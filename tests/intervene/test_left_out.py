"""Sites that cannot be edited: left out and said so, unless they were asked for."""

import json

import polars as pl
import pytest
import torch
from torch import nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATv2Conv, GENConv, SuperGATConv, TransformerConv
from torch_geometric.utils import to_dense_batch

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.earlier_versions import without_manifest

RULE = es.Criterion("some", ratio=3.0)
OPTIONS = {"controls": ["number"], "repeats": 1, "metric": "none", "progress": False}
GLOBAL = "attention:score"
SCALAR = "last"


class Mixed(nn.Module):
    """Layers that can be edited, two that cannot, and one with a channel only."""

    def __init__(self, parts):
        super().__init__()
        torch.manual_seed(0)
        made = {
            "first": lambda: TransformerConv(6, 6),
            "second": lambda: GATv2Conv(6, 6, add_self_loops=False),
            "fixed": lambda: GENConv(6, 6),
            "attention": lambda: nn.MultiheadAttention(6, 2, batch_first=True),
            "last": lambda: SuperGATConv(6, 1),
        }
        self.parts = parts
        for name in parts:
            setattr(self, name, made[name]())

    def forward(self, x, edge_index, batch):
        state = x
        for name in self.parts:
            layer = getattr(self, name)
            if name == "attention":
                dense, real = to_dense_batch(state, batch)
                state = layer(dense, dense, dense, key_padding_mask=~real)[0][real]
            else:
                state = layer(state, edge_index)
        return state.new_zeros(int(batch.max()) + 1, 1).index_add(
            0, batch, state.sum(1, keepdim=True)
        )


def loader():
    random = torch.Generator().manual_seed(0)
    graphs = []
    for _ in range(9):
        edges = torch.randint(0, 5, (2, 12), generator=random)
        edges = edges[:, edges[0] != edges[1]]
        graphs.append(Data(x=torch.randn(5, 6, generator=random), edge_index=edges))
    return DataLoader(graphs, batch_size=4)


PARTS = [
    ("first", "attention"),
    ("attention", "first", "second"),
    ("first", "attention", "last"),
    ("second", "last"),
    ("fixed", "second", "attention", "last"),
]


@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("by", ["rule", "scan"])
def test_a_layer_that_cannot_be_edited_is_left_out_and_the_rest_is_as_alone(parts, by, tmp_path):
    model = Mixed(parts).eval()
    where = RULE
    if by == "scan":
        if SCALAR in parts:
            with pytest.warns(EdgescopeWarning, match="last:"):
                where = es.scan(model, loader(), criterion=RULE, progress=False)
        else:
            where = es.scan(model, loader(), criterion=RULE, progress=False)
    # A scan has said of what it left out, and an ablation of it is of its sites.
    expected = [
        part for part in parts if part in ("attention", "fixed") + (SCALAR,) * (by == "rule")
    ]
    if not expected:
        assert not es.ablate(model, loader(), where=where, **OPTIONS).info.left_out
        return
    with pytest.warns(EdgescopeWarning, match="sites are left out") as warned:
        found = es.ablate(model, loader(), where=where, **OPTIONS)
    assert len(warned) == 1
    assert sorted(site.rpartition(":")[0] for site in found.info.left_out) == sorted(expected)
    for site, reason in found.info.left_out.items():
        assert f"{site}: {reason}" in str(warned[0].message)
        assert site in found.conclusion()
    if "attention" in parts:
        assert "MultiheadAttention computes it where no hook" in found.info.left_out[GLOBAL]
    table = found.table()
    out = table.filter(selection="left out")
    assert out["site"].to_list() == list(found.info.left_out)
    assert out["draws"].to_list() == [0] * len(expected)
    assert out["activations"].null_count() == len(expected)
    # The rest is what an ablation of the other sites gives.
    named = [site for site in table["site"].unique() if site not in {*found.info.left_out, "all"}]
    alone = es.ablate(model, loader(), where=RULE, sites=named, **OPTIONS)
    assert table.filter(pl.col("selection") != "left out").equals(alone.table())
    again = es.Ablation.load(found.save(tmp_path / "ablation"))
    assert again.info == found.info
    assert f"{len(expected)} sites left out" in repr(again)


def test_asking_for_it_by_site_or_layer_is_refused():
    model = Mixed(("first", "attention")).eval()
    for asked in ({"sites": GLOBAL}, {"sites": "*:score"}, {"layers": ["attention"]}):
        with pytest.raises(InputError, match="attention:score cannot be edited"):
            es.ablate(model, loader(), where=RULE, **OPTIONS, **asked)
    es.ablate(model, loader(), where=RULE, layers=["first"], **OPTIONS)


@pytest.mark.parametrize("by", ["rule", "scan"])
def test_a_model_with_nothing_to_edit_is_refused(by):
    model = Mixed(("attention",)).eval()
    scan = es.scan(model, loader(), criterion=RULE, progress=False)
    with pytest.raises(InputError, match=r"attention:score cannot be edited.*edited: none"):
        es.ablate(model, loader(), where=scan if by == "scan" else RULE, **OPTIONS)


def test_a_report_says_what_was_left_out(tmp_path):
    model = Mixed(("first", "attention")).eval()
    scan = es.scan(model, loader(), criterion=RULE, progress=False)
    with pytest.warns(EdgescopeWarning, match="left out"):
        found = es.ablate(model, loader(), where=scan, **OPTIONS)
    path = scan.report(tmp_path / "report.html", ablation=found)
    told = json.loads(path.with_suffix(".json").read_text())["ablation"]["info"]["left_out"]
    assert told == dict(found.info.left_out)
    assert "<p>Left out: <code>attention:score</code>, as it cannot be edited" in path.read_text()


def test_an_ablation_of_an_earlier_version_left_nothing_out(tmp_path):
    model = Mixed(("first",)).eval()
    found = es.ablate(model, loader(), where=RULE, **OPTIONS)
    folder = without_manifest(found.save(tmp_path / "ablation"), "ablation.json", 1)
    file = folder / "ablation.json"
    plain = json.loads(file.read_text())
    plain.pop("left_out")
    file.write_text(json.dumps(plain))
    with pytest.warns(EdgescopeWarning, match="of an earlier version"):
        assert es.Ablation.load(folder).info == found.info

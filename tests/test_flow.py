"""A layer that passes messages from row 1 of ``edge_index`` to row 0, and its edges turned around.

Such a model computes what the usual one does on the edges as they were. So must everything that
is said of it: which node attends is a matter of meaning, not of the row it stands in.
"""

import json

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from torch_geometric.explain import Explainer, ModelConfig

import edgescope as es
from edgescope.attribute import (
    METHODS,
    AttentionRollout,
    MassiveActivationExplainer,
    Settings,
    importances,
    make,
)
from edgescope.interpret import edge_groups, enrichment, heat_maps, importance, massive_edges
from edgescope.intervene import reallocation
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.earlier_versions import without_manifest
from support.flow_by_hand import rollout_by_hand, scores_and_weights
from support.flow_cases import (
    BACK,
    FORWARD,
    LAYERS,
    WITH_WEIGHTS,
    Stack,
    forward_and_back,
    graphs,
    scanned,
)

FEW = {"permutations": 20, "resamples": 20, "progress": False}


def scans(layer, **options):
    return [scanned(model, data, **options) for model, data in forward_and_back(layer)]


@pytest.mark.parametrize("layer", LAYERS)
def test_scans_say_the_same_and_sources_are_those_attended_to(layer):
    one, other = scans(layer)
    assert one.massive().height > 20
    for table in ("table", "massive", "extremes", "nonfinite", "by_edge_type", "massive_edges"):
        assert_frame_equal(getattr(one, table)(), getattr(other, table)())


@pytest.mark.parametrize("layer", LAYERS)
def test_the_ends_of_a_massive_edge_are_those_of_the_data_by_the_flow_of_its_layer(layer):
    data = graphs(1)
    scan = scanned(Stack(layer, [FORWARD, BACK], 1).eval(), data)
    rows = scan.massive().filter(pl.col("edge") >= 0)
    assert rows["site"].n_unique() == 2
    for row in rows.iter_rows(named=True):
        place = int(data.edge_ptr[row["graph"]]) + row["edge"]
        first, second = data.edge_index[:, place].tolist()
        against = row["site"].startswith("convs.1")
        assert (row["source"], row["target"]) == ((second, first) if against else (first, second))


@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_a_saved_scan_means_the_same_when_it_is_read_again(layer, tmp_path):
    data = graphs(1)
    model = Stack(layer, [FORWARD, BACK], 1).eval()
    scan = scanned(model, data)
    again = es.load_scan(scan.save(tmp_path / "scan"))
    assert_frame_equal(again.massive(), scan.massive())
    assert {site: found.of for site, found in again.sites.items()} == {
        site: found.of for site, found in scan.sites.items()
    }
    assert torch.equal(massive_edges(again, data).mask, massive_edges(scan, data).mask)


def as_before(folder):
    """Rewrite a scan as an earlier version did: rows of ``edge_index``, whatever the flow."""
    description = json.loads((without_manifest(folder) / "scan.json").read_text())
    for site in description["sites"].values():
        site.pop("of")
    (folder / "scan.json").write_text(json.dumps(description))
    for name in ("rows", "extremes"):
        table = pl.read_parquet(folder / f"{name}.parquet")
        against = pl.col("site").str.starts_with("convs.1")
        first, second = pl.col("source"), pl.col("target")
        table.with_columns(
            source=pl.when(against).then(second).otherwise(first),
            target=pl.when(against).then(first).otherwise(second),
        ).drop("input").write_parquet(folder / f"{name}.parquet")


@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_a_scan_of_an_earlier_version_finds_the_same_edges(layer, tmp_path):
    data = graphs(1)
    model = Stack(layer, [FORWARD, BACK], 1).eval()
    scan = scanned(model, data)
    as_before(scan.save(tmp_path / "scan"))
    with pytest.warns(EdgescopeWarning, match="of an earlier version"):
        before = es.load_scan(tmp_path / "scan")
    assert before.massive().height == scan.massive().height
    assert torch.equal(massive_edges(before, data).mask, massive_edges(scan, data).mask)
    loader = es.data.loader(data, batch_size=4)
    options = {"controls": (), "metric": "none", "progress": False}
    now, then = (es.ablate(model, loader, where=each, **options) for each in (scan, before))
    assert_frame_equal(now.table(), then.table())


@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_massive_edges_sit_on_the_same_groups(layer):
    tables, maps, measured = [], [], []
    for model, data in forward_and_back(layer):
        scan = scanned(model, data)
        labels = {"third": torch.arange(data.edge_index.size(1)) % 3}
        groups = edge_groups(data, labels=labels, progress=False)
        assert "degree_direction" in groups.kinds
        tables.append(enrichment(scan, groups, seed=3, **FEW))
        loader = es.data.loader(data, batch_size=4)
        for kind in ("degree_direction", "third"):
            found = heat_maps(model, loader, groups, kind, progress=False)
            maps.append((kind, found.prevalence(4.0)))
        values = torch.arange(data.edge_index.size(1)).float()
        measured.append(importance(groups, values, scan, resamples=20))
    assert_frame_equal(*tables)
    assert_frame_equal(maps[0][1], maps[2][1])
    assert_frame_equal(maps[1][1], maps[3][1])
    assert_frame_equal(measured[0].groups, measured[1].groups)
    assert_frame_equal(measured[0].correlations, measured[1].correlations)


def test_where_layers_differ_each_site_has_the_direction_of_its_own():
    data = graphs(1)
    model = Stack("GATv2", [FORWARD, BACK], 1).eval()
    scan = scanned(model, data)
    groups = edge_groups(data, by=["degree_direction"], progress=False)
    with pytest.warns(EdgescopeWarning, match=r"at convs\.1:score against their direction"):
        table = enrichment(scan, groups, **FEW)
    found = massive_edges(scan, data)
    loader = es.data.loader(data, batch_size=4)
    wanted = ["to the higher degree"]
    maps = heat_maps(model, loader, groups, "degree_direction", only=wanted, progress=False)
    names = groups["degree_direction"].names
    for number, site in enumerate(scan.sites):
        for row in table.filter(site=site).iter_rows(named=True):
            place = names.index(row["group"])
            member = groups["degree_direction"].member[:, 2 - place if number else place]
            assert row["edges"] == int(member.sum())
            assert row["massive"] == int((member & found[site]).sum())
            if row["group"] in wanted:
                one = maps.prevalence(4.0).filter(site=site).row(0, named=True)
                # GATv2Conv computes no self-loop, and such an edge has no direction.
                assert one["edges"] == row["edges"]


def explained(name, model, data):
    method = make(name, Settings(steps=3, epochs=3))
    if hasattr(method, "states"):
        method.states.at = "bond"
    return importances(model, data, method, merge="none", progress=False)[name].edge


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_attributions_are_the_same(layer, name):
    (model, data), (other, turned) = forward_and_back(layer)
    if name == "gnnexplainer" and layer.startswith("GATv2"):
        with pytest.raises(InputError, match="PyG computes something else in layers of Stack"):
            explained(name, other, turned)
        return
    found = explained(name, model, data)
    assert found.numel()
    assert torch.equal(found, explained(name, other, turned))


def into_node_0(found):
    """Choose all that node 0 of a graph takes in."""
    chosen = found.identity.own_target == 0
    return chosen[:, None, None].expand(found.values.shape).clone()


@pytest.mark.parametrize("where", ["scan", "rule", "function"])
@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_interventions_do_the_same(layer, where):
    tables = []
    for model, data in forward_and_back(layer):
        scan = scanned(model, data)
        choices = {"scan": scan, "rule": scan.info.criterion, "function": into_node_0}
        loader = es.data.loader(data, batch_size=4)
        found = es.ablate(
            model,
            loader,
            where=choices[where],
            value="mean" if where != "rule" else "clip",
            controls=["number"],
            repeats=1,
            progress=False,
        )
        tables.append(found.table())
    assert tables[0].filter(selection="chosen")["activations"].min() > 0
    assert_frame_equal(*tables)


@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_massive_activations_move_to_the_same_added_edges(layer):
    rows = []
    for model, data in forward_and_back(layer):
        loader = es.data.loader(data, batch_size=4)
        rule = es.Criterion("some", ratio=4.0)
        rows.append(
            reallocation(model, loader, added=["type 2"], criterion=rule, progress=False).rows
        )
    assert rows[0] == rows[1]
    assert rows[0][-1][7] is not None


@pytest.mark.parametrize("layer", WITH_WEIGHTS)
def test_reports_say_the_same(layer, tmp_path):
    numbers = []
    for number, (model, data) in enumerate(forward_and_back(layer)):
        scan = scanned(model, data)
        path = scan.report(tmp_path / f"{number}.html")
        found = json.loads(path.with_suffix(".json").read_text())
        found["scanned"].pop("seconds")
        numbers.append(found)
    assert numbers[0] == numbers[1]


@settings(max_examples=12, deadline=None)
@given(
    flows=st.lists(st.sampled_from([FORWARD, BACK]), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
def test_layers_of_any_flow_give_what_is_computed_by_hand(flows, seed):
    data = graphs(seed, number=4)
    model = Stack("Transformer", flows, seed).eval()
    batch = data.batch(slice(0, 4))
    layers = scores_and_weights(model, batch)
    scan = scanned(model, data)
    for number, (score, _, source, target) in enumerate(layers):
        size = np.abs(score).reshape(len(score), -1)
        middle = np.sort(size, axis=1)[:, (size.shape[1] - 1) // 2]
        ratio = np.abs(score) / middle[:, None, None]
        first = batch.ptr.numpy()[batch.batch.numpy()]
        expected = {}
        for edge, head, channel in np.argwhere(ratio > 4.0).tolist():
            place = int(batch.batch[source[edge]])
            own = edge - int(data.edge_ptr[place])
            ends = source[edge] - first[source[edge]], target[edge] - first[target[edge]]
            expected[place, own, *map(int, ends), head, channel] = score[edge, head, channel]
        rows = scan.massive().filter(site=f"convs.{number}:score")
        columns = ("graph", "edge", "source", "target", "head", "channel")
        found = dict(zip(rows.select(columns).rows(), rows["value"], strict=True))
        assert found == pytest.approx(expected, rel=1e-3)
    mean = np.mean([weight.mean(1) for _, weight, _, _ in layers], axis=0)
    np.testing.assert_allclose(explained("attention", model, data), mean, rtol=1e-4, atol=1e-6)
    for residual in (0.5, 0.2):
        method = AttentionRollout(residual)
        rolled = importances(model, data, method, merge="none", progress=False)["rollout"].edge
        by_hand = rollout_by_hand(model, batch, residual)
        np.testing.assert_allclose(rolled, by_hand, rtol=1e-4, atol=1e-6)


@settings(max_examples=12, deadline=None)
@given(flow=st.sampled_from([FORWARD, BACK]), seed=st.integers(0, 99))
def test_a_prediction_of_a_node_depends_on_the_edges_along_the_flow(flow, seed):
    data = graphs(seed, number=1)
    model = NodeStack("Transformer", [flow] * 2, seed).eval()
    batch = data.batch(slice(0, 1))
    explainer = Explainer(
        model,
        MassiveActivationExplainer(),
        explanation_type="model",
        edge_mask_type="object",
        model_config=ModelConfig("regression", task_level="node", return_type="raw"),
    )
    mask = explainer(batch.x, batch.edge_index, edge_attr=batch.edge_attr, index=0).edge_mask
    before = model(batch.x, batch.edge_index, batch.edge_attr)[0]
    for edge in range(batch.edge_index.size(1)):
        kept = torch.arange(batch.edge_index.size(1)) != edge
        after = model(batch.x, batch.edge_index[:, kept], batch.edge_attr[kept])[0]
        if not torch.equal(before, after):
            assert mask[edge] > 0


class NodeStack(Stack):
    """Predicts a number per node."""

    def forward(self, x, edge_index, edge_attr):
        return self.head(self.states(x, edge_index, edge_attr)[-1])

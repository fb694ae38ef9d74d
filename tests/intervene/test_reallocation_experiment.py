"""What added edges hold of massive activations and of attention, against counting one by one."""

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.data import planted, rewire
from edgescope.intervene import reallocation
from edgescope.lib.errors import InputError

RULE = es.Criterion("large", ratio=6.0)


def graphs(how: str = "random_edges", count: int = 20, **options):
    part = planted("edge_type", count, split=(1, 0, 0), nodes=(8, 12)).train
    return rewire(part, how, progress=False, **options)


def model_of(dataset, kind: str = "GraphTransformer"):
    torch.manual_seed(0)
    sizes = {"hidden_dim": 16, "num_heads": 2, "num_layers": 2, "batch_norm": False}
    return es.models.build(kind, **dataset.model_sizes, **sizes).eval()


def by_hand(model, dataset, added: int, ratio: float):
    """Counts and sums of every layer, graph by graph, edge by edge, in numpy."""
    layers: dict[str, np.ndarray] = {}
    for number in range(len(dataset)):
        batch = dataset.batch([number])
        with es.capture(model) as tape, torch.no_grad():
            model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        for site in tape.sites:
            layer, _, stage = site.rpartition(":")
            values = tape[site].values.double().numpy()
            row = layers.setdefault(layer, np.zeros(7))
            real = np.flatnonzero(tape[site].input_edge.numpy() >= 0)
            kinds = batch.edge_attr.numpy()[tape[site].input_edge.numpy()[real]]
            target = tape[site].edge_index[1].numpy()[real]
            if stage == "score":
                for edge, kind in zip(real, kinds, strict=True):
                    flat = np.sort(np.abs(values[edge]).ravel())
                    top = flat[-1] / flat[(len(flat) - 1) // 2]
                    row[:4] += [(top > ratio) * (kind == added), top > ratio, kind == added, 1]
            elif stage == "weight":
                weight = values[real].reshape(len(real), -1).mean(1)
                for node in set(target.tolist()):
                    mine = target == node
                    new = mine & (kinds == added)
                    if 0 < new.sum() < mine.sum():
                        share = new.sum() / mine.sum()
                        row[4:] += [
                            weight[new].sum(),
                            share * weight[mine].sum(),
                            weight[mine].sum(),
                        ]
    return layers


@pytest.mark.parametrize("kind", ["GraphTransformer", "GATv2"])
@pytest.mark.parametrize("how", ["random_edges", "virtual_node"])
def test_shares_are_those_counted_one_by_one(kind, how):
    dataset = graphs(how, count=12)
    model = model_of(dataset, kind)
    loader = es.data.loader(dataset, batch_size=5)
    added = len(dataset.edge_type_names) - 1
    found = reallocation(model, loader, criterion=RULE, progress=False)
    expected = by_hand(model, dataset, added, 6.0)
    expected["all layers"] = sum(expected.values())
    rows = found.table().rows_by_key("layer", named=True, unique=True)
    assert list(rows) == list(expected)
    assert found.graphs == 12
    for layer, (massive_added, massive, new, edges, attention, uniform, total) in expected.items():
        row = rows[layer]
        assert row["massive_edges"] == massive
        if massive:
            assert row["massive_share"] == pytest.approx(massive_added / massive)
        assert row["edge_share"] == pytest.approx(new / edges)
        assert row["attention_share"] == pytest.approx(attention / total, rel=1e-4)
        assert row["uniform_share"] == pytest.approx(uniform / total, rel=1e-4)


def with_edges_of(dataset, scale: float):
    """A model in whose states edges of the added type are larger, or smaller, than others."""
    model = model_of(dataset)
    with torch.no_grad():
        model.edge_embedding.weight[-1] *= scale
    return model


@pytest.mark.parametrize(
    ("scale", "verdict"),
    [(1e4, "moved to the added edges"), (1e-6, "avoid the added edges")],
)
def test_the_verdict_follows_where_large_activations_were_put(scale, verdict):
    dataset = graphs(share=0.5)
    model = with_edges_of(dataset, scale)
    rule = es.Criterion("big", ratio=0.0, magnitude=50.0 if scale > 1 else 1e-3)
    sites = "layers.0.*:score"
    found = reallocation(
        model, es.data.loader(dataset, 8), criterion=rule, sites=sites, progress=False
    )
    row = found.table().row(-1, named=True)
    assert verdict in found.verdict
    assert row["low"] <= row["difference"] <= row["high"]
    assert row["massive_share"] == pytest.approx(1.0 if scale > 1 else 0.0)


def test_without_massive_activations_none_have_moved():
    dataset = graphs()
    found = reallocation(model_of(dataset), es.data.loader(dataset, 8), progress=False)
    assert "there is no massive activation by paper2025 on 20 graphs" in found.verdict
    assert found.table()["massive_share"].null_count() == 3
    assert found.table()["edge_share"].null_count() == 0


def test_too_few_graphs_give_shares_without_interval_and_say_so():
    dataset = graphs(count=3)
    rule = es.Criterion("any", ratio=1.5)
    found = reallocation(
        model_of(dataset), es.data.loader(dataset, 8), criterion=rule, progress=False
    )
    assert found.table()["low"].null_count() == 3
    assert "no intervals: graphs in 3 groups" in found.verdict


def test_the_same_seed_gives_the_same_intervals_in_any_batches():
    dataset = graphs()
    model = model_of(dataset)
    tables = [
        reallocation(
            model, es.data.loader(dataset, size), criterion=RULE, seed=3, progress=False
        ).table()
        for size in (3, 20)
    ]
    for name in ("low", "high", "attention_low", "attention_high"):
        assert tables[0][name].to_list() == pytest.approx(tables[1][name].to_list(), rel=1e-4)


def test_graphs_without_added_edges_are_refused():
    dataset = planted("motif", 10).train
    model, loader = model_of(dataset), es.data.loader(dataset)
    with pytest.raises(InputError, match=r"no edge of planted-motif/train is marked as added.* of"):
        reallocation(model, loader, progress=False)
    with pytest.raises(InputError, match=r"received added=.* the edge types are plain, other"):
        reallocation(model, loader, added=["random"], progress=False)
    batches = [dataset.batch([0])]
    with pytest.raises(InputError, match="the batches have no edge_added, which says"):
        reallocation(model, batches, progress=False)
    with pytest.raises(InputError, match="does not name the edge types"):
        reallocation(model, batches, added=["random"], progress=False)


def test_marked_edges_are_compared_whatever_their_type():
    new, own = (graphs("virtual_node", **options) for options in ({}, {"edge_type": "other"}))
    assert int(own.edge_added.sum()) == int(new.edge_added.sum())
    for dataset, names in ((new, ("virtual",)), (own, ("other",))):
        model = model_of(dataset)
        found = reallocation(model, es.data.loader(dataset, 7), criterion=RULE, progress=False)
        assert found.added == names
        share = float(dataset.edge_added.double().mean())
        assert found.table()["edge_share"].to_list() == pytest.approx([share] * 3)
        batches = [dataset.batch(range(9)), dataset.batch(range(9, 20))]
        same = reallocation(model, batches, criterion=RULE, progress=False)
        assert same.added == ("added",)
        assert same.table()["massive_share"].equals(found.table()["massive_share"])
    by_type = reallocation(
        model_of(new), es.data.loader(new, 7), added=["virtual"], criterion=RULE, progress=False
    )
    by_mark = reallocation(model_of(new), es.data.loader(new, 7), criterion=RULE, progress=False)
    assert by_type.table().equals(by_mark.table())


def test_a_calibrated_rule_without_thresholds_is_refused():
    dataset = graphs()
    with pytest.raises(InputError):
        reallocation(
            model_of(dataset), es.data.loader(dataset), criterion="calibrated", progress=False
        )

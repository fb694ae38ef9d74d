"""The scan in pieces is the ordinary scan."""

import _thread
import threading
from itertools import count

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from torch_geometric.data import Data

import edgescope as es
from edgescope import LargeGraph, scan_large
from edgescope.lib.errors import InputError
from support.large_cases import graphs, random_model, small_pieces, threads

__all__ = ["small_pieces", "threads"]

KEEP = {"keep_ratio": 3.0, "progress": False}
PLACE = ["edge", "head", "channel"]


def both(model, case, tile=4, **options):
    x, edge_index, edge_attr = case
    graph = LargeGraph.from_edge_index(edge_index, edge_attr, len(x), tile=tile)
    data = Data(x=x, edge_index=edge_index, edge_attr=edge_attr)
    options = KEEP | options
    return scan_large(model, x, graph, **options), es.scan(model, [data], **options)


@pytest.mark.parametrize("features", [None, 3], ids=["types", "features"])
@given(data=st.data(), residual=st.booleans())
def test_in_double_precision_every_count_is_equal(features, data, residual):
    # Scores differ by 1e-15 or so, which all but never survives the metric's rounding to float32.
    case = data.draw(graphs(features))
    case = (*case[:2], case[2].double() if features else case[2])
    found, expected = both(random_model(torch.float64, features, residual=residual), case)
    assert list(found.sites) == list(expected.sites)
    assert found.info.edge_type_names == expected.info.edge_type_names
    for site, here in found.sites.items():
        there = expected.sites[site]
        different = [
            name
            for name, counter in here.sketch.counts.items()
            if not torch.equal(counter, there.sketch.counts[name])
        ]
        assert not different
        torch.testing.assert_close(here.sketch.maxima, there.sketch.maxima)
        assert here.seen == there.seen
        assert_frame_equal(here.rows.sort(PLACE), there.rows.sort(PLACE))
        assert_frame_equal(here.extremes, there.extremes)
        assert_frame_equal(here.nonfinite, there.nonfinite)


def test_in_single_precision_values_change_bins_only_within_rounding():
    torch.manual_seed(0)
    case = torch.randint(0, 5, (40,)), torch.randint(0, 40, (2, 3000)), torch.rand(3000, 8)
    model = random_model(features=8, hidden_dim=32, num_heads=4)
    found, expected = both(model, case)
    with torch.no_grad(), es.capture(model) as tape:
        model(*case)
    for site in found.sites:
        magnitude = np.abs(tape[site].values.flatten(1).double().numpy())
        # A score is right to 1e-6 of the largest of its edge.
        error = 1e-6 * magnitude.max(1, keepdims=True)
        edges = found[site].layout.magnitude.edges
        low, high = (np.searchsorted(edges, magnitude + way * error) for way in (-1, 1))
        uncertain = low != high
        moved = found[site].counts["magnitude"] - expected[site].counts["magnitude"]
        assert moved.abs().sum() <= 2 * uncertain.sum()
        assert uncertain.mean() < 0.1
    numbers = pl.col("max_ratio", "max_magnitude", "share_over")
    assert_frame_equal(
        found.table().select(numbers), expected.table().select(numbers), rel_tol=1e-4
    )


def test_two_threads_find_what_one_finds(threads):
    torch.manual_seed(0)
    case = torch.randint(0, 5, (20,)), torch.randint(0, 20, (2, 500)), torch.randint(0, 3, (500,))
    found, expected = both(random_model(torch.float64), case, max_rows=50)
    for site, here in found.sites.items():
        assert_frame_equal(here.rows.sort(PLACE), expected.sites[site].rows.sort(PLACE))
        assert torch.equal(here.sketch.counts["joint_ratio"], expected[site].counts["joint_ratio"])
    assert torch.get_num_threads() == threads


def test_edges_with_nan_are_named():
    x, edge_index = torch.tensor([0, 1, 2, 3]), torch.tensor([[0, 1, 2, 3], [1, 1, 1, 0]])
    model = random_model(torch.float64, num_layers=1)
    with torch.no_grad():
        model.node_embedding.weight[3] = torch.nan
    found, expected = both(model, (x, edge_index, torch.tensor([0, 1, 2, 2])))
    assert found.nonfinite().to_dicts() == expected.nonfinite().to_dicts()
    assert found.nonfinite()["edges"].to_list() == [1]


def test_a_scan_can_be_saved_and_reported(tmp_path):
    case = torch.tensor([0, 1]), torch.tensor([[0, 1], [1, 0]]), torch.tensor([0, 2])
    found, _ = both(random_model(), case)
    found.save(tmp_path / "scan")
    assert es.load_scan(tmp_path / "scan").table().height == 3
    assert found.report(tmp_path / "report.html").is_file()


def test_ctrl_c_ends_the_scan_and_leaves_everything_as_it_was(monkeypatch, threads):
    x, edge_index = torch.zeros(50).long(), torch.randint(0, 50, (2, 5000))
    graph = LargeGraph.from_edge_index(edge_index, torch.zeros(5000).long(), 50)
    model = random_model().train()

    visits = count()

    def interrupted(*_):
        if next(visits) == 100:  # when all threads are at work
            _thread.interrupt_main()

    monkeypatch.setattr("edgescope.scanning.large_scan._Collectors.visit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scan_large(model, x, graph)
    assert not [t for t in threading.enumerate() if t.name.startswith("edgescope-piece")]
    assert torch.get_num_threads() == threads
    assert model.training
    assert model.layers[0].node.training
    assert torch.is_grad_enabled()


def test_an_error_in_a_thread_is_raised(monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("edgescope.scanning.large_scan._Collectors.visit", broken)
    graph = LargeGraph.from_edge_index(torch.tensor([[0], [0]]), torch.tensor([0]), 1)
    with pytest.raises(ZeroDivisionError):
        scan_large(random_model(), torch.tensor([0]), graph)


REFUSED = {
    "another model": (
        lambda: torch.nn.Linear(1, 1),
        {},
        r"received a Linear, expected .*GraphTransformer",
    ),
    "no clamp": (
        lambda: random_model(logit_limit=None),
        {},
        r"a GraphTransformer with no logit_limit, which es.scan_large does not support",
    ),
    "a cap": (lambda: random_model(logit_limit=None, logit_cap=2.0), {}, r"and logit_cap, which"),
    "a sink": (
        lambda: random_model(qk_norm=True, sink=True),
        {},
        r"with qk_norm and sink, which es.scan_large does not support",
    ),
    "a gate": (
        lambda: random_model(gated_output=True, norm_first=True),
        {},
        r"with gated_output and norm_first, which es.scan_large does not support",
    ),
    "half precision": (lambda: random_model(torch.float16), {}, r"in torch\.float16 on cpu"),
    "features": (lambda: random_model(features=8), {}, r"shape \[3\], expected 8 features"),
    "few types": (
        random_model,
        {"edge_attr": torch.tensor([0, 9, 1])},
        r"the edge type 9, the model knows 0 to 3",
    ),
    "no types": (
        random_model,
        {"edge_attr": torch.rand(3, 2)},
        r"2 features per edge, expected a type",
    ),
    "nodes": (random_model, {"x": torch.tensor([0])}, r"1 node types .* 2 nodes"),
    "names": (
        random_model,
        {"edge_type_names": ["a"]},
        r"1 edge_type_names for edges of 3 types",
    ),
    "memory": (random_model, {"memory": 1000}, r"memory=1000, .* need \d+ bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_scanned_is_refused(case):
    make, change, problem = REFUSED[case]
    edge_attr = change.pop("edge_attr", torch.tensor([0, 1, 2]))
    graph = LargeGraph.from_edge_index(torch.tensor([[0, 1, 1], [1, 0, 1]]), edge_attr, 2)
    with pytest.raises(InputError, match=problem):
        scan_large(make(), change.pop("x", torch.tensor([0, 1])), graph, **change)

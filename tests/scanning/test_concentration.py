"""Gini coefficients and shares against dense computations on the raw activations."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.concentration import concentration, even_gini, gini, spread
from edgescope.statistics.sketch_layout import JOINT_FLOOR

HEADS, CHANNELS, TYPES = 3, 4, 2


def activations(seed, size=300):
    random = np.random.default_rng(seed)
    values = random.standard_normal((4, size, HEADS, CHANNELS)).prod(0).astype(np.float32)
    return values, random.integers(0, TYPES, size)


def sketch_of(values, edge_type):
    metric = es.MassiveActivations(HEADS, CHANNELS, TYPES)
    metric.update(torch.from_numpy(values), torch.from_numpy(edge_type))
    return metric.compute()


def dense_gini(counts):
    difference = np.abs(counts[:, None] - counts[None, :]).sum()
    return difference / (2 * len(counts) * counts.sum())


@given(
    seed=st.integers(0, 2**32 - 1),
    measure=st.sampled_from(["ratio", "magnitude"]),
    edge_type=st.sampled_from([None, 0, 1]),
    top=st.integers(1, 20),
)
def test_every_number_is_that_of_the_raw_activations(seed, measure, edge_type, top):
    values, types = activations(seed)
    found = concentration(
        sketch_of(values, types), 8.0, measure=measure, edge_type=edge_type, top=top
    )
    flat = np.abs(values).reshape(len(values), -1)
    median = np.sort(flat, axis=1)[:, [(flat.shape[1] - 1) // 2]]
    measured = flat / median if measure == "ratio" else flat
    over = (measured > np.float32(found.threshold)) & (flat / median > JOINT_FLOOR)
    rows = slice(None) if edge_type is None else types == edge_type
    channels = over[rows].sum(0)
    assert found.over > 0
    assert found.over == channels.sum()
    levels = (channels, channels.reshape(HEADS, CHANNELS).sum(1))
    for counts, level in zip(levels, (found.channels, found.heads), strict=True):
        assert level.gini == pytest.approx(dense_gini(counts), abs=1e-12)
        assert level.entropy == pytest.approx(entropy(counts) / np.log(len(counts)), abs=1e-12)
        assert level.top_share == pytest.approx(np.sort(counts)[::-1][:top].sum() / counts.sum())
        assert [counts[i] for i in level.top] == sorted(counts, reverse=True)[:top]


@pytest.mark.parametrize(("size", "total"), [(2, 1), (2, 4), (3, 7), (12, 30), (64, 1000)])
def test_the_even_reference_is_the_mean_over_multinomial_draws(size, total):
    random = np.random.default_rng(0)
    draws = random.multinomial(total, np.full(size, 1 / size), 4000)
    simulated = [gini(counts.astype(float)) for counts in draws]
    error = np.std(simulated) / np.sqrt(len(draws))
    assert even_gini(size, total) == pytest.approx(np.mean(simulated), abs=4 * error + 1e-9)


def test_the_even_reference_tends_to_that_of_normal_differences():
    # E|X1 - X2| of two counts with variance N / n each, for large N.
    expected = 7 * np.sqrt(2 / np.pi) * np.sqrt(2 * 1e9 / 8) / 2e9
    assert even_gini(8, 10**9) == pytest.approx(expected, rel=1e-3)


def test_one_massive_channel_has_everything():
    values, types = activations(0)
    values[:, 1, 2] = 1e6
    found = concentration(sketch_of(values, types), 1000.0)
    assert found.channels.top == (1 * CHANNELS + 2,)
    assert found.heads.top == (1,)
    assert found.channels.gini == pytest.approx(1 - 1 / (HEADS * CHANNELS))
    assert found.channels.top_share == found.heads.top_share == 1
    assert found.channels.entropy == 0


def test_nothing_over_the_threshold_gives_nan():
    found = concentration(sketch_of(*activations(0)), 1e9)
    assert found.over == 0
    assert np.isnan(found.channels[:4]).all()
    assert found.channels.top == ()


def test_one_head_is_even_and_has_no_entropy():
    found = spread(np.array([5]))
    assert (found.gini, found.gini_even, found.top_share) == (0, 0, 1)
    assert np.isnan(found.entropy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"measure": "growth"}, "unknown measure 'growth', expected ratio or magnitude"),
        ({"edge_type": 2}, "received the edge type 2, expected 0 to 1"),
        ({"top": 0}, "received top=0"),
        ({}, "received the ratio 3, expected one from 7.8125 on"),
    ],
)
def test_what_cannot_be_counted_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        concentration(sketch_of(*activations(0)), 3.0, **options)


def test_a_scan_has_a_row_per_site_at_the_threshold_of_its_criterion():
    split = es.data.load("solubility").test
    model = es.models.GraphTransformer(
        num_atom_types=len(split.vocabulary), num_bond_types=4, num_layers=2
    )
    scan = es.scan(
        model, es.data.loader(split), criterion=es.Criterion("low", ratio=8), progress=False
    )
    table = scan.concentration(top=2)
    assert table["site"].to_list() == list(scan.sites)
    for row in table.iter_rows(named=True):
        found = concentration(scan[row["site"]], 8, top=2)
        assert (row["threshold"], row["over"]) == (found.threshold, found.over)
        assert row["channels_gini"] == found.channels.gini
        assert tuple(row["heads_top"]) == found.heads.top
    assert scan.concentration(16)["over"].sum() < table["over"].sum()
    with pytest.raises(InputError, match="criterion 'low' does not bound the magnitude; pass"):
        scan.concentration(measure="magnitude")

"""Counting: compiled loops, torch's operations and dense numpy arrays give the same counters."""

import sys
import threading

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgescope.lib.errors import InputError
from edgescope.statistics import SketchLayout, edge_ratios
from edgescope.statistics.counting.counter import (
    SketchCounter,
    count_with_torch,
    counters,
    joint_cells,
)
from edgescope.statistics.counting.edge_labels import EdgeLabels
from edgescope.statistics.sketch_layout import GROUPS

NASTY = [0.0, -0.0, 1.0, 1e-45, -1e-40, 1e-38, 3e38, -3e38, np.inf, -np.inf, np.nan]


@st.composite
def batches(draw):
    """A layout and a batch: random values with nasty ones among them."""
    heads, channels = draw(
        st.tuples(st.integers(1, 8), st.integers(2, 64))
        if draw(st.booleans())
        else st.tuples(st.integers(1, 3), st.integers(2, 5))
    )
    types = draw(st.sampled_from([1, 3, 60]))
    size = draw(st.sampled_from([0, 1, 5, 63, 64, 65, 257, 600]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = np.prod(random.standard_normal((3, size, heads, channels)), axis=0)
    values = values.astype(np.float32)
    nasty = random.random(values.shape) < draw(st.sampled_from([0, 1e-3, 0.3]))
    values[nasty] = random.choice(NASTY, nasty.sum())
    values[random.random(size) < draw(st.sampled_from([0, 0.1]))] = 0
    dtype = draw(st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16]))
    graph = random.integers(0, 9, size) * draw(st.sampled_from([1, 10**12])) + random.integers(99)
    layout = SketchLayout(heads, channels, types)
    labels = (torch.from_numpy(each) for each in (random.integers(0, types, size), graph))
    return layout, torch.from_numpy(values).to(dtype), *labels


def empty(layout):
    return counters(layout, torch.device("cpu")), torch.zeros(2, layout.edge_types)


def count_edges(layout, counts, maxima, values, edge_type=None, graph=None):
    labels = EdgeLabels(len(values), values.device, layout.edge_types, edge_type, graph)
    return SketchCounter(layout, counts, maxima).update(values, labels)


def dense(layout, values, edge_type, graph):
    """Count with numpy, finding every bin among the edges of the bins."""
    size = len(values)
    counts, maxima = (
        {n: np.zeros(s, dtype=np.int64) for n, s in layout.shapes().items()},
        np.zeros((2, layout.edge_types), dtype=np.float32),
    )
    magnitude = np.abs(values.float().numpy().reshape(size, layout.width))
    finite = np.isfinite(magnitude).all(1)
    median = np.sort(magnitude, axis=1)[:, (layout.width - 1) // 2]
    defined = finite & (median > 0)
    np.add.at(counts["edges"], edge_type, 1)
    np.add.at(counts["nonfinite"], edge_type[~finite], 1)
    np.add.at(counts["undefined"], edge_type[finite & ~defined], 1)
    with np.errstate(all="ignore"):
        ratio = magnitude[defined] / median[defined, None]
        beyond = magnitude / median[:, None] > layout.joint_floor
    for row, (name, dense_values, kept) in enumerate(
        [("ratio", ratio, defined), ("magnitude", magnitude[finite], finite)]
    ):
        fine, joint, coarse = (
            np.searchsorted(getattr(layout, kind + name).edges[1:], dense_values)
            for kind in ("", "joint_", "coarse_")
        )
        kind, number = edge_type[kept], graph[kept]
        np.add.at(counts[name], fine, 1)
        edge, channel = beyond[kept].nonzero()
        np.add.at(counts[f"joint_{name}"], (kind[edge], channel, joint[edge, channel]), 1)
        np.add.at(counts[f"edge_{name}"], (kind, fine.max(1)), 1)
        np.add.at(counts[f"group_{name}"], (number % GROUPS, coarse.max(1)), 1)
        for each in np.unique(number):
            counts[f"graph_{name}"][fine[number == each].max()] += 1
        np.maximum.at(maxima[row], kind, dense_values.max(1))
    return counts, maxima


def check(layout, values, edge_type, graph):
    """Count in all three ways and compare."""
    counts, maxima = empty(layout)
    tops = count_edges(layout, counts, maxima, values, edge_type, graph)
    ratios = edge_ratios(values)
    by_torch, torch_maxima = empty(layout)
    if len(values):
        labels = EdgeLabels(len(values), values.device, layout.edge_types, edge_type, graph)
        count_with_torch(layout, by_torch, torch_maxima, values, labels)
    by_numpy, numpy_maxima = dense(layout, values, edge_type.numpy(), graph.numpy())
    for name, counter in counts.items():
        np.testing.assert_array_equal(counter, by_torch[name], name)
        np.testing.assert_array_equal(counter, by_numpy[name], name)
    np.testing.assert_array_equal(maxima, torch_maxima)
    np.testing.assert_array_equal(maxima, numpy_maxima)
    for name, found in tops._asdict().items():
        kept = ratios.finite if name == "median" else slice(None)
        assert torch.equal(found[kept], getattr(ratios.tops, name)[kept]), name


@settings(deadline=None)
@given(batches())
def test_all_ways_of_counting_agree(batch):
    check(*batch)


def test_several_threads_may_count_at_once():
    layout = SketchLayout(2, 16, 2)
    values = torch.randn(5000, 2, 16, generator=torch.Generator().manual_seed(0))
    kinds, graph = torch.arange(5000) % 2, torch.arange(5000) // 50
    expected, _ = empty(layout)
    count_edges(layout, expected, torch.zeros(2, 2), values, kinds, graph)
    found = [empty(layout) for _ in range(4)]

    def count(counts, maxima):
        for _ in range(10):
            count_edges(layout, counts, maxima, values, kinds, graph)

    threads = [threading.Thread(target=count, args=each) for each in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for counts, _ in found:
        assert all(torch.equal(counts[name], 10 * expected[name]) for name in counts)


def test_counters_go_beyond_32_bits():
    layout = SketchLayout(1, 4)
    counts, maxima = empty(layout)
    for counter in counts.values():
        counter.fill_(2**31 - 1)
    values = torch.tensor([1.0, 1.0, 1.0, 100.0]).expand(3, 1, 4)
    count_edges(layout, counts, maxima, values)
    assert counts["edges"].tolist() == [2**31 + 2]
    assert counts["ratio"].max() == counts["magnitude"].max() == 2**31 - 1 + 9
    assert counts["joint_ratio"].max() == counts["edge_ratio"].max() == 2**31 + 2


def test_cells_of_more_than_two_thousand_million_are_numbered_without_overflow():
    number = torch.full((64,), 2040, dtype=torch.int32)
    cells = joint_cells(torch.full((64,), 2**20), torch.arange(64), number, 2041, 64)
    assert cells.dtype == torch.int64
    assert cells[63].item() == (2**20 * 2041 + 2040) * 64 + 63 > 2**31


@pytest.mark.skipif(sys.platform != "linux", reason="needs files with holes")
def test_the_compiled_loops_reach_cells_beyond_32_bits(tmp_path):
    types, bins = 2**31 // (64 * 2041) + 8, 2041
    layout = SketchLayout(1, 64, types, joint_budget=types * 64 * bins * 8)
    assert layout.joint_ratio.size == bins
    counts = {}
    for name, (types_, *rest) in layout.shapes().items():
        joint = name.startswith("joint_")  # whose channels stand side by side
        shape = (types_, *reversed(rest)) if joint else (types_, *rest)
        hole = np.memmap(tmp_path / name, dtype=np.int64, mode="w+", shape=shape)
        (tmp_path / name).unlink()  # it stays until nothing maps it
        held = torch.from_numpy(hole)
        counts[name] = held.transpose(1, 2) if joint else held
    values = torch.randn(200, 1, 64, generator=torch.Generator().manual_seed(0)) ** 3
    last = torch.full((200,), types - 1)
    count_edges(layout, counts, torch.zeros(2, types), values, last, torch.zeros_like(last))
    small = SketchLayout(1, 64, 1, joint_budget=64 * bins * 8)
    expected, _ = empty(small)
    count_edges(small, expected, torch.zeros(2, 1), values)
    for kind in ("joint_ratio", "joint_magnitude", "edge_ratio", "edge_magnitude"):
        assert torch.equal(counts[kind][-1], expected[kind][0])
        assert expected[kind].any()


def test_labels_out_of_range_are_refused_and_nothing_is_counted():
    layout = SketchLayout(1, 4, 2)
    counts, maxima = empty(layout)
    for labels, words in [
        ({"edge_type": torch.tensor([-1, 0])}, "edge types from -1 to 0, expected 0 to 1"),
        ({"graph": torch.tensor([-3, 0])}, "graphs from -3 to 0, expected 0 upwards"),
        ({"graph": torch.tensor([0])}, r"shape \[1\] for 2 edges"),
    ]:
        with pytest.raises(InputError, match=words):
            count_edges(layout, counts, maxima, torch.ones(2, 1, 4), **labels)
    assert not any(counter.any() for counter in counts.values())

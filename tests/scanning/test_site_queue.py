"""Sites that are counted side by side when a batch is done."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from edgescope.capturing import EdgeActivations, EdgeIdentity
from edgescope.scanning.criteria import Bounds
from edgescope.scanning.site_counter import SiteCounter
from edgescope.scanning.site_queue import SiteQueue
from edgescope.statistics.counting.edge_labels import EdgeLabels
from edgescope.statistics.sketch_layout import SketchLayout
from support.scan_equality import differences, numbered_graphs, small_model, small_scan

HEADS, CHANNELS, TYPES = 2, 3, 4
CPU = torch.device("cpu")


def rows_of(size, generator):
    """Return ``size`` edges of some types, in up to five graphs."""
    edge_index = torch.randint(9, (2, size), generator=generator)
    edge_type = torch.randint(TYPES, (size,), generator=generator)
    graph = torch.randint(5, (size,), generator=generator)
    offset = torch.zeros(2, size, dtype=torch.int64)
    identity = EdgeIdentity(edge_index, torch.arange(size), graph, edge_type, offset)
    return identity, EdgeLabels(size, CPU, TYPES, edge_type, graph)


def values_of(size, dtype, generator):
    """Return activations with zeros, an infinity, and values beyond float32 where they fit."""
    values = torch.randn(size, HEADS, CHANNELS, generator=generator, dtype=torch.float64) * 100
    values[torch.rand(values.shape, generator=generator) < 0.1] = 0
    values[torch.rand(size, generator=generator) < 0.1] *= torch.finfo(dtype).max / 100
    return values.to(dtype)


def counters():
    layout = SketchLayout(HEADS, CHANNELS, TYPES)
    return {site: SiteCounter(layout, Bounds(ratio=3.0), 20, CPU) for site in "abc"}


def found_by(counter):
    result = counter.result()
    counts = {name: count.tolist() for name, count in result.sketch.counts.items()}
    tables = [str(each.rows()) for each in (result.rows, result.extremes, result.nonfinite)]
    return counts, result.sketch.maxima.tolist(), tables, result.seen


@given(
    batches=st.lists(
        st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from([0, 1, 2, 30])),
            min_size=1,
            max_size=5,
        ),
        max_size=4,
    ),
    dtype=st.sampled_from([torch.float16, torch.float32, torch.float64]),
    budget=st.sampled_from([0, 1500, 2**20]),
    threads=st.sampled_from([1, 2, 3]),
    seed=st.integers(0, 2**16),
)
def test_what_waits_is_counted_like_what_is_counted_at_once(batches, dtype, budget, threads, seed):
    generator = torch.Generator().manual_seed(seed)
    at_once, later, queue = counters(), counters(), SiteQueue(budget)
    graphs_at_once, graphs_later = set(), set()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for batch in batches:
            for site, size in batch:
                identity, labels = rows_of(size, generator)
                values = values_of(size, dtype, generator)
                activations = EdgeActivations(site, values, identity)
                graphs_at_once |= at_once[site].update(activations, labels)
                graphs_later |= queue.add(later[site], activations, labels)
                values.fill_(7)  # as a model may write to what it has computed
            graphs_later |= queue.flush()
    finally:
        torch.set_num_threads(before)
    assert graphs_later == graphs_at_once
    assert {s: found_by(c) for s, c in later.items()} == {
        s: found_by(c) for s, c in at_once.items()
    }


def test_a_scan_is_the_same_on_one_thread_and_on_several():
    model, graphs = small_model(factor=1000.0), numbered_graphs(12)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = small_scan(model, graphs)
        torch.set_num_threads(2)
        side_by_side = small_scan(model, graphs)
    finally:
        torch.set_num_threads(before)
    assert not differences(alone, side_by_side)

"""Which edges are massive, against the scan's own counts and against what the scan kept."""

import pytest
import torch

import edgescope as es
from edgescope.study.measures.edge_crossings import crossings, drawn_graphs


@pytest.fixture(scope="module")
def of(cell_on):
    return cell_on("double")


def test_counts_are_those_of_the_scan_at_every_threshold_and_type(of):
    types = of.part.edge_types
    for found in crossings(of):
        sketch = of.scan[found.site]
        assert found.defined.sum() == sketch.defined_edges().sum()
        for limit, massive in zip(found.limits, found.massive, strict=True):
            over, _ = sketch.edges_over(limit.threshold)
            counts = types[massive].bincount(minlength=len(of.part.edge_type_names))
            assert counts.tolist() == over[: len(counts)].tolist()


def test_edges_are_those_that_the_scan_kept_one_by_one(of):
    kept = es.interpret.massive_edges(of.scan, of.part)
    for found in crossings(of):
        row = [limit.threshold for limit in found.limits].index(1000)
        assert torch.equal(found.massive[row], kept[found.site])


def test_a_planted_type_is_massive_on_all_its_edges_and_on_no_other(of):
    first = next(iter(crossings(of)))
    planted = of.part.edge_types == of.part.edge_type_names.index("double")
    assert torch.equal(first.massive[1], planted)


def test_larger_draws_hold_the_smaller_ones(of):
    few, more = (set(drawn_graphs(of.part, size).tolist()) for size in (5, 30))
    assert few < more
    assert len(drawn_graphs(of.part, 1000)) == len(of.part)

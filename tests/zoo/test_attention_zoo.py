"""What was worked out of the models of the zoo of attention is what they compute."""

import pytest
import torch

from support.attention_zoo.case import DISCOVERED, NO_ATTENTION, NO_VALUE
from support.attention_zoo.table import CASES

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
STAGES = {"score", "logit", "weight", "message", "gate"}


def run(case):
    model, batch = case.model(), case.batch()
    with torch.no_grad():
        output = case.call(model, batch)
    return model, batch, output


def tensors(output):
    return list(output) if isinstance(output, tuple | list) else [output]


@cases
def test_a_model_runs_and_gives_the_same_again(case):
    outputs = [tensors(run(case)[2]) for _ in range(2)]
    for one, other in zip(*outputs, strict=True):
        assert one.isfinite().all()
        assert torch.equal(one, other)


@cases
def test_the_output_worked_out_is_that_of_the_model(case):
    model, batch, output = run(case)
    worked, _ = case.worked(model, batch)
    if worked is None:
        pytest.skip("only its attention is worked out")
    for one, other in zip(tensors(output), tensors(worked), strict=True):
        assert other.dtype == torch.float64
        torch.testing.assert_close(one.double(), other, atol=2e-5, rtol=2e-5)


def test_most_outputs_are_worked_out():
    found = [case.worked(*run(case)[:2])[0] is not None for case in CASES]
    assert 2 * sum(found) > len(found)


@cases
def test_weights_sum_to_one_over_what_a_node_attends_to(case):
    model, batch, _ = run(case)
    for each in case.expected(model, batch):
        if each.stage != "weight":
            continue
        index = each.edge_index[each.over]
        size = int(index.max()) + 1
        total = each.values.new_zeros(size, *each.values.shape[1:]).index_add(0, index, each.values)
        attended = torch.zeros(size, dtype=torch.bool).index_fill(0, index, value=True)
        whole = torch.isclose(total[attended], torch.ones(()).double(), atol=1e-3).all()
        assert whole == each.sums_to_one, each.path


@cases
def test_what_is_expected_is_well_formed(case):
    model, batch, _ = run(case)
    expected = case.expected(model, batch)
    names = [(each.path, each.stage, each.part) for each in expected]
    assert len(set(names)) == len(names)
    for each in expected:
        model.get_submodule(each.path)
        edges = each.edge_index.size(1)
        assert each.stage in STAGES
        assert each.values.shape[0] == edges > 0
        assert each.values.dim() == 3
        assert each.values.isfinite().all()
        if each.input_edge is not None:
            given = each.input_edge >= 0
            rows = batch.edge_index[:, each.input_edge[given]]
            assert torch.equal(rows, each.edge_index[:, given])


@cases
def test_a_verdict_fits_what_is_expected(case):
    model, batch, _ = run(case)
    stages = {each.stage for each in case.expected(model, batch)}
    assert case.verdict in {DISCOVERED, NO_VALUE, NO_ATTENTION}
    assert bool(case.reason) == (case.verdict == NO_VALUE)
    assert bool(stages & {"weight", "gate"}) == (case.verdict == DISCOVERED)


def test_names_are_unique():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)

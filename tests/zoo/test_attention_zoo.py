"""What was worked out of the models of the zoo of attention is what they compute."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

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
            ends = each.edge_index[:, given]
            assert torch.equal(rows, ends) or torch.equal(rows, ends.flip(0))


class Computed(TorchDispatchMode):
    """All numbers that are computed, each tensor's in order."""

    def __init__(self):
        super().__init__()
        self.values = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **kwargs or {})
        for each in tensors(out):
            if isinstance(each, torch.Tensor) and each.is_floating_point() and each.numel():
                numbers = each._values() if each.is_sparse else each
                numbers = each.values() if each.layout is torch.sparse_csr else numbers
                self.values.append(numbers.double().flatten().sort().values)
        return out

    def hold(self, values):
        """Tell whether one tensor has all of these."""
        return any(self.within(numbers, values.flatten()) for numbers in self.values)

    @staticmethod
    def within(numbers, values):
        if len(numbers) < len(values):
            return False
        at = torch.searchsorted(numbers, values)
        near = torch.stack(
            [numbers[at.clamp(max=len(numbers) - 1)], numbers[(at - 1).clamp(min=0)]]
        )
        return torch.isclose(near, values, atol=2e-5, rtol=2e-5).any(0).all()


@cases
def test_what_is_said_to_be_formed_is(case):
    model, batch = case.model(), case.batch()
    expected = case.expected(model, batch)
    if not any(each.formed for each in expected):
        pytest.skip("nothing of it is formed")  # flex_attention refuses to be watched, too
    with torch.no_grad(), Computed() as computed:
        case.call(model, batch)
    found = {(e.path, e.stage, e.part): computed.hold(e.values) for e in expected}
    assert found == {(e.path, e.stage, e.part): e.formed for e in expected}


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

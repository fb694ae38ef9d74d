"""Sparse matrices are read by their entries, in every run by those of that run."""

import pytest
import torch

import edgescope as es
from edgescope.capturing.discovery.sparse_steps import WrittenOut, written_out
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.observer_mode import entered
from edgescope.lib.errors import InputError
from support.attention_zoo.graphs import nasty, plain
from support.attention_zoo.sparse_matrices import HybridNet, Ordered, by_parts, with_edges


def test_a_trace_without_sparse_matrices_stays_what_it_is():
    trace = Trace()
    with torch.no_grad(), entered(trace):
        torch.rand(3, 3) @ torch.rand(3)
    assert written_out(trace) is trace


@pytest.mark.parametrize("csr", [False, True])
def test_what_is_written_out_is_what_torch_computes(csr):
    model, data, trace = Ordered(csr=csr).eval(), plain(), Trace()
    with torch.no_grad(), entered(trace):
        by_parts(model, data)
    written = written_out(trace)
    assert isinstance(written, WrittenOut)
    assert "mm" not in {step.name for step in written.steps}
    sums = [step for step in written.steps if step.name == "index_add"]
    for step in sums:
        zero, _, index, rows = step.args
        expected = zero.now.index_add(0, index.now, rows.now)
        torch.testing.assert_close(step.results[0].now, expected)


def test_a_run_whose_entries_fall_together_is_no_run_that_is_known():
    model = SoftmaxOfMatrix().eval()
    one, other = torch.tensor([[0, 1, 2], [1, 1, 0]]), torch.tensor([[0, 0, 2], [1, 1, 0]])
    x = torch.randn(3, 4)
    es.capture.discover(model, x, one)
    with torch.no_grad(), es.capture(model, "*:weight") as tape:
        model(x, one)
    assert tape[":weight"].values.flatten().sort().values.tolist()[-1] == 1
    with pytest.raises(InputError, match="another way"), torch.no_grad(), es.capture(model):
        model(x, other)


class SoftmaxOfMatrix(torch.nn.Module):
    def forward(self, x, edge_index):
        logit = (x[edge_index[0]] * x[edge_index[1]]).sum(-1)
        matrix = torch.sparse_coo_tensor(edge_index.flip(0), logit, (len(x), len(x)))
        return torch.sparse.mm(torch.sparse.softmax(matrix, dim=1), x)


def test_what_is_read_of_sparse_matrices_is_not_edited():
    model, data = HybridNet().eval(), nasty()
    es.capture.discover(model, data, call=with_edges)
    sites = es.capture.sites(model)
    assert sites["site"].to_list() == [
        f"layer:{stage}" for stage in ("score", "logit", "weight", "message")
    ]
    assert not sites["editable"].any()

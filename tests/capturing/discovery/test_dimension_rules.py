"""What dimensions stand for is told by how they are combined, whatever their sizes."""

import torch

from edgescope.capturing.discovery.dataflow import Flow
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.observer_mode import entered

N = 4  # nodes, edges, heads and channels are of one size, so that sizes tell nothing


def flow_of(run):
    trace = Trace()
    with torch.no_grad(), entered(trace):
        run()
    return Flow(trace)


def tensors():
    random = torch.Generator().manual_seed(0)
    ends = torch.tensor([[0, 1, 2, 1], [1, 1, 3, 0]])
    return torch.randn(N, N, N, generator=random), ends


def test_what_is_gathered_has_rows_of_the_index():
    x, ends = tensors()
    flow = flow_of(lambda: x[ends[0]] * x.index_select(0, ends[1]))
    [edges] = flow.gathers
    product = flow.trace.steps[-1].results[0]
    assert flow.atoms(product)[0] == edges
    assert flow.atoms(product).count(edges) == 1
    assert len(set(flow.atoms(product))) == 3


def test_rows_are_followed_through_views_and_transpositions():
    x, ends = tensors()
    flow = flow_of(lambda: x[ends[0]].flatten(1).view(N, N, N).transpose(0, 2).sum(1))
    [edges] = flow.gathers
    last = flow.trace.steps[-1].results[0]
    assert [atom == edges for atom in flow.atoms(last)] == [False, True]


def test_edges_in_both_directions_are_rows_of_one_kind():
    x, ends = tensors()

    def run():
        source, target = torch.cat([ends[0], ends[1]]), torch.cat([ends[1], ends[0]])
        return torch.zeros(N, N, N).index_add(0, target, x[source] * x[target])

    flow = flow_of(run)
    assert len(flow.gathers) == 1
    assert flow.gathers.keys() == flow.scatters.keys()


def test_a_part_of_a_dimension_is_another_one():
    x, ends = tensors()
    flow = flow_of(lambda: x[ends[0]][:2] + 1)
    [edges] = flow.gathers
    assert edges not in flow.atoms(flow.trace.steps[-1].results[0])


def test_an_operation_without_a_rule_tells_nothing():
    x, ends = tensors()
    flow = flow_of(lambda: x[ends[0]].flip(0))
    [edges] = flow.gathers
    assert not flow.has(flow.trace.steps[-1].results[0], edges)

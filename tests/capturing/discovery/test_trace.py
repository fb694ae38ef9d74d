"""A trace holds every operation, and the numbers of tensors as they were then."""

import gc
import weakref

import torch
from torch import nn

import edgescope as es
from edgescope.capturing.discovery.trace import Trace
from edgescope.capturing.observer_mode import entered
from edgescope.capturing.unseen import unseen
from support.hand_written import Gated, graphs


def traced(run, **options):
    trace = Trace(**options)
    with torch.no_grad(), entered(trace):
        result = run()
    return trace, result


def test_numbers_are_those_before_something_was_written():
    x = torch.tensor([1.0, 2.0])
    trace, result = traced(lambda: x.mul(2).add_(1))
    doubled, added = (step.results[0] for step in trace.steps)
    assert doubled.now.tolist() == [2, 4]
    assert added.now.tolist() == result.tolist() == [3, 5]
    assert added.number != doubled.number


def test_a_view_of_what_is_written_to_is_another_value():
    x = torch.zeros(2, 3)

    def run():
        base = x.clone()
        base[0].add_(1)
        return base * 2

    trace, result = traced(run)
    assert result.tolist() == [[2, 2, 2], [0, 0, 0]]
    [before] = trace.steps[0].results
    [used] = [each for each in trace.steps[-1].inputs() if each.tensor.dim()]
    assert used.was is before
    assert before.now.tolist() == x.tolist()
    assert used.now.tolist() == [[1, 1, 1], [0, 0, 0]]


def test_what_out_is_written_to_is_kept():
    x, out = torch.ones(2), torch.zeros(2)

    def run():
        first = out + 5
        torch.add(x, x, out=out)
        return first + out

    trace, _ = traced(run)
    [given] = [each for each in trace.steps[0].inputs() if each.tensor is out]
    assert given.now.tolist() == [0, 0]


def test_what_hooks_compute_is_not_noted():
    x = torch.ones(2)

    def run():
        with unseen():
            _ = x + 1
        return x * 2

    trace, _ = traced(run)
    assert [step.name for step in trace.steps] == ["mul"]


class Twice(nn.Module):
    """Two layers that write in place."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Inner(), Inner()])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu_()
        return x


class Inner(nn.Module):
    """Writes to a part of what it computed."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        found = self.linear(x)
        found[:1].mul_(2)
        return found.exp()


def test_a_part_is_what_a_trace_of_the_module_alone_would_be():
    torch.manual_seed(0)
    model, x = Twice(), torch.randn(4, 3)
    paths = {id(module): path for path, module in model.named_modules()}
    whole, _ = traced(lambda: model(x), places=paths, model=model)
    calls = {call for step in whole.steps for call in step.calls if call[0] == "layers.1"}
    [call] = calls
    part = whole.part(call)
    own, _ = traced(lambda: model.layers[1](model.layers[0](x).relu_()))
    alone, _ = traced(lambda: model.layers[1](x))
    assert part.signature == alone.signature
    last = own.steps[-1].results[0].now
    assert torch.equal(part.steps[-1].results[0].now, last)


class Products(nn.Module):
    """Joins, divides and indexes, and writes to nothing."""

    def forward(self, x, index):
        halves = torch.cat([x, 2 * x], dim=-1).chunk(2, dim=-1)
        rounded = torch.div(halves[0], halves[1] + 1, rounding_mode="floor")
        return x.new_zeros(3).index_add(0, index, rounded.sum(-1)[index]).softmax(0)


def test_a_way_that_is_known_is_told_without_its_steps_and_its_values_have_their_numbers():
    model, x, index = Products(), torch.randn(3, 2), torch.tensor([0, 2, 2])
    one, _ = traced(lambda: model(x, index), places={id(model): ""}, model=model)
    other, _ = traced(lambda: model(2 * x, index))
    again, _ = traced(lambda: model(x, index))
    assert again.among({hash(other.signature): "another"}) is None
    assert again.among({hash(one.signature): "this"}) == "this"
    assert not again.steps
    for mine, its in zip(again.values, one.values, strict=True):
        assert torch.equal(mine.now, its.now)


def test_operations_that_differ_by_a_word_are_another_way():
    x = torch.randn(3)
    down, _ = traced(lambda: torch.div(x, x, rounding_mode="floor"))
    zero, _ = traced(lambda: torch.div(x, x, rounding_mode="trunc"))
    assert down.among({hash(zero.signature): "this"}) is None


def test_what_a_capture_or_discovery_held_is_let_go_at_once():
    held = []

    class Notes(Gated):
        def forward(self, x, edge_index):
            out = super().forward(2 * x, edge_index)
            held.append(weakref.ref(out))
            return out + 1

    net, graph = Notes().eval(), graphs(1)[0]
    gc.collect()
    gc.disable()
    try:
        es.capture.discover(net, graph.x, graph.edge_index)
        for _ in range(2):
            with torch.no_grad(), es.capture(net, ":weight", reduce=lambda _: None):
                net(graph.x, graph.edge_index)
    finally:
        gc.enable()
    assert len(held) == 3
    assert not any(each() is not None for each in held)

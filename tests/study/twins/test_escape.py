"""Training starts side by side is training each alone; inside the region a_t gets no gradient."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.nn import GATConv

from edgescope.lib.errors import InputError
from edgescope.study.twins import escape
from edgescope.study.twins.escape import escapes, follow
from edgescope.study.twins.initialisations import Setting, draw_weights
from edgescope.study.twins.tasks import KEYS, look_up_task, twins_task
from edgescope.study.twins.traces import STARTS

STEPS = 25


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(escape, "POOL", 3_000)
        return escapes(8, 150, progress=False)


def trace_of(found, task, layer):
    return next(each for each in found.traces if (each.task, each.layer) == (task, layer))


def test_one_start_of_many_is_trained_as_pyg_trains_it_alone():
    trace = follow("twins", Setting(), 2, STEPS, 1, 0.01, 3, progress=False)
    # The same draws again, and the same choice of starts.
    generator = torch.Generator().manual_seed(3)
    weights = draw_weights(Setting(), escape.POOL, generator)
    task = twins_task(escape.POOL, generator)
    _, chosen = escape._choose(Setting(), task, weights, 2)
    size = (len(chosen), 2, 8)
    readout = (torch.rand(size, generator=generator, dtype=torch.float64) * 2 - 1) * 8**-0.5
    edges = torch.tensor([[0, 1, 2, 0, 1, 2], [3, 3, 3, 4, 4, 4]])
    for place, number in enumerate(chosen):
        conv = GATConv(8, 8, add_self_loops=False, bias=False).double()
        with torch.no_grad():
            conv.lin.weight.copy_(weights.source[number, 0])
            conv.att_src.copy_(weights.att_src[number][None])
            conv.att_dst.copy_(weights.att_dst[number][None])
        last = readout[place].clone().requires_grad_()
        x = torch.cat([task.others[number], task.nodes[number]])
        optimizer = torch.optim.Adam([*conv.parameters(), last], lr=0.01)
        for step in range(STEPS + 1):
            loss = F.cross_entropy(conv(x, edges)[3:] @ last.T, torch.tensor([0, 1]))
            assert trace.loss[step, place] == pytest.approx(loss.item(), abs=1e-6)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def test_inside_the_region_the_nodes_own_part_gets_no_gradient(found):
    for task in ("twins", "look-up"):
        trace = trace_of(found, task, "GAT")
        inside = trace.inside == 1
        assert inside[0].any()
        assert trace.own_gradient[inside].max() < 1e-14
        assert trace.own_gradient[0, trace.starts("opposite")].max() < 1e-14
        assert trace.own_gradient[0, trace.starts("both")].min() > 1e-8


def test_starts_are_of_the_kind_that_they_are_called(found):
    trace = trace_of(found, "twins", "GAT")
    assert trace.above[0, trace.starts("above")].eq(1).all()
    assert trace.above[0, trace.starts("below")].eq(0).all()
    assert trace.inside[0].tolist() == [float(kind in {"above", "below"}) for kind in trace.kind]


def test_a_start_that_stays_inside_has_the_loss_of_guessing(found):
    trace = trace_of(found, "twins", "GAT")
    stuck = (trace.inside == 1).all(0)
    assert stuck.any()
    assert torch.allclose(trace.loss[-1, stuck], torch.tensor(math.log(2)).double(), atol=1e-4)
    assert trace.gradient[-1, stuck].max() < 1e-3


def test_gat_solves_the_twins_from_outside_more_often_than_from_inside(found):
    rows = {
        row["start"]: row
        for row in found.table().iter_rows(named=True)
        if (row["task"], row["layer"]) == ("twins", "GAT")
    }
    inside = max(rows["above"]["solved"], rows["below"]["solved"])
    assert rows["both"]["solved"] > inside + 0.2


def test_the_look_up_is_solved_by_gatv2_and_never_by_gat(found):
    assert trace_of(found, "look-up", "GAT").accuracy.max() < 0.8
    assert trace_of(found, "look-up", "GATv2").accuracy.median() == 1


def test_the_curves_hold_every_recorded_step(found):
    curves = found.curves()
    assert sorted(set(curves["step"])) == list(range(0, 151, 5))
    assert set(curves["start"]) == set(STARTS)


def test_the_dictionary_asks_for_the_value_of_the_key_with_the_same_attribute():
    task = look_up_task(1)
    keys, values = task.others[0].split(KEYS, 1)
    for graph, picks in enumerate(task.picks):
        for query in range(KEYS):
            attribute = task.nodes[0, query, :KEYS]
            key = next(pick for pick in picks if torch.equal(keys[pick], attribute))
            assert values[key].argmax() == task.labels[query, graph]


def test_no_steps_are_refused():
    with pytest.raises(InputError, match="steps=0"):
        escapes(steps=0)

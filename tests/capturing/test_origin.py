"""Origins: what torch moves is followed; what it computes is unknown, and never mistaken."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack
from torch_geometric.utils import coalesce, dropout_edge, sort_edge_index, to_undirected

from edgescope.capturing.graph_input import InputEdges
from edgescope.capturing.origin import Origins

UNKNOWN = -1


def followed(edges, program):
    """Return what a program makes of edges, and the codes of that, as nested lists or None."""
    origins = Origins([InputEdges(edges)])
    origins.enter()
    try:
        made = program(edges)
    finally:
        origins.leave()
    codes = origins.codes(made)
    return made, None if codes is None else codes.tolist()


def in_place(edges, index, write):
    write(edges, index)
    return edges


def buffered(edges, index):
    buffer = torch.zeros(2, 2 * edges.size(1) + 1, dtype=torch.int64)
    buffer[:, 1 : edges.size(1) + 1] = edges
    rows = buffer[:, 1 : edges.size(1) + 1]
    return rows[:, index]


def scattered(edges, index):
    out = torch.zeros_like(edges)
    return out.scatter_(1, index.expand(2, -1), edges)


MOVES = {
    "gather": lambda e, i: e.gather(1, i.expand(2, -1)),
    "index": lambda e, i: e[:, i],
    "index_select": lambda e, i: e.index_select(1, i),
    "rows one by one": lambda e, i: torch.stack([e[0][i], e[1][i]]),
    "mask": lambda e, i: e[:, i % 2 == 0],
    "masked_select": lambda e, i: e.masked_select(i % 2 == 0).view(2, -1),
    "slice": lambda e, i: e[:, i[0] :],
    "step": lambda e, _: e[:, ::2].clone(),
    "clone": lambda e, _: e.clone(),
    "to int and back": lambda e, _: e.int().long(),
    "transposed": lambda e, _: e.t().contiguous().t(),
    "flattened": lambda e, _: e.reshape(-1).view(2, -1),
    "columns": lambda e, _: torch.stack(list(e.unbind(1)), 1),
    "flip of columns": lambda e, _: e.flip(1),
    "flip of ends": lambda e, _: e.flip(0),
    "roll": lambda e, i: e.roll(int(i[0]), 1),
    "repeat": lambda e, _: e.repeat(1, 2),
    "interleaved": lambda e, _: e.repeat_interleave(2, 1),
    "cat": lambda e, i: torch.cat([e[:, i], e], 1),
    "appended": lambda e, _: torch.cat([e, torch.full_like(e, UNKNOWN)], 1),
    "prepended": lambda e, _: torch.cat([torch.full_like(e, UNKNOWN), e], 1),
    "where": lambda e, i: torch.where(i % 2 == 0, e, e.flip(1)),
    "padded": lambda e, _: torch.nn.functional.pad(e, (1, 2), value=UNKNOWN),
    "filled": lambda e, i: e.masked_fill(i % 2 == 0, UNKNOWN),
    "buffer": buffered,
    "scattered": scattered,
    "copy_": lambda e, i: in_place(e, i, lambda e, i: e.copy_(e[:, i])),
    "setitem": lambda e, i: in_place(e, i, lambda e, i: e.__setitem__(slice(None), e[:, i])),
    "rows set": lambda e, i: in_place(e, i, lambda e, i: e[0].copy_(e[0][i])),
    "index_put_": lambda e, i: in_place(
        e, i, lambda e, i: e.index_put_((torch.tensor([0]), i[:1]), torch.tensor([UNKNOWN]))
    ),
    "index_copy_": lambda e, i: in_place(e, i, lambda e, i: e.index_copy_(1, i, e.clone())),
    "masked_scatter_": lambda e, i: in_place(
        e, i, lambda e, i: e.masked_scatter_((i % 2 == 0).expand(2, -1), e.flip(1))
    ),
    "fill_": lambda e, i: in_place(e, i, lambda e, i: e[:, i[0]].fill_(UNKNOWN)),
    "alias": lambda e, i: in_place(
        e, i, lambda e, i: torch.as_strided(e, e.shape, e.stride()).copy_(e[:, i])
    ),
    "data": lambda e, i: in_place(e, i, lambda e, i: e.data.copy_(e[:, i])),
    "new data": lambda e, i: in_place(e, i, lambda e, i: setattr(e, "data", e[:, i])),
}


STEPS = st.lists(st.tuples(st.sampled_from(list(MOVES)), st.integers(0, 9)), max_size=3)
"""What is done to edges, each with the seed of an order of them."""


def run(edges, steps):
    for name, seed in steps:
        if not edges.size(1):
            break
        order = torch.randperm(edges.size(1), generator=torch.Generator().manual_seed(seed))
        edges = MOVES[name](edges, order)
    return edges


@given(st.integers(1, 5), STEPS)
def test_codes_go_where_the_numbers_go(size, steps):
    """Numbers that are their own codes, once moved, are the codes of what was moved."""
    expected = run(torch.arange(2 * size).view(2, -1).clone(), steps)
    made, codes = followed(torch.randint(9, (2, size)), lambda edges: run(edges, steps))
    assert made.shape == expected.shape
    if made.numel():
        assert codes == expected.tolist()


@pytest.mark.parametrize(
    "program",
    [
        lambda e: torch.tensor([3, 1, 0, 2])[e],
        lambda e: (e + 1) % 4,
        lambda e: e + 0,
        lambda e: torch.tensor(e.tolist()),
        lambda e: torch.unique(e, dim=1),
        lambda e: torch.searchsorted(torch.arange(4), e),
    ],
)
def test_numbers_that_are_computed_have_no_code(program):
    _, codes = followed(torch.tensor([[0, 1, 2], [2, 3, 0]]), program)
    assert codes is None


@pytest.mark.parametrize("write", ["add_", "mul_", "remainder_", "clamp_"])
def test_what_is_computed_in_place_has_no_code(write):
    def program(edges):
        return getattr(edges, write)(2)

    _, codes = followed(torch.tensor([[0, 1, 2], [2, 3, 0]]), program)
    assert codes == [[UNKNOWN] * 3] * 2


def test_what_is_written_by_out_has_no_code():
    def program(edges):
        return torch.index_select(edges.clone(), 1, torch.tensor([2, 1, 0]), out=edges)

    _, codes = followed(torch.tensor([[0, 1, 2], [2, 3, 0]]), program)
    assert codes == [[UNKNOWN] * 3] * 2


@settings(deadline=None)
@given(st.data())
def test_functions_of_pyg_are_followed(data):
    pairs = data.draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1))
    edges = torch.tensor(pairs).t().contiguous()
    first = edges.clone()
    for program in (
        sort_edge_index,
        lambda e: dropout_edge(e, 0.5)[0],
        coalesce,
        to_undirected,
    ):
        made, codes = followed(edges, program)
        if made.numel():
            assert codes is not None
            assert torch.equal(first.flatten()[torch.tensor(codes)], made)


def test_edges_that_an_operation_joins_with_themselves_are_known_to_be_there_twice():
    edges = torch.tensor([[0, 1], [1, 2]])
    for program, expected in (
        (lambda e: torch.cat([e, e.flip(0)], 1), True),
        (lambda e: torch.stack([e[0], e[1]]), False),
        (lambda e: torch.cat([e[:, :1], e[:, 1:]], 1), False),
    ):
        origins = Origins([InputEdges(edges)])
        origins.enter()
        program(edges)
        origins.leave()
        assert origins.doubled is expected


def test_compiled_parts_and_other_modes_go_on_as_they_are():
    edges = torch.tensor([[0, 1], [1, 2]])
    outer, inner = Origins([InputEdges(edges)]), Origins([InputEdges(edges)])
    outer.enter()
    inner.enter()
    made = edges[:, torch.tensor([1, 0])]
    outer.leave()  # in any order
    inner.leave()
    inner.leave()  # again, which does nothing
    assert not {outer, inner} & set(_get_current_dispatch_mode_stack())
    assert outer.codes(made).tolist() == inner.codes(made).tolist() == [[1, 0], [3, 2]]
    assert Origins.ignore_compile_internals()

"""Types of nodes: integers of x, named or not, and doubts about them."""

import pytest
import torch
from torch_geometric.data import Data

from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.scanning.state_types import StateTypes, node_column, node_doubt


def graph(x):
    return Data(x=x, edge_index=torch.tensor([[0], [1]]))


def nodes(kind):
    place = torch.arange(len(kind))
    zero = torch.zeros_like(place)
    ends = place.expand(2, -1)
    return EdgeIdentity(ends, place, zero, kind, zero.expand(2, -1), of="node")


def types(x, names=None, passed=("x",)):
    return StateTypes([graph(x)], names, None, added=False, passed=lambda _: passed)


def test_integers_are_numbered_in_their_order():
    x = torch.tensor([9, 2, 9, 4])
    found = types(x)
    assert found.names == ("type 2", "type 4", "type 9")
    assert found.number(nodes(x)).tolist() == [2, 0, 2, 1]
    assert found.source == "x"


def test_the_first_of_several_is_the_type_and_said_to_be():
    found = types(torch.tensor([[6, 1], [8, 2]]))
    assert found.names == ("type 6", "type 8")
    with pytest.warns(
        EdgescopeWarning, match="column 0 of 2 of x was taken for the type of a node"
    ):
        found.number(nodes(torch.tensor([6, 8])))


@pytest.mark.parametrize("x", [torch.rand(3, 2), torch.tensor([True, False, True])])
def test_what_is_no_integer_is_no_type(x):
    assert types(x).names == ("node",)
    assert node_column(graph(x), {}).values is None


def test_what_the_model_is_not_given_is_no_type():
    assert types(torch.tensor([1, 2]), passed=("pos",)).names == ("node",)


def test_names_in_order_of_value():
    found = types(torch.tensor([1, 0]), ["C", "N"])
    assert found.names == ("C", "N")
    assert found.number(nodes(torch.tensor([1, 0]))).tolist() == [1, 0]
    with pytest.raises(InputError, match=r"received 2 node_type_names.*inputs=\{'x': ...\}"):
        types(torch.rand(2, 1), ["C", "N"]).number(nodes(torch.zeros(2))._replace(edge_type=None))


def test_numbers_of_nodes_are_too_many_types():
    x = torch.arange(300)
    with pytest.raises(InputError, match=r"type of node.*node_type_names=\(\)"):
        types(x).number(nodes(x))
    assert types(x, ()).number(nodes(x)).tolist() == [0] * 300


@pytest.mark.parametrize(
    ("kinds", "size", "doubted"),
    [(4, 4, False), (5, 9, True), (5, 10, False), (118, 236, False), (119, 10_000, True)],
)
def test_many_different_integers_are_doubtful(kinds, size, doubted):
    column = node_column(graph(torch.arange(size)), {})
    assert bool(node_doubt(column, kinds, size)) == doubted

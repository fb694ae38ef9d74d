"""Nodes of different types have different numbers, and only one node and itself make a loop."""

import torch
from torch_geometric.data import HeteroData

from edgescope.capturing import EdgeIdentity
from edgescope.capturing.node_sets import NodeTypes

RELATIONS = ("a likes b", "b likes a", "a knows a")


def rows(*edges):
    """Return rows as (relation, source, target)."""
    relation, source, target = torch.tensor(edges).T
    none = torch.zeros_like(source)
    ends = torch.stack([source, target])
    offset = torch.zeros_like(ends)
    return EdgeIdentity(ends, none, none, relation, offset, RELATIONS, relation)


def sets():
    data = HeteroData()
    for name in RELATIONS:
        data[tuple(name.split())].edge_index = torch.zeros(2, 0, dtype=torch.long)
    return NodeTypes(data)


def test_the_same_number_of_two_types_is_two_nodes():
    identity = rows((0, 3, 3), (1, 3, 3), (2, 3, 3), (2, 3, 1))
    sender = sets().sender(identity).tolist()
    assert sender[0] == sender[2] == sender[3] != sender[1]
    joined = sets().softmax(identity, joined=True).tolist()
    assert joined[1] == joined[2] != joined[0]
    assert len({joined[3], *joined}) == 3
    apart = sets().softmax(identity, joined=False).tolist()
    assert len(set(apart)) == 4


def test_rows_say_whether_their_ends_are_of_two_types():
    assert sets().differ(rows((0, 1, 1), (2, 1, 1))).tolist() == [True, False]
    assert sets().differ(rows((0, 1, 1), (1, 1, 1))) is True
    assert sets().differ(rows((2, 1, 1), (2, 1, 2))) is False
    assert sets().differ(rows((2, 1, 1))._replace(relation=None, relations=None)) is None


def test_types_are_read_off_the_names_where_the_batch_does_not_say_them():
    assert NodeTypes(None).differ(rows((0, 1, 1), (2, 1, 1))).tolist() == [True, False]

"""The relation that a layer works on: told by the edges it is given, or by whole keys."""

import warnings

import pytest
import torch
from torch import nn
from torch_geometric.nn import HeteroConv, to_hetero
from torch_geometric.nn import TransformerConv as Conv

import edgescope as es
from edgescope.lib.errors import InputError
from support.hetero_cases import columns

# Every relation has the same edges, so that nothing but its name tells it from another.
EDGES = columns([(0, 1), (1, 0), (0, 1), (1, 0)])
REFUSED = "no key of a ModuleDict or HeteroConv that holds the layer names one of these relations"


def conv():
    return Conv((4, 4), 2)


class Model(nn.Module):
    """Calls a HeteroConv, or the layers of a dictionary, each with the edges it is told."""

    def __init__(self, layers, *, copies=False):
        super().__init__()
        self.layers = layers
        self.copies = copies

    def forward(self, x_dict, edge_index_dict, of=None):
        if self.copies:
            edge_index_dict = {r: edges.clone() for r, edges in edge_index_dict.items()}
        if of is None:
            return self.layers(x_dict, edge_index_dict)
        return [
            self.layers[key]((x_dict[r[0]], x_dict[r[2]]), edge_index_dict[r])
            for key, r in of.items()
        ]


def captured(model, relations, edges=None, **options):
    """Return the number of the relation at every site of logits, in the order of the calls."""
    kinds = {kind for relation in relations for kind in (relation[0], relation[2])}
    x = {kind: torch.randn(2, 4) for kind in sorted(kinds)}
    edges = edges or {relation: EDGES.clone() for relation in relations}
    found = []
    with es.capture(model, "*:logit", reduce=found.append):
        model(x, edges, **options)
    assert all(each.edge_type.unique().numel() == 1 for each in found)
    assert all(each.input_edge.tolist() == [0, 1, 2, 3] for each in found)
    return [int(each.edge_type[0]) for each in found]


SIMILAR = [
    [("a", "to", "b"), ("a", "to", "bb"), ("aa", "to", "b"), ("a", "to_b", "b")],
    [("a_b", "x", "c"), ("a", "b_x", "c"), ("a", "b", "x_c")],
    [("a", "to", "b"), ("b", "to", "a"), ("a", "rev_to", "b")],
]


@pytest.mark.filterwarnings("ignore:There exist node types")
@pytest.mark.parametrize("relations", SIMILAR)
@pytest.mark.parametrize("copies", [False, True])
def test_similar_names_are_told_apart_in_a_hetero_conv(relations, copies):
    layers = HeteroConv({relation: conv() for relation in reversed(relations)})
    model = Model(layers, copies=copies)
    assert captured(model, relations) == list(reversed(range(len(relations))))


@pytest.mark.parametrize("relations", SIMILAR)
@pytest.mark.parametrize("copies", [False, True])
def test_similar_names_are_told_apart_in_a_dictionary_of_joined_names(relations, copies):
    joined = {"__".join(relation): relation for relation in relations}
    model = Model(nn.ModuleDict({key: conv() for key in joined}), copies=copies)
    assert captured(model, relations, of=joined) == list(range(len(relations)))


@pytest.mark.filterwarnings("ignore:There exist node types")
@pytest.mark.parametrize("relations", SIMILAR)
def test_similar_names_are_told_apart_after_to_hetero(relations):
    class Homogeneous(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv()

        def forward(self, x, edge_index):
            return self.conv(x, edge_index.clone())  # so that keys alone tell

    kinds = sorted({kind for relation in relations for kind in (relation[0], relation[2])})
    model = to_hetero(Homogeneous(), (kinds, relations))
    # It calls the layers in an order of its own.
    sites = [site.name for site in _sites(model)]
    expected = [f"conv.{'__'.join(relation)}:logit" for relation in relations]
    assert sites == expected
    assert sorted(captured(model, relations)) == list(range(len(relations)))
    for number, name in enumerate(expected):
        with es.capture(model, name) as tape:
            model(
                {kind: torch.randn(2, 4) for kind in kinds},
                {relation: EDGES.clone() for relation in relations},
            )
        assert (tape[name].edge_type == number).all()


def _sites(model):
    from edgescope.capturing.sites import find_sites

    return [site for site in find_sites(model) if site.stage == "logit"]


# Both join to "a__b_c__a" where to_hetero makes names of them.
COLLIDING = [("a", "b-c", "a"), ("a", "b_c", "a")]


@pytest.mark.parametrize("copies", [False, True])
def test_relations_with_the_same_joined_name_are_told_by_their_edges(copies):
    model = Model(nn.ModuleDict({"a__b_c__a": conv()}), copies=copies)
    for number, relation in enumerate(COLLIDING):
        assert captured(model, COLLIDING, of={"a__b_c__a": relation}) == [number]


def test_relations_with_the_same_joined_name_and_one_tensor_are_refused():
    model = Model(nn.ModuleDict({"a__b_c__a": conv()}))
    with pytest.raises(InputError, match=f"a b-c a, a b_c a are one tensor.*{REFUSED} and no"):
        captured(model, COLLIDING, dict.fromkeys(COLLIDING, EDGES), of={"a__b_c__a": COLLIDING[0]})


def test_where_to_hetero_mixes_up_relations_the_rows_are_of_the_edges_it_used():
    class Homogeneous(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = conv()

        def forward(self, x, edge_index):
            return self.conv(x, edge_index)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about characters in names, which PyG warns of
        model = to_hetero(Homogeneous(), (["a"], COLLIDING))
    used = []
    (layer,) = model.conv.values()
    layer.register_forward_pre_hook(lambda _, args: used.append(args[1]))
    edges = {relation: EDGES.clone() for relation in COLLIDING}
    given = list(edges.values())
    found = captured(model, COLLIDING, edges)
    expected = [[each is edge_index for each in given].index(True) for edge_index in used]
    assert found == expected


@pytest.mark.parametrize("copies", [False, True])
def test_a_layer_that_relations_share_is_told_by_its_edges(copies):
    relations = [("a", "r", "a"), ("a", "s", "a")]
    model = Model(HeteroConv(dict.fromkeys(relations, conv())), copies=copies)
    assert captured(model, relations) == [0, 1]


def test_a_layer_that_relations_share_is_refused_where_they_are_one_tensor():
    relations = [("a", "r", "a"), ("a", "s", "a")]
    model = Model(HeteroConv(dict.fromkeys(relations, conv())))
    with pytest.raises(InputError, match=REFUSED):
        captured(model, relations, dict.fromkeys(relations, EDGES))


def test_a_hetero_conv_that_is_used_for_two_layers_keeps_its_keys():
    relations = [("a", "r", "a"), ("a", "s", "a")]
    shared = HeteroConv({relation: conv() for relation in relations})
    model = Model(HeteroLayers(shared, shared), copies=True)
    assert captured(model, relations) == [0, 1, 0, 1]


class HeteroLayers(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x_dict, edge_index_dict):
        return [layer(x_dict, edge_index_dict) for layer in self.layers]


def test_relations_that_share_a_tensor_are_told_by_keys():
    relations = [("a", "r", "a"), ("a", "s", "a")]
    model = Model(HeteroConv({relation: conv() for relation in relations}))
    assert captured(model, relations, dict.fromkeys(relations, EDGES)) == [0, 1]


def test_a_key_of_another_relation_does_not_tell_relations_that_share_a_tensor():
    relations = [("a", "r", "a"), ("a", "s", "a"), ("a", "t", "a")]
    edges = dict.fromkeys(relations[:2], EDGES) | {relations[2]: EDGES.clone()}
    model = Model(nn.ModuleDict({"a__t__a": conv()}))
    with pytest.raises(InputError, match=REFUSED):
        captured(model, relations, edges, of={"a__t__a": relations[0]})


def test_the_very_tensor_counts_more_than_a_key():
    relations = [("a", "r", "a"), ("a", "s", "a")]
    model = Model(nn.ModuleDict({"a__r__a": conv()}))
    assert captured(model, relations, of={"a__r__a": relations[1]}) == [1]


@pytest.mark.parametrize("key", ["a", "r", "a__r__a__", "x_a__r__a", "a_r_a", "a__r"])
def test_a_part_of_a_name_is_no_name(key):
    relations = [("a", "r", "a"), ("a", "s", "a")]
    model = Model(nn.ModuleDict({key: conv()}))
    with pytest.raises(InputError, match=REFUSED):
        captured(model, relations, dict.fromkeys(relations, EDGES), of={key: relations[0]})


def test_the_innermost_key_counts():
    relations = [("a", "r", "a"), ("a", "s", "a")]
    inner = HeteroConv({relation: conv() for relation in relations})

    class PerTask(Model):
        def forward(self, x_dict, edge_index_dict):
            return self.layers["a__r__a"](x_dict, edge_index_dict)

    edges = dict.fromkeys(relations, EDGES)
    assert captured(PerTask(nn.ModuleDict({"a__r__a": inner})), relations, edges) == [0, 1]


def test_a_graph_whose_relations_are_joined_on_the_way_is_refused():
    class Joins(Model):
        def forward(self, x_dict, edge_index_dict):
            return self.layers(x_dict["a"], torch.cat(list(edge_index_dict.values()), dim=1))

    with pytest.raises(InputError, match="edges of several inputs at once, a r a, a s a"):
        captured(Joins(Conv(4, 2)), [("a", "r", "a"), ("a", "s", "a")])

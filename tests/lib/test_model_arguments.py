"""What a model gets of a batch, whatever its ``forward`` looks like."""

from itertools import combinations_with_replacement
from typing import Annotated, Any, Optional, Union

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.nn import GAT, GCN, GIN, PNA, GraphSAGE

from edgescope.lib.errors import InputError
from edgescope.lib.model_arguments import WHOLE_BATCH, arguments_for
from edgescope.lib.model_call import BY_CALL, NotedCall, call_model, said_arguments
from edgescope.lib.signature import WHOLE_NAMES, bound_call, inner_model

GRAPH = Data(
    x=torch.ones(3, 2),
    edge_index=torch.tensor([[0, 1], [1, 2]]),
    edge_attr=torch.ones(2, 4),
    edge_weight=torch.ones(2),
    y=torch.zeros(1),
)
BATCH = Batch.from_data_list([GRAPH, GRAPH])
BATCH.graph = torch.tensor([4, 9])


class MyData(Data):
    """A class of graphs of one's own."""


class Given(nn.Module):
    """Returns what it was called with."""

    def seen(self, **values):
        return values


def module(source):
    """A model with a ``forward`` of this source."""
    names = {
        "Data": Data, "Batch": Batch, "HeteroData": HeteroData, "MyData": MyData,
        "Optional": Optional, "Union": Union, "Annotated": Annotated, "Any": Any, "Tensor": Tensor,
        "torch": torch, "torch_geometric": __import__("torch_geometric"),
    }  # fmt: skip
    exec(f"def forward(self, {source}): return dict(locals())", names)  # noqa: S102
    return type("Model", (nn.Module,), {"forward": names["forward"]})()


def as_given(value):
    """Return the batch itself for the copy of it that a model is given, which it may write to."""
    return BATCH if type(value) is type(BATCH) and value.x is BATCH.x else value


def called(source, batch=BATCH):
    found = call_model(module(source), batch)
    return {name: as_given(value) for name, value in found.items() if name != "self"}


ANNOTATIONS = [
    "",
    ": Any",
    ": Data",
    ": Batch",
    ": MyData",
    ": torch_geometric.data.Batch",
    ": 'Data'",
    ": 'Batch | None'",
    ": 'torch_geometric.data.Data'",
    ": 'Optional[Data]'",
    ": Optional[Batch]",
    ": Union[Data, HeteroData]",
    ": Data | None",
    ": Annotated[Data, 'a graph']",
    ": 'NotImported | Batch'",
]
REST = [
    "",
    ", return_attention=False",
    ", *, edge_attr=None",
    ", *args, **kwargs",
    ", edge_index=None",
]


@pytest.mark.parametrize("name", sorted(WHOLE_NAMES | {"inputs", "sample", "x"}))
@pytest.mark.parametrize("annotation", ANNOTATIONS)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("", ", /"), ("*, ", "")])
def test_the_only_required_argument_gets_the_batch_if_it_is_named_or_annotated_so(
    name, annotation, before, after
):
    whole = name != "x" or annotation not in {"", ": Any"}
    for rest in REST:
        if before and rest.startswith((", *,", ", *args")):
            continue
        found = called(f"{before}{name}{annotation}{after}{rest}")
        assert found[name] is (BATCH if whole else BATCH.x)
        assert found.get("edge_index") is None or not whole


@pytest.mark.parametrize("annotation", [": Tensor", ": 'Tensor'", ": Optional[Tensor]"])
def test_an_argument_that_is_said_to_be_a_tensor_gets_the_tensor(annotation):
    assert called(f"batch{annotation}")["batch"] is BATCH.batch
    with pytest.raises(InputError, match="needs data, which the batch lacks"):
        called(f"data{annotation}")


def test_an_annotated_argument_among_others_gets_the_batch():
    found = called("x, data: Data, edge_attr=None")
    assert (found["x"], found["data"], found["edge_attr"]) == (BATCH.x, BATCH, None)
    with pytest.raises(InputError, match="annotate data as torch_geometric"):
        called("x, data")


@pytest.mark.parametrize(
    "source", ["data=None", "batch: Batch = None", "g: 'Optional[Data]' = None"]
)
def test_an_only_argument_with_a_default_may_ask_for_the_batch(source):
    assert next(iter(called(source).values())) is BATCH


def test_optional_arguments_that_are_all_attributes_are_filled_one_by_one():
    found = called("x=None, edge_index=None, batch=None, pos=7")
    assert (found["x"], found["batch"], found["pos"]) == (BATCH.x, BATCH.batch, 7)


@pytest.mark.parametrize("kinds", list(combinations_with_replacement("pkw", 3)))
def test_arguments_of_every_kind_are_put_where_they_must_be(kinds):
    names = ["x", "missing=5", "edge_index=None"]
    parts, star = [], False
    for name, kind in zip(names, kinds, strict=True):
        if kind == "w" and not star:
            parts.append("*")
            star = True
        parts.append(name)
    last = max((i for i, kind in enumerate(kinds) if kind == "p"), default=None)
    if last is not None:
        parts.insert(last + 1, "/")
    found = called(", ".join(parts))
    assert (found["x"], found["missing"]) == (BATCH.x, 5)
    assert found["edge_index"] is BATCH.edge_index


def test_neither_the_target_nor_the_positions_are_given_to_optional_arguments():
    found = called("x, edge_index, y=None, graph=None, batch_size=None")
    assert (found["y"], found["graph"], found["batch_size"]) == (None, None, 2)
    assert called("x, edge_index, y")["y"] is BATCH.y


def test_the_number_of_seeds_of_a_part_is_not_taken_for_the_number_of_graphs():
    part = Data(x=torch.ones(3, 2), edge_index=GRAPH.edge_index, batch_size=2)
    assert called("x, edge_index, batch_size=None", part)["batch_size"] is None


def test_a_single_graph_has_a_batch_of_zeros_where_one_is_required():
    graph = Data(x=torch.ones(3, 2), edge_index=GRAPH.edge_index)
    assert called("x, edge_index, batch", graph)["batch"].tolist() == [0, 0, 0]
    assert called("x, edge_index, batch=None", graph)["batch"] is None
    hetero = HeteroData()
    hetero["a"].x, hetero["b"].x = torch.ones(2, 1), torch.ones(3, 1)
    found = called("x_dict, batch_dict", hetero)["batch_dict"]
    assert {kind: each.tolist() for kind, each in found.items()} == {"a": [0, 0], "b": [0, 0, 0]}


MODELS = {
    "GATv2 without edge_dim": (lambda: GAT(2, 4, 2, v2=True), {"edge_attr", "edge_weight"}),
    "GATv2 with edge_dim": (lambda: GAT(2, 4, 2, v2=True, edge_dim=4), {"edge_weight"}),
    "GAT without edge_dim": (lambda: GAT(2, 4, 2), {"edge_attr", "edge_weight"}),
    "GCN": (lambda: GCN(2, 4, 2), {"edge_attr"}),
    "GraphSAGE": (lambda: GraphSAGE(2, 4, 2), {"edge_attr", "edge_weight"}),
    "GIN": (lambda: GIN(2, 4, 2), {"edge_attr", "edge_weight"}),
    "PNA with edge_dim": (
        lambda: PNA(
            2,
            4,
            2,
            aggregators=["mean"],
            scalers=["identity"],
            deg=torch.ones(4).long(),
            edge_dim=4,
        ),
        {"edge_weight"},
    ),
}


@pytest.mark.parametrize(("make", "left_out"), MODELS.values(), ids=MODELS)
def test_models_of_pyg_get_what_they_say_they_can_take(make, left_out):
    model = make().eval()
    said = set(arguments_for(model, BATCH).said)
    offered = {"x", "edge_index", "edge_attr", "edge_weight", "batch", "batch_size"}
    assert said == offered - left_out
    call_model(model, BATCH)


def test_an_assertion_of_a_layer_without_edge_features_is_explained():
    from torch_geometric.nn import GATv2Conv

    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = GATv2Conv(2, 3)

        def forward(self, x, edge_index, edge_attr=None):
            return self.layer(x, edge_index, edge_attr)

    with pytest.raises(InputError, match=r"layer takes no edge features.*without edge_dim"):
        call_model(Own(), BATCH)


def test_an_assertion_of_the_models_own_is_passed_on():
    class Strict(nn.Module):
        def forward(self, x, edge_attr):  # noqa: ARG002  (it stops at once)
            raise AssertionError("mine")

    with pytest.raises(AssertionError, match="mine"):
        call_model(Strict(), BATCH)


class Wrapper(nn.Module):
    def __init__(self, inside, name="net"):
        super().__init__()
        self.add_module(name, inside)
        self.name = name

    def forward(self, *args, **kwargs):
        return getattr(self, self.name)(*args, **kwargs)


class Positional(Wrapper):
    def forward(self, *args):
        return getattr(self, self.name)(*args)


class Keywords(Wrapper):
    def forward(self, **kwargs):
        return getattr(self, self.name)(**kwargs)


class BesideALoss(Wrapper):
    def __init__(self, inside):
        super().__init__(inside)
        self.loss = nn.CrossEntropyLoss()
        self.norm = nn.LayerNorm(3)


WRAPPERS = {
    "*args, **kwargs": Wrapper,
    "*args": Positional,
    "**kwargs": Keywords,
    "module": lambda inside: Wrapper(inside, "module"),
    "twice": lambda inside: Positional(Wrapper(inside)),
    "beside a loss": BesideALoss,
    "DataParallel": nn.DataParallel,
}


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
@pytest.mark.parametrize(
    "source",
    ["data", "batch", "x, edge_index, batch", "x, missing=3, edge_index=None, *, edge_attr=None"],
)
def test_wrappers_are_called_with_what_the_model_inside_takes(wrapper, source):
    model = module(source)
    wrapped = wrapper(model)
    if wrapper is Positional and "*" in source:
        pytest.skip("such a wrapper cannot hand a keyword on")
    expected = call_model(model, BATCH)
    try:
        found = call_model(wrapped, BATCH)
    except TypeError:
        assert "edge_attr" in source  # by position alone there is no way
        assert "twice" in [name for name, each in WRAPPERS.items() if each is wrapper]
        return
    assert found.keys() == expected.keys()
    names = [name for name in found if name != "self"]
    assert all(as_given(found[name]) is as_given(expected[name]) for name in names)
    assert inner_model(wrapped)[1] is model
    arguments = arguments_for(wrapped, BATCH)
    named = bound_call(wrapped, arguments.args, arguments.kwargs)
    assert named
    assert all(as_given(value) is as_given(expected[name]) for name, value in named.items())


def test_a_wrapper_of_several_models_is_refused_with_what_to_pass():
    wrapped = Wrapper(module("data"))
    wrapped.other = module("x, edge_index")
    with pytest.raises(InputError, match=r"is not certain \(net, other\).*pass that module"):
        call_model(wrapped, BATCH)
    assert bound_call(wrapped, (1,), {"b": 2}) == {"args": (1,), "kwargs": {"b": 2}}


def test_a_wrapper_that_makes_other_arguments_names_its_own():
    class Repeated(Wrapper):
        def forward(self, *args):
            return self.net(*args, *args)

    wrapped = Repeated(module("x, edge_index"))
    assert bound_call(wrapped, (1,), {}) == {"args": (1,)}


def test_a_module_without_a_forward_names_the_one_inside():
    class Training(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = module("data")

    with pytest.raises(InputError, match=r"Training has no forward of its own; pass model\.model"):
        call_model(Training(), BATCH)


def test_a_wrapper_that_takes_lists_of_graphs_is_refused():
    class DataParallel(nn.Module):  # as PyG's, which needs a GPU
        def __init__(self, inside):
            super().__init__()
            self.module = inside

        def forward(self, data_list):
            return self.module(Batch.from_data_list(data_list))

    with pytest.raises(InputError, match="takes a list of graphs rather than a batch; pass model"):
        call_model(DataParallel(module("data")), BATCH)


def test_a_noted_call_says_what_was_passed():
    noted = NotedCall(call_model)
    noted(module("x, edge_index, pos=None"), BATCH)
    assert noted.arguments == ("x", "edge_index")
    noted(module("batch"), BATCH)
    assert noted.arguments == ("x", "edge_index", WHOLE_BATCH)
    own = NotedCall(lambda model, batch: model(batch))
    own(module("batch"), BATCH)
    assert own.arguments == (BY_CALL,)
    assert said_arguments(own.arguments) == "called as call= says"
    assert said_arguments(("x", "edge_index")) == "called with x, edge_index"
    assert said_arguments(()) == ""

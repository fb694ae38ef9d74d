"""Choosing sites, reducing their activations as they come, and the budget of a tape."""

import gc
import weakref
from collections import Counter

import pytest
import torch
from torch import nn
from torch_geometric.nn import GATConv, GATv2Conv, GCNConv

import edgescope as es
from edgescope.capturing import MessagePassingAdapter
from edgescope.capturing.sites import find_sites
from edgescope.lib.errors import InputError
from support.layer_cases import CASES, RELATIONS
from support.situations import prepare

STAGES = ("score", "logit", "weight", "message")


class Model(nn.Module):
    """Eight layers that can be captured, and one that cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([GATv2Conv(8, 4, heads=2) for _ in range(8)])
        self.last = GCNConv(8, 8)

    def forward(self, x, edge_index):
        for conv in self.convs:
            x = conv(x, edge_index)
        return self.last(x, edge_index)


EDGES = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
ROWS = 8  # the edges and a self-loop per node


def run(model):
    with torch.no_grad():
        model(torch.ones(4, 8), EDGES)


def chosen(sites):
    model = Model()
    with es.capture(model, sites) as tape:
        run(model)
    assert all(tape[site].site == site for site in tape.sites)
    return tape.sites


def test_all_sites_are_taken_in_the_order_of_the_model():
    assert chosen(None) == [f"convs.{n}:{stage}" for n in range(8) for stage in STAGES]


def test_a_site_is_chosen_by_name():
    assert chosen("convs.3:weight") == ["convs.3:weight"]


def test_sites_are_chosen_by_pattern():
    assert chosen("convs.[26]:*") == [f"convs.{n}:{stage}" for n in (2, 6) for stage in STAGES]
    assert chosen("*:logit") == [f"convs.{n}:logit" for n in range(8)]


def test_several_patterns_give_each_site_once_in_the_order_of_the_model():
    found = chosen(["convs.7:weight", "convs.[07]:weight", "convs.0:logit"])
    assert found == ["convs.0:logit", "convs.0:weight", "convs.7:weight"]


def test_sites_are_chosen_by_a_function():
    found = chosen(lambda site: site.has_vectors and isinstance(site.layer, GATv2Conv))
    assert found == [f"convs.{n}:{stage}" for n in range(8) for stage in ("score", "message")]


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ("convs.9:*", r"no site matches 'convs.9:\*'; the model's sites are: convs.0:score, "),
        (["convs.0:*", "x"], "no site matches 'x'; the model's sites are: convs.0:score, "),
        ("convs.0", "no site matches 'convs.0'; the model's sites are: "),
        ([], "sites= is empty; the model's sites are: convs.0:score, "),
        (lambda _: False, "sites= took none of the model's 32 sites: convs.0:score, "),
    ],
)
def test_a_choice_of_nothing_is_refused_with_the_sites_there_are(sites, message):
    with pytest.raises(InputError, match=message):
        chosen(sites)


@pytest.mark.parametrize("pattern", ["last", "last:weight", "la*:*"])
def test_a_pattern_for_a_refused_layer_gives_its_reason(pattern):
    with pytest.raises(InputError) as error:
        chosen(pattern)
    assert "; last: no adapter knows this layer; write one and register it" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_path_with_brackets_is_matched_as_it_is_written():
    model = nn.ModuleDict({"[a]": GATConv(8, 8)})
    with es.capture(model, "[a]:weight") as tape:
        assert tape.sites == ["[a]:weight"]


def test_what_reduce_returns_takes_the_place_of_the_activations_in_the_order_of_layers():
    model, seen = Model(), []

    def reduce(activations):
        seen.append(activations.site)
        return activations.values.shape

    with es.capture(model, reduce=reduce) as tape:
        run(model)
    assert seen == tape.sites
    assert tape["convs.5:message"] == (ROWS, 2, 4)


def test_nothing_larger_than_the_activations_of_one_layer_stays_alive_with_reduce():
    model = Model()
    alive, counts = {}, {}

    def reduce(activations):
        path, _, stage = activations.site.partition(":")
        assert not [other for other in alive if alive[other]() is not None and other[0] != path]
        alive[path, stage] = weakref.ref(activations.values)
        counts.setdefault(stage, []).append(
            sum(
                issubclass(type(each), torch.Tensor) and each.dim() > 1 and len(each) == ROWS
                for each in gc.get_objects()
            )
        )

    gc.freeze()  # what is there already need not be gone through for every site
    try:
        with es.capture(model, reduce=reduce):
            run(model)
    finally:
        gc.unfreeze()
    # From the second layer on, each finds the same number of tensors as the one before.
    assert all(len(set(numbers[1:])) == 1 for numbers in counts.values())


def test_without_reduce_every_site_stays_on_the_tape_and_is_not_changed_by_the_model():
    class InPlace(Model):
        def forward(self, x, edge_index):
            found = self.convs[0](x, edge_index)
            self.message.zero_()
            return found

    model = InPlace()
    model.convs[0].register_message_forward_hook(
        lambda _, __, message: setattr(model, "message", message)
    )
    with es.capture(model, "convs.0:message") as tape:
        run(model)
    assert model.message.eq(0).all()
    assert tape["convs.0:message"].values.abs().sum() > 0


BYTES = ROWS * 2 * 4 * torch.float32.itemsize  # of one score or message


def test_a_tape_takes_exactly_its_budget():
    model = Model()
    with es.capture(model, "*:score", max_bytes=8 * BYTES) as tape:
        run(model)
        run(model)  # the second pass replaces the first
    assert tape["convs.7:score"].values.numel() * 4 == BYTES


def test_a_tape_beyond_its_budget_is_refused_with_the_remedies():
    model = Model()
    with (
        pytest.raises(InputError) as error,
        es.capture(model, "*:score", max_bytes=8 * BYTES - 1) as tape,
    ):
        run(model)
    message = str(error.value)
    assert "the tape would hold 0.0 MiB with convs.7:score, more than max_bytes = " in message
    assert message.endswith(
        "; capture fewer sites with sites=, reduce the activations as they come with reduce=, or "
        "allow more with max_bytes="
    )
    held = [tape[f"convs.{n}:score"].values for n in range(7)]
    assert sum(values.numel() * values.element_size() for values in held) == 7 * BYTES
    with pytest.raises(KeyError):
        tape["convs.7:score"]


def test_what_is_reduced_does_not_count_against_the_budget():
    model = Model()
    with es.capture(model, reduce=lambda found: found.values.mean(), max_bytes=0) as tape:
        run(model)
    assert tape["convs.7:score"].dim() == 0


MESSAGE_PASSING = [
    (case, found.stage)
    for case in CASES
    for found in find_sites(case.build())
    if isinstance(getattr(found, "adapter", None), MessagePassingAdapter)
    and found.path == case.first
]


@pytest.mark.parametrize(
    ("case", "stage"), MESSAGE_PASSING, ids=[f"{case.name}: {s}" for case, s in MESSAGE_PASSING]
)
def test_nothing_beyond_the_wanted_stage_is_computed_and_nothing_in_other_layers(
    case, stage, monkeypatch
):
    model, inputs = prepare(case)
    adapter = next(f.adapter for f in find_sites(model) if f.path == case.first)
    computed = []

    def spy(name, method, layer, call):
        computed.append((name, layer))
        return method(layer, call)

    for name in adapter.stages:
        method = getattr(adapter, name)
        monkeypatch.setattr(
            adapter, name, lambda *a, name=name, method=method: spy(name, method, *a), raising=True
        )
    with es.capture(model, f"{case.first}:{stage}"):
        model(**inputs)
    assert computed[0][0] == stage
    times = len(RELATIONS) if case.name == "HANConv" else 1  # one softmax per relation
    assert set(Counter(computed).values()) == {times}
    assert {layer for _, layer in computed} == {model.get_submodule(case.first)}
    order = list(adapter.stages)
    assert all(order.index(name) <= order.index(stage) for name, _ in computed)

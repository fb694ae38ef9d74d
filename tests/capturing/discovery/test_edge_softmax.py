"""The weight that is discovered is the one that the program used, or nothing is."""

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from support import traces
from support.attention_programs import (
    DECOYS,
    OTHER_SHARES,
    SOFTMAXES,
    Graph,
    Program,
    graphs,
    programs,
)

ANY = [*sorted(SOFTMAXES), *OTHER_SHARES]
BY_HEAD = {"loop", "sparse"}


def plain_graph() -> Graph:
    """Return a multigraph in which nothing is alike by chance."""
    random = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(5, 2, 3, generator=random) for _ in range(3))
    source = torch.tensor([0, 1, 2, 0, 3, 3, 1, 2])
    target = torch.tensor([1, 0, 0, 1, 3, 1, 0, 3])  # node 4 is isolated
    edge = torch.randn(8, 2, generator=random)
    return Graph(q, k, v, edge, source, target, torch.tensor([0, 0, 0, 1, 1]))


def assert_is_used(program: Program, graph: Graph, read: list[traces.Reading]) -> None:
    """Check every reading along edges; a read-out has no source."""
    order = program.order(graph)
    weight, logit = program.weights(graph)[order], program.logits(graph)[order]
    message = weight[..., None] * graph.v[graph.source].double()[order]
    summed = logit
    if program.share == "clamped":
        logit = logit.clamp(-1, 1)
    heads = list(range(weight.size(1)))
    wanted = [[head] for head in heads] if program.share in BY_HEAD else [heads]
    for each in (one for one in read if one.source is not None):
        assert torch.equal(each.target, graph.target[order])
        assert torch.equal(each.source, graph.source[order])
        assert any(
            is_close(each.stages["weight"], weight[:, own])
            and is_close(each.stages.get("logit"), logit[:, own])
            and is_close(each.stages.get("message"), message[:, own])
            and (program.bias or is_close(total(each.stages.get("score")), summed[:, own]))
            for own in wanted
        ), f"{each.kind} is not what {program} used"


def is_close(found: Tensor | None, wanted: Tensor) -> bool:
    """Return whether a stage is what is wanted, or was not found."""
    if found is None:
        return True
    found, wanted = found.double().flatten(1), wanted.flatten(1)
    return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-4, atol=1e-5)


def total(score: Tensor | None) -> Tensor | None:
    return None if score is None else score.sum(-1)


@settings(max_examples=400, deadline=None)
@given(programs(), graphs())
def test_what_is_discovered_is_what_the_program_used(program, graph):
    assert_is_used(program, graph, traces.of_run(lambda: program(graph)))


@pytest.mark.parametrize("share", ANY)
@pytest.mark.parametrize("logit", ["mul", "einsum", "matmul", "additive"])
@pytest.mark.parametrize("add", ["index_add", "scatter_add", "scatter_reduce", "index_put"])
def test_every_way_to_write_it_is_found(share, logit, add):
    graph = plain_graph()
    program = Program("index", add, logit, share, True, 0.5, tuple(sorted(DECOYS)))
    read = traces.of_run(lambda: program(graph))
    assert_is_used(program, graph, read)
    along = [each for each in read if each.source is not None]
    assert len(along) == (2 if share in BY_HEAD else 1)
    assert all({"logit", "weight", "message"} <= set(each.stages) for each in along)


@pytest.mark.parametrize("decoy", sorted(DECOYS))
def test_what_is_no_attention_is_not_found(decoy):
    read = traces.of_run(lambda: DECOYS[decoy](plain_graph()))
    assert [each.kind for each in read if each.source is not None] == []

"""Chunk by chunk, a model computes what it computes at once."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import edgescope as es
from edgescope.large import LargeGraph, predict_large
from edgescope.large.forward import chunked
from support.large_cases import graphs, random_model

VARIANTS = st.fixed_dictionaries(
    {
        "residual": st.booleans(),
        "batch_norm": st.booleans(),
        "use_bias": st.booleans(),
        "num_layers": st.integers(1, 4),
        "readout": st.sampled_from(["mean", "sum", "node"]),
    }
)


ROUNDING = 5000
"""In units of the last place of the largest number: 500 is the most among 2000 random models."""


def assert_same(found, expected):
    """Equal but for rounding, which goes with the size of the largest number.

    Sums are taken in another order and norms are folded. A score is a product of three states, so
    errors grow threefold from layer to layer, as states grow from 1 to 10,000; and small numbers
    are differences of large ones, so that a number's own size says little.
    """
    largest = max(1.0, float(expected.abs().max())) if expected.numel() else 1.0
    rounding = ROUNDING * torch.finfo(expected.dtype).eps * largest
    torch.testing.assert_close(found, expected, rtol=0, atol=rounding)


def chunked_scores(model, x, graph):
    """Scores of every layer in the user's order of edges."""
    found = []
    with chunked(model, x, graph, 3, 1, progress=False) as forward:
        for number in range(len(model.layers)):
            scores = forward.node.new_empty(graph.num_edges, forward.node.size(1))

            def keep(chunk, score, scores=scores):
                scores[torch.from_numpy(graph.input_edge[chunk]).long()] = score

            forward.layer(number, keep)
            found.append(scores)
    return found


@pytest.mark.parametrize("features", [None, 3], ids=["types", "features"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@given(data=st.data(), options=VARIANTS, tile=st.integers(1, 5))
def test_scores_and_predictions_are_the_models_own(dtype, features, data, options, tile):
    x, edge_index, edge_attr = data.draw(graphs(features))
    edge_attr = edge_attr.to(dtype) if features else edge_attr
    model = random_model(dtype, features, **options)
    graph = LargeGraph.from_edge_index(edge_index, edge_attr, len(x), tile=tile)
    with torch.no_grad(), es.capture(model) as tape:
        expected = model(x, edge_index, edge_attr)
    assert_same(predict_large(model, x, graph), expected)
    for number, scores in enumerate(chunked_scores(model, x, graph)):
        captured = tape[f"layers.{number}.attention:score"].values.flatten(1)
        assert_same(scores, captured)


def test_another_limit_of_the_clamp_is_that_of_the_model():
    x, edge_index = torch.randint(0, 5, (30,)), torch.randint(0, 30, (2, 200))
    edge_attr, batch = torch.zeros(200).long(), torch.zeros(30).long()
    model = random_model(torch.float64, logit_limit=0.01)
    graph = LargeGraph.from_edge_index(edge_index, edge_attr, 30)
    with torch.no_grad():
        expected = model(x, edge_index, edge_attr, batch)
    torch.testing.assert_close(predict_large(model, x, graph), expected)
    assert not torch.allclose(
        random_model(torch.float64)(x, edge_index, edge_attr, batch), expected
    )


def test_the_number_of_threads_changes_no_bit():
    x, edge_index = torch.randint(0, 5, (30,)), torch.randint(0, 30, (2, 2000))
    graph = LargeGraph.from_edge_index(edge_index, torch.zeros(2000).long(), 30, tile=8)
    model = random_model()
    results = []
    for threads in (1, 2, 5):
        with chunked(model, x, graph, 3, threads, progress=False) as forward:
            for number in range(3):
                forward.layer(number, None)
            results.append(forward.node)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_a_head_without_finite_logit_leaves_the_others_alone():
    model = random_model(num_layers=1, batch_norm=False)
    with torch.no_grad():
        model.layers[0].attention.key.weight[0] = torch.nan
    x, edge_index = torch.tensor([0, 1, 2]), torch.tensor([[0, 1, 2], [1, 2, 0]])
    graph = LargeGraph.from_edge_index(edge_index, torch.tensor([0, 1, 2]), 3)
    with torch.no_grad():
        expected, _ = model.layers[0].attention(
            model.embed_nodes(x), model.embed_edges(torch.tensor([0, 1, 2])), edge_index
        )
    seen = []
    node_update = model.layers[0].node
    node_update.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[1].clone()))
    predict_large(model, x, graph)
    torch.testing.assert_close(seen[0], expected, equal_nan=True)
    assert expected[:, :4].isnan().all()
    assert expected[:, 4:].isfinite().all()

"""Measures of a change against PyG's where PyG has them, and against formulas where it has not."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm
from torch import nn
from torch_geometric.explain import Explainer, Explanation
from torch_geometric.explain.algorithm import DummyExplainer
from torch_geometric.explain.metric import characterization_score, fidelity, unfaithfulness
from torch_geometric.nn import GraphConv, global_add_pool

from edgescope.attribute.bonds import bonds, without_bonds
from edgescope.attribute.fidelity import Outputs, characterisation, predict
from edgescope.lib.errors import InputError
from support.judging_cases import TYPES, SumOfTypes, graph_dataset, simple_dataset


class Convolution(nn.Module):
    """A model whose messages PyG can mask: a mask of 0 is the edge's removal."""

    def __init__(self, outputs):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.last = GraphConv(2, 8), GraphConv(8, outputs)

    def forward(self, x, edge_index, batch):
        """Return logits ``[G, C]``."""
        features = torch.stack([torch.ones_like(x), x], 1).float()
        state = self.first(features, edge_index).tanh()
        return 3 * global_add_pool(self.last(state, edge_index), batch)


def of_pyg(model, dataset, kept):
    """Return PyG's fidelity and unfaithfulness, of every graph, for the edges that are kept."""
    explainer = Explainer(
        model,
        DummyExplainer(),
        explanation_type="model",
        edge_mask_type="object",
        model_config={
            "mode": "multiclass_classification",
            "task_level": "graph",
            "return_type": "raw",
        },
    )
    found = []
    for graph in range(len(dataset)):
        batch = dataset.batch([graph])
        first, last = dataset.edge_ptr[graph : graph + 2].tolist()
        with torch.no_grad():
            prediction = model(batch.x, batch.edge_index, batch.batch)
        explanation = Explanation(
            x=batch.x,
            edge_index=batch.edge_index,
            edge_mask=kept[first:last].float(),
            batch=batch.batch,
            target=prediction.argmax(1),
            prediction=prediction,
            _model_args=["batch"],
        )
        found.append((*fidelity(explainer, explanation), unfaithfulness(explainer, explanation)))
    return np.array(found).T


def test_label_and_unfaithful_equal_pygs_fidelity_and_unfaithfulness():
    dataset = simple_dataset(30, task="classes")
    model = Convolution(3)
    of = bonds(dataset)
    kept = (torch.rand(len(of.graph), generator=torch.Generator().manual_seed(1)) < 0.5).numpy()
    outputs = Outputs(predict(model, dataset), dataset.task)
    plus, minus = (
        outputs.against(predict(model, without_bonds(dataset, of, removed)))
        for removed in (kept, ~kept)
    )
    expected = of_pyg(model, dataset, torch.from_numpy(kept[of.edge]))
    assert 0 < plus["label"].mean() < 1
    assert plus["label"].tolist() == expected[0].tolist()
    assert minus["label"].tolist() == expected[1].tolist()
    np.testing.assert_allclose(minus["unfaithful"], expected[2], atol=2e-5)


@given(st.floats(0.01, 1), st.floats(0, 0.99), st.floats(0.1, 0.9))
def test_characterisation_equals_pygs(plus, minus, weight):
    pair = torch.tensor([plus], dtype=torch.float64), torch.tensor([minus], dtype=torch.float64)
    expected = float(characterization_score(*pair, weight, 1 - weight)) if weight == 0.5 else None
    found = characterisation(plus, minus, weight, 1 - weight)
    by_hand = 1 / (weight / plus + (1 - weight) / (1 - minus))
    assert found == pytest.approx(by_hand if expected is None else expected)


@pytest.mark.parametrize(("plus", "minus"), [(0, 0.5), (0.5, 1), (0, 1)])
def test_an_explanation_that_is_not_necessary_or_not_sufficient_scores_nothing(plus, minus):
    assert characterisation(plus, minus) == 0


def test_characterisation_takes_changes_beyond_one_standard_deviation_as_one():
    assert characterisation(5.0, 0.0) == 1
    assert characterisation(5.0, 3.0) == 0


def test_weights_that_do_not_add_up_to_one_are_refused():
    with pytest.raises(InputError, match="two that add up to 1"):
        characterisation(0.5, 0.5, 1, 1)


logits = st.floats(-8, 8).filter(lambda z: abs(z) > 1e-3)


@given(logits, logits)
def test_of_a_label_the_probability_of_the_predicted_one_counts(before, after):
    outputs = Outputs(torch.tensor([[0.0, before]], dtype=torch.float64), "labels", target=1)
    found = outputs.against(torch.tensor([[9.0, after]], dtype=torch.float64))
    p, q = expit(before), expit(after)
    drop = p - q if before > 0 else q - p
    divergence = q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
    assert found["drop"] == pytest.approx(drop, abs=1e-12)
    assert found["change"] == pytest.approx(abs(drop), abs=1e-12)
    assert found["label"] == ((before > 0) != (after > 0))
    assert found["unfaithful"] == pytest.approx(1 - math.exp(-divergence), abs=1e-12)


def test_changes_in_regression_are_in_standard_deviations_of_the_predictions():
    whole = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    found = Outputs(whole, "regression").against(torch.tensor([[1.5], [-1.0]]))
    assert found["change"].tolist() == [0.5, 4.0]
    assert set(found) == {"change", "unfaithful"}
    assert (
        Outputs(whole, "regression", scale=2.0).against(whole + 1)["change"].tolist() == [0.5] * 2
    )


def test_unfaithfulness_in_regression_is_the_divergence_of_normal_distributions():
    whole = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    found = Outputs(whole, "regression").against(torch.tensor([[1.0], [4.2]]))["unfaithful"]
    x = np.linspace(-12, 18, 200001)
    p, q = norm.logpdf(x, 4.2, 1), norm.logpdf(x, 3, 1)
    divergence = np.trapezoid(np.exp(p) * (p - q), x)
    assert found.tolist() == pytest.approx([0, 1 - math.exp(-divergence)])


def test_a_model_that_predicts_one_number_has_no_scale_and_is_refused():
    with pytest.raises(InputError, match="units of 0, the standard deviation"):
        Outputs(torch.ones(3, 1), "regression")


@pytest.mark.parametrize(
    ("task", "target", "message"),
    [(None, 0, "received the task None"), ("labels", 2, "received target=2 of a model with 2")],
)
def test_what_cannot_be_judged_is_refused(task, target, message):
    with pytest.raises(InputError, match=message):
        Outputs(torch.zeros(3, 2), task, target)


def test_predictions_do_not_depend_on_the_batches():
    dataset = simple_dataset(7)
    model = SumOfTypes(*range(TYPES))
    assert torch.equal(predict(model, dataset, batch_size=3), predict(model, dataset))


def test_predictions_that_are_not_finite_are_refused_and_their_graph_named():
    dataset = graph_dataset([(2, [(0, 1)], [0]), (2, [(0, 1)], [1])])
    with pytest.raises(InputError, match="for graph 1 of made up"):
        predict(SumOfTypes(0, math.inf, 0), dataset)

"""Which output is explained: one number per graph."""

import pytest
import torch

from edgescope.attribute.outputs import by_graph, choose_columns, explained, target_of
from edgescope.lib.errors import InputError
from support.attribution_cases import data_set


def batch():
    return data_set().batch(slice(None))


def test_classes_are_explained_by_the_one_predicted_and_others_by_the_first_column():
    assert [target_of(t) for t in ("classes", "labels", "regression", None)] == [
        "predicted", 0, 0, 0,
    ]  # fmt: skip


def test_predictions_of_nodes_are_summed_over_their_graph():
    given = batch()
    output = torch.arange(len(given.x), dtype=torch.float32).unsqueeze(1)
    expected = [float(output[given.batch == graph].sum()) for graph in range(5)]
    assert by_graph(output, given).squeeze(1).tolist() == expected


def test_a_flat_output_is_one_number_per_graph():
    assert by_graph(torch.arange(5.0), batch()).tolist() == [[0.0], [1], [2], [3], [4]]


def test_the_predicted_class_is_the_largest_logit():
    table = torch.tensor([[0.0, 2, 1], [3, 2, 1]])
    assert choose_columns(table, "predicted").tolist() == [1, 0]


def test_a_column_may_be_counted_from_the_end():
    assert choose_columns(torch.zeros(2, 3), -1).tolist() == [2, 2]


def test_columns_of_an_earlier_call_stay_though_another_class_wins():
    output = torch.tensor([[0.0, 9.0]] * 5)
    value, columns = explained(output, batch(), "predicted", torch.zeros(5, dtype=torch.long))
    assert value.tolist() == [0.0] * 5
    assert columns.tolist() == [0] * 5


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="target=3, but the model has 2 outputs"):
        choose_columns(torch.zeros(1, 2), 3)


@pytest.mark.parametrize("output", [(torch.zeros(5, 1), 1), torch.zeros(5, dtype=torch.long)])
def test_what_is_no_tensor_of_real_numbers_is_refused(output):
    with pytest.raises(InputError, match="take it out with call="):
        by_graph(output, batch())


def test_rows_that_are_neither_graphs_nor_nodes_are_refused():
    with pytest.raises(InputError, match=r"shape \[7, 1\] for 5 graphs of 15 nodes"):
        by_graph(torch.zeros(7, 1), batch())

"""What names a graph: read from batches, taken over, put into tables and written for people."""

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import Batch, Data

from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import TAKEN, GraphNames, column_name, from_file, label, to_file
from edgescope.lib.visible_text import LONGEST, visible

COLUMNS = st.sampled_from(["graph", "id_graph", "id_id_graph", "smiles", "edge", "mol_id", "", "é"])
TEXTS = st.dictionaries(st.integers(0, 9), st.text(st.characters(exclude_categories=["Cs"])))
NAMES = st.builds(GraphNames, TEXTS, st.dictionaries(COLUMNS, TEXTS))


def batch_of(**more):
    """Three graphs that PyG has joined."""
    edges = torch.tensor([[0, 1], [1, 0]])
    graphs = [
        Data(x=torch.ones(2, 1), edge_index=edges, **{k: v[i] for k, v in more.items()})
        for i in range(3)
    ]
    return Batch.from_data_list(graphs)


@given(NAMES)
def test_names_are_the_same_after_they_were_in_a_file(names):
    again = from_file(to_file(names))
    assert again.smiles == names.smiles
    assert again.identifiers == names.identifiers


def test_a_file_of_an_earlier_version_holds_smiles_alone():
    names = from_file(pl.DataFrame({"graph": [4, 7], "smiles": ["CC", "CO"]}))
    assert (names.smiles, names.identifiers) == ({4: "CC", 7: "CO"}, {})


@given(st.lists(st.text("id_edgraph"), unique=True))
def test_no_two_columns_are_called_alike_and_none_as_another_column_of_a_table(columns):
    called = [column_name(column) for column in [*columns, *TAKEN]]
    assert len(set(called)) == len({*columns, *TAKEN})
    assert not TAKEN & set(called)


def test_identifiers_that_pyg_has_joined_are_read_by_graph():
    held = [
        {"mol_id": "A", "cas": None},
        {"mol_id": None, "cas": None},
        {"mol_id": "C", "cas": "1"},
    ]
    names = GraphNames.of_batch(batch_of(identifiers=held), [5, 2, 9])
    assert names.identifiers == {"mol_id": {5: "A", 9: "C"}, "cas": {9: "1"}}


def test_those_of_a_single_graph_are_texts():
    graph = Data(x=torch.ones(1, 1), smiles="C", identifiers={"mol_id": "A", "cas": None})
    names = GraphNames.of_batch(graph, [3])
    assert (names.smiles, names.identifiers) == ({3: "C"}, {"mol_id": {3: "A"}, "cas": {}})


@pytest.mark.parametrize(
    "held",
    [
        ["A", "B", "C"],
        [torch.ones(1), torch.ones(1), torch.ones(1)],
        [{"number": 1}, {"number": 2}, {"number": 3}],
        [{1: "A"}, {1: "B"}, {1: "C"}],
        [{"of": {"parts": "A"}}, {"of": {"parts": "B"}}, {"of": {"parts": "C"}}],
    ],
    ids=["texts", "tensors", "numbers", "numbered columns", "nested"],
)
def test_something_else_of_that_name_is_left_alone(held):
    assert GraphNames.of_batch(batch_of(identifiers=held), range(3)).identifiers == {}


@pytest.mark.parametrize("cells", [["A", "B"], ["A"] * 4, [], "A"], ids=["2", "4", "0", "one text"])
def test_more_or_fewer_than_graphs_are_refused(cells):
    batch = batch_of()
    batch.identifiers = {"mol\x00id": cells}
    number = 1 if cells == "A" else len(cells)
    message = rf"3 graphs holds {number} identifiers 'mol\\\\x00id', .* rename the attribute"
    with pytest.raises(InputError, match=message) as caught:
        GraphNames.of_batch(batch, range(3))
    assert "\n" not in str(caught.value)


def test_two_graphs_of_one_number_in_a_batch_must_be_one_molecule():
    held = [{"mol_id": "A"}, {"mol_id": "B"}, {"mol_id": "A"}]
    batch = batch_of(identifiers=held, smiles=["C", "N", "C"])
    names = GraphNames.of_batch(batch, [4, 0, 4])
    assert (names.smiles, names.identifiers) == ({4: "C", 0: "N"}, {"mol_id": {4: "A", 0: "B"}})
    with pytest.raises(InputError, match="a batch in which the mol_id of graph 4 is A and B; give"):
        GraphNames.of_batch(batch, [4, 4, 0])


def test_half_a_character_is_written_out_as_no_file_can_hold_it():
    graph = Data(x=torch.ones(1, 1), identifiers={"mol_id": "A\ud800"})
    assert GraphNames.of_batch(graph, [0]).identifiers == {"mol_id": {0: "A\\ud800"}}


def test_a_graph_with_two_names_is_refused_by_the_column():
    one = GraphNames({0: "CC"}, {"mol_id": {0: "A", 1: "B"}})
    one.take(GraphNames({0: "CC", 2: "N"}, {"cas": {0: "1"}, "mol_id": {3: "D"}}))
    assert one.identifiers == {"mol_id": {0: "A", 1: "B", 3: "D"}, "cas": {0: "1"}}
    for other, said in (
        (GraphNames({}, {"mol_id": {1: "b\nb"}}), r"the mol_id of graph 1 is B and b\\nb;"),
        (GraphNames({0: "CO"}), "in which graph 0 is CC and CO;"),
    ):
        with pytest.raises(InputError, match=said) as caught:
            one.take(other)
        assert "\n" not in str(caught.value)


def test_rows_for_json_hold_identifiers_by_their_own_names():
    names = GraphNames({}, {"edge": {1: "E"}, "mol_id": {2: "M"}})
    table = pl.DataFrame({"site": ["s", "s"], "graph": [2, 1], "edge": [0, 4]})
    beside = names.beside(table)
    assert beside.columns == ["site", "graph", "id_edge", "mol_id", "edge"]
    assert beside.rows() == [("s", 2, None, "M", 0), ("s", 1, "E", None, 4)]
    expected = [
        {"site": "s", "graph": 2, "edge": 0, "identifiers": {"edge": None, "mol_id": "M"}},
        {"site": "s", "graph": 1, "edge": 4, "identifiers": {"edge": "E", "mol_id": None}},
    ]
    assert names.rows(table) == names.rows(beside) == expected
    assert GraphNames({1: "C"}).beside(table) is table
    assert GraphNames({1: "C"}).rows(table) == table.to_dicts()


@given(st.dictionaries(st.text(), st.none() | st.text(st.characters(), max_size=200)))
def test_what_people_read_is_one_short_line_of_characters_to_be_seen(identifiers):
    shown = label(identifiers)
    assert len(shown) <= LONGEST
    assert visible(shown) == shown
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("identifiers", "said"),
    [
        ({}, "graph 3"),
        ({"mol_id": None, "cas": ""}, "graph 3"),
        ({"mol_id": "TOX3021"}, "graph 3 (TOX3021)"),
        ({"mol_id": "TOX3021", "name": "TOX3021", "cas": "50-00-0"}, "graph 3 (TOX3021, 50-00-0)"),
        ({"name": "a\u202eb\x1b[2J\x00"}, r"graph 3 (a\u202eb\x1b[2J\x00)"),
        ({"name": "βéta-カフェイン"}, "graph 3 (βéta-カフェイン)"),
        ({"name": "x" * 99}, f"graph 3 ({'x' * 57}...)"),
    ],
)
def test_messages_call_a_graph_by_its_identifiers(identifiers, said):
    names = GraphNames({}, {c: {} if t is None else {3: t} for c, t in identifiers.items()})
    assert names.called(3) == said

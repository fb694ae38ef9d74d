"""What a study may say, and what is said about a wrong one."""

import pytest

import edgescope as es
from edgescope.errors import InputError
from edgescope.study.cells import folder_of


def cells(path):
    return es.study.plan(es.study.read(path))


def test_the_grid_is_every_combination_of_model_data_state_and_seed(describe):
    found = cells(describe(data=["solubility", "zinc12k"], root=".", seeds=[1, 2, 3]))
    combinations = {(cell.model, cell.data, cell.state, cell.seed) for cell in found}
    assert len(found) == len(combinations) == 12
    assert {cell.recipe.seed for cell in found} == {1, 2, 3}


def test_without_a_recipe_each_combination_has_its_published_one(describe):
    (cell,) = cells(
        describe(recipe=None, data=["zinc12k"], overrides={}, seeds=[41], states=["trained"])
    )
    assert cell.recipe == es.train.recipe("graphtransformer-zinc")


def test_a_cell_is_named_by_what_decides_its_result(describe):
    base = {cell.name for cell in cells(describe())}
    assert {cell.name for cell in cells(describe(threads=3, processes=2, shard_every=9.0))} == base
    for change in (
        {"scan": {"batch_size": 5}},
        {"overrides": {"num_layers": 3}},
        {"seeds": [7]},
        {"overrides": {"subset": 99}},
    ):
        assert not base & {cell.name for cell in cells(describe(**change))}


def test_an_untrained_cell_does_not_depend_on_how_others_are_trained(describe):
    def of(state, **overrides):
        return {cell.name for cell in cells(describe(overrides=overrides)) if cell.state == state}

    slow, fast = {"learning_rate": 0.001, "epochs": 3}, {"learning_rate": 0.01, "epochs": 9}
    assert of("untrained", **slow) == of("untrained", **fast)
    assert not of("trained", **slow) & of("trained", **fast)


def test_rewired_data_are_data_of_their_own(describe):
    kinds = [None, {"how": "random_edges", "share": 0.5}, {"how": "random_edges", "share": 1.0}]
    kinds += [{"how": "virtual_node"}, {"how": "random_edges", "share": 0.5, "seed": 1}]
    data = [{"source": "solubility", **({"rewire": kind} if kind else {})} for kind in kinds]
    found = cells(describe(data=data, seeds=[1], states=["trained"]))
    assert [cell.data for cell in found] == [
        "solubility",
        "solubility random_edges 0.5",
        "solubility random_edges 1.0",
        "solubility virtual_node",
        "solubility random_edges 0.5 seed 1",
    ]
    assert len({cell.name for cell in found}) == len(found)
    splits = es.data.load(**found[1].source, progress=False)
    assert splits.train.edge_type_names[-1] == "random"


def test_a_table_counts_by_its_content_and_not_by_its_place(describe, chains, tmp_path):
    def names(path):
        return {cell.name for cell in cells(describe(data=[{"source": str(path)}]))}

    moved, changed = tmp_path / "elsewhere" / "chains.csv", tmp_path / "chains.csv"
    moved.parent.mkdir()
    moved.write_text(chains.read_text())
    changed.write_text(chains.read_text().replace("CCO", "CCS", 1))
    assert names(moved) == names(chains)
    assert not names(changed) & names(chains)


def test_paths_in_the_file_are_relative_to_it(tmp_path, chains, monkeypatch):
    (tmp_path / "mine.csv").write_text(chains.read_text())
    (tmp_path / "mine.yaml").write_text("max_epochs: 3\n")
    (tmp_path / "study.yaml").write_text("recipes: [{recipe: mine.yaml, data: mine.csv}]\n")
    monkeypatch.chdir(tmp_path.parent)
    found = cells(tmp_path / "study.yaml")
    assert {cell.source["source"] for cell in found} == {str(tmp_path / "mine.csv")}
    assert found[1].recipe.max_epochs == 3


def test_folders_of_cells_are_readable(describe, tmp_path):
    (first, *_) = cells(describe())
    assert folder_of(first, tmp_path).name.startswith("GraphTransformer-chains-untrained-41-")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": [1]}, r"unknown key 'seed', did you mean 'seeds'\?"),
        ({"scan": {"critrion": "x"}}, r"unknown key 'scan.critrion', did you mean 'criterion'\?"),
        ({"scan": {"criterion": "loud"}}, r"scan.criterion received 'loud', expected 'paper2025'"),
        ({"seeds": ["1"]}, r"seeds\[0\] received '1', expected a valid integer"),
        ({"seeds": [1, 1]}, r"seeds: 1 is there twice"),
        ({"seeds": [-1]}, r"seeds\[0\] received -1"),
        ({"seeds": 41}, r"seeds received 41, expected a valid list"),
        ({"states": ["trained", "best"]}, r"states\[1\] received 'best'"),
        ({"states": []}, "states received .*, expected .*at least 1"),
        ({"models": None}, "data is given and models is empty"),
        ({"models": None, "data": None, "recipe": None}, "there is nothing to run"),
        ({"models": ["GraphTransformr"]}, "unknown model 'GraphTransformr', did you mean 'GraphT"),
        ({"data": ["zinc12"]}, "unknown data set 'zinc12', did you mean 'zinc12k'"),
        ({"data": [{"sorce": "x"}]}, r"unknown key 'data\[0\].sorce', did you mean 'source'\?"),
        ({"data": ["none.csv"]}, r"expected a table of molecules at .*none\.csv, found nothing"),
        ({"recipe": None}, "no published recipe for GraphTransformer on chains"),
        ({"recipe": "best"}, "unknown recipe 'best'"),
        ({"overrides": {"learning_rat": 1}}, "'overrides.learning_rat', did you mean 'learning_r"),
        ({"overrides": {"seed": 1}}, "unknown key 'overrides.seed'"),
        ({"overrides": {"epochs": "two"}}, "overrides.epochs received 'two', expected a valid int"),
        ({"overrides": {"num_heads": 3}}, "expected a multiple of num_heads"),
        ({"threads": 0}, "threads received 0"),
        ({"data": [{"source": "solubility", "rewire": {"how": "loops"}}]}, "received 'loops'"),
        (
            {"data": [{"source": "solubility", "rewire": {"how": "virtual_node", "shre": 1}}]},
            r"unknown key 'data\[0\].rewire.shre', did you mean 'share'\?",
        ),
        (
            {"data": [{"source": "solubility", "rewire": {"how": "virtual_node", "share": 1.0}}]},
            "share is given for virtual_node, it belongs to random_edges",
        ),
    ],
)
def test_a_wrong_study_is_refused_in_one_line_that_names_the_place(describe, changes, message):
    path = describe(**changes)
    with pytest.raises(InputError, match=message) as caught:
        cells(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "just words", "", "\0"])
def test_a_file_that_is_no_study_is_refused(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=r"study\.yaml") as caught:
        es.study.read(path)
    assert "\n" not in str(caught.value)


def test_ebt_stands_for_both_variants_with_biases_as_published(describe):
    found = cells(describe(states=["ebt"], seeds=[1]))
    assert [cell.state for cell in found] == ["ebt-released", "ebt-described"]
    assert [cell.recipe.model.explicit_bias for cell in found] == ["released", "described"]
    assert all(cell.recipe.model.use_bias for cell in found)


def test_ebt_is_refused_for_a_model_without_it(describe):
    path = describe(states=["trained", "ebt"], models=["GATv2"])
    with pytest.raises(InputError, match=r"ebt needs .* GATv2 has none; leave ebt out"):
        cells(path)

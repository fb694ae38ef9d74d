"""What a study may say, and what is said about a wrong one."""

import pytest

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.study.cells import folder_of
from edgescope.train.decay_groups import decay_groups

VARIANT = {"recipe": "demo", "data": "zinc12k"}


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


def test_how_a_table_is_read_decides_its_result(describe, chains):
    data = {"source": str(chains), "target_columns": ["target"]}
    (plain,) = cells(describe(data=[data], states=["trained"], seeds=[1]))
    read = {**data, "id_columns": [], "decimal": ","}
    (other,) = cells(describe(data=[read], states=["trained"], seeds=[1]))
    assert plain.name != other.name
    assert (other.source["id_columns"], other.source["decimal"]) == ([], ",")
    with pytest.raises(InputError, match="decimal"):
        cells(describe(data=[{**data, "decimal": "x"}]))


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
        (
            {"scan": {"criterion": "loud"}},
            "scan.criterion: unknown criterion 'loud', expected one of p",
        ),
        ({"seeds": ["1"]}, r"seeds\[0\] received '1', expected a valid integer"),
        ({"seeds": [1, 1]}, r"seeds: 1 occurs twice"),
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
            "received share=1.0 for virtual_node, it belongs to random_edges",
        ),
        (
            {"recipes": [{"recipe": "demo", "data": "zinc12k", "set": {"logit_cp": 1.0}}]},
            r"unknown key 'recipes\[0\].set.logit_cp', did you mean 'logit_cap'\?",
        ),
        (
            {"recipes": [{"recipe": "demo", "data": "zinc12k", "set": {"max_epochs": 1}}]},
            r"unknown key 'recipes\[0\].set.max_epochs'",
        ),
        (
            {
                "recipes": [VARIANT | {"name": "biased", "set": {"explicit_bias": "released"}}],
                "states": ["ebt"],
            },
            "ebt sets explicit_bias, and so does recipes: biased",
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


def variants(describe, *entries, **changes):
    return describe(
        models=None,
        data=None,
        recipe=None,
        recipes=[VARIANT | entry for entry in entries],
        **changes,
    )


def test_variants_of_a_recipe_differ_in_what_they_set_and_are_named(describe):
    found = cells(
        variants(
            describe,
            {"name": "clamp"},
            {"name": "soft cap", "set": {"logit_limit": False, "logit_cap": 3.0, "num_layers": 1}},
            seeds=[41],
            states=["trained"],
        )
    )
    assert [cell.label for cell in found] == [
        "GraphTransformer (clamp)",
        "GraphTransformer (soft cap)",
    ]
    assert [cell.recipe.model.logit_cap for cell in found] == [None, 3.0]
    assert [cell.recipe.model.num_layers for cell in found] == [2, 1]  # over the study's overrides


def test_what_a_variant_is_called_does_not_decide_its_result(describe):
    one, other = (cells(variants(describe, {"name": name}))[0].name for name in ("a", "b"))
    assert one != other
    assert one.rpartition("-")[2] == other.rpartition("-")[2]


def test_a_variant_with_the_explicit_bias_term_is_in_that_state(describe):
    entry = {"set": {"explicit_bias": "described", "use_bias": True}}
    (cell,) = cells(variants(describe, entry, seeds=[41], states=["trained"]))
    assert (cell.state, cell.recipe.model.explicit_bias) == ("ebt-described", "described")


def test_variants_that_are_the_same_are_refused(describe):
    path = variants(describe, {"name": "one"}, {"name": "other", "set": {"num_layers": 2}})
    with pytest.raises(InputError, match=r"has the cell .*one.* as .*other.* twice"):
        cells(path)


def test_entries_may_have_seeds_and_epochs_of_their_own_and_keep_their_order(describe):
    entries = (
        {"name": "few", "seeds": [3], "epochs": 7},
        {"name": "two", "set": {"num_layers": 1}, "seeds": [5, 4]},
        {"name": "rest", "set": {"num_layers": 3}},
    )
    path = variants(describe, *entries, seeds=[1], states=["trained"])
    found = [(cell.variant, cell.seed, cell.recipe.max_epochs) for cell in cells(path)]
    assert found == [("few", 3, 7), ("two", 5, 2), ("two", 4, 2), ("rest", 1, 2)]
    beside = es.study.plan(es.study.read(path, seeds=[9], epochs=1))
    assert {(cell.seed, cell.recipe.max_epochs) for cell in beside} == {(9, 1)}


def test_options_that_came_later_do_not_rename_the_cells_of_before():
    """A cell of a study that was run before; its name stands in the names of folders."""
    (cell, *_) = es.study.plan(es.study.read("paper-small", root="data"))
    assert cell.name == "GraphTransformer-zinc12k-trained-41-3a9bd1b747"
    for old in (cell.scan, cell.recipe, cell.recipe.model):
        kind = type("Later", (type(old),), {"__annotations__": {"more": str | None}, "more": None})
        for more, same in ((None, True), ("random", False)):
            later = kind.model_construct(**dict(old), more=more)
            assert (later.model_dump(mode="json") == old.model_dump(mode="json")) is same


@pytest.mark.parametrize("name", ["paper", "paper-small"])
def test_the_published_studies_have_five_seeds_and_one_budget_each(name):
    found = es.study.plan(es.study.read(name, root="data"))
    groups = {}
    for cell in found:
        groups.setdefault((cell.label, cell.data, cell.state), []).append(cell.seed)
    controls = ("hub", "single", "3 nodes", "atoms")  # of the design with a virtual node
    for (_, data, _), seeds in groups.items():
        assert seeds[:5] == [41, 42, 43, 44, 45][: 3 if data.endswith(controls) else 5]
    assert {cell.scan.criterion for cell in found} == {"calibrated"}
    budgets = {cell.recipe.max_epochs for cell in found}
    assert budgets == ({1000} if name == "paper" else {20})
    proteins = {cell.source["source"] for cell in found if "proteins" in cell.data}
    assert proteins == ({"ogbn-proteins"} if name == "paper" else {"tu-proteins"})


@pytest.mark.parametrize("name", ["mitigation", "mitigation-small"])
def test_the_studies_of_mitigation_are_variants_with_one_budget(name):
    found = es.study.plan(es.study.read(name, root="data", seeds=[1]))
    assert len({cell.label for cell in found}) == len(found) == 19
    budgets = {(c.model, c.recipe.max_epochs, c.recipe.batch_size) for c in found}
    assert len(budgets) == 3
    sizes = {(c.model, c.recipe.model.num_layers, c.recipe.model.hidden_dim) for c in found}
    assert len(sizes) == 3
    assert len(es.study.plan(es.study.read(name))) == 5 * len(found)
    assert "precision" in (es.study.read(name).measures or ())
    assert {cell.source["root"].endswith("/data") for cell in found} == {True}


@pytest.mark.parametrize("name", ["mitigation", "mitigation-small"])
def test_every_variant_names_parameters_and_options_that_its_model_has(name):
    for cell in es.study.plan(es.study.read(name, seeds=[1])):
        settings = cell.recipe.model.arguments()
        sizes = {"num_bond_types": 4}
        sizes |= {"node_dim": 9} if cell.model == "GAT" else {"num_atom_types": 5}
        model = es.models.build(cell.model, **sizes, **settings)
        if cell.recipe.weight_decay:
            decaying, others = decay_groups(model, cell.recipe)
            assert len(decaying["params"]) == 3 * cell.recipe.model.num_layers
            assert others["weight_decay"] == 0


def test_what_is_given_beside_a_study_replaces_what_the_file_says(describe):
    spec = es.study.read(describe(), seeds=[7], epochs=5, subset=9, root="elsewhere")
    assert (spec.seeds, spec.overrides.epochs, spec.overrides.subset) == ([7], 5, 9)
    assert spec.overrides.fields["num_layers"] == 2
    assert spec.data[0].source.endswith("chains.csv")


def test_an_unknown_study_is_answered_with_those_there_are():
    with pytest.raises(InputError, match=r"unknown study 'mitigate', expected .* mitigation-small"):
        es.study.read("mitigate")

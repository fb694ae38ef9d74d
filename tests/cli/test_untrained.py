"""A run that has learnt nothing says so, and every command that reads its folder repeats it."""

import json
import random
import shutil

import pytest

SAID = "this model is untrained in effect: its test MAE of "
SMALL = ["--recipe", "demo", "--set", "num_layers=1", "--set", "hidden_dim=16"]
SMALL += ["--set", "num_heads=2", "--set", "batch_size=64"]


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    """384 chains: their size in two units, chance, and a label of each kind."""
    draw, rows = random.Random(0), ["smiles,size,small,chance,long,coin"]
    for left in range(1, 9):
        for group in ("O", "N", "C(=O)", "C#C", "S", "C=C"):
            for right in range(1, 9):
                size = left + right + 3
                numbers = [1e5 * size, size / 1000, draw.gauss(50, 9), int(size > 12)]
                numbers.append(int(draw.random() < 0.4))
                rows.append(f"F{'C' * left}{group}{'C' * right},{','.join(map(str, numbers))}")
    path = tmp_path_factory.mktemp("tables") / "chains.csv"
    path.write_text("\n".join(rows))
    return path


def train(edgescope, chains, out, *columns, epochs, extra=()):
    words = [word for column in columns for word in ("--target-column", column)]
    words += ["--epochs", epochs, *SMALL, *extra]
    code, printed, warned = edgescope("train", "--out", out, "--data", chains, *words)
    assert code == 0, warned
    return printed, warned


@pytest.fixture(scope="module")
def guesser(chains, tmp_path_factory):
    """The folder of a run on chance."""
    from edgescope.cli import main

    folder = tmp_path_factory.mktemp("runs") / "run"
    words = ["train", "--out", folder, "--data", chains, "--target-column", "chance"]
    with pytest.raises(SystemExit):
        main([str(word) for word in [*words, "--epochs", 2, *SMALL]])
    return folder


@pytest.fixture
def run(guesser, tmp_path):
    return shutil.copytree(guesser, tmp_path / "run")


def test_training_on_chance_says_that_nothing_was_learnt(edgescope, chains, guesser, run):
    printed, warned = train(edgescope, chains, run, "chance", epochs=2)
    lines = printed.splitlines()
    assert lines[0].startswith("test MAE ")
    assert "(guessing gets " in lines[0]
    assert lines[1].startswith(SAID)
    assert "warning" not in warned  # it is said once


def test_every_command_that_reads_the_folder_repeats_it(edgescope, run):
    commands = [
        ("scan", run),
        ("diagnose", run),
        ("ablate", run, "--repeats", 1),
        ("interpret", run, "--by", "bond_type", "--permutations", 20, "--resamples", 20),
        ("explain", run, "--methods", "massive", "--graphs", 10),
        ("report", run),
    ]
    for words in commands:
        code, out, err = edgescope(*words)
        assert code in (0, 1), err
        assert SAID in " ".join(out.split()), words
        if words[0] == "ablate":  # by the metric of the run, also of a table of one's own
            assert " mae " in out
    page = (run / "report.html").read_text()
    assert page.index(SAID) < page.index("What was scanned")
    numbers = json.loads((run / "report.json").read_text())
    assert numbers["caution"].startswith(SAID)
    assert numbers["run"]["guessing gets"] > 0


@pytest.mark.parametrize("form", ["json", "sarif", "html"])
def test_findings_in_other_formats_hold_it(edgescope, run, form):
    _, out, _ = edgescope("diagnose", run, "--format", form)
    assert SAID in out
    if form != "html":
        json.loads(out)


def test_other_weights_are_not_those_of_the_run(edgescope, run):
    weights = run / "weights" / "untrained.safetensors"
    for command in ("scan", "diagnose"):
        _, out, _ = edgescope(command, run, "--weights", weights)
        assert "untrained in effect" not in " ".join(out.split())


def test_several_targets_are_shown_in_a_table_of_their_own_units(edgescope, chains, tmp_path):
    out, _ = train(edgescope, chains, tmp_path / "run", "size", "small", "chance", epochs=30)
    lines = out.splitlines()
    assert lines[0].startswith("3 targets after 30 epochs")
    assert lines[1].split()[:4] == ["target", "known", "test", "MAE"]
    rows = {line.split()[0]: line.split() for line in lines[2:5]}
    assert (rows["size"][-1], rows["small"][-1], rows["chance"][-1]) == ("yes", "yes", "no")
    assert float(rows["size"][2]) > 1e3
    assert float(rows["small"][2]) < 1e-2
    assert "on average over 3 targets" in lines[5]
    edgescope("scan", tmp_path / "run")
    edgescope("report", tmp_path / "run")
    facts = json.loads((tmp_path / "run" / "report.json").read_text())["run"]
    assert facts["not better than guessing"] == "1 of 3: chance"
    assert "size " in facts["test MAE (guessing)"]


def test_labels_are_judged_by_their_area_each_with_its_counts(edgescope, chains, tmp_path):
    extra = ("--set", "loss=masked_bce")
    out, _ = train(edgescope, chains, tmp_path, "long", "coin", epochs=40, extra=extra)
    lines = out.splitlines()
    assert lines[0].startswith("test ROC-AUC ")
    assert lines[1].split()[:3] == ["target", "positives", "negatives"]
    rows = {line.split()[0]: line.split() for line in lines[2:4]}
    assert rows["long"][-1] == "yes"
    assert rows["coin"][-1] == "no"
    assert int(rows["coin"][1]) + int(rows["coin"][2]) == 38


def test_a_constant_column_is_refused_in_one_line(edgescope, chains, tmp_path):
    rows = chains.read_text().splitlines()
    table = tmp_path / "constant.csv"
    table.write_text("\n".join([rows[0] + ",same", *(row + ",7.5" for row in rows[1:])]))
    words = ["--target-column", "size", "--target-column", "same"]
    code, _, err = edgescope("train", "--out", tmp_path / "run", "--data", table, *words)
    assert code == 2
    assert "the target 'same' of constant/train is 7.5 wherever it is known" in err
    assert "leave the column out" in err
    assert not (tmp_path / "run").exists()

"""Every option of every command has an effect in every mode, or is refused before any work.

A new option of a command with modes must be given its place in the table of the command, and a new
mode an example here.
"""

import pytest
import typer

from edgescope.cli import app, main
from edgescope.cli._modes import unused
from edgescope.data.edges.rewiring import HOW
from support.refusals import assert_refused

SUBJECTS = {
    "with the folder of a run": ["RUN"],
    "with a model of your own": ["net.py:build"],
}

EXAMPLES = {
    "scan": {
        "with --list-sites": ["RUN", "--list-sites"],
        "in a scan": ["RUN"],
        "with --criterion paper2025": ["RUN"],
        "with --criterion sun2024": ["RUN", "--criterion", "sun2024"],
        "with --criterion calibrated": ["RUN", "--criterion", "calibrated"],
        "with --baseline untrained": ["RUN", "--baseline", "untrained"],
        "with the run's own weights before training": ["RUN"],
        "with a path as --baseline": ["RUN", "--baseline", "OTHER"],
        "on the run's own data": ["RUN"],
        "for a table": ["RUN", "--data", "a.csv"],
        "for a table with its whole path": ["RUN", "--data", "/nowhere/a.csv"],
        "for a published data set": ["RUN", "--data", "zinc12k"],
        "for a built-in data set": ["RUN", "--data", "solubility"],
        **SUBJECTS,
    },
    "diagnose": {
        "with --list-rules": ["--list-rules"],
        "with --explain": ["--explain", "uniform-attention"],
        "in a diagnosis": ["RUN"],
        "on the run's own data": ["RUN"],
        "for a table": ["RUN", "--data", "a.csv"],
        "for a table with its whole path": ["RUN", "--data", "/nowhere/a.csv"],
        "for a published data set": ["RUN", "--data", "zinc12k"],
        "for a built-in data set": ["RUN", "--data", "solubility"],
        **SUBJECTS,
    },
    "interpret": SUBJECTS,
    "ablate": {
        **SUBJECTS,
        "with matched controls": ["RUN", "--controls", "number"],
        "with --value resample": ["RUN", "--controls", "none", "--value", "resample"],
        "without controls": ["RUN", "--controls", "none"],
    },
    "precision": SUBJECTS,
    "causes": SUBJECTS,
    "explain": {
        **SUBJECTS,
        "with the method integrated_gradients": ["RUN"],
        "without the method integrated_gradients": ["RUN", "--methods", "massive, occlusion"],
    },
    "train": {
        "for a table": ["--out", "o", "--data", "a.csv"],
        "for a table with its whole path": ["--out", "o", "--data", "/nowhere/a.csv"],
        "for a published data set": ["--out", "o", "--data", "zinc12k"],
        "for a published data set with several splits": ["--out", "o", "--data", "tox21"],
        "for a built-in data set": ["--out", "o", "--data", "solubility"],
        "without --rewire": ["--out", "o", "--data", "a.csv"],
        **{
            f"with --rewire {how}": ["--out", "o", "--data", "a.csv", "--rewire", how]
            for how in HOW
        },
    },
    "data": {
        "when listing data sets": ["list"],
        "with `data check` of a data set": ["check", "zinc12k"],
        "with `data check` of a table": ["check", "a.csv"],
        "when counting what is in a data set": ["zinc12k"],
        "for a table": ["a.csv"],
        "for a table with its whole path": ["/nowhere/a.csv"],
        "for a published data set": ["check", "zinc12k"],
        "for a published data set with several splits": ["tox21"],
        "for a built-in data set": ["solubility"],
    },
    "study run": {
        "with --dry-run": ["study.yaml", "--dry-run"],
        "in a run": ["study.yaml"],
    },
    "study twins": {
        "in all experiments": [],
        **{f"in experiment {which}": [which] for which in "abcd"},
    },
}
"""Words of every command that mean each of its modes."""

VALUES = {
    "criterion": "paper2025",
    "form": "json",
    "fail_on": "note",
    "rate": "0.01",
    "fdr": "0.05",
    "rewire_share": "0.4",
    "rewire_nodes": "2",
    "data": "zinc12k",
    "ray": "auto",
    "arguments": "width=3",
}
"""Values of options for which not every text will do."""


def commands(group=None, before=()):
    """Yield the names and objects of all commands."""
    group = typer.main.get_command(app) if group is None else group
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield " ".join((*before, name)), command


def choices_of(command):
    """Return what the words of a command decide; nothing of one that has no modes."""
    return getattr(command, "of", ())


COMMANDS = dict(commands())
CASES = [
    pytest.param(name, number, mode, parameter, id=f"{name}-{mode}-{parameter.name}")
    for name, command in COMMANDS.items()
    for number, choice in enumerate(choices_of(command))
    for mode in choice.modes
    for parameter in command.params
    if parameter.name in choice.parameters
]


def words_of(parameter):
    """Return the words that give a parameter."""
    value = VALUES.get(parameter.name, "3")
    if parameter.param_type_name == "argument":
        return [value]
    return [parameter.opts[0]] + ([] if parameter.is_flag else [value])


def choice_of(name, number, words):
    """Return a choice of a command, and the context of a command line that means a mode of it."""
    command = COMMANDS[name]
    return command.of[number], command.make_context(name, list(words))


@pytest.mark.parametrize(("name", "number", "mode", "parameter"), CASES)
def test_an_option_has_an_effect_in_a_mode_or_is_refused(
    name, number, mode, parameter, edgescope, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    words = EXAMPLES[name][mode]
    choice, context = choice_of(name, number, words)
    assert choice.chosen(context.params) == mode
    more = words_of(parameter)
    if context.get_parameter_source(parameter.name).name == "COMMANDLINE":
        return  # it is what means the mode
    choice, context = choice_of(name, number, [*words, *more])
    if choice.chosen(context.params) != mode:
        return  # it means another mode, which is a case of its own
    if parameter.name in choice.modes[mode]:
        assert unused(context, (choice,)) is None
        return
    assert_refused(edgescope(*name.split(), *words, *more), "has no effect", "leave out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_mode_has_an_example(name):
    modes = {mode for choice in COMMANDS[name].of for mode in choice.modes}
    assert modes == set(EXAMPLES[name])


@pytest.mark.parametrize("name", ["scan", "diagnose"])
def test_every_option_of_a_command_that_does_several_things_has_its_place(name):
    """A new one would else be taken for one that has an effect in all modes."""
    printing = {"json", "quiet"}  # which have an effect in all modes
    options = {each.name for each in COMMANDS[name].params} - printing
    assert COMMANDS[name].of[0].parameters == options


def test_names_in_tables_are_those_of_parameters():
    for command in COMMANDS.values():
        for choice in choices_of(command):
            assert choice.parameters <= {each.name for each in command.params}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("study twins a --draws 5", ["--draws 5", "in experiment a", "in experiment b"]),
        ("study twins c --draws 5", ["--draws 5", "in experiment c"]),
        ("study twins a --seed 3", ["--seed 3", "in experiment a"]),
        ("diagnose --list-rules --out x", ["--out x", "(only --list-rules has)"]),
        ("diagnose --list-rules --explain x", ["--explain x", "with --list-rules"]),
        ("diagnose --explain uniform-attention RUN", ["RUN", "with --explain"]),
        ("scan RUN --list-sites --criterion sun2024", ["--criterion sun2024", "--list-sites"]),
        ("scan RUN --rate 0.1", ["--rate 0.1", "--criterion paper2025", "--criterion calibrated"]),
        ("scan RUN --smiles-column x", ["--smiles-column x", "on the run's own data"]),
        ("scan RUN --data a.csv --split val", ["--split val", "for a table"]),
        ("scan RUN --data solubility --root x", ["--root x", "for a built-in data set"]),
        ("data list --root x", ["--root x", "when listing data sets"]),
        ("data zinc12k --smiles-column x", ["--smiles-column x", "for a published data set"]),
        ("train --out o --data zinc12k --split-column x", ["--split-column x", "for a published"]),
        (
            "train --out o --data a.csv --rewire virtual_node --rewire-seed 3",
            ["--rewire-seed 3", "virtual_node", "with --rewire random_edges"],
        ),
        ("train --out o --data a.csv --epochs 3 --set max_epochs=2", ["--epochs 3", "the same"]),
        ("train --out o --data a.csv --set seed=1 --set seed=2", ["seed=1", "seed=2"]),
        ("study run mitigation --dry-run --ray auto", ["--ray auto", "with --dry-run"]),
        ("ablate RUN --controls none --repeats 3", ["--repeats 3", "without controls"]),
        ("explain RUN --methods massive --steps 9", ["--steps 9", "integrated_gradients"]),
    ],
)
def test_an_option_without_an_effect_is_refused_in_one_line(
    words, parts, edgescope, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert_refused(edgescope(*words.split()), *parts)
    assert not list(tmp_path.iterdir())


def test_an_option_that_is_not_given_is_not_refused(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["diagnose", "--list-rules"])
    assert ended.value.code == 0
    assert "uniform-attention" in capsys.readouterr().out

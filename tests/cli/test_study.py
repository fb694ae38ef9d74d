"""The experiments on twins from the command line, also under their old name."""

import pytest

SMALL = ("--draws", 50, "--starts", 2, "--steps", 5)
OWN = {"a": (), "b": SMALL[:2], "c": SMALL[2:], "d": SMALL[:2]}
"""Options that have an effect on an experiment."""


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("a", ["4.68", "uniform"]),
        ("b", ["tutorial", "0.786", "GATv2Conv"]),
        ("c", ["look-up", "own_gradient"]),
        ("d", ["predicted", "independent"]),
    ],
)
def test_an_experiment_prints_its_table(edgescope, which, words):
    code, out, _ = edgescope("study", "twins", which, *OWN[which])
    assert code == 0
    assert out.startswith(f"({which})")
    assert all(word in out for word in words)


def test_all_experiments_are_printed_in_order(edgescope):
    code, out, _ = edgescope("study", "twins", *SMALL)
    assert code == 0
    assert [line[:3] for line in out.splitlines() if line[:1] == "("] == [
        "(a)",
        "(b)",
        "(c)",
        "(d)",
    ]


def test_the_seed_decides_the_figures(edgescope):
    first, again, other = (
        edgescope("study", "twins", "d", "--draws", 50, "--seed", seed)[1] for seed in (1, 1, 2)
    )
    assert first == again
    assert first.splitlines()[2:] != other.splitlines()[2:]


def test_an_unknown_experiment_is_refused(edgescope):
    code, _, err = edgescope("study", "twins", "e")
    assert code == 2
    assert "'e'" in err


@pytest.mark.filterwarnings("default::edgescope.lib.errors.EdgescopeWarning")
@pytest.mark.parametrize(
    "words", [("diagnose", "--study", "d"), ("--debug", "diagnose", "--study=d")]
)
def test_the_old_option_runs_the_same_and_says_what_to_give_instead(edgescope, words):
    code, out, err = edgescope(*words, "--draws", 50)
    assert (code, out) == edgescope("study", "twins", "d", "--draws", 50)[:2]
    assert err == "warning: `edgescope diagnose --study` is now `edgescope study twins`\n"

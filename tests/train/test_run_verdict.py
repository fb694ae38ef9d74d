"""What a run folder says of how its model compares with guessing."""

import shutil
import warnings

import pytest

from edgescope.lib.errors import EdgescopeWarning, InputError, UntrainedWarning
from edgescope.train import RunFolder, fit

ROW = {"value": 1.5, "guess": 1.4, "difference": 0.1, "low": -0.2, "high": 0.3, "better": False}


def numbers(part="test", targets=1, unit="mg/L", **change):
    rows = [{"target": f"t{n}", "unit": unit, "known": 30} | ROW | change for n in range(targets)]
    whole = {"metric": "mae" if targets == 1 else "relative_mae"} | ROW | change
    return {"part": part, **whole, "targets": rows}


@pytest.fixture(scope="module")
def guesser(splits, tiny, tmp_path_factory):
    """A run that has learnt nothing: its steps are too small."""
    still = tiny(learning_rate=1e-9, min_learning_rate=1e-10, max_epochs=1)
    with pytest.warns(UntrainedWarning, match=r"untrained in effect: its test MAE of .* guessing"):
        return fit(still, splits, tmp_path_factory.mktemp("guesser"), progress=False)


@pytest.fixture
def stored(guesser, tmp_path):
    """Write other metrics into a copy of the run: what is ``None`` is left out."""

    def write(**change):
        folder = tmp_path / "run"
        shutil.copytree(guesser.path, folder, dirs_exist_ok=True)
        metrics = guesser.metrics | change
        kept = {key: value for key, value in metrics.items() if value is not None}
        run = RunFolder(folder)
        run.write_metrics(kept)
        return run

    return write


def test_a_finished_run_says_so_again(guesser, splits):
    with pytest.warns(UntrainedWarning, match="untrained in effect"):
        fit(guesser.recipe, splits, guesser.path, progress=False)


def test_a_run_that_learnt_says_nothing(splits, tiny, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UntrainedWarning)
        many = splits._replace(test=splits.train)
        with pytest.warns(EdgescopeWarning, match="are in two parts"):
            run = fit(tiny(max_epochs=60, dropout=0.0), many, tmp_path, progress=False)
    assert run.caution == ""
    assert run.verdict.sentence.startswith("its test MAE of")
    assert "is better than guessing the training median" in run.verdict.sentence


def test_the_sentence_names_metric_unit_and_interval(stored):
    run = stored(judged=numbers())
    assert run.caution == (
        "this model is untrained in effect: its test MAE of 1.5000 mg/L is not better than "
        "guessing the training median, which gets 1.4000 mg/L (difference 0.1, 95 % interval "
        "-0.2 to 0.3)"
    )
    assert "its validation MAE" in stored(judged=numbers("val")).caution
    few = stored(judged=numbers(value=1.3, difference=-0.1, low=None, high=None, better=None))
    assert few.caution == ""
    assert "may or may not be better than guessing" in few.verdict.sentence
    several = stored(judged=numbers(targets=3))
    assert "on average over 3 targets 1.500 of what guessing" in several.caution
    assert several.verdict.lost == "3 of 3: t0, t1, t2"


def test_labels_are_judged_by_their_area(stored):
    run = stored(judged=numbers(value=0.52, guess=0.5) | {"metric": "roc_auc"}, metric="roc_auc")
    assert "its test ROC-AUC of 0.5200 is not better than guessing, which gets 0.5" in run.caution


def test_a_run_of_before_guesses_were_noted_says_nothing(stored):
    run = stored(judged=None, metric=None)
    assert (run.verdict, run.caution, run.metric.name) == (None, "", "mae")


@pytest.mark.parametrize(
    "damaged",
    [
        3,
        [],
        {},
        numbers() | {"targets": []},
        numbers() | {"targets": None},
        numbers() | {"part": "rest"},
        numbers(value="much"),
        numbers(better="yes"),
        numbers() | {"metric": "beauty"},
        numbers(unit=7),
    ],
)
def test_a_damaged_comparison_is_refused_in_one_line(stored, damaged):
    with pytest.raises(InputError, match=r"metric") as raised:
        stored(judged=damaged).caution  # noqa: B018
    assert "\n" not in str(raised.value)


def test_a_metric_that_there_is_not_is_refused(stored):
    with pytest.raises(InputError, match="unknown metric 'beauty', expected one of mae, roc_auc"):
        stored(metric="beauty").metric  # noqa: B018


def test_the_table_shows_classes_of_labels(stored):
    rows = numbers(value=0.6, guess=0.5, better=None)
    rows["targets"][0] |= {"positives": 3, "negatives": 27, "unit": ""}
    (row,) = (
        stored(judged=rows | {"metric": "roc_auc"}, metric="roc_auc").verdict.table().to_dicts()
    )
    assert (row["positives"], row["negatives"], row["test ROC-AUC"]) == (3, 27, 0.6)
    assert row["better than guessing"] == "cannot be told"

"""Targets of a table of one's own are standardised in training, and nobody has to know."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgescope.data import Splits
from edgescope.lib.errors import InputError
from edgescope.models import build, load
from edgescope.scanning.reset import check_reset
from edgescope.train import RunFolder, fit, start
from edgescope.train.standardisation import Standardisation, standardisation

EPOCHS = 3


def with_targets(splits, change, names=None, **fields):
    """The same molecules with other targets: ``change`` is given ``y`` ``[N, T]``."""
    names = names or splits.train.target_names
    return Splits(
        *(replace(part, y=change(part.y), target_names=names, **fields) for part in splits)
    )


def predictions(run, part, stage="trained"):
    batch = part.batch(range(len(part)))
    with torch.no_grad():
        return run.model(stage)(batch.x, batch.edge_index, batch.edge_attr, batch.batch)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.fixture(scope="module")
def plain(splits, tiny, tmp_path_factory):
    return fit(tiny(max_epochs=EPOCHS), splits, tmp_path_factory.mktemp("plain"), progress=False)


# Powers of two change no digit of a number in single precision, others the last.
@pytest.mark.parametrize(("factor", "offset"), [(2.0**17, 0.0), (1e5, -3e4), (1e-3, 7e-3)])
def test_another_unit_gives_the_same_predictions_in_that_unit(
    plain, splits, tiny, tmp_path, factor, offset
):
    other = with_targets(splits, lambda y: y * factor + offset)
    run = fit(tiny(max_epochs=EPOCHS), other, tmp_path, progress=False)
    for stage in ("untrained", "trained"):
        one = predictions(plain, splits.test, stage) * factor + offset
        two = predictions(run, splits.test, stage)
        spread = abs(factor) * splits.train.y.nan_to_num().std()
        assert float((one - two).abs().max() / spread) < (1e-6 if offset == 0 else 0.02)
    scaled = abs(factor) * plain.metrics["test_mae"]
    assert run.metrics["test_mae"] == pytest.approx(scaled, rel=0.02)
    assert run.metrics["judged"]["better"] == plain.metrics["judged"]["better"]


def test_a_stored_model_predicts_in_the_unit_of_the_table(plain, splits):
    y = splits.train.y[~splits.train.y.isnan()]
    record = yaml.safe_load((plain.path / "config.yaml").read_text())["standardised"]
    assert record["mean"] == [pytest.approx(float(y.double().mean()), rel=1e-6)]
    assert record["deviation"] == [pytest.approx(float(y.double().std(correction=0)), rel=1e-6)]
    for stage in ("untrained", "trained"):
        held = load(plain.weights(stage)).readout
        assert (held.scale.tolist(), held.shift.tolist()) == (record["deviation"], record["mean"])
    # An untrained model predicts little beside the spread of the targets, around their mean.
    far = (predictions(plain, splits.train, "untrained") - record["mean"][0]).abs().mean()
    assert float(far) < 2 * record["deviation"][0]


def test_metrics_are_in_the_unit_of_the_table(plain, splits):
    for name in ("val", "test"):
        part = getattr(splits, name)
        expected = (predictions(plain, part) - part.y).abs().nanmean().item()
        assert plain.metrics[f"{name}_mae"] == pytest.approx(expected, rel=1e-5)
        assert plain.metrics[f"{name}_loss"] == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_several_targets_is_in_their_standard_deviations(splits, tiny, tmp_path):
    both = with_targets(splits, lambda y: torch.cat([y, 1000 - 500 * y], 1), ("g", "mg"))
    run = fit(tiny(), both, tmp_path, progress=False)
    error = (predictions(run, both.test) - both.test.y).abs()
    deviation = torch.tensor(run.standardisation.deviation)
    expected = float((error / deviation).nanmean())
    assert run.metrics["test_loss"] == pytest.approx(expected, rel=1e-4)
    assert run.metrics["test_mae"] == pytest.approx(float(error.nanmean()), rel=1e-5)
    rows = run.metrics["judged"]["targets"]
    assert [row["value"] for row in rows] == pytest.approx(error.nanmean(0).tolist(), rel=1e-4)


def test_weights_cannot_lose_their_unit_unnoticed(plain):
    model = plain.model()
    with pytest.raises(RuntimeError, match=r"Unexpected key.*readout\.scale"):
        build("GraphTransformer", **model.config).load_state_dict(model.state_dict())


def test_an_untrained_ensemble_can_be_drawn_of_such_a_model(plain):
    check_reset(plain.model(), None, ())


def test_published_data_and_labels_keep_their_targets(splits, tiny):
    published = with_targets(splits, lambda y: y, task="regression")
    assert standardisation(tiny(), splits) is not None
    assert standardisation(tiny(), published) is None
    assert standardisation(tiny(standardise=False), splits) is None
    assert standardisation(tiny(standardise=True), published) is not None
    labels = with_targets(splits, lambda y: (y > 0).float())
    assert standardisation(tiny(loss="masked_bce"), labels) is None
    with pytest.raises(InputError, match="standardise received true for the loss masked_bce"):
        tiny(loss="masked_bce", standardise=True)


def test_published_data_are_trained_on_as_before(splits, tiny, tmp_path):
    """As they are without standardising, to the last bit."""
    published = with_targets(splits, lambda y: y, task="regression")
    one = fit(tiny(), published, tmp_path / "published", progress=False)
    two = fit(tiny(standardise=False), splits, tmp_path / "plain", progress=False)
    assert same(one.model().state_dict(), two.model().state_dict())
    assert one.standardisation is None
    assert "readout.scale" not in one.model().state_dict()


@pytest.mark.filterwarnings("ignore:.*is of an earlier version")
def test_a_run_begun_without_standardising_goes_on_without(splits, tiny, tmp_path):
    """Runs of before there was a choice say nothing of it."""
    whole = fit(tiny(standardise=False), splits, tmp_path / "whole", epochs=3, progress=False)
    old = tmp_path / "old"
    fit(tiny(standardise=False), splits, old, epochs=2, progress=False)
    config = yaml.safe_load((old / "config.yaml").read_text())
    del config["standardised"], config["recipe"]["standardise"]
    del config["checksum"], config["data_checksum"]
    (old / "config.yaml").write_text(yaml.safe_dump(config))
    metrics = json.loads((old / "metrics.json").read_text())
    for key in ("metric", "judged", "format", "checksum"):
        del metrics[key]
    (old / "metrics.json").write_text(json.dumps(metrics))
    assert (RunFolder(old).metric.name, RunFolder(old).caution) == ("mae", "")
    again = fit(tiny(), splits, old, epochs=3, progress=False)
    assert same(again.model().state_dict(), whole.model().state_dict())


def test_start_and_fit_begin_with_the_same_weights(plain, splits, tiny, tmp_path):
    begun = start(tiny(max_epochs=EPOCHS), splits, tmp_path)
    one, two = (run.model("untrained").state_dict() for run in (begun, plain))
    assert same(one, two)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y * 0 + 5, r"the target 'target' of chains/train is 5 wherever it is known"),
        (
            lambda y: torch.cat([y, y * 0 + 0.25], 1),
            r"the target 'second' of .* is 0\.25 wherever .*; leave the column out",
        ),
        (
            lambda y: torch.cat([y, y * float("nan")], 1),
            r"the target 'second' of .* is known nowhere, .*; leave the column out",
        ),
        (lambda y: y * 1e33, r"values up to .*e\+34 .*; write it in another unit"),
        # Also where only the validation part has such a value.
        (lambda y: y if len(y) > 100 else y * 1e35, r"values up to .*e\+3\d .*; write it in"),
        (lambda y: y * 1e-36, r"a standard deviation of .*e-36.*; write it in another unit"),
    ],
)
def test_targets_that_cannot_be_learnt_are_refused_before_training(
    splits, tiny, tmp_path, change, message
):
    names = ("target", "second")[: change(splits.train.y).size(1)]
    with pytest.raises(InputError, match=message):
        fit(tiny(), with_targets(splits, change, names), tmp_path, progress=False)
    assert not any(tmp_path.iterdir())


def test_a_task_that_is_all_alike_in_training_is_refused(splits, tiny, tmp_path):
    labels = with_targets(splits, lambda y: (y > y.nanmean()).float(), ("active",))
    alike = labels._replace(train=labels.train[labels.train.y[:, 0] == 1])
    with pytest.raises(InputError, match=r"no task of chains/train has both .*: 'active' 1\)"):
        fit(tiny(loss="masked_bce"), alike, tmp_path, progress=False)
    assert not any(tmp_path.iterdir())


def test_a_damaged_record_is_refused(plain, tmp_path, splits, tiny):
    run = start(tiny(), splits, tmp_path)
    for damage in ({"mean": [1.0]}, {"mean": [1.0, 2.0], "deviation": [1.0, 1.0]}, "all", [1]):
        config = {**run.config, "standardised": damage}
        with pytest.raises(InputError, match=r"under standardised, expected mean and deviation"):
            RunFolder.create(tmp_path / "damaged", config).standardisation  # noqa: B018


@given(
    st.lists(
        st.floats(-1e6, 1e6, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3),
        min_size=2,
        max_size=30,
    ).filter(lambda values: len(set(values)) > 1)
)
def test_standardising_is_undone(values):
    y = torch.tensor(values)[:, None]
    found = Standardisation.of(y)
    learnt = found.standardise(y)
    assert float(learnt.mean()) == pytest.approx(0, abs=1e-2)
    largest = max(map(abs, values))
    assert found.undo(learnt).flatten().tolist() == pytest.approx(values, abs=1e-6 * largest)
    assert np.isfinite(found.deviation).all()

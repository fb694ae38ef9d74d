"""A scan that was interrupted goes on from its last shard and ends as if nothing had happened."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import call_model
from support.interrupted_scan import BATCHES, InterruptedScanError, Loader, run
from support.scan_equality import differences, small_model

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def uninterrupted():
    return run(Loader())


def interrupted(folder, number, shard_every=0.0, **options):
    """Scan until the batch of that number is asked for."""

    def at(given):
        if given == number:
            raise InterruptedScanError

    with pytest.raises(InterruptedScanError):
        run(Loader(at), folder, shard_every, **options)


def forward_passes(folder):
    """Finish the scan; return it with the number of batches that a model was run on."""
    passes = []

    def counted(model, batch):
        passes.append(batch)
        return call_model(model, batch)

    return run(Loader(), folder, call=counted), len(passes)


@settings(max_examples=15, deadline=None)
@given(
    numbers=st.lists(st.integers(1, 2 * BATCHES), max_size=4),
    shard_every=st.sampled_from([0.0, 0.02, 60.0]),
)
def test_any_interruptions_leave_the_result_as_it_is(
    tmp_path_factory, uninterrupted, numbers, shard_every
):
    folder = tmp_path_factory.mktemp("shards")
    for number in numbers:
        interrupted(folder, number, shard_every)
    assert not differences(run(Loader(), folder, shard_every), uninterrupted)


@pytest.fixture(scope="module")
def ensemble():
    """Options of a scan beside an untrained ensemble, and what it gives uninterrupted."""
    options = {
        "baseline": es.Untrained(members=6, calibrate_batch_norm=False),
        "criterion": es.Calibrated(rate=0.02),
        "keep_ratio": None,
    }
    return options, run(Loader(), **options)


@settings(max_examples=4, deadline=None)
@given(numbers=st.lists(st.integers(1, 7 * BATCHES), min_size=1, max_size=2))
def test_an_untrained_ensemble_goes_on_with_the_member_it_was_at(
    ensemble, tmp_path_factory, numbers
):
    folder = tmp_path_factory.mktemp("shards")
    options, expected = ensemble
    for number in numbers:
        interrupted(folder, number, **options)
    found = run(Loader(), folder, **options)
    assert not differences(found, expected)
    for pair in zip(found.baseline.members, expected.baseline.members, strict=True):
        assert not differences(*pair)


@pytest.mark.slow
def test_a_process_that_is_killed_or_interrupted_goes_on(tmp_path, uninterrupted):
    folder = tmp_path / "shards"
    # In the third batch of the baseline, then in the third batch of the model.
    for number, name in ((3, "SIGKILL"), (BATCHES + 3, "SIGINT")):
        command = [sys.executable, "-m", "support.interrupted_scan", str(folder), str(number), name]
        ended = subprocess.run(command, capture_output=True, check=False, cwd=TESTS)
        assert ended.returncode == -signal.Signals[name], ended.stderr.decode()
    found, passes = forward_passes(folder)
    assert differences(found, uninterrupted) == ["arguments"]  # of which a call of one's own tells
    assert passes == BATCHES - 2


def test_batches_that_are_counted_are_not_run_again(tmp_path):
    interrupted(tmp_path, 5)
    assert forward_passes(tmp_path)[1] == 2 * BATCHES - 4


def test_a_finished_scan_deletes_its_shards_but_nothing_else(tmp_path):
    folder = tmp_path / "shards"
    run(Loader(), folder)
    assert not folder.exists()
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    run(Loader(), folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_there_is_one_shard_per_model_and_it_is_a_scan(tmp_path):
    interrupted(tmp_path, BATCHES + 4)
    shards = sorted(path.name for path in tmp_path.glob("GraphTransformer-*/*"))
    assert shards == ["batches-00000003", "batches-00000006"]
    for path in tmp_path.glob("GraphTransformer-*/batches-*"):
        batches = json.loads((path / "shard.json").read_text())["batches"]
        assert es.load_scan(path / "scan").info.graphs == 3 * batches


def test_what_a_killed_write_leaves_is_not_taken_for_a_shard(tmp_path, uninterrupted):
    interrupted(tmp_path, 3)
    (shard,) = tmp_path.glob("GraphTransformer-*/batches-00000002")
    (shard.parent / ".123.tmp" / "scan").mkdir(parents=True)
    assert not differences(run(Loader(), tmp_path), uninterrupted)


def test_other_batches_are_refused(tmp_path):
    interrupted(tmp_path, 4)
    with pytest.raises(InputError, match=r"gives other batches .*shuffle=False"):
        run(Loader(seed=1), tmp_path)
    late = Loader()
    late.batches[1].x[0] += 1
    with pytest.raises(InputError, match="gives other batches"):
        run(late, tmp_path)
    assert run(Loader(), tmp_path).info.graphs == 3 * BATCHES


def test_fewer_batches_are_refused(tmp_path):
    class NoLength(Loader):
        __len__ = None

    loader = NoLength(lambda given: 1 / (given < 5))
    with pytest.raises(ZeroDivisionError):
        run(loader, tmp_path)
    short = NoLength()
    del short.batches[3:]
    with pytest.raises(InputError, match="the loader gave 3 batches, but 4 are counted"):
        run(short, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keep_ratio": 60.0}, r"with keep_ratio 50\.0, received 60\.0"),
        ({"max_rows": 5}, "with max_rows 9, received 5"),
        ({"joint_budget": 2**17}, "with joint_budget 4194304, received 131072"),
        ({"criterion": "sun2024"}, "with criterion Criterion"),
        ({"sites": "*.0.*:score"}, "with sites .* received .'layers.0.attention:score'."),
    ],
)
def test_other_options_are_refused(tmp_path, options, message):
    interrupted(tmp_path, 3)
    with pytest.raises(InputError, match=message) as caught:
        run(Loader(), tmp_path, **options)
    assert "\n" not in str(caught.value)


def test_another_model_starts_afresh(tmp_path):
    interrupted(tmp_path, 3)
    other = small_model(seed=9)
    options = {"edge_type_names": ["a", "b", "c"], "progress": False, "keep_ratio": 50.0}
    found = es.scan(other, Loader(), shards=tmp_path, **options)
    assert not differences(found, es.scan(other, Loader(), **options))
    assert len(list(tmp_path.iterdir())) == 1, "the shard of the first model is still there"


def test_a_damaged_shard_is_refused_in_one_line(tmp_path):
    interrupted(tmp_path, 3)
    (shard,) = tmp_path.glob("GraphTransformer-*/batches-*")
    (shard / "shard.json").write_text("{")
    with pytest.raises(InputError, match=r"shard that cannot be read .*; delete that folder") as no:
        run(Loader(), tmp_path)
    assert "\n" not in str(no.value)


def test_another_scan_with_the_same_shards_is_refused_while_they_are_in_use(
    tmp_path, uninterrupted
):
    refused = []

    def meanwhile(given):
        if given in (3, BATCHES + 3):
            with pytest.raises(InputError, match=r"another scan of this .* wait for its end") as no:
                run(Loader(), tmp_path)
            refused.append("\n" in str(no.value))

    assert not differences(run(Loader(meanwhile), tmp_path), uninterrupted)
    assert refused == [False, False]
    assert not differences(run(Loader(), tmp_path), uninterrupted)


def test_a_negative_interval_is_refused(tmp_path):
    with pytest.raises(InputError, match="shard_every=-1"):
        run(Loader(), tmp_path, -1)


def test_a_model_that_is_one_of_its_own_untrained_members_has_shards_of_its_own(tmp_path):
    baseline = es.Untrained(members=5)
    model = next(iter(baseline.models(small_model(), [])))
    options = {"baseline": baseline, "criterion": "calibrated", "progress": False}
    expected = es.scan(model, Loader(), **options)
    found = es.scan(model, Loader(), shards=tmp_path / "shards", shard_every=0, **options)
    assert not differences(found, expected)

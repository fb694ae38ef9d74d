"""Watching a loop of one's own: nothing changes in it, and every record is what was asked for."""

import copy
import io

import polars as pl
import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.example_models import GATv2
from support.hooks_of import hooks_of
from support.scan_equality import numbered_graphs, small_model

QUIET = {"limit": None, "least_headroom": None}


@pytest.mark.parametrize("loader", [False, True], ids=["batches", "loader"])
@pytest.mark.parametrize("name", ["own", "PyG", "discovered"])
def test_training_is_the_same_to_the_bit_with_and_without_it(name, loader, train, batches):
    plain = train(name)
    options = {"every": 3, **QUIET}
    options |= {"loader": batches(name), "batches": 2} if loader else {}
    watched = train(name, options=options)
    for part in ("outputs", "gradients"):
        pairs = zip(getattr(plain, part), getattr(watched, part), strict=True)
        assert all(torch.equal(*pair) for pair in pairs), part
    state, other = plain.model.state_dict(), watched.model.state_dict()
    assert state.keys() == other.keys()
    assert all(torch.equal(state[key], other[key]) for key in state)
    assert plain.random.equal(watched.random)
    assert hooks_of(watched.model) == []
    table = watched.monitor.record.table
    assert table["step"].unique().to_list() == [0, 3, 6, 9]
    assert {site.rpartition(":")[2] for site in table["site"]} >= {"logit", "weight"}
    assert table.filter(step=0, growth=1.0).height == len(watched.monitor.record.sites)


def test_a_record_is_what_a_capture_of_the_same_pass_shows(train, batches):
    watched = train("PyG", epochs=1, options={"every": 9, "thresholds": (3.0, 2.0), **QUIET})
    torch.manual_seed(7)
    model, first = GATv2().train(), batches("PyG")[0]
    with es.capture(model, "*:score") as tape:
        model(first.x, first.edge_index, first.edge_attr, first.batch)
    rows = {row["site"]: row for row in watched.monitor.record.table.to_dicts()}
    for site in tape.sites:
        size = tape[site].values.flatten(1).abs()
        ratio = size.amax(1) / size.sort(1).values[:, (size.size(1) - 1) // 2]
        assert rows[site]["largest_magnitude"] == size.max().item()
        assert rows[site]["largest_ratio"] == pytest.approx(ratio.max().item())
        for over in (2, 3):
            share = (ratio > over).float().mean().item()
            assert rows[site][f"over_{over}"] == pytest.approx(share)


def test_a_fixed_loader_shows_eval_mode_and_the_same_graphs_every_time(batches):
    model = small_model().train()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.momentum = 0.0  # else training would move what eval mode normalises by
    with es.monitor(model, every=1, loader=batches("own"), batches=3, **QUIET) as monitor:
        for _ in range(2):
            batch = batches("own")[0]
            model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    first, second = (monitor.record.table.filter(step=step).drop("step") for step in (0, 1))
    scores = pl.col("site").str.ends_with("score")
    held = batches("own")[:3]
    assert first.filter(scores)["edges"].unique().to_list() == [sum(b.num_edges for b in held)]
    same = ["largest_ratio", "largest_magnitude", "saturated"]
    assert first.select(same).equals(second.select(same))
    assert model.training


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_was_recorded_is_in_the_file_after_an_interrupt(error, train, tmp_path):
    file = tmp_path / "deep" / "record.parquet"

    def interrupt(step, _):
        if step:
            there = es.TrainingRecord.load(file).table
            assert there["step"].max() == step - 1 - (step - 1) % 2
        if step == 9:
            raise error

    with pytest.raises(error):
        train("own", each=interrupt, options={"every": 2, "file": file, **QUIET})
    assert es.TrainingRecord.load(file).table["step"].unique().to_list() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_pass_that_raises_is_recorded_when_it_is_done_again(error, batches):
    """Whatever the loop does about it, also if it goes on after Ctrl-C."""
    model, batch = small_model().train(), batches("own")[0]
    given = (batch.x, batch.edge_index, batch.edge_attr, batch.batch)

    def broken(*_):
        raise error

    with es.monitor(model, every=2, **QUIET) as monitor:
        for step in range(6):
            if step in {0, 1, 4}:
                handle = model.layers[1].register_forward_hook(broken)
                with pytest.raises(error):
                    model(*given)
                handle.remove()
            else:
                model(*given)
    table = monitor.record.table
    assert table["step"].unique().to_list() == [2, 5]
    assert table.group_by("step").len()["len"].to_list() == [6, 6]
    assert table["edges"].unique().to_list() == [batch.num_edges]
    assert hooks_of(model) == []


def test_a_training_that_goes_on_from_a_checkpoint_has_the_same_record(train, tmp_path):
    options = {"every": 2, **QUIET}
    whole = train("own", epochs=2, options=options).monitor
    states = []

    def keep(step, monitor):
        if step == 5:
            held = io.BytesIO()
            torch.save(monitor.state_dict(), held)
            states.append(held.getvalue())

    file = tmp_path / "record.parquet"
    train("own", epochs=2, each=keep, options={**options, "file": file})
    assert es.TrainingRecord.load(file).table["step"].max() == 10  # beyond the checkpoint
    state = torch.load(io.BytesIO(states[0]), weights_only=True)
    again = train("own", epochs=2, options={**options, "file": file}, state=state, first=5)
    assert again.monitor.record.table.equals(whole.record.table)
    assert es.TrainingRecord.load(file).table.equals(whole.record.table)


def test_only_steps_count(batches):
    model, batch = small_model(), batches("own")[0]
    given = (batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    with es.monitor(model, every=2, **QUIET) as monitor:
        for _ in range(3):
            model.eval()(*given)
            with torch.no_grad():
                model.train()(*given)
            model(*given)
    assert monitor.record.table["step"].unique().to_list() == [0, 2]
    with (
        pytest.warns(EdgescopeWarning, match="ran 1 times, but never in training mode"),
        es.monitor(model.eval()),
    ):
        model(*given)


def test_autocast_shortens_the_headroom_to_that_of_its_type(batches):
    model, batch = small_model().train(), batches("own")[0]
    for module in model.modules():  # in place of what computes in double precision
        if type(module).__name__ == "RoundedLinear":
            module.__class__ = torch.nn.Linear
    heads = {}
    for kind in (torch.float32, torch.float16):
        given = copy.copy(batch)
        with (
            es.monitor(model, sites="layers.0.attention:score", every=1, **QUIET) as monitor,
            torch.autocast("cpu", dtype=kind, enabled=kind != torch.float32),
        ):
            model(given.x, given.edge_index, given.edge_attr, given.batch)
        (row,) = monitor.record.table.to_dicts()
        assert row["dtype"] == str(kind).removeprefix("torch.")
        heads[kind] = row["headroom_bits"]
    assert heads[torch.float32] - heads[torch.float16] == pytest.approx(112, abs=0.1)


def test_a_site_is_warned_of_once_for_each_limit_that_it_passes(batches):
    model, batch = small_model(factor=3000.0).train(), batches("own")[0]
    options = {"every": 1, "limit": 50.0, "least_headroom": None}
    given = (batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    with es.monitor(model, **options) as monitor:
        assert not monitor.stop
        with pytest.warns(EdgescopeWarning) as told:
            model(*given)
        model(*given)  # a second warning would be an error
        with torch.no_grad():
            model.layers[0].attention.edge.weight[7] = torch.inf
        with pytest.warns(EdgescopeWarning, match="in step 2: .* edges with a NaN or an infinity"):
            model(*given)
    assert monitor.stop
    assert monitor.passed["layers.0.attention:score"] == ["ratio", "nonfinite"]
    assert len(told) == 1
    assert "in step 0: layers.0.attention:score: a ratio of" in str(told[0].message)
    last = monitor.record.table.filter(step=2, site="layers.0.attention:score")
    assert last["nonfinite"].item() == batch.num_edges


def test_edges_that_nobody_can_identify_are_watched_all_the_same():
    """As with dropped edges that a model draws anew, which a scan refuses."""

    class Redrawn(GATv2):
        def forward(self, x, edge_index, edge_attr, batch):
            kept = torch.tensor([[*map(int, row)] for row in edge_index])
            return super().forward(x, kept, edge_attr, batch)

    batch = next(iter(DataLoader(numbered_graphs(4), batch_size=4)))
    model = Redrawn().train()
    with es.monitor(model, every=1, **QUIET) as monitor:
        model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    assert monitor.record.table.height == 2 * 3


def test_a_compiled_model_is_refused_with_what_to_do():
    model = torch.compile(small_model(), backend="eager")
    with pytest.raises(InputError, match="monitor a training that is not compiled"):
        es.monitor(model)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"every": 0}, "every=0, expected a whole number"),
        ({"batches": True}, "batches=True"),
        ({"limit": -1}, "limit=-1, expected a positive"),
        ({"thresholds": ["10"]}, "thresholds"),
        ({"loader": []}, "no batch"),
        ({"every": 1, "sites": "nothing:*"}, "no site matches"),
    ],
    ids=["every", "batches", "limit", "thresholds", "loader", "sites"],
)
def test_a_wrong_option_is_refused_in_one_line(options, said, batches):
    batch, model = batches("own")[0], small_model().train()
    with pytest.raises(InputError, match=said), es.monitor(model, **options):
        model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)

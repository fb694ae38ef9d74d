"""The published code's log: the same numbers as a scan, and nothing run that a pickle may hide."""

import os
import pickle
import subprocess

import numpy as np
import pytest
import torch

import edgescope as es
from edgescope.cli import main
from edgescope.lib.errors import InputError
from edgescope.study.log_pickle import read_malog
from edgescope.study.published_logs import EDGES, TYPES, import_malog


def molecules():
    return es.data.load("solubility").test[:12]


def model():
    torch.manual_seed(0)
    made = es.models.GraphTransformer(
        num_atom_types=40, num_bond_types=4, hidden_dim=16, num_heads=4, num_layers=2
    )
    with torch.no_grad():
        made.layers[1].attention.edge.weight[3] *= 20000
    return made.eval()


@pytest.fixture(scope="module")
def log():
    """What the published code would log for batches of one molecule."""
    trained, data = model(), molecules()
    layers: list[list[dict[str, torch.Tensor]]] = [[], []]
    for batch in es.data.loader(data, 1):
        with es.capture(trained) as tape, torch.no_grad():
            trained(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        for number, layer in enumerate(layers):
            layer.append({"attention": tape[f"layers.{number}.attention:score"].values.flatten(1)})
    types = [data[number].edge_attr for number in range(len(data))]
    return {"layers.malog_h": [[], []], EDGES: layers, TYPES: types}


@pytest.fixture
def write(tmp_path):
    def dump(content, protocol=4):
        path = tmp_path / "malog.pkl"
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        return path

    return dump


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_an_imported_log_equals_a_scan_of_the_model(log, write, protocol):
    found = import_malog(write(log, protocol), num_heads=4)
    expected = es.scan(model(), es.data.loader(molecules(), 1), progress=False)
    assert list(found.sites) == list(expected.sites)
    assert found.info.edge_type_names == expected.info.edge_type_names
    for site in expected.sites:
        ours, theirs = found[site], expected[site]
        assert ours.maxima.equal(theirs.maxima)
        assert all(ours.counts[name].equal(theirs.counts[name]) for name in theirs.counts)
    columns = ["site", "graph", "edge", "head", "channel", "value", "ratio", "edge_type"]
    assert expected.massive().height
    assert (
        found.massive()
        .select(columns)
        .sort(columns)
        .equals(expected.massive().select(columns).sort(columns))
    )


def test_a_log_in_torchs_own_form_gives_the_same(log, write, tmp_path):
    path = tmp_path / "saved.pkl"
    torch.save(log, path)
    ours, theirs = read_malog(path), read_malog(write(log))
    for one, other in zip(ours[EDGES][1], theirs[EDGES][1], strict=True):
        assert one["attention"].equal(other["attention"])


def test_the_command_saves_a_scan_that_opens(log, write, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["import", "malog", str(write(log)), "--out", str(tmp_path / "scan"), "--heads", "4"])
    assert stopped.value.code == 0
    assert "layers.1.attention:score" in capsys.readouterr().out
    assert es.load_scan(tmp_path / "scan").info.graphs == 12


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, proof, function=os.mkdir):
        self.proof, self.function = proof, function

    def __reduce__(self):
        return self.function, (str(self.proof),)


@pytest.mark.parametrize("place", ["whole", "score", "types", "inside a storage"])
@pytest.mark.parametrize("function", [os.mkdir, os.system, eval, subprocess.check_output])
def test_a_hostile_pickle_is_refused_and_not_run(
    place, function, write, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    bad = Hostile("proof" if function is os.mkdir else "mkdir proof", function)
    if function is eval:
        bad = Hostile("__import__('os').mkdir('proof')", eval)
    if place == "inside a storage":
        inner = pickle.dumps(bad)

        class Storage:
            def __reduce__(self):
                return torch.storage._load_from_bytes, (inner,)

        bad = Storage()
    content = {
        "whole": bad,
        "score": {EDGES: [[{"attention": bad}]], TYPES: [torch.ones(3, dtype=torch.long)]},
        "types": {EDGES: [[{"attention": torch.ones(3, 4)}]], TYPES: [bad]},
        "inside a storage": {EDGES: [bad], TYPES: []},
    }[place]
    path = write(content)
    with pytest.raises(SystemExit) as stopped:
        main(["import", "malog", str(path), "--out", "scan"])
    err = capsys.readouterr().err
    assert stopped.value.code == 2
    assert "refused" in err
    assert "nothing in it was run" in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "proof").exists()
    assert not (tmp_path / "scan").exists()


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(write):
    class Beyond:
        def __reduce__(self):
            storage = torch.ones(2)._typed_storage()
            rebuild = torch._utils._rebuild_tensor_v2
            return rebuild, (storage, 0, (10**6,), (1,), False, {})

    with pytest.raises(InputError, match="refused"):
        read_malog(write({EDGES: [Beyond()], TYPES: []}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda log: log.pop(TYPES), r"expected a pickle of a dictionary with"),
        (lambda log: log[TYPES].pop(), r"malog_e\[0\] holds 2 batches, .* holds 1"),
        (lambda log: log[EDGES][0].pop(), r"malog_e\[0\] holds 1 batches, .* holds 2"),
        (lambda log: log[EDGES][0][1].clear(), r"malog_e\[0\]\[1\] holds a NoneType"),
        (lambda log: log[TYPES].__setitem__(0, torch.ones(3)), r"edge_types\[0\] .* integers"),
        (lambda log: log[TYPES][0].fill_(-1), r"holds -1, expected 0 or more"),
        (lambda log: log[EDGES][0][0].update(attention=torch.ones(5, 8)), r"is \[5, 8\], expected"),
        (lambda log: log[EDGES][0][1].update(attention=torch.ones(2, 6)), r"is \[2, 6\], expected"),
        (lambda log: log[EDGES].clear(), "holds 0 layers"),
    ],
)
def test_a_log_that_does_not_agree_with_itself_is_refused(change, message, write):
    log = {
        EDGES: [[{"attention": torch.ones(3, 8)}, {"attention": torch.ones(2, 8)}]],
        TYPES: [torch.ones(3, dtype=torch.long), torch.ones(2, dtype=torch.long)],
    }
    change(log)
    with pytest.raises(InputError, match=message) as caught:
        import_malog(write(log))
    assert "\n" not in str(caught.value)


def test_the_old_name_of_the_heads_works_and_says_the_new_one(log, write):
    path = write(log)
    with pytest.warns(DeprecationWarning, match="num_heads="):
        found = import_malog(path, heads=4)
    assert found.table().equals(import_malog(path, num_heads=4).table())


def test_wrong_heads_and_names_are_refused(write):
    path = write({EDGES: [[{"attention": torch.ones(3, 8)}]], TYPES: [torch.tensor([0, 1, 2])]})
    with pytest.raises(InputError, match="8 values per edge, no multiple of 3 heads"):
        import_malog(path, num_heads=3)
    with pytest.raises(InputError, match=r"received 2 names .* up to 2"):
        import_malog(path, edge_type_names=["a", "b"])
    with pytest.raises(InputError, match="no untrained ensemble"):
        import_malog(path, rule="calibrated")


@pytest.mark.parametrize("values", [[4, 1, 4], [2**40, 0, 7], [99_999, 99_998, 5]])
def test_types_without_names_are_called_after_the_values_that_occur(values, write):
    path = write({EDGES: [[{"attention": torch.rand(3, 8)}]], TYPES: [torch.tensor(values)]})
    found = import_malog(path)
    expected = [f"type {value}" for value in sorted(set(values))]
    assert list(found.info.edge_type_names) == expected
    counts = found["layers.0.attention:score"].counts["edges"].tolist()
    assert counts == [values.count(value) for value in sorted(set(values))]


def test_more_types_than_are_counted_without_names_are_refused(write):
    types = [torch.arange(200), torch.arange(100, 300)]
    layer = [{"attention": torch.rand(200, 8)}] * 2
    path = write({EDGES: [layer], TYPES: types})
    with pytest.raises(InputError, match="holds 300 different integers up to 299, more than the"):
        import_malog(path)
    names = [f"relation {number}" for number in range(300)]
    assert import_malog(path, edge_type_names=names).info.edge_type_names == tuple(names)


@pytest.mark.parametrize("size", [0, 1, 100])
def test_a_truncated_log_is_refused(log, write, size):
    path = write(log)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(InputError, match="refused"):
        import_malog(path)


def test_broken_activations_are_counted_and_not_hidden(write):
    values = torch.tensor([[1.0, 2.0, np.nan, 4.0], [0.0, 0.0, 0.0, 4.0], [1.0, 1.0, 1.0, 5000.0]])
    found = import_malog(
        write({EDGES: [[{"attention": values}]], TYPES: [torch.tensor([1, 1, 2])]})
    )
    (row,) = found.table().iter_rows(named=True)
    assert (row["nonfinite"], row["undefined"], row["edges_over"]) == (1, 1, 1)
    assert row["max_ratio"] == 5000

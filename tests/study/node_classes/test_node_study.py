"""The study as a whole: its tables, and that they are the same however often it was stopped."""

import polars as pl
import pytest

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.study.node_classes import node_study, twin_shares
from edgescope.study.table_folder import NODE_CELLS, TableFolder

SMALL = {"data": ["chameleon"], "seeds": [0], "max_epochs": 2, "progress": False}


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    """Draw few layers on the tutorial's example, whose number no test here is about."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(twin_shares, "DRAWS", 2)
        yield


@pytest.fixture(scope="module")
def found(root, tmp_path_factory):
    return es.study.run_nodes(root, tmp_path_factory.mktemp("whole"), **SMALL)


def same(table):
    """Leave out what differs from run to run."""
    return table.drop("seconds", strict=False).sort(table.columns[:1], maintain_order=True)


def test_every_cell_is_in_the_tables(found):
    cells = node_study.node_cells(["chameleon"], [0])
    assert found["node_cells"]["cell"].to_list() == sorted(cell.name for cell in cells)
    assert set(found["cured"]["variant"]) <= {"flagged", "cured", "unflagged"}
    assert found["node_sites"]["growth"].is_not_nan().all()
    heads = found["cured"].filter(pl.col("variant") != "cured")["heads"]
    assert sorted(heads) == [1, 8]


def test_a_study_that_was_stopped_ends_with_the_same_tables(found, root, tmp_path, monkeypatch):
    done, run = [], node_study._run

    def stopped(cell, *rest):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(cell.name)
        return run(cell, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(node_study, "_run", stopped)
        with pytest.raises(KeyboardInterrupt):
            es.study.run_nodes(root, tmp_path, **SMALL)
    again = []
    monkeypatch.setattr(node_study, "_run", lambda c, *r: again.append(c.name) or run(c, *r))
    second = es.study.run_nodes(root, tmp_path, **SMALL)
    assert done + again == [cell.name for cell in node_study.node_cells(["chameleon"], [0])]
    assert second.keys() == found.keys()
    for name, table in found.items():
        assert same(second[name]).equals(same(table)), name


def test_cells_of_another_length_are_not_mixed_in(root, tmp_path):
    store = TableFolder(tmp_path / "results")
    store.folder.mkdir()
    store.put(NODE_CELLS, "other", pl.DataFrame({"max_epochs": [7]}))
    with pytest.raises(InputError, match="at most 7 epochs, received max_epochs=2"):
        es.study.run_nodes(root, tmp_path, **SMALL)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [({"data": ["chamelon"]}, "did you mean 'chameleon'"), ({"seeds": [10]}, "expected 0 to 9")],
)
def test_what_the_study_does_not_have_is_refused(root, tmp_path, chosen, told):
    with pytest.raises(InputError, match=told):
        es.study.run_nodes(root, tmp_path, **{**SMALL, **chosen})

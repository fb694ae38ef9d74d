"""The identifiers of molecules stand in every row of every table that names a graph."""

from dataclasses import replace

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Subset
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.cli._results import show
from edgescope.data.edges.rewiring import rewire
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import TAKEN, column_name
from edgescope.scanning.merge import merge_scans
from edgescope.scanning.seeds import SeedScans, scan_seeds

SMILES = ("CCO", "c1ccccc1", "CC(=O)O", "CCN", "C1CCCCC1", "CC=O", "OCC", "NCCO", "CCCC", "O=CO")
NUMBER = len(SMILES)

COLUMNS = st.sampled_from(
    ["mol_id", "name", "graph", "edge", "id_edge", "site", "smiles", "value", ""]
)
CELLS = st.none() | st.sampled_from(["TOX3021", "", "x" * 500, "<b>", "\x00", "\u202e"])
IDENTIFIERS = st.dictionaries(
    COLUMNS, st.lists(CELLS, min_size=NUMBER, max_size=NUMBER), min_size=1, max_size=3
)
OPTIONS = {"progress": False, "criterion": es.Criterion("any", ratio=3.0)}


@pytest.fixture(scope="module")
def molecules(tmp_path_factory):
    table = tmp_path_factory.mktemp("molecules") / "molecules.csv"
    rows = [f"{text},train" for text in SMILES] + ["CC,val", "CC,test"]
    table.write_text("\n".join(["smiles,part", *rows]), encoding="utf-8")
    return es.data.load(table, split="part", cache=False, progress=False).train


@pytest.fixture(scope="module")
def model(molecules):
    """Its second layer gives NaN on every edge, its first layer numbers."""
    torch.manual_seed(0)
    sizes = {"hidden_dim": 16, "num_heads": 2, "num_layers": 2}
    model = es.models.GraphTransformer(**molecules.model_sizes, **sizes).eval()
    with torch.no_grad():
        model.layers[1].attention.edge.weight[0] = torch.nan
    return model


@pytest.fixture(scope="module")
def plain(model, molecules):
    """The scan of the molecules without identifiers."""
    return es.scan(model, es.data.loader(molecules), **OPTIONS)


def tables(scan):
    """The tables that name graphs."""
    called = {"massive": scan.massive(), "kept": scan.kept()}
    return called | {"extremes": scan.extremes(), "nonfinite": scan.nonfinite()}


def check(scan, identifiers, plain):
    """Every row holds what the table of the user holds for its graph, and all else is as it was."""
    names = [column_name(column) for column in identifiers]
    for name, expected in tables(plain).items():
        table = tables(scan)[name]
        assert table.height
        at = expected.columns.index("graph") + 1
        assert table.columns == [*expected.columns[:at], *names, *expected.columns[at:]]
        for column, cells in identifiers.items():
            assert table[column_name(column)].to_list() == [cells[g] for g in table["graph"]]
    known = {g: {c: cells[g] for c, cells in identifiers.items()} for g in range(NUMBER)}
    assert {g: scan.names.identify(g) for g in known} == known


@settings(max_examples=10)
@given(data=st.data(), identifiers=IDENTIFIERS)
def test_every_row_of_every_table_carries_the_identifiers_of_its_graph(
    tmp_path_factory, model, molecules, plain, data, identifiers
):
    dataset = replace(molecules, identifiers=identifiers)
    order = data.draw(st.permutations(range(NUMBER)))
    size = data.draw(st.integers(2, 5))
    batches = [dataset.batch(order[at : at + size]) for at in range(0, NUMBER, size)]
    cut = data.draw(st.integers(0, len(batches)))
    names = {"edge_type_names": dataset.edge_type_names}
    parts = [es.scan(model, b, **names, **OPTIONS) for b in (batches[cut:], batches[:cut]) if b]
    whole = merge_scans(parts)
    check(whole, identifiers, plain)
    folder = tmp_path_factory.mktemp("scan") / "scan"
    again = es.load_scan(whole.save(folder))
    check(again, identifiers, plain)
    assert again.identifiers == whole.identifiers


MADE = {"mol_id": [f"M{number}" for number in range(NUMBER)], "edge": [None] * NUMBER}


@pytest.mark.parametrize(
    "loader",
    [
        lambda graphs: es.data.loader(graphs, 3, shuffle=True),
        lambda graphs: graphs,
        list,
        lambda graphs: DataLoader(graphs, 3, shuffle=True),
        lambda graphs: DataLoader(list(graphs), 4, shuffle=True),
        lambda graphs: DataLoader(Subset(graphs, range(NUMBER)), 4),
        lambda graphs: [graphs.batch([3, 3, 1]), graphs.batch([0, 2, *range(4, NUMBER)])],
    ],
    ids=["own", "data set", "list", "PyG", "PyG, list", "subset", "repeated"],
)
def test_loaders_of_any_kind_carry_them(model, molecules, loader):
    dataset = replace(molecules, identifiers=MADE)
    scan = es.scan(model, loader(dataset), **OPTIONS)
    for table in tables(scan).values():
        assert table["mol_id"].to_list() == [f"M{graph}" for graph in table["graph"]]
        assert table["id_edge"].is_null().all()


def test_a_part_of_the_data_and_other_edges_keep_them(model, molecules):
    dataset = replace(molecules, identifiers=MADE)[[7, 2, 5]]
    called = {0: "M7", 1: "M2", 2: "M5"}
    for graphs in (dataset, rewire(dataset, "random_types"), rewire(dataset, "random_edges")):
        names = graphs.edge_type_names
        own = (
            model
            if len(names) == len(molecules.edge_type_names)
            else es.models.GraphTransformer(
                **graphs.model_sizes, hidden_dim=16, num_heads=2, num_layers=2
            )
        )
        scan = es.scan(own, graphs, **OPTIONS)
        for table in tables(scan).values():
            assert table["mol_id"].to_list() == [called[graph] for graph in table["graph"]]


def test_a_scan_that_goes_on_after_an_interruption_knows_all_of_them(model, molecules, tmp_path):
    dataset = replace(molecules, identifiers=MADE)

    def until(last):
        calls = iter(range(last))

        def call(model, batch):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)

        return call

    options = {"shards": tmp_path / "shards", "shard_every": 0, **OPTIONS}
    with pytest.raises(KeyboardInterrupt):
        es.scan(model, es.data.loader(dataset, 2), call=until(3), **options)
    scan = es.scan(model, es.data.loader(dataset, 2), call=until(9), **options)
    whole = es.scan(model, es.data.loader(dataset, 2), **OPTIONS)
    assert scan.identifiers == whole.identifiers
    assert all(tables(scan)[name].equals(table) for name, table in tables(whole).items())


def test_data_without_identifiers_give_the_columns_that_they_gave(plain):
    assert plain.identifiers == {}
    row = ["edge", "source", "target", "head", "channel", "value", "ratio", "edge_type"]
    assert plain.massive().columns == ["site", "graph", *row]
    assert plain.nonfinite().columns == ["site", "graph", "edges"]
    for table in tables(plain).values():
        assert set(table.columns) <= TAKEN


def test_scans_with_and_without_identifiers_merge(model, molecules, plain):
    dataset = replace(molecules, identifiers=MADE)
    halves = [
        es.scan(model, [data.batch(range(*ends))], edge_type_names=data.edge_type_names, **OPTIONS)
        for data, ends in ((dataset, (0, 4)), (molecules, (4, NUMBER)))
    ]
    for scan in (merge_scans(halves), merge_scans(halves[::-1])):
        cells = [name if number < 4 else None for number, name in enumerate(MADE["mol_id"])]
        check(scan, {"mol_id": cells, "edge": [None] * NUMBER}, plain)
    assert "mol_id" in pl.concat([half.massive() for half in halves], how="diagonal").columns


def test_scans_that_call_a_graph_differently_are_refused(model, molecules):
    other = {"mol_id": ["M0", "other", *MADE["mol_id"][2:]]}
    scans = [
        es.scan(model, replace(molecules, identifiers=identifiers), **OPTIONS)
        for identifiers in (MADE, other)
    ]
    said = "the mol_id of graph 1 is M1 and other; give batches"
    with pytest.raises(InputError, match=f"cannot merge scans in which {said}"):
        merge_scans(scans, same_graphs=True)
    with pytest.raises(InputError, match=f"received scans of several seeds in which {said}"):
        SeedScans(dict(zip("ab", scans, strict=True)))


def test_batches_that_give_one_number_to_two_molecules_are_refused(model, molecules):
    dataset = replace(molecules, identifiers=MADE)
    batches = [dataset.batch([0, 1]), dataset.batch([2, 3])]
    batches[1].graph = torch.tensor([0, 1])
    with pytest.raises(InputError, match=r"received batches in which the mol_id of graph \d is M"):
        es.scan(model, batches, **OPTIONS)


def test_scans_of_seeds_carry_them(model, molecules, tmp_path):
    dataset = replace(molecules, identifiers=MADE)
    seeds = scan_seeds([model, model], dataset, baseline=model, **OPTIONS)
    seeds = SeedScans.load(seeds.save(tmp_path / "seeds"))
    for scan in seeds.scans.values():
        table = scan.massive()
        assert table["mol_id"].to_list() == [f"M{graph}" for graph in table["graph"]]
        assert scan.baseline.identifiers == scan.identifiers


def test_printed_tables_name_graphs_and_write_out_what_would_steer_a_terminal(
    model, molecules, capsys
):
    names = ["TOX1", "\x1b[2Jcleared", *[None] * (NUMBER - 2)]
    scan = es.scan(model, replace(molecules, identifiers={"mol_id": names}), **OPTIONS)
    show(scan.nonfinite(), "not finite")
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split() == ["site", "graph", "mol_id", "edges"]
    assert printed[1].split()[1:3] == ["0", "TOX1"]
    assert printed[2].split()[1:3] == ["1", r"\x1b[2Jcleared"]


def test_tox21_keeps_the_names_of_its_molecules_into_the_report(shared, tmp_path):
    table = pl.read_csv(shared / "data" / "tox21" / "tox21.csv.gz").head(60)
    table.write_csv(tmp_path / "tox21.csv")
    options = {"target_columns": ["SR-p53"], "cache": False, "progress": False}
    train = es.data.load(tmp_path / "tox21.csv", **options).train
    names = table["mol_id"].to_list()
    expected = [names[row - train.first_row] for row in train.row.tolist()]
    dataset = replace(train, identifiers={"mol_id": expected})
    torch.manual_seed(0)
    sizes = {"hidden_dim": 16, "num_heads": 2, "num_layers": 2}
    model = es.models.GraphTransformer(**dataset.model_sizes, **sizes).eval()
    scan = es.scan(model, dataset, **OPTIONS)
    table = scan.massive()
    assert table["mol_id"].to_list() == [expected[graph] for graph in table["graph"]]
    page = scan.report(tmp_path / "report.html").read_text(encoding="utf-8")
    numbers = pl.read_json(tmp_path / "report.json")["gallery"][0].to_list()
    assert numbers
    for entry in numbers:
        name = expected[entry["graph"]]
        assert entry["identifiers"] == {"mol_id": name}
        assert f"Graph {entry['graph']} ({name})" in page

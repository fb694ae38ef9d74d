"""Files that nobody should read: each is refused in one line, and takes no memory."""

import io
import json
import os
import pickle
import resource
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import save as safetensors

import edgescope as es
from earlier_versions import without_manifest
from edgescope.attribute import Leaderboard
from edgescope.cli import main
from edgescope.interpret import Interpretation
from edgescope.large import LargeGraph
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.models import import_checkpoint
from edgescope.models import load as load_weights
from edgescope.study.cell_work import read_result
from edgescope.study.published_logs import EDGES, TYPES, import_malog
from edgescope.train import RunFolder
from stored_things import THINGS, configured

MEGABYTES = 400
"""What reading a refused file may take; most of what they promise is a thousand times as much."""


def refused(read) -> str:
    """Read something; return why it is refused, in one line and within the memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)
        with pytest.raises(InputError) as caught:
            read()
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024 * MEGABYTES
    return str(caught.value)


def written(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)

NO_YAML = {
    "nested lists": "[" * 100_000,
    "nested maps": '{"a":' * 100_000,
    "nested blocks": "".join(f"{' ' * depth}a:\n" for depth in range(3000)),
    "an alias bomb": BOMB,
    "a list in itself": "&a [*a]",
    "a map in itself": "&a {b: *a}",
    "a list": "[1, 2]",
    "a number": "3",
    "null": "null",
    "nothing": "",
    "no text": b"\xff\xfe\x00",
    "a null byte": "a: \x00b",
    "code": "!!python/object/apply:os.system ['echo owned']",
    "two documents": "a: 1\n---\nb: 2",
    "a key of digits": "3: 4",
    "a key of lists": "[1, 2]: 4",
    "a key of nothing": "~: 1",
    "a wrong merge": "<<: [3]",
    "a key twice": "seed: 3\nseed: 4",
}

NO_RECIPE = {
    "a date": "batch_size: 2020-01-01",
    "too many digits": f"batch_size: {'9' * 5000}",
    "more than 64 bits": "batch_size: 99999999999999999999999",
    "no number": "learning_rate: .nan",
    "infinity": "seed: 1.0e+400",
    "below zero": "batch_size: -3",
    "truth": "seed: true",
    "a width of a million": "model: {hidden_dim: 1000000, num_heads: 8}",
    "a width beyond 64 bits": "model: {hidden_dim: 1000000000000000000000000, num_heads: 1}",
    "a million layers": "model: {num_layers: 1000000}",
    "layers beyond 64 bits": "model: {num_layers: 1000000000000000000000000}",
    "many eigenvectors": "model: {laplacian_eigenvectors: 10000000000}",
    "a number for the model": "model: 3",
    "a list for the model": "model: [1]",
    "nothing for the model": "model: null",
    "a list for the name": "model: {architecture: [1]}",
}


@pytest.mark.parametrize("text", [*NO_YAML.values(), *NO_RECIPE.values()], ids=str)
def test_recipes(text, tmp_path):
    refused(lambda: es.train.recipe(written(tmp_path / "mine.yaml", text)))


@pytest.mark.parametrize(
    "text",
    [
        *NO_YAML.values(),
        "models: 3",
        "models: [3]",
        "models: [GraphTransformer]\ndata: 4",
        "models: [GraphTransformer]\ndata: [solubility]\nseeds: [-1]",
        "models: [GraphTransformer]\ndata: [solubility]\noverrides: [3]",
        "models: [GAT]\nrecipe: demo\ndata: [solubility]\noverrides: {hidden_dim: 1000000}",
        "models: [GAT]\nrecipe: demo\ndata: [solubility]\noverrides: {num_layers: 1000000}",
        "models: [GAT]\nrecipe: demo\ndata: [{source: solubility, rewire: 3}]",
        f"models: [GAT]\nrecipe: demo\ndata: ['{'a' * 5000}.csv']",
    ],
    ids=str,
)
def test_studies(text, tmp_path):
    refused(lambda: es.study.plan(es.study.read(written(tmp_path / "mine.yaml", text))))


@pytest.mark.parametrize("text", NO_YAML.values(), ids=NO_YAML)
def test_configurations_of_runs(text, tmp_path):
    written(tmp_path / "config.yaml", text)
    refused(lambda: RunFolder(tmp_path))


PLAIN = {
    "recipe": {},
    "data": None,
    "splits": {},
    "vocabulary": ["C"],
    "edge_types": ["a"],
    "targets": ["y"],
}


@pytest.mark.parametrize("key", PLAIN)
@pytest.mark.parametrize("value", [3, [3], "x", [[]], float("nan"), True])
def test_configurations_with_wrong_types(key, value, tmp_path):
    written(tmp_path / "config.yaml", yaml.safe_dump({**PLAIN, key: value}))
    refused(lambda: RunFolder(tmp_path).recipe)


def test_a_configuration_of_a_width_of_a_million(tmp_path):
    wide = {**PLAIN, "recipe": {"model": {"hidden_dim": 10**6}}}
    written(tmp_path / "config.yaml", yaml.safe_dump(wide))
    assert "GiB" in refused(lambda: RunFolder(tmp_path).recipe)


NO_JSON = ["[" * 100_000, '{"a":' * 100_000, "[]", '"x"', "null", '{"a": 1', b"\xff", ""]


@pytest.mark.parametrize(
    "text",
    [
        *NO_JSON,
        '{"history": 3}',
        '{"history": [3]}',
        '{"test_mae": "x"}',
        '{"epochs": "three"}',
        f'{{"epochs": {"9" * 6000}}}',
    ],
    ids=str,
)
def test_metrics(text, tmp_path):
    run = configured(tmp_path, 0)
    written(run.path / "metrics.json", text)
    refused(lambda: run.metrics)


@pytest.mark.parametrize("text", NO_JSON, ids=str)
def test_files_of_studies(text, tmp_path):
    written(tmp_path / "result.json", text)
    written(tmp_path / "study.json", text)
    refused(lambda: read_result(tmp_path))
    refused(lambda: es.study.load(tmp_path))


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """Results as earlier versions stored them: without a digest that would betray a change."""
    root = tmp_path_factory.mktemp("older")
    for name in ("scan", "scans of seeds", "ablation", "interpretation", "leaderboard"):
        THINGS[name].write(root, 0)
    without_manifest(root / "scan")
    without_manifest(root / "seeds")
    names = json.loads((root / "seeds" / "seeds.json").read_text())["names"]
    (root / "seeds" / "seeds.json").write_text(json.dumps(names))
    without_manifest(root / "ablation", "ablation.json", 1)
    without_manifest(root / "interpret", "interpretation.json", None)
    without_manifest(root / "explain", "leaderboard.json", None)
    return root


@pytest.mark.parametrize("name", ["scan", "scans of seeds", "ablation", "leaderboard"])
def test_results_of_earlier_versions_can_be_read_with_a_warning(name, older):
    with pytest.warns(EdgescopeWarning, match=r"of an earlier version, without a manifest\.json"):
        THINGS[name].read(older)


def test_an_interpretation_of_an_earlier_version_can_be_read_with_a_warning(older):
    with pytest.warns(EdgescopeWarning, match="of an earlier version"):
        assert Interpretation.load(older / "interpret").info == {"seed": 0}


def changed(path: Path, keys: str, value: object) -> None:
    """Put a value at a place in a JSON file, as ``info.graphs``."""
    plain = json.loads(path.read_text())
    *above, last = keys.split(".")
    holder = plain
    for key in above:
        holder = holder[next(iter(holder))] if key == "*" else holder[key]
    holder[last] = value
    path.write_text(json.dumps(plain))


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        ("info", 3),
        ("info.graphs", "many"),
        ("info.graphs", -1),
        ("info.graphs", None),
        ("info.graphs", True),
        ("info.edge_type_names", "abc"),
        ("info.edge_type_names", [1, 2]),
        ("info.criterion", "paper2025"),
        ("info.criterion", {"kind": "both", "rules": [1]}),
        ("info.criterion", {"name": "x", "ratio": "y"}),
        ("info.coverage", [1]),
        ("info.max_rows", 1.5),
        ("info.stranger", 1),
        ("counters", None),
        ("counters", []),
        ("sites", [1]),
        ("sites.stranger", {}),
        ("sites.*.heads", 2**40),
        ("sites.*.heads", 0),
        ("sites.*.heads", -3),
        ("sites.*.heads", "3"),
        ("sites.*.channels", 2**62),
        ("sites.*.edge_types", 10**6),
        ("sites.*.joint_budget", -1),
        ("sites.*.seen", -1),
        ("sites.*.of", [1]),
        ("sites.*.of", {"inputs": 3}),
        ("format", [2]),
        ("format", 99),
    ],
)
def test_scans_with_wrong_types(keys, value, older, tmp_path):
    """In a folder without a manifest, as only types and sizes can tell there."""
    folder = tmp_path / "scan"
    for name in ("scan.json", "counts", "rows", "extremes", "nonfinite", "molecules"):
        file = name if "." in name else f"{name}.parquet"
        written(folder / file, (older / "scan" / "baseline" / file).read_bytes())
    with pytest.warns(EdgescopeWarning):
        es.load_scan(folder)
    changed(folder / "scan.json", keys, value)
    refused(lambda: es.load_scan(folder))


@pytest.mark.parametrize("name", ["scan", "seeds", "ablation", "interpret", "explain"])
@pytest.mark.parametrize("text", NO_JSON, ids=str)
def test_descriptions_that_are_none(name, text, older, tmp_path):
    loads = {
        "scan": ("scan.json", es.load_scan),
        "seeds": ("seeds.json", es.storage.load_seeds),
        "ablation": ("ablation.json", es.Ablation.load),
        "interpret": ("interpretation.json", Interpretation.load),
        "explain": ("leaderboard.json", Leaderboard.load),
    }
    marker, load = loads[name]
    for path in (older / name).glob("*.parquet"):
        written(tmp_path / path.name, path.read_bytes())
    written(tmp_path / marker, text)
    if (name, text) != ("seeds", "[]"):  # which are the scans of no seeds
        refused(lambda: load(tmp_path))


def test_tables_of_a_scan_with_other_columns_and_cells(older, tmp_path):
    source = older / "scan" / "baseline"
    names = ("counts", "rows", "extremes", "nonfinite", "molecules")
    for name in names:
        written(tmp_path / f"{name}.parquet", (source / f"{name}.parquet").read_bytes())
    written(tmp_path / "scan.json", (source / "scan.json").read_bytes())
    counts = pl.read_parquet(source / "counts.parquet")
    for wrong in (
        counts.drop("cell"),
        counts.with_columns(cell=pl.col("cell").cast(pl.String)),
        counts.with_columns(cell=pl.lit(2**40)),
        counts.with_columns(cell=pl.lit(-1, dtype=pl.Int64)),
        counts.with_columns(site=pl.lit("a stranger")),
    ):
        wrong.write_parquet(tmp_path / "counts.parquet")
        refused(lambda: es.load_scan(tmp_path))


def header(fields: object, data: bytes = b"") -> bytes:
    text = json.dumps(fields).encode()
    return struct.pack("<Q", len(text)) + text + data


def weights(config: object, name: str = "GraphTransformer") -> bytes:
    text = config if isinstance(config, str) else json.dumps(config)
    return safetensors({"weight": torch.zeros(2)}, {"architecture": name, "config": text})


OF = {"num_atom_types": 5, "num_bond_types": 4}

NO_WEIGHTS = {
    "a header of an exabyte": struct.pack("<Q", 2**60) + b"{}",
    "tensors of 32 GiB": header(
        {"a": {"dtype": "F32", "shape": [2**33], "data_offsets": [0, 2**35]}}
    ),
    "a deep header": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "a deep configuration": weights('{"a":' * 5000 + "1" + "}" * 5000),
    "a list": weights([1]),
    "a width of a million": weights({**OF, "hidden_dim": 10**6, "num_heads": 8}),
    "a million layers": weights({**OF, "num_layers": 10**6}),
    "many tables of types": weights({**OF, "num_atom_types": [10**6] * 10**5}),
    "many types": weights({**OF, "num_atom_types": 10**12}),
    "below zero": weights({**OF, "hidden_dim": -8}),
    "no heads": weights({**OF, "num_heads": 0}),
    "text": weights({**OF, "hidden_dim": "8"}),
    "nothing": weights({**OF, "hidden_dim": None}),
    "beyond 64 bits": weights({**OF, "hidden_dim": 2**70}),
    "many eigenvectors": weights({**OF, "laplacian_eigenvectors": 10**12}),
    "many layers of positions": weights({**OF, "lpe_layers": 10**9, "lpe_dim": 8}, "SAN"),
    "empty": b"",
    "two tensors in one place": header(
        {name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in ("a", "b")},
        bytes(4),
    ),
}


@pytest.mark.parametrize("data", NO_WEIGHTS.values(), ids=NO_WEIGHTS)
def test_weights(data, tmp_path):
    refused(lambda: load_weights(written(tmp_path / "mine.safetensors", data)))


def saved(value: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


def squeezed(data: bytes) -> bytes:
    """The same archive with its records compressed, which torch unfolds before it looks."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for each in source.infolist():
            target.writestr(each.filename, source.read(each))
    return buffer.getvalue()


ONE = torch.zeros(1)

READ = {
    "MLP_layer.FC_layers.0.weight": torch.zeros(1, 8),
    "MLP_layer.FC_layers.0.bias": torch.zeros(1),
    "embedding_h.weight": torch.zeros(1, 8),
    "embedding_e.weight": torch.zeros(1, 8),
}

NO_PICKLES = {
    "a stride of 0": saved({"a": ONE.expand(2**33)}),
    "a stride of 0 in the old form": saved(
        {"a": ONE.expand(2**20, 2**13)}, _use_new_zipfile_serialization=False
    ),
    "numbers twice": saved({"a": torch.zeros(4).as_strided((4, 4), (0, 1))}),
    "a width of a million": saved({**READ, "MLP_layer.FC_layers.0.weight": torch.zeros(1, 10**6)}),
    "many layers": saved({**READ, "layers.9999999.x": ONE}),
    "a layer of many digits": saved({**READ, f"layers.{'9' * 5000}.x": ONE}),
    "a number for a matrix": saved({**READ, "MLP_layer.FC_layers.0.weight": torch.tensor(1.0)}),
    "an archive that unfolds": squeezed(saved({"a": torch.zeros(2**24)})),
    "sparse": saved({"a": torch.zeros(3, 3).to_sparse()}),
    "on no device": saved({"a": torch.zeros(3, device="meta")}),
    "keys that are numbers": saved({3: ONE}),
    "a list": saved([ONE]),
    "nothing": saved(None),
    "deep": b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".",
    "cut": saved({"a": torch.zeros(100)})[:-50],
    "empty": b"",
    "text": b"hello",
    "many names": b"\x80\x02]r\xff\xff\xff\x7f.",
    "bytes of 32 TiB": b"\x80\x04\x8e" + struct.pack("<Q", 2**45) + b"abc.",
    "digits of 1 GiB": b"\x80\x02\x8b" + struct.pack("<i", 2**30) + b"abc.",
    "code": pickle.dumps(os.getcwd),
}


@pytest.mark.parametrize("data", NO_PICKLES.values(), ids=NO_PICKLES)
def test_checkpoints_and_logs(data, tmp_path):
    path = written(tmp_path / "mine.pkl", data)
    refused(lambda: import_checkpoint(path, "GT", num_heads=2))
    refused(lambda: import_malog(path))


@pytest.mark.parametrize(
    ("edges", "types"),
    [
        ([[{"attention": ONE.expand(2**33, 2)}]], [torch.zeros(1).long().expand(2**33)]),
        (["x"], ["y"]),
        ([[{"attention": torch.zeros(3, 0)}]], [torch.zeros(3).long()]),
        ([[{"attention": torch.zeros(3, 2, dtype=torch.cfloat)}]], [torch.zeros(3).long()]),
    ],
    ids=["a stride of 0", "text", "no width", "complex"],
)
def test_logs_of_wrong_tensors(edges, types, tmp_path):
    log = {EDGES: edges, TYPES: types}
    for data in (saved(log), pickle.dumps(log)):
        written(tmp_path / "log.pkl", data)
        refused(lambda: import_malog(tmp_path / "log.pkl"))


def npz(shape: tuple[int, ...], data: bytes, name: str = "node_features") -> bytes:
    """An archive with an array whose header says what shape it likes."""
    array = io.BytesIO()
    fields = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(array, fields)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", array.getvalue() + data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [npz((2**40,), b""), npz((2**22, 2**22), bytes(10**6)), npz((3,), b"abc"), b"PK\x05\x06", b""],
    ids=["a terabyte", "more than a terabyte", "cut", "half an archive", "empty"],
)
def test_arrays(data, tmp_path):
    written(tmp_path / "chameleon_directed.npz", data)
    refused(lambda: es.data.load("chameleon", root=tmp_path, progress=False))
    written(tmp_path / "benzene.npz", data.replace(b"node_features", b"smiles"))
    refused(lambda: es.data.load("benzene", root=tmp_path, progress=False))


@pytest.mark.parametrize("name", ["tile_start", "source", "target", "input_edge", "sizes"])
def test_sorted_graphs(name, tmp_path):
    edges = torch.randint(0, 9, (2, 40))
    LargeGraph.from_edge_index(edges, torch.zeros(40, dtype=torch.long), 9, tmp_path)
    LargeGraph.load(tmp_path)
    path = tmp_path / f"{name}.npy"
    whole = path.read_bytes()
    for data in (
        whole[:-8],
        whole[:20],
        b"",
        npy(np.array(["a"])),
        npy(np.zeros((2, 2))),
        npy(np.array([-1, 5])),
        whole.replace(b"(40,)", b"(9999999999999,)"),
    ):
        if data != whole:
            path.write_bytes(data)
            refused(lambda: LargeGraph.load(tmp_path))


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_a_table_that_promises_more_rows_than_there_can_be(tmp_path):
    """A column of one value takes a few bytes for any number of rows."""
    path = tmp_path / "many.parquet"
    many = 2**27
    frame = pl.select(smiles=pl.repeat(None, many, dtype=pl.String))
    frame.write_parquet(path, row_group_size=many, statistics=False)
    assert path.stat().st_size < 2**20
    del frame
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgescope.lib.input_files._free_memory", lambda: 2**29)
        assert "134,217,728 rows" in refused(lambda: es.data.load(path, progress=False))


SPECIAL = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("make", SPECIAL.values(), ids=SPECIAL)
def test_what_is_no_file(make, tmp_path):
    readers = {
        "a.yaml": es.train.recipe,
        "b.yaml": es.study.read,
        "c.safetensors": load_weights,
        "d.pkl": lambda path: import_checkpoint(path, "GT", num_heads=2),
        "e.pkl": import_malog,
        "f.csv": lambda path: es.data.load(path, progress=False),
        "g.parquet": lambda path: es.data.load(path, progress=False),
        "scan.json": lambda path: es.load_scan(path.parent),
        "manifest.json": lambda path: es.load_scan(path.parent),
        "config.yaml": lambda path: RunFolder(path.parent),
        "study.json": lambda path: es.study.load(path.parent),
    }
    for name, read in readers.items():
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        make(folder / name)
        refused(lambda read=read, path=folder / name: read(path))
        refused(lambda read=read, path=folder / ("x" * 4000 + name): read(path))


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--recipe", "{recipe}", "--data", "{table}", "--out", "{out}"),
        ("study", "run", "{recipe}", "--out", "{out}"),
        ("import", "checkpoint", "{pickle}", "--architecture", "GT", "--heads", "2", "{out}"),
        ("scan", "{folder}"),
        ("report", "{folder}"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_the_command_line_ends_with_two_and_one_line(words, tmp_path, capsys):
    places = {
        "recipe": written(tmp_path / "mine.yaml", "[" * 100_000),
        "table": written(tmp_path / "table.csv", "smiles,y\nCC,1\n"),
        "pickle": written(tmp_path / "mine.pkl", NO_PICKLES["a stride of 0"]),
        "folder": written(tmp_path / "run" / "config.yaml", BOMB).parent,
        "out": tmp_path / "out",
    }
    with pytest.raises(SystemExit) as end:
        main([word.format(**places) for word in words])
    assert end.value.code == 2
    assert capsys.readouterr().err.strip().count("\n") == 0
    assert not places["out"].exists()

"""Arrays, sorted graphs and tables that promise more than they hold."""

import io
import zipfile

import numpy as np
import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.large import LargeGraph
from support.hostile_files import npy, refused, written


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
    LargeGraph.open(tmp_path)
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
            refused(lambda: LargeGraph.open(tmp_path))


def test_a_table_that_promises_more_rows_than_there_can_be(tmp_path):
    """A column of one value takes a few bytes for any number of rows."""
    path = tmp_path / "many.parquet"
    many = 2**25
    frame = pl.select(smiles=pl.repeat(None, many, dtype=pl.String))
    frame.write_parquet(path, row_group_size=many, statistics=False)
    assert path.stat().st_size < 2**20
    del frame
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edgescope.lib.input_files._free_memory", lambda: 2**27)
        assert "33,554,432 rows" in refused(lambda: es.data.load(path, progress=False))

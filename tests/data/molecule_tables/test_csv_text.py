"""Text files from whatever wrote them."""

import gzip

import pytest

from edgescope.data.molecule_tables.csv_text import read_text
from edgescope.lib.errors import InputError

TEXT = "smiles,Name\nCC,S\u00e4ure \u00b5\n"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"],
)
@pytest.mark.parametrize("packed", [True, False])
def test_the_text_is_the_same_in_every_encoding(tmp_path, encoding, packed):
    content = TEXT.encode(encoding)
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    found = read_text(path)
    assert found.text == TEXT
    assert len(found.notes) == (not encoding.startswith("utf-8"))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_name_that_is_wrong_about_packing_is_noted(tmp_path, name):
    path = tmp_path / name
    content = TEXT.encode()
    path.write_bytes(content if name.endswith("gz") else gzip.compress(content))
    found = read_text(path)
    assert found.text == TEXT
    assert "unlike its name" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04xyz", "is an Excel workbook .* save the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0xyz", "is an old Excel workbook"),
        (b"PAR1xyz", "is Parquet"),
        (b"<!DOCTYPE html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (
            gzip.compress(TEXT.encode(), mtime=0)[:-5],
            "cannot read .* check that the file is complete",
        ),
        (b"\x1f\x8bxyz", "cannot read .* check that the file is complete"),
        (b"smiles,y\nCC,1\nC\x00C,2\n", "NUL character in line 3"),
        (TEXT.encode("utf-16")[:-1], "cannot read .* as UTF-16"),
    ],
)
def test_what_is_no_text_is_refused_with_what_it_is(tmp_path, content, message):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_text(path)
    assert "\n" not in str(error.value)


def test_a_file_that_unfolds_beyond_the_memory_is_refused_before_it_is_unfolded(
    tmp_path, monkeypatch
):
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"smiles\n" + b"C" * 2**26, mtime=0))
    monkeypatch.setattr("edgescope.lib.input_files._free_memory", lambda: 2**26)
    with pytest.raises(InputError, match=r"unfold to .* needs .* of memory"):
        read_text(path)

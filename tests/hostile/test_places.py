"""Paths at which there is no file, and what the command line says."""

import os
from pathlib import Path

import pytest

import edgescope as es
from edgescope.cli import main
from edgescope.models import import_checkpoint
from edgescope.models import load as load_weights
from edgescope.study.published_logs import import_malog
from edgescope.train import RunFolder
from support.hostile_files import BOMB, ONE, refused, saved, written

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
        "pickle": written(tmp_path / "mine.pkl", saved({"a": ONE.expand(2**33)})),
        "folder": written(tmp_path / "run" / "config.yaml", BOMB).parent,
        "out": tmp_path / "out",
    }
    with pytest.raises(SystemExit) as end:
        main([word.format(**places) for word in words])
    assert end.value.code == 2
    assert capsys.readouterr().err.strip().count("\n") == 0
    assert not places["out"].exists()

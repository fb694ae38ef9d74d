"""The manifest of a stored folder: what it holds, and what it finds missing or changed."""

import json
import shutil
import threading

import polars as pl
import pytest

import edgescope as es
from edgescope.intervene.ablation_result import Ablation
from edgescope.lib import files as _files
from edgescope.lib import manifest as _manifest
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.manifest import MANIFEST, Kind, stored, storing
from support.earlier_versions import without_manifest
from support.stored_things import THINGS, a_scan, an_ablation, an_interpretation, content

NUMBER = Kind("a number", "number.json", 2, "count again")


def save(folder, number, *more):
    with storing(folder, NUMBER, {"numbers": 1}) as new:
        (new / "number.json").write_text(json.dumps({"format": 2, "number": number}))
        for name in ("first", "second"):
            pl.DataFrame({"number": [number] * 50}).write_parquet(new / f"{name}.parquet")
        for name in more:
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_text(name)
    return folder


def load(folder):
    def read(files):
        files.check({"numbers": 1})
        tables = [pl.read_parquet(files.files[f"{name}.parquet"]) for name in ("first", "second")]
        numbers = {files.json("number.json")["number"]}
        return numbers.union(*(table["number"].to_list() for table in tables))

    return stored(folder, NUMBER, read)


def test_it_names_every_file_with_size_and_digest_the_counts_and_the_versions(tmp_path):
    folder = a_scan(0).save(tmp_path / "scan")
    held = json.loads((folder / MANIFEST).read_text())
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {*held["files"], MANIFEST} == names
    assert "baseline/members/0001/counts.parquet" in names
    for name, entry in held["files"].items():
        assert entry["bytes"] == (folder / name).stat().st_size
        assert len(entry["sha256"]) == 64
    assert held["of"] == {"what": "a scan", "format": 3}
    assert held["counts"]["sites"] == 2
    assert {"edgescope", "python", "torch", "polars"} <= held["versions"].keys()


@pytest.mark.parametrize(
    ("name", "harm", "message"),
    [
        ("counts.parquet", "delete", r"counts\.parquet is missing\); scan again"),
        ("baseline/members/0001/rows.parquet", "delete", r"0001/rows\.parquet is missing"),
        ("rows.parquet", "cut", r"rows\.parquet has \S+ bytes, expected"),
        ("baseline/scan.json", "flip", r"baseline/scan\.json was changed after it was written"),
        ("manifest.json", "flip", r"manifest\.json is damaged"),
        ("manifest.json", "delete", r"of format 3 that has lost its manifest\.json"),
        ("scan.json", "delete", r"scan\.json is missing"),
    ],
)
def test_what_is_missing_or_changed_is_named(name, harm, message, tmp_path):
    folder = a_scan(0).save(tmp_path / "scan")
    path = folder / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(data if harm == "flip" else data[:-1])
    with pytest.raises(InputError, match=message) as caught:
        es.load_scan(folder)
    assert "\n" not in str(caught.value)


def test_a_scan_inside_another_is_checked_when_it_is_read_alone(tmp_path):
    inside = a_scan(0).save(tmp_path / "scan") / "baseline"
    assert len(es.load_scan(inside).members) == 2
    shutil.rmtree(inside / "members" / "0001")
    with pytest.raises(InputError, match=r"members/0001/\S+ is missing"):
        es.load_scan(inside)


def test_files_that_are_none_of_its_own_are_neither_read_nor_lost(tmp_path):
    folder = save(tmp_path / "number", 1)
    (folder / "notes.txt").write_text("mine")
    (folder / "drawings").mkdir()
    (folder / "drawings" / "one.svg").write_text("mine too")
    assert load(folder) == {1}
    assert load(save(folder, 2)) == {2}
    assert load(save(folder, 3)) == {3}
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "drawings" / "one.svg").read_text() == "mine too"


@pytest.mark.parametrize("name", ["number.json", MANIFEST, "first.parquet"])
@pytest.mark.parametrize("text", [None, "", "[" * 100_000])
def test_what_is_damaged_can_be_replaced(name, text, tmp_path):
    path = save(tmp_path / "number", 1) / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match="count again"):
        load(tmp_path / "number")
    assert load(save(tmp_path / "number", 2)) == {2}


def test_what_belonged_to_the_old_one_does_not_stay(tmp_path):
    folder = save(tmp_path / "number", 1, "below/extra.json")
    save(folder, 2)
    assert not (folder / "below").exists()


def test_a_manifest_of_something_else_is_refused(tmp_path):
    folder = an_ablation(0).save(tmp_path / "ablation")
    shutil.copy(an_interpretation(0).save(tmp_path / "interpret") / MANIFEST, folder)
    with pytest.raises(InputError, match=r"manifest\.json is that of an interpretation"):
        Ablation.load(folder)


def test_a_manifest_that_leads_out_of_its_folder_is_refused(tmp_path):
    folder = save(tmp_path / "number", 1)
    (tmp_path / "secret.json").write_text("mine")
    held = json.loads((folder / MANIFEST).read_text())
    held["files"]["../secret.json"] = _manifest._entry(b"mine")
    held.pop("checksum"), held.pop("format")
    (folder / MANIFEST).write_text(json.dumps(_manifest.sealed(held, _manifest.FORMAT)))
    with pytest.raises(InputError, match="outside the folder"):
        load(folder)


def test_no_changed_bit_makes_an_older_format_of_a_newer_one(tmp_path):
    """The manifest that is there is checked, whatever the description says."""
    folder = a_scan(0).save(tmp_path / "scan")
    text = (folder / "scan.json").read_text()
    (folder / "scan.json").write_text(text.replace('"format": 3', '"format": 2'))
    with pytest.raises(InputError, match=r"scan\.json was changed"):
        es.load_scan(folder)
    without_manifest(folder)
    with pytest.warns(EdgescopeWarning, match="of an earlier version"):
        es.load_scan(folder)


def test_counts_that_do_not_fit_the_content_are_refused(tmp_path):
    folder = save(tmp_path / "number", 1)
    with pytest.raises(InputError, match=r"numbers: 2, expected 1\); count again"):
        stored(folder, NUMBER, lambda files: files.check({"numbers": 2}))


@pytest.mark.parametrize("at_once", [True, False], ids=["exchange", "step by step"])
def test_a_reader_never_sees_a_mixture(at_once, tmp_path, monkeypatch):
    if not at_once:
        monkeypatch.setattr(_files, "_swapped", lambda *_: False)
    folder = save(tmp_path / "number", 0)
    done, seen = threading.Event(), []

    def read():
        while not done.is_set() or len(seen) < 20:
            seen.append(load(folder))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(60):
        save(folder, number)
    done.set()
    for reader in readers:
        reader.join()
    assert all(len(numbers) == 1 for numbers in seen)
    assert len(seen) >= 40


@pytest.mark.parametrize("name", THINGS)
def test_what_is_written_comes_back(name, tmp_path):
    thing = THINGS[name]
    thing.write(tmp_path, 0)
    once = content(thing.read(tmp_path))
    thing.write(tmp_path, 1)
    if name != "molecules":
        assert content(thing.read(tmp_path)) != once

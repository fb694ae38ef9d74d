"""Folders that are written to and read from."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edgescope.lib import files as _files
from edgescope.lib.errors import InputError
from edgescope.lib.files import (
    alone,
    readable_file,
    replacing,
    replacing_folder,
    restored,
    writable_folder,
)
from edgescope.lib.input_files import reading_folder


def at_once(action, times=200):
    """Do something many times in each of four threads; return what they raised."""
    raised = []

    def work():
        try:
            for _ in range(times):
                action()
        except Exception as error:  # noqa: BLE001  (a thread's error would be lost)
            raised.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_many_threads_may_ask_for_the_same_folder_at_once(tmp_path):
    refused = at_once(lambda: writable_folder(tmp_path / "folder"))
    assert not refused
    assert not list((tmp_path / "folder").iterdir())


def test_many_threads_may_write_the_same_file_at_once(tmp_path):
    def write():
        with replacing(tmp_path / "file") as temporary:
            temporary.write_text("whole")

    assert not at_once(write)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "whole"


def test_what_is_damaged_is_said_in_one_line(tmp_path):
    expected = r"holds a scan that cannot be read \(ValueError: cut short\); scan again$"
    with (
        pytest.raises(InputError, match=expected),
        reading_folder(tmp_path, "a scan", "scan again"),
    ):
        raise ValueError("cut\n  short")


def put(folder, text, then=lambda: None):
    """Replace a folder by one with a text in it."""
    with replacing_folder(folder, "text", "no texts") as new:
        new.mkdir()
        (new / "text").write_text(text)
        then()
    return folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=[True, False], ids=["exchange", "step by step"])
def either_way(request, monkeypatch):
    if not request.param:
        monkeypatch.setattr(_files, "_swapped", lambda *_: False)


@pytest.mark.usefixtures("either_way")
def test_a_folder_is_replaced_and_nothing_else_is_left(tmp_path):
    for text in ("old", "new", "newer"):
        assert (put(tmp_path / "a", text) / "text").read_text() == text
        assert names(tmp_path) == ["a"]


@pytest.mark.usefixtures("either_way")
def test_the_old_one_is_there_until_the_new_one_is(tmp_path):
    folder = put(tmp_path / "a", "old")
    with pytest.raises(ZeroDivisionError):
        put(folder, "new", lambda: 1 / 0)
    assert (folder / "text").read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.usefixtures("either_way")
def test_many_threads_may_replace_the_same_folder_at_once(tmp_path):
    def replace():
        put(tmp_path / "a", "whole")

    assert not at_once(replace, 25)
    assert names(tmp_path) == ["a"]
    assert names(tmp_path / "a") == ["text"]


def test_a_folder_that_is_exchanged_while_it_is_looked_at_is_looked_at_again(tmp_path, monkeypatch):
    folder, look, away = put(tmp_path / "a", "old"), Path.iterdir, []

    def exchanged(self):
        found = list(look(self))
        if self == folder and not away:
            away.append(folder.rename(tmp_path / "away"))
        return iter(found)

    monkeypatch.setattr(Path, "iterdir", exchanged)
    assert (put(folder, "new") / "text").read_text() == "new"
    assert away


def test_a_folder_that_a_killed_writer_has_set_aside_is_put_back(tmp_path):
    aside = tmp_path / ".a.t0123456789abcdef.old"
    put(aside, "old")
    restored(tmp_path / "a")
    assert (tmp_path / "a" / "text").read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_what_killed_writers_left_is_deleted_by_the_next_one_and_nothing_else_is(tmp_path):
    ours = [".a.t0123456789abcdef.tmp", ".a.4711.4712.tmp", ".a.t0123456789abcdef.old"]
    others = [".b.t0123456789abcdef.tmp", ".a.b.t0123456789abcdef.tmp", ".a.mine.tmp", ".a"]
    put(tmp_path / "a", "old")
    for name in (*ours, *others):
        (tmp_path / name / "below").mkdir(parents=True)
    put(tmp_path / "a", "new")
    assert names(tmp_path) == sorted([*others, "a"])


def test_the_files_of_a_live_writer_are_left_alone(tmp_path):
    """The next writer waits for it, and does not take it for a dead one."""
    order, begun = [], threading.Event()

    def second():
        begun.wait()
        put(tmp_path / "a", "second", lambda: order.append("second"))

    waiting = threading.Thread(target=second)

    def meanwhile():
        waiting.start()
        begun.set()
        order.append("first")

    put(tmp_path / "a", "first", meanwhile)
    waiting.join()
    assert order == ["first", "second"]
    assert (tmp_path / "a" / "text").read_text() == "second"


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    for name in ("folder", "file"):
        (tmp_path / name).symlink_to(tmp_path / "disk" / name)
    for text in ("old", "new"):
        put(tmp_path / "folder", text)
        with replacing(tmp_path / "file") as temporary:
            temporary.write_text(text)
        assert (tmp_path / "disk" / "folder" / "text").read_text() == text
        assert (tmp_path / "disk" / "file").read_text() == text
    assert all((tmp_path / name).is_symlink() for name in ("folder", "file"))
    assert names(tmp_path / "disk") == ["file", "folder"]


@pytest.mark.parametrize("write", ["file", "folder"])
def test_what_is_in_the_way_is_named_in_one_line(write, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir() if write == "file" else taken.write_text("mine")
    with pytest.raises(InputError, match=r"taken is a f\w+, expected a") as caught:
        put(taken, "new") if write == "folder" else at(taken)
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["taken"]


def at(path):
    with replacing(path) as temporary:
        temporary.write_text("new")


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="is a device or a pipe, expected a file"):
        at(tmp_path / "pipe")


FULL = """
import resource, signal, sys
from pathlib import Path
import polars as pl
from edgescope.lib.files import replacing, replacing_folder
from edgescope.lib.errors import InputError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
table = pl.DataFrame({"a": range(100_000)})

def file():
    with replacing(Path(sys.argv[1]) / "file") as path:
        path.write_bytes(bytes(10_000))

def parquet():
    with replacing(Path(sys.argv[1]) / "file") as path:
        table.write_parquet(path)

def folder():
    with replacing_folder(Path(sys.argv[1]) / "folder", "text", "no texts") as new:
        new.mkdir()
        (new / "text").write_text("new")
        table.write_parquet(new / "table.parquet")

for write in (file, parquet, folder):
    try:
        write()
    except InputError as error:
        print(str(error).count("\\n"), "cannot write" in str(error))
"""


def test_a_full_disk_is_said_in_one_line_and_what_was_there_stays(tmp_path):
    """A limit to the size of files, which is to a writer what a full disk is."""
    (tmp_path / "file").write_text("old")
    put(tmp_path / "folder", "old")
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path], check=True, capture_output=True, text=True
    )
    assert done.stdout.split("\n")[:3] == ["0 True"] * 3
    assert (tmp_path / "file").read_text() == "old"
    assert (tmp_path / "folder" / "text").read_text() == "old"
    assert names(tmp_path) == ["file", "folder"]


def test_a_lock_that_is_not_waited_for_is_refused_and_leaves_no_file(tmp_path):
    with alone(tmp_path / "a"):
        with (
            pytest.raises(InputError, match=r"^busy; try later$"),
            alone(tmp_path / "a", "busy; try later"),
        ):
            pytest.fail("two were let in")
        with alone(tmp_path / "b", "busy"):
            pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["x" * 4000, "a/b/c", "."])
def test_a_path_that_is_no_file_is_named(name, tmp_path):
    with pytest.raises(InputError, match=r"expected a recipe at .* there; check the path"):
        readable_file(tmp_path / name, "a recipe")

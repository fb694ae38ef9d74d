"""Folders that are written to and read from."""

import threading

import pytest

from edgescope._files import replacing, writable_folder
from edgescope._reading import reading_folder
from edgescope.errors import InputError


def at_once(action):
    """Do something 200 times in each of four threads; return what they raised."""
    raised = []

    def work():
        try:
            for _ in range(200):
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

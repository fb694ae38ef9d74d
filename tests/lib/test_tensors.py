"""Tensors on disk."""

import os

import torch

from edgescope.lib.tensors import read_tensors, write_tensors


def test_tensors_and_metadata_come_back_as_they_were(tmp_path):
    tensors = {"a": torch.arange(6).view(2, 3).t(), "b": torch.zeros(0, 4, dtype=torch.bool)}
    write_tensors(tmp_path / "file", tensors, {"made by": "a test"})
    found, metadata, checked = read_tensors(tmp_path / "file")
    assert checked
    assert metadata == {"made by": "a test"}
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(found[name], tensor)


def test_a_file_may_be_read_by_whoever_the_user_lets_read(tmp_path):
    before = os.umask(0o022)
    try:
        write_tensors(tmp_path / "file", {"a": torch.zeros(1)}, {})
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644

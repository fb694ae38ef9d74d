"""Checkpoints and logs of the published code that nobody should read."""

import io
import os
import pickle
import struct
import zipfile

import pytest
import torch

from edgescope.models import import_checkpoint
from edgescope.study.published_logs import EDGES, TYPES, import_malog
from support.hostile_files import ONE, refused, saved, written


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

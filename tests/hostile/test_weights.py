"""Weights in safetensors that nobody should read."""

import json
import struct

import pytest
import torch
from safetensors.torch import save as safetensors

from edgescope.models import load as load_weights
from support.hostile_files import refused, written


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

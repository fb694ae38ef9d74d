"""Which kernel of torch a layer took."""

import pytest
import torch


def _counted(monkeypatch, name):
    calls = []
    kernel = getattr(torch, name)
    monkeypatch.setattr(torch, name, lambda *args: calls.append(1) or kernel(*args))
    return calls


@pytest.fixture
def fused(monkeypatch):
    """Calls of the fused kernel of encoder layers."""
    return _counted(monkeypatch, "_transformer_encoder_layer_fwd")


@pytest.fixture
def native(monkeypatch):
    """Calls of the native kernel of multi-head attention."""
    return _counted(monkeypatch, "_native_multi_head_attention")

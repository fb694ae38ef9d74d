"""Checkpoints of other people's models: read without running code, under any prefix, or refused."""

import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

import edgescope as es
from edgescope.lib.errors import InputError


def net(width=4):
    return nn.Sequential(nn.Linear(3, width), nn.BatchNorm1d(width), nn.Linear(width, 1))


NAMES = st.sampled_from(["", "model.", "module.", "_orig_mod.", "net.model.", "0."])


@settings(max_examples=40, deadline=None)
@given(
    prefix=NAMES,
    inside=NAMES,
    holder=st.sampled_from(["", "state_dict", "model_state_dict", "model_state"]),
    safe=st.booleans(),
    stray=st.booleans(),
)
def test_weights_are_found_under_any_prefix(tmp_path_factory, prefix, inside, holder, safe, stray):
    path = tmp_path_factory.mktemp("weights") / ("w.safetensors" if safe else "w.ckpt")
    source, target = net(), net()
    if inside:  # the model that is loaded is wrapped
        wrapped = nn.Module()
        place = wrapped
        *parents, last = inside.strip(".").split(".")
        for name in parents:
            place.add_module(name, nn.Module())
            place = getattr(place, name)
        place.add_module(last, target)
        model = wrapped
    else:
        model = target
    state = {f"{prefix}{name}": value for name, value in source.state_dict().items()}
    stray = stray and prefix not in {"", inside}  # else it would be the model's own
    if stray:
        state["loss.weight"] = torch.ones(7)
    if safe:
        save_file(state, path)
    else:
        torch.save({holder: state, "epoch": 3} if holder else state, path)
    found = es.models.load_weights(model, path)
    for name, value in target.state_dict().items():
        assert torch.equal(value, source.state_dict()[name])
    assert found.tensors == len(source.state_dict())
    assert found.outside == (("loss.weight",) if stray else ())


def test_what_does_not_fit_is_listed_and_nothing_is_loaded(tmp_path):
    model, other = net(), net(5).state_dict()
    other["3.weight"] = other.pop("2.weight")
    torch.save(other, tmp_path / "w.pt")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(es.models.UnfitWeightsError, match="does not fit Sequential") as raised:
        es.models.load_weights(model, tmp_path / "w.pt")
    table = raised.value.table
    assert set(table.filter(problem="missing")["tensor"]) == {"2.weight"}
    assert set(table.filter(problem="unexpected")["tensor"]) == {"3.weight"}
    assert table.filter(tensor="0.weight").row(0) == ("0.weight", "shape", "[5, 3]", "[4, 3]")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_two_sets_of_weights_are_not_chosen_between(tmp_path):
    state = net().state_dict()
    both = {
        f"{prefix}.{name}": value for prefix in ("model", "ema") for name, value in state.items()
    }
    torch.save({"state_dict": both}, tmp_path / "w.ckpt")
    with pytest.raises(
        InputError, match=r"2 sets of weights that fit, under 'ema\.' and 'model\.'"
    ):
        es.models.load_weights(net(), tmp_path / "w.ckpt")
    torch.save({"model": state, "net": state}, tmp_path / "w.ckpt")
    with pytest.raises(InputError, match=r"several state dicts \(model, net\)"):
        es.models.load_weights(net(), tmp_path / "w.ckpt")


class Evil:
    def __reduce__(self):
        return Path.touch, (Path("ran"),)


def test_no_code_in_a_checkpoint_is_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": net().state_dict(), "hyper_parameters": Evil()}, "w.ckpt")
    Path("w.pt").write_bytes(pickle.dumps(Evil()))
    for name in ("w.ckpt", "w.pt"):
        with pytest.raises(InputError, match="save the state dict alone"):
            es.models.load_weights(net(), name)
    torch.save([1, 2], "list.pt")
    with pytest.raises(InputError, match="holds no state dict"):
        es.models.load_weights(net(), "list.pt")
    assert not Path("ran").exists()

"""Natural mistakes are refused in one line, whichever function they are made with."""

import functools

import pandas as pd
import polars as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader as PlainLoader
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.attribute import importances
from edgescope.interpret import edge_groups, heat_maps, interpret
from edgescope.lib.errors import InputError
from support.loader_cases import OneLayer, told_apart


@functools.cache
def molecules():
    return es.data.load("solubility", progress=False).test[:20]


@functools.cache
def molecule_model():
    return es.models.GATv2(**molecules().model_sizes, hidden_dim=8, num_heads=2, num_layers=1)


@functools.cache
def molecule_scan():
    return es.scan(molecule_model(), es.data.loader(molecules()), progress=False)


@functools.cache
def splits():
    return es.data.load("solubility", progress=False)


def graphs():
    return told_apart(4)


QUIET = {"progress": False}
ON_LOADERS = {
    "scan": lambda model, loader: es.scan(model, loader, **QUIET),
    "scan_seeds": lambda model, loader: es.scan_seeds([model], loader, **QUIET),
    "diagnose": lambda model, loader: es.diagnose(model, loader, **QUIET),
    "ablate": lambda model, loader: es.ablate(model, loader, where=3, **QUIET),
    "noise_attack": lambda model, loader: es.noise_attack(model, loader, at=["conv"], **QUIET),
    "reallocation": lambda model, loader: es.reallocation(model, loader, **QUIET),
    "heat_maps": lambda model, loader: heat_maps(
        model, loader, edge_groups(molecules(), by=["bond_type"], progress=False), "bond_type"
    ),
}
"""Functions that take a model and a loader."""

NO_MODEL = {
    "a class": (lambda: OneLayer, "received the class OneLayer as"),
    "weights": (lambda: "model.pt", "expected a torch.nn.Module; read weights with"),
    "a dictionary": (lambda: {"a": torch.ones(1)}, "expected a torch.nn.Module"),
    "a function": (lambda: lambda x: x, "expected a torch.nn.Module"),
    "nothing": (lambda: None, "received None as"),
    "a loader": (lambda: DataLoader(graphs()), "the model comes first and the loader second"),
    "graphs": (graphs, "the model comes first and the loader second"),
    "another library's": (object, "models of other libraries cannot be inspected"),
}

NO_LOADER = {
    "a model": (OneLayer, "the model comes first and the loader second"),
    "a path": (lambda: "molecules.csv", "read a file with es.data.load"),
    "a class": (lambda: DataLoader, "pass what the class makes"),
    "a frame of polars": (lambda: pl.DataFrame({"smiles": ["CC"]}), "es.data.load makes graphs"),
    "a frame of pandas": (lambda: pd.DataFrame({"smiles": ["CC"]}), "es.data.load makes graphs"),
    "an empty list": (list, "the loader gave no batch"),
    "a list of texts": (lambda: ["CC", "CCO"], "let it hold PyG's Data or Batch objects"),
    "a list of numbers": (lambda: [1, 2], "let it hold PyG's Data or Batch objects"),
    "a tensor": (lambda: torch.ones(2, 3), "es.data.loader make one"),
    "a dictionary": (lambda: {"x": torch.ones(2)}, "es.data.loader make one"),
    "a number": (lambda: 3, "received 3 .int. as the loader"),
    "nothing": (lambda: None, "received None as the loader"),
    "all parts": (splits, r"pass one of its parts, such as es\.data\.loader\(splits\.test\)"),
    "a generator": (lambda: (g for g in graphs()), "can be iterated only once"),
    "an iterator": (lambda: iter(DataLoader(graphs())), "can be iterated only once"),
}


def refused(call, pattern):
    """Check that a call is refused in one line."""
    with pytest.raises(InputError, match=pattern) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("function", ON_LOADERS)
@pytest.mark.parametrize(("wrong", "says"), NO_MODEL.values(), ids=NO_MODEL)
def test_what_is_no_model_is_refused(function, wrong, says):
    refused(lambda: ON_LOADERS[function](wrong(), DataLoader(graphs(), 2)), says)


@pytest.mark.parametrize("function", ON_LOADERS)
@pytest.mark.parametrize(("wrong", "says"), NO_LOADER.values(), ids=NO_LOADER)
def test_what_is_no_loader_is_refused(function, wrong, says):
    refused(lambda: ON_LOADERS[function](OneLayer(), wrong()), says)


@pytest.mark.parametrize("function", ["scan", "diagnose", "ablate"])
def test_a_data_set_of_something_else_is_refused(function):
    class Numbers(torch.utils.data.Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, position):
            return position

    refused(
        lambda: ON_LOADERS[function](OneLayer(), Numbers()),
        "received a Numbers of int as the loader, expected one of graphs",
    )


MODEL_ALONE = {
    "capture": es.capture,
    "capture.sites": es.capture.sites,
    "capture.edit": lambda model: es.capture.edit(model, None, str),
    "importances": lambda model: importances(model, molecules(), "massive", **QUIET),
    "try_remedy": lambda model: es.diagnose.try_remedy(model, []),
}


@pytest.mark.parametrize("function", MODEL_ALONE)
@pytest.mark.parametrize(("wrong", "says"), NO_MODEL.values(), ids=NO_MODEL)
def test_what_is_no_model_is_refused_without_a_loader(function, wrong, says):
    refused(lambda: MODEL_ALONE[function](wrong()), says)


ON_DATA = {
    "importances": lambda data: importances(molecule_model(), data, "massive", **QUIET),
    "edge_groups": lambda data: edge_groups(data, progress=False),
    "interpret": lambda data: interpret(molecule_scan(), data, **QUIET),
    "predict": lambda data: es.attribute.fidelity.predict(molecule_model(), data),
}

NO_DATA = {
    "a list": (graphs, "received a list of Data as dataset, expected a data set of edgescope"),
    "a loader": (lambda: es.data.loader(molecules()), "pass its data set, loader.dataset"),
    "a loader of PyG": (lambda: DataLoader(graphs()), "es.data.load and es.data.planted make one"),
    "all parts": (splits, "pass one of its parts, such as splits.test"),
    "a graph": (lambda: graphs()[0], "received a Data .torch_geometric. as dataset"),
    "a path": (lambda: "a.csv", "received 'a.csv' .str. as dataset"),
    "nothing": (lambda: None, "received None as dataset"),
}


@pytest.mark.parametrize("function", ON_DATA)
@pytest.mark.parametrize(("wrong", "says"), NO_DATA.values(), ids=NO_DATA)
def test_what_is_no_data_set_is_refused(function, wrong, says):
    refused(lambda: ON_DATA[function](wrong()), says)


@pytest.mark.parametrize("wrong", ["run/scan", None, 3, "a model"])
def test_what_is_no_scan_is_refused(wrong):
    refused(lambda: interpret(wrong, molecules(), **QUIET), "as scan, expected a scan; ")


THRESHOLDS = {
    "table": lambda scan, value: scan.table(value),
    "by_edge_type": lambda scan, value: scan.by_edge_type(value),
    "heat_map": lambda scan, value: scan.heat_map(next(iter(scan.sites)), value),
    "edges_over": lambda scan, value: next(iter(scan.sites.values())).sketch.edges_over(value),
    "Criterion": lambda _, value: es.Criterion("mine", ratio=value),
    "Criterion.magnitude": lambda _, value: es.Criterion("mine", magnitude=value),
}


@pytest.mark.parametrize("function", THRESHOLDS)
@pytest.mark.parametrize("value", ["1000", True, [1000], {"ratio": 1}])
def test_a_threshold_that_is_no_number_is_refused(function, value):
    refused(lambda: THRESHOLDS[function](molecule_scan(), value), "expected a number, such as 1000")


@pytest.mark.parametrize("function", ["scan", "massive", "ablate"])
@pytest.mark.parametrize("value", [1000, ["paper2025"], es.Criterion, "1000"])
def test_a_criterion_that_is_none_is_refused(function, value):
    loader = DataLoader(graphs(), 2)
    calls = {
        "scan": lambda: es.scan(OneLayer(), loader, criterion=value, **QUIET),
        "massive": lambda: molecule_scan().massive(value),
        "ablate": lambda: es.ablate(OneLayer(), loader, where=value, **QUIET),
    }
    if function == "ablate" and value in (1000, es.Criterion):
        pytest.skip("a ratio is one there, and a class is a function")
    refused(calls[function], "criterion|where")


@pytest.mark.parametrize("given", ["untrained", es.Untrained, es.Untrained(members=10)])
def test_an_untrained_baseline_may_be_named_in_several_ways(given):
    found = es.scan(OneLayer(), DataLoader(graphs(), 2), baseline=given, **QUIET)
    assert len(found.baseline.members) == 10


@pytest.mark.parametrize("given", ["untrained", es.Untrained])
def test_an_ablation_takes_the_same_names(given):
    options = {"repeats": 1, "controls": ["number"], "metric": "none", **QUIET}
    found = es.ablate(OneLayer(), graphs(), where=2, value="untrained", baseline=given, **options)
    assert found.info.value == "untrained"


NO_BASELINE = {
    "another text": "trained",
    "a path": "runs/one/scan",
    "the model's class": OneLayer,
    "a number": 10,
    "a list": [OneLayer()],
}


@pytest.mark.parametrize("function", ["scan", "ablate", "scan_seeds"])
@pytest.mark.parametrize("wrong", NO_BASELINE.values(), ids=NO_BASELINE)
def test_what_is_no_baseline_is_refused(function, wrong):
    model, loader = OneLayer(), DataLoader(graphs(), 2)
    calls = {
        "scan": lambda: es.scan(model, loader, baseline=wrong, **QUIET),
        "scan_seeds": lambda: es.scan_seeds([model], loader, baseline=wrong, **QUIET),
        "ablate": lambda: es.ablate(model, loader, value="untrained", baseline=wrong, **QUIET),
    }
    if function == "scan_seeds" and isinstance(wrong, list):
        pytest.skip("one baseline for each model")
    refused(calls[function], "baseline")


def test_a_loader_of_plain_torch_with_graphs_in_lists_serves():
    loader = PlainLoader(graphs(), batch_size=None)
    assert es.scan(OneLayer(), loader, **QUIET).info.graphs == 4


def test_a_model_with_a_data_set_of_its_own_is_still_a_model():
    class Holding(OneLayer):
        dataset = (Data(),)

    assert isinstance(Holding(), nn.Module)
    assert es.scan(Holding(), graphs(), **QUIET).info.graphs == 4


OPTIONS = {
    "scan keep_ratio": lambda: es.scan(OneLayer(), graphs(), keep_ratio="50", **QUIET),
    "scan max_rows": lambda: es.scan(OneLayer(), graphs(), max_rows="50", **QUIET),
    "scan joint_budget": lambda: es.scan(OneLayer(), graphs(), joint_budget="4 MB", **QUIET),
    "scan sites": lambda: es.scan(OneLayer(), graphs(), sites=3, **QUIET),
    "scan inputs": lambda: es.scan(OneLayer(), graphs(), inputs="edges", **QUIET),
    "scan call": lambda: es.scan(OneLayer(), graphs(), call="forward", **QUIET),
    "diagnose every": lambda: es.diagnose(OneLayer(), graphs(), every="3", **QUIET),
    "diagnose max_batches": lambda: es.diagnose(OneLayer(), graphs(), max_batches="3", **QUIET),
    "diagnose select": lambda: es.diagnose(OneLayer(), graphs(), select=3, **QUIET),
    "diagnose inputs": lambda: es.diagnose(OneLayer(), graphs(), inputs=["edges"], **QUIET),
    "diagnose call": lambda: es.diagnose(OneLayer(), graphs(), call=3, **QUIET),
    "diagnose scan": lambda: es.diagnose(OneLayer(), graphs(), scan="run/scan", **QUIET),
    "ablate repeats": lambda: es.ablate(OneLayer(), graphs(), repeats="3", **QUIET),
    "ablate inputs": lambda: es.ablate(OneLayer(), graphs(), inputs="edges", **QUIET),
    "ablate call": lambda: es.ablate(OneLayer(), graphs(), call="forward", **QUIET),
    "ablate sites": lambda: es.ablate(OneLayer(), graphs(), sites=3, **QUIET),
    "noise std": lambda: es.noise_attack(OneLayer(), graphs(), std="0.1", at=["conv"], **QUIET),
    "Untrained members": lambda: es.Untrained(members="3"),
    "Untrained seed": lambda: es.Untrained(seed="3"),
    "Calibrated rate": lambda: es.Calibrated(rate="0.1"),
    "Calibrated fdr": lambda: es.Calibrated(fdr="0.1"),
    "capture inputs": lambda: es.capture(OneLayer(), inputs="edges"),
    "merge_scans one": lambda: es.merge_scans(molecule_scan()),
    "merge_scans paths": lambda: es.merge_scans(["run/scan"]),
    "load_scan": lambda: es.load_scan(molecule_scan()),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_another_kind_is_refused_before_anything_runs(option):
    refused(OPTIONS[option], "^received .*expected")

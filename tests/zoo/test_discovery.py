"""Discovery on models in the style of others: right, or nothing with a reason."""

import warnings

import polars as pl
import pytest
import torch

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning
from support.attention_zoo.case import DISCOVERED, NO_ATTENTION
from support.attention_zoo.table import CASES

CLOSE = 1e-4

UNTOLD = {"edges in keys and values, by einsum"}
"""Cases in which padding attends to itself, and nothing that the model is given says what it is.

They are warned of."""

BLIND = {
    "edges attend to edges": "its nodes are the edges of the input",
    "a loop over graphs": "each call of the softmax is on one graph of the batch",
    "DIFFormer, sigmoid": "nodes attend to those of other graphs of the batch",
    "cross attention of two drugs": "queries and keys are nodes of two graphs",
    "links attend to nodes": "its rows are candidate links, not edges",
    "LPFormer of PyG": "its rows are candidate links, not edges",
    "attention as read-out": "its rows are nodes",
    "GMMConv": "an exponential that is not normalised multiplies the messages",
    "GDN": "its edges are computed anew and not named edge_index",
}
"""Cases of which nothing is seen, and why."""

PARTLY = {
    "AttentiveFP over tables of neighbours": "that of atoms is seen, not that of molecules",
    "Molecule Attention Transformer": "the softmax is seen, not its mixture with distances",
    "ASTGCN": "the softmax is seen, not its product with a mask",
    "softmax over both ends": "one of its two weights is a product of the other",
    "shares of sigmoids, after GatedGCN": "the share is seen, not the gate in it",
    "GMAN": "steps in time have no numbers of nodes",
}
"""Cases of which some weights are seen, and others not."""


def found_in(case):
    """Return model, batch and the activations of all sites, once discovered."""
    model, batch = case.model(), case.batch()
    with torch.no_grad():
        plain = case.call(model, batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)  # rows known by their nodes, and the like
        found = es.capture.discover(model, case.batch(), call=case.call)
        if not es.capture.sites(model)["reason"].is_null().any():
            return model, batch, found, {}
        with torch.no_grad(), es.capture(model) as tape:
            output = case.call(model, case.batch())
    assert same(plain, output)
    return model, batch, found, {site: tape[site] for site in tape.sites}


def same(one, other):
    if isinstance(one, (tuple, list)):
        return all(map(same, one, other))
    return torch.equal(one, other)


def rows(values, edge_index):
    """Return every row with its edge, in an order that does not depend on that given."""
    values = values.reshape(len(values), -1).double()
    keyed = [
        (tuple(edge), [round(float(value), 3) for value in row], row)
        for edge, row in zip(edge_index.t().tolist(), values, strict=True)
    ]
    keyed.sort(key=lambda each: each[:2])
    return [edge for edge, _, _ in keyed], torch.stack([row for _, _, row in keyed])


def agrees(found, expected):
    """Return whether what was found is what was worked out, for the same edges."""
    identity = found.identity
    here, values = rows(found.values, torch.stack([identity.source, identity.target]))
    there, wanted = rows(expected.values, expected.edge_index)
    return here == there and torch.allclose(values, wanted, atol=CLOSE, rtol=CLOSE)


def of_stage(expected, stage):
    stages = {"weight": {"weight", "gate"}}.get(stage, {stage})
    return [each for each in expected if each.stage in stages]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_weight_that_is_discovered_is_one_of_the_model(case):
    model, batch, _, sites = found_in(case)
    weights = {name: each for name, each in sites.items() if name.endswith(":weight")}
    if case.verdict != DISCOVERED:
        formulas = es.capture.sites(model).filter(pl.col("site").is_in(list(weights)))["formula"]
        assert all("not normalised" in formula for formula in formulas), formulas
        return
    expected = of_stage(case.expected(model, batch), "weight")
    if case.name in UNTOLD:
        return
    if case.name not in PARTLY:
        for name, each in weights.items():
            assert any(agrees(each, one) for one in expected), name
    if case.name in BLIND:
        assert not weights
        return
    seen = [one for one in expected if any(agrees(each, one) for each in weights.values())]
    if case.name in PARTLY:
        assert 0 < len(seen) < len(expected)
    else:
        assert len(seen) == len(expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_message_that_is_discovered_is_what_the_model_sums(case):
    model, batch, _, sites = found_in(case)
    messages = {name: each for name, each in sites.items() if name.endswith(":message")}
    expected = case.expected(model, batch) if messages else []
    if case.name in UNTOLD or not all(each.formed for each in of_stage(expected, "weight")):
        return  # what is divided only once it was summed is a message after that
    expected = of_stage(expected, "message")
    if not expected:
        return
    for name, each in messages.items():
        assert any(agrees(each, one) for one in expected), name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_not_seen_has_a_reason(case):
    model, _, found, sites = found_in(case)
    if sites or case.verdict == NO_ATTENTION:
        return
    assert found.refused or es.capture.coverage(model).gaps()

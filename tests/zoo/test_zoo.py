"""What capture, scan, diagnose, ablate and the explainer say of every model of the zoo."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.explain import Explainer
from torch_geometric.nn import MessagePassing

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.zoo import reference
from support.zoo.case import Case, Refused, Right
from support.zoo.reference import build
from support.zoo.table import ZOO

cases = pytest.mark.parametrize("case", ZOO, ids=lambda case: case.name)
# What warns of compiled models is checked where other warnings are.
pytestmark = pytest.mark.filterwarnings("ignore:.* is compiled")
STAGES = {"score", "logit", "weight", "message"}


@contextmanager
def warning_of(said: Right | Refused) -> Iterator[None]:
    """Check that what is warned of, and nothing else, is warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", EdgescopeWarning)
        yield
    texts = [str(each.message) for each in caught if issubclass(each.category, EdgescopeWarning)]
    words = said.warned if isinstance(said, Right) else ""
    assert bool(texts) == bool(words), texts
    assert all(words in text for text in texts), texts


class Computed:
    """What is on a tape; not the sites of layers that the model did not run."""

    def __init__(self, tape) -> None:
        self._tape = tape
        self.sites = []
        for site in tape.sites:
            with suppress(KeyError):
                self.sites += [site] if tape[site] else []

    def __getitem__(self, site: str):
        return self._tape[site]


def captured(case: Case, layers: tuple[str, ...] | None = None):
    """Yield every batch with what was captured on it, and the calls of all layers."""
    model = build(case)
    sites = None if layers is None else [f"{path}:*" for path in layers]
    for batch, own in zip(case.batches(), case.batches(), strict=True):
        with (
            torch.no_grad(),
            reference.watched(model) as calls,
            es.capture(model, sites, inputs=case.inputs or None, discover=False) as tape,
        ):
            case.run(model, batch)
        yield model, own, Computed(tape), calls


def paths(sites) -> set[str]:
    return {site.rpartition(":")[0].partition("@")[0] for site in sites}


@pytest.mark.parametrize("case", [case for case in ZOO if case.capture], ids=lambda case: case.name)
def test_capture(case):
    said = case.capture
    layers = None
    if isinstance(said, Refused):
        with pytest.raises(InputError, match=said.words):
            list(captured(case))
        layers = said.but
    expected = said.layers if isinstance(said, Right) else layers
    for model, batch, tape, calls in captured(case, layers) if expected else ():
        assert paths(tape.sites) == set(expected)
        for path in expected:
            assert reference.check_layer(model, path, calls, tape)
        check_rows(tape, batch, case.told)


def check_rows(tape, batch, told) -> None:
    """Check which edges the rows of every layer are; those of its other stages are the same."""
    first = {}
    for site in tape.sites:
        stem = site.rpartition(":")[0]
        if stem not in first:
            first[stem] = tape[site]
            assert reference.check_edges(tape[site], batch, told)
        assert torch.equal(tape[site].input_edge, first[stem].input_edge)
        assert torch.equal(tape[site].graph, first[stem].graph)


@pytest.mark.parametrize(
    "case", [case for case in ZOO if case.edge_features], ids=lambda case: case.name
)
def test_other_features_of_an_edge_change_its_own_rows_and_no_others(case):
    path = case.capture.layers[0]

    def first_stage(batch):
        model = build(case)
        with torch.no_grad(), es.capture(model, f"{path}:*") as tape:
            case.run(model, batch)
        return tape[next(site for site in tape.sites if site.endswith((":score", ":logit")))]

    batch = case.batches()[0]
    before = first_stage(batch)
    place = reference.place_of(before, case.batches()[0], case.told)
    for edge in range(0, batch.num_edges, 7):
        after = first_stage(reference.changed(case.batches()[0], case.edge_features, edge))
        differs = (after.values != before.values).flatten(1).any(1).numpy()
        loops = before.input_edge.numpy() < 0  # a loop that is added has a mean of features
        assert np.array_equal(differs & ~loops, place == edge)


def expected_of_scan(case: Case, layers: tuple[str, ...]):
    """Return the ratios of every edge at the site of every layer that a scan takes."""
    found = {}
    for _, _, tape, _ in captured(case, layers):
        for path in layers:
            for site in tape.sites:
                stem, _, stage = site.rpartition(":")
                best = "score" if f"{stem}:score" in tape.sites else "message"
                values = tape[site].values
                if stem.partition("@")[0] == path and stage == best and values.size(2) > 1:
                    found.setdefault(site, []).append(reference.ratios(values))
    return {site: np.concatenate(parts) for site, parts in found.items()}


@cases
def test_scan(case):
    said = case.scan

    def scan(sites=None):
        options = {"sites": sites, "progress": False, "discover": False, **case.options}
        return es.scan(build(case), case.batches(), **options)

    layers = said.layers if isinstance(said, Right) else said.but
    if isinstance(said, Refused):
        with pytest.raises(InputError, match=said.words):
            scan()
        if not layers:
            return
    expected = expected_of_scan(case, layers)
    with warning_of(said):
        found = scan(None if isinstance(said, Right) else sorted(expected))
    assert set(found.sites) == set(expected)
    for row in found.table().iter_rows(named=True):
        ratios = expected[row["site"]]
        assert row["edges"] == len(ratios)
        finite = ratios[np.isfinite(ratios)]
        assert row["max_ratio"] == pytest.approx(finite.max(), rel=1e-5)
    if isinstance(said, Right):
        assert {each.layer for each in found.coverage.attention} == set(said.unseen)


@cases
def test_diagnose(case):
    said = case.diagnose

    def diagnose(sites=None):
        asked = {"discover": False} if sites is None else {"sites": sites, "discover": False}
        return es.diagnose(
            build(case), case.batches(), every=1, progress=False, **asked, **case.options
        )

    layers = said.layers if isinstance(said, Right) else said.but
    if isinstance(said, Refused):
        with pytest.raises(InputError, match=said.words):
            diagnose()
        if not layers:
            return
    with warning_of(said):
        found = diagnose(None if isinstance(said, Right) else [f"{path}:*" for path in layers])
    coverage = found.coverage
    assert {each.path for each in coverage.seen} == set(layers)
    if isinstance(said, Right):
        assert {each.layer for each in coverage.attention} == set(said.unseen)
        assert all(name in coverage.sentence() for name in said.unseen)
        assert "nothing" not in str(found) or coverage.complete or said.unseen


@cases
def test_ablate(case):
    said = case.ablate
    layers = said.layers if isinstance(said, Right) else said.but

    def ablate(sites=None):
        return es.ablate(
            build(case),
            case.batches(),
            where=lambda found: torch.ones_like(found.values, dtype=torch.bool),
            value="zero",
            sites=sites,
            controls=[],
            metric="none",
            progress=False,
            discover=False,
            **case.options,
        )

    if isinstance(said, Refused):
        with pytest.raises(InputError, match=said.words):
            ablate()
        if not layers:
            return
    else:
        with warning_of(said):
            found = ablate().table()
        done = found.filter(pl.col("activations").is_not_null() & (pl.col("site") != "all"))
        assert paths(done["site"]) == set(layers)
    path = layers[0]
    if not isinstance(build(case).get_submodule(path), MessagePassing):
        return
    moved = ablate([f"{path}:message"]).table()["moved"][-1]  # of all calls of the layer
    digits = 1e-2 if case.name == "bfloat16" else 1e-3
    assert moved == pytest.approx(reference.without_messages(case, path), rel=digits)


@cases
def test_explain(case):
    said = case.explain
    explainer = es.MassiveActivationExplainer(inputs=case.inputs or None, discover=False)
    options = {name: value for name, value in case.options.items() if name == "call"}
    if isinstance(said, Refused):
        with pytest.raises(InputError, match=said.words):
            explainer.attribute(build(case), case.batches()[0], **options)
        return
    for number, (_, batch, tape, _) in enumerate(captured(case, said.layers)):
        expected = np.zeros(batch.num_edges)
        for site in tape.sites:
            stem, _, stage = site.rpartition(":")
            best = "score" if f"{stem}:score" in tape.sites else "message"
            rows = tape[site]
            if stage != best or rows.values.size(2) == 1:
                continue
            place, ratio = reference.place_of(rows, batch, case.told), reference.ratios(rows.values)
            ratio[~np.isfinite(ratio)] = 1  # the median is 0
            np.maximum.at(expected, place[place >= 0], np.log10(ratio[place >= 0]))
        found = explainer.attribute(build(case), case.batches()[number], **options)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["transformer with edges", "GATv2 with edges"])
def test_the_explainer_of_pyg_gives_the_same_scores(name):
    case = next(case for case in ZOO if case.name == name)
    batch = case.batches()[0]
    explainer = Explainer(
        build(case),
        es.MassiveActivationExplainer(),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "regression", "task_level": "graph"},
    )
    said = explainer(batch.x, batch.edge_index, edge_attr=batch.edge_attr, batch=batch.batch)
    score = es.MassiveActivationExplainer().attribute(build(case), batch)
    torch.testing.assert_close(said.edge_score, score)
    assert (said.edge_mask > 0).all()


def test_a_model_that_drops_edges_in_training_is_captured_as_it_ran():
    case = next(case for case in ZOO if case.name == "drops edges in training")
    model, batch = build(case).train(), case.batches()[0]
    torch.manual_seed(3)
    with reference.watched(model) as calls, es.capture(model) as tape:
        case.run(model, batch)
    rows = tape["conv:score"]
    (args, _, _), *_ = calls["conv"]
    assert rows.real.all()
    assert len(rows.values) < batch.num_edges
    place = torch.from_numpy(reference.place_of(rows, batch, told=True))
    assert torch.equal(batch.edge_index[:, place], args[1])
    assert torch.equal(batch.edge_attr[place], args[2])  # the features that went with the edge

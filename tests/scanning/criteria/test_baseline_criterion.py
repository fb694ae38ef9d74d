"""Criteria that count per edge, and that take thresholds and a test from untrained models."""

import copy
import json
from dataclasses import dataclass, field, replace

import polars as pl
import pytest
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.cli._results import conclusion
from edgescope.lib.errors import InputError
from edgescope.scanning.criteria import EDGE, Bounds, Rule, exceeds
from edgescope.scanning.seeds import SeedScans
from support.scan_equality import differences, numbered_graphs, small_model

GRAPHS = [copy.copy(graph) for graph in numbered_graphs(12)]
for _graph in GRAPHS:
    del _graph.smiles  # its edges are drawn at random, and are no bonds
MODEL = small_model(factor=3000.0)


def scanned(graphs=GRAPHS, **options):
    options = {"edge_type_names": ["a", "b", "c"], "progress": False} | options
    return es.scan(MODEL, DataLoader(graphs, 4), **options)


@pytest.fixture
def crowded():
    @dataclass(frozen=True)
    class Crowded(Rule):
        """Several channels of an edge exceed a ratio."""

        kind = "crowded"
        ratio: float = 4.0
        channels: int = 3

        def expression(self):
            large = exceeds("ratio", self.ratio)
            return large & (large.sum().over(EDGE) >= self.channels)

        def bounds(self, site):
            del site
            return Bounds(ratio=self.ratio)

        def in_words(self):
            return f"{self.channels} channels of an edge with a ratio above {self.ratio:g}"

    return Crowded()


@pytest.fixture
def beyond():
    @dataclass(frozen=True)
    class Beyond(Rule):
        """A ratio is larger than any of the untrained models at its site."""

        kind = "beyond"
        limits: dict[str, float] = field(default_factory=dict)

        @property
        def members_needed(self):
            return 0 if self.limits else 2

        def resolve(self, ensemble):
            if self.limits:
                return self
            largest = {
                site: max(float(member.maxima[0].max()) for member in members)
                for site, members in ensemble.items()
            }
            return replace(self, limits=largest)

        def expression(self):
            limit = pl.col("site").replace_strict(self.limits, return_dtype=pl.Float64)
            return exceeds("ratio", limit)

        def bounds(self, site):
            return Bounds(ratio=self.limits[site])

        def in_words(self):
            return "a ratio above all of untrained models"

        @property
        def members_tested(self):
            return 2

        def evidence(self, sites, ensemble):
            assert {len(members) for members in ensemble.values()} == {3}
            return pl.DataFrame(
                {
                    "site": site,
                    "axis": "ratio",
                    "threshold": self.limits[site],
                    "largest": float(sketch.maxima[0].max()),
                    "massive": float(sketch.maxima[0].max()) > self.limits[site],
                }
                for site, sketch in sites.items()
            )

        def test_in_words(self, members):
            return f"ratios exceed all of {members} untrained models"

    return Beyond()


@pytest.fixture
def tested(beyond):
    return scanned(criterion=beyond, baseline=es.Untrained(3))


def test_channels_are_counted_per_edge(crowded):
    rows = scanned(criterion=crowded).massive()
    sizes = rows.group_by(EDGE).len()["len"]
    every = scanned(criterion=es.Criterion("low", ratio=4.0)).massive()
    assert 0 < rows.height < every.height
    assert sizes.min() >= 3
    others = every.join(rows, on=EDGE, how="anti").group_by(EDGE).len()["len"]
    assert others.max() < 3


def test_channels_are_counted_in_an_ablation_as_in_the_scan(crowded):
    options = {"value": "clip", "metric": "none", "repeats": 2, "progress": False}
    loader = DataLoader(GRAPHS, 4)
    by_scan = es.ablate(MODEL, loader, where=scanned(criterion=crowded), **options).table()
    assert by_scan.equals(es.ablate(MODEL, loader, where=crowded, **options).table())


def test_it_composes_with_other_rules(crowded):
    large = es.Criterion("large", ratio=0, magnitude=0.5)
    both, either = (scanned(criterion=rule) for rule in (crowded & large, crowded | large))
    assert both.massive().height <= scanned(criterion=crowded).massive().height
    assert (both.massive()["value"].abs() > 0.5).all()
    assert either.massive().height >= scanned(criterion=crowded).massive().height


def test_thresholds_come_from_the_baseline_and_are_stored(tested, tmp_path):
    largest = {
        site: max(float(member[site].maxima[0].max()) for member in tested.baseline.members)
        for site in tested.sites
    }
    assert tested.info.criterion.limits == largest
    again = es.load_scan(tested.save(tmp_path / "scan"))
    assert again.info.criterion == tested.info.criterion
    assert not differences(again, tested)


def test_parts_with_one_baseline_merge(tested, beyond):
    parts = [
        scanned(part, criterion=beyond, baseline=tested.baseline)
        for part in (GRAPHS[:5], GRAPHS[5:])
    ]
    assert differences(es.merge_scans(parts), tested) == []


def test_its_test_of_sites_enters_every_table(tested):
    loud = [site for site in tested.sites if tested.table().filter(site=site)["massive"][0]]
    assert tested.significant() == loud
    assert loud
    assert tested.table()["threshold_ratio"].to_list() == list(
        tested.info.criterion.limits.values()
    )
    found = SeedScans({"one": tested}).findings(by_edge_type=False)
    assert set(found.filter(holds="all")["site"]) == set(loud)
    said = conclusion(tested)
    assert (
        said
        == f"at {len(loud)} of 2 sites ratios exceed all of 3 untrained models: " + ", ".join(loud)
    )


def test_the_report_shows_its_evidence(tested, tmp_path):
    path = tested.report(tmp_path / "report.html")
    numbers = json.loads(path.with_suffix(".json").read_text())
    (found,) = numbers["calibration"]
    assert found["rows"] == tested.calibration().to_dicts()
    assert "ratios exceed all of 3 untrained models" in numbers["summary"][0]
    page = path.read_text(encoding="utf-8")
    assert '<th scope="col">largest</th>' in page
    assert "a ratio above all of untrained models" in page


def test_too_few_untrained_models_are_refused(beyond):
    with pytest.raises(InputError, match="from an ensemble of untrained models, received 1"):
        scanned(criterion=beyond, baseline=small_model(seed=1))

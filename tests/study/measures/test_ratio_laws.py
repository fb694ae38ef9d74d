"""Distributions of ratios, against captured activations."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from edgescope.statistics import edge_ratios
from edgescope.study.measures.ratio_laws import histogram, laws, maxima
from support.scan_cases import captured


@pytest.fixture(scope="module")
def ratios(measured):
    """Site to the ratios and the graph of every captured edge."""
    return {
        site: (edge_ratios(values).ratio.numpy(), graph.numpy())
        for site, (values, graph, _, _) in captured(measured.model, measured.part).items()
    }


def test_maxima_are_quantiles_of_the_largest_ratio_per_graph(measured, ratios):
    table = maxima(measured)["maxima"].filter(state="trained")
    for site, (ratio, graph) in ratios.items():
        per_graph = np.array([ratio[graph == number].max() for number in np.unique(graph)])
        found = table.filter(site=site)
        assert found["quantile"].to_list() == pytest.approx(np.linspace(0, 1, 51))
        expected = np.quantile(per_graph, found["quantile"], method="inverted_cdf")
        assert found["ratio"].to_list() == pytest.approx(expected, rel=0.005)
        assert found["ratio"][-1] == pytest.approx(per_graph.max())


def test_the_histogram_counts_every_activation_in_its_bar(measured, ratios):
    table = histogram(measured)["histogram"].filter(state="trained")
    for site, (ratio, _) in ratios.items():
        found = table.filter(site=site)
        assert found["count"].sum() == ratio.size
        over = found.filter(found["log_ratio"] <= -3)["count"].sum()
        assert over == (ratio > 1000).sum()  # 1000 is an edge
        assert (found["log_ratio"] / 0.25).to_list() == [
            round(bar) for bar in (found["log_ratio"] / 0.25).to_list()
        ]


def test_laws_are_the_scans_with_the_distance_of_both_states(measured, as_untrained):
    table = laws(measured)["laws"]
    for site in measured.scan.sites:
        for state, scan in (("trained", measured.scan), ("untrained", measured.scan.baseline)):
            (row,) = table.filter(site=site, state=state).iter_rows(named=True)
            fit = scan.gamma(site)
            assert [row[name] for name in ("shape", "loc", "scale", "ks")] == [
                None if np.isnan(getattr(fit, name)) else getattr(fit, name)
                for name in ("shape", "loc", "scale", "ks")
            ]
            assert row["ks_trained_untrained"] == pytest.approx(
                distance(measured.scan[site], measured.scan.baseline[site]), abs=1e-9
            )
    alone = laws(as_untrained)["laws"]
    assert alone["state"].unique().to_list() == ["untrained"]
    assert alone["ks_trained_untrained"].is_null().all()


def distance(first, second):
    samples = [
        np.repeat(of.layout.ratio.centres, of.counts["ratio"].numpy()) for of in (first, second)
    ]
    return ks_2samp(*samples).statistic

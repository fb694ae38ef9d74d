"""A scan on axes: what is drawn are the numbers of its tables."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.errors import InputError
from edgescope.scanning.scan_pictures import ScanPictures
from support.figures import check_one_figure, no_figure_left

KINDS = ["maxima", "graphs", "histogram", "heat_map", "types"]
SITE = "layers.1.attention:score"


def drawn(scan, **options):
    return scan.plot(Figure().subplots(), **options)


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_the_largest_of_every_site_are_those_of_the_table(scan):
    table, found = scan.table(), lines(drawn(scan))
    assert found["trained"].get_xdata() == pytest.approx(table["max_ratio"].to_numpy())
    before = table["max_ratio_untrained"].to_numpy()
    assert found["untrained"].get_xdata() == pytest.approx(before)
    assert set(found["threshold 1,000"].get_xdata()) == {1000}
    labels = [label.get_text() for label in drawn(scan).get_yticklabels()]
    assert labels == table["site"].to_list()


def test_the_largest_ratios_of_graphs_are_those_that_were_counted(scan):
    ax = drawn(scan, kind="graphs", site=SITE)
    steps = {patch.get_label(): patch.get_data() for patch in ax.patches}
    counts = scan[SITE].counts["graph_ratio"].numpy()[::-1]
    values, ends, _ = steps["trained"]
    expected = scan[SITE].layout.ratio.centres[::-1][counts > 0]
    assert values == pytest.approx(expected)
    assert np.diff(ends) == pytest.approx(100 * counts[counts > 0] / counts.sum())
    assert set(steps) == {"trained", "untrained"}


def test_the_histogram_holds_every_ratio_once_and_the_law_that_was_fitted(scan):
    ax = drawn(scan, kind="histogram", site=SITE)
    bars = {patch.get_label(): patch.get_data() for patch in ax.patches}
    for state, of in {"trained": scan, "untrained": scan.baseline}.items():
        density, edges, _ = bars[state]
        assert (density * np.diff(edges)).sum() == pytest.approx(1, abs=2e-3)
        fit = of.gamma(SITE)
        said = [label for label in lines(ax) if label.startswith(f"gamma law, {state}")]
        assert bool(said) == (not fit.problem)
    assert ax.get_yscale() == "log"


def test_the_heat_map_is_that_of_the_scan(scan):
    (image,) = drawn(scan, kind="heat_map", site=SITE, threshold=20).images
    share = scan.heat_map(SITE, 20)
    assert image.get_array().filled(0) == pytest.approx(share)
    assert image.get_clim() == (0, share.max())
    assert (image.get_array().mask == (share == 0)).all()


def test_the_shares_of_types_are_those_of_the_table(scan):
    ax = drawn(scan, kind="types", site=SITE, threshold=500)
    bars = {each.get_label(): each for each in ax.containers if each.get_label()[0] != "_"}
    table = scan.by_edge_type(500).filter(site=SITE)
    assert [bar.get_width() for bar in bars["trained"]] == pytest.approx(100 * table["rate"])
    before = scan.baseline.by_edge_type(500).filter(site=SITE)
    assert [bar.get_width() for bar in bars["untrained"]] == pytest.approx(100 * before["rate"])
    (intervals,) = (each[2][0] for each in ax.containers[1::4])
    ends = np.array([path.vertices[:, 0] for path in intervals.get_paths()]) / 100
    wanted = before if "untrained" in ax.containers[0].get_label() else table
    assert ends == pytest.approx(wanted.select("low", "high").to_numpy(), abs=1e-9)
    names = [label.get_text().partition("\n")[0] for label in ax.get_yticklabels()]
    assert names == table["edge_type"].to_list()


def test_by_default_it_is_the_site_with_the_largest_ratio(scan):
    largest = scan.table().sort("max_ratio")["site"][-1]
    for kind in set(KINDS) - {"maxima"}:
        assert drawn(scan, kind=kind).get_title(loc="left").endswith(f"\n{largest}")


@pytest.mark.parametrize("kind", KINDS)
def test_given_axes_are_used_and_returned_and_settings_stay(scan, kind):
    before, ax = dict(plt.rcParams), Figure().subplots()
    with no_figure_left():
        assert scan.plot(ax, kind=kind) is ax
    check_one_figure(lambda: scan.plot(kind=kind))
    assert dict(plt.rcParams) == before


def test_what_cannot_be_drawn_is_refused_and_leaves_no_figure(scan):
    for options, said in (
        ({"kind": "pie"}, "received kind='pie', expected one of maxima, graphs"),
        ({"site": "nowhere"}, "no site 'nowhere'"),
        ({"ax": 3}, "received ax=int"),
        ({"kind": "types", "threshold": "many"}, "threshold"),
    ):
        with no_figure_left(), pytest.raises(InputError, match=said):
            scan.plot(**options)


def test_a_scan_without_a_baseline_or_of_magnitudes_or_of_nodes_is_drawn(untrained, graphs):
    alone = es.scan(untrained, DataLoader(graphs, 16))
    large = es.Criterion("large", ratio=0, magnitude=0.01)
    sizes = es.scan(untrained, DataLoader(graphs, 16), criterion=large)
    nodes = es.scan(untrained, DataLoader(graphs, 16), sites="*:state")
    assert "scanned model" in lines(drawn(alone))
    assert drawn(sizes).get_xlabel() == "magnitude"
    found = lines(drawn(sizes))["scanned model"].get_xdata()
    assert found == pytest.approx(sizes.table()["max_magnitude"].to_numpy())
    assert drawn(sizes, kind="types").get_xlabel() == "edges with a magnitude above 0.0100 (%)"
    assert drawn(nodes, kind="types").get_xlabel() == "nodes with a ratio above 1,000 (%)"
    bars = drawn(nodes, kind="types", threshold=3).containers
    assert bars


def test_every_kind_is_documented():
    assert all(f'``"{kind}"``' in ScanPictures.plot.__doc__ for kind in KINDS)

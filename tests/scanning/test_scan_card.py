"""A scan in a notebook: what is massive comes first, with the numbers of its tables."""

import copy
from dataclasses import replace

import pytest
import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.plots.formats import number, percent
from edgescope.scanning.result import Scan
from support.cards import HOSTILE, card
from support.scan_equality import numbered_graphs, small_model, small_scan


def test_the_first_line_says_where_how_many_and_how_large(scan):
    counted = scan.massive_edges()
    top = scan.extremes().filter(largest="ratio").sort("ratio", descending=True).row(0, named=True)
    before = scan.table().filter(site=top["site"]).row(0, named=True)
    found = card(scan)
    assert found.text.startswith(
        "Scan of GraphTransformer: 40 graphs, 2 sites, compared with 1 untrained model "
        f"massive at 2 of 2 sites on {counted['massive'].sum()} edges (ratio above 1,000); "
        f"largest ratio {number(top['ratio'])} "
        f"(untrained {number(before['max_ratio_untrained'])}) at {top['site']}, on a type "
    )


def test_the_table_of_sites_has_the_numbers_of_the_tables(scan):
    head, *rows = card(scan).rows
    assert head == [
        *("site", "edges", "massive", "share"),
        *("largest ratio", "untrained", "largest magnitude", "untrained"),
    ]
    table, counted = scan.table().to_dicts(), scan.massive_edges().to_dicts()
    for row, site, count in zip(rows, table, counted, strict=True):
        assert row == [
            f"{site['site']} massive",
            number(count["edges"]),
            number(count["massive"]),
            percent(count["massive"] / count["edges"]),
            *(
                number(site[f"max_{axis}{ending}"])
                for axis in ("ratio", "magnitude")
                for ending in ("", "_untrained")
            ),
        ]


def test_nothing_massive_is_an_all_clear_only_if_all_was_looked_at(untrained, graphs):
    found = es.scan(untrained, DataLoader(graphs, 16))
    text = card(found).text
    assert "no untrained model to compare with" in text
    assert "nothing massive at 2 sites (ratio above 1,000); largest ratio" in text
    assert 'class="badge good"' in found._repr_html_()
    assert "all-clear" not in text
    part = es.scan(untrained, DataLoader(graphs, 16), sites="layers.0*:score")
    assert "no all-clear looked at 1 of 2 attention-like layers" in card(part).text
    assert 'class="badge good"' not in part._repr_html_()


def test_what_is_not_finite_is_said(untrained, graphs):
    broken = copy.deepcopy(untrained)
    with torch.no_grad():
        broken.layers[1].attention.edge.weight[0] = torch.inf
    text = card(es.scan(broken, DataLoader(graphs, 16))).text
    assert "not finite NaN or infinity at layers.1.attention:score" in text


def test_a_calibrated_scan_calls_those_sites_massive_that_its_test_does():
    untrained = es.Untrained(members=10, calibrate_batch_norm=False)
    options = {"baseline": untrained, "criterion": "calibrated", "keep_ratio": None}
    found = small_scan(small_model(factor=3000.0), numbered_graphs(6), **options)
    called = found.significant()
    assert called
    text = card(found).text
    assert "compared with 10 untrained models" in text
    assert f"massive at {len(called)} of 2 sites" in text
    assert {row[0] for row in card(found).rows if row[0].endswith("massive")} == {
        f"{site} massive" for site in called
    }


def test_a_scan_of_node_states_speaks_of_nodes(untrained, graphs):
    low = es.Criterion("low", ratio=3)
    found = es.scan(untrained, DataLoader(graphs, 16), sites="*:state", criterion=low)
    assert card(found).rows[0][1] == "nodes"
    assert f"{found.massive_edges()['massive'].sum()} nodes (ratio above 3)" in card(found).text
    assert " edge" not in card(found).text


@pytest.mark.parametrize("where", ["model", "data", "site", "type", "identifier"])
def test_names_are_shown_and_break_nothing(scan, where):
    sites, info, names = dict(scan.sites), scan.info, scan.names
    if where in {"model", "data"}:
        info = replace(info, **{where: HOSTILE})
    if where == "site":
        sites = {f"{HOSTILE}{site}": found for site, found in sites.items()}
    if where == "type":
        info = replace(info, edge_type_names=tuple(HOSTILE for _ in info.edge_type_names))
    if where == "identifier":
        names.identifiers["id"] = dict.fromkeys(range(40), HOSTILE)
    found = card(Scan(sites, info, names))
    assert "</p></table><script>" in found.text
    assert r"\x1b" in found.text or where == "identifier"  # which is shortened

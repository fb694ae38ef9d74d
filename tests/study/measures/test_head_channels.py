"""Heat maps as a table: where the giant channel is, and nowhere else."""

from edgescope.study.measures.head_channels import heat
from edgescope.study.measures.site_counts import types


def test_the_giant_channel_is_massive_in_every_type_and_no_other(measured):
    table = heat(measured)["heat"]
    assert 1000.0 in table["threshold"]
    by_type = types(measured)["types"]
    for _, of in table.group_by("site", "threshold", "edge_type"):
        assert len(of) == 12
        where = of.filter(of["massive"] > 0).select("head", "channel").rows()
        assert where == [(1, 3)]
        counted = by_type.filter(
            site=of["site"][0], threshold=of["threshold"][0], edge_type=of["edge_type"][0]
        )
        assert of["edges"].unique().to_list() == counted["edges"].to_list()
    published = table.filter(threshold=1000.0)
    for row in by_type.filter(rule="ratio", threshold=1000.0).iter_rows(named=True):
        of = published.filter(site=row["site"], edge_type=row["edge_type"])
        assert of["massive"].sum() == row["massive"]  # one channel, so edges count once


def test_without_massive_activations_the_table_has_no_rows(as_untrained):
    table = heat(as_untrained)["heat"]
    assert table.filter(threshold=1000.0).is_empty()
    assert table.columns[:4] == ["site", "layer", "threshold", "edge_type"]

"""What the report says in words."""

import re

import pytest

from edgescope.report.numbers import collect
from edgescope.report.section_registry import SECTIONS
from edgescope.scanning.criteria import Criterion


def entry(numbers, what):
    texts = {item["what"]: item["text"] for item in numbers["not_found"]}
    return texts.get(what)


def test_summary_counts_sites_and_names_the_untrained_model(planted):
    first = collect(planted, None, None)["summary"][0]
    assert first == (
        "2 of 3 sites have an edge whose ratio exceeds 1,000; in the untrained model none has."
    )


def test_summary_gives_the_share_per_bond_type_at_the_busiest_site(planted):
    numbers = collect(planted, None, None)
    table = planted.table()
    busiest = table["site"][table["share_over"].arg_max()]
    assert numbers["summary"][1].startswith(f"They are most common at {busiest}, ")
    for row in planted.by_edge_type().to_dicts():
        if row["site"] == busiest and row["rate"] == 1:
            assert f"100\xa0% of the {row['edge_type']} bonds" in numbers["summary"][1]


def test_summary_places_the_largest_ratio(planted):
    top = planted.massive().sort("ratio", descending=True).row(0, named=True)
    last = collect(planted, None, None)["summary"][2]
    assert f"at {top['site']} on a {top['edge_type']} bond of graph {top['graph']};" in last


def test_summary_says_when_there_is_nothing(quiet):
    summary = collect(quiet, None, None)["summary"]
    assert summary[0] == (
        "None of the 3 sites has an edge whose ratio exceeds 1,000; in the untrained model none "
        "has."
    )


def test_summary_says_when_there_is_nothing_to_compare_with(build, plant):
    numbers = collect(build(plant, baseline=False), None, None)
    assert "no untrained model was scanned" in numbers["summary"][0]
    assert "growth is not known" in entry(numbers, "The untrained model")


def test_summary_says_when_the_untrained_model_is_massive_too(build, plant):
    scan = build(plant)
    scan.baseline = scan
    numbers = collect(scan, None, None)
    assert "; in the untrained model 2 sites have one." in numbers["summary"][0]
    assert "too low to tell" in entry(numbers, "The untrained model")


def test_quiet_sites_are_listed_with_their_largest_ratio(planted):
    text = entry(collect(planted, None, None), "Sites without massive activations")
    assert re.search(r"at layers\.0\.attention:score \([\d.]+\); in brackets", text)


def test_edge_types_that_are_never_massive_are_listed_with_a_bound(quiet):
    text = entry(collect(quiet, None, None), "Edge types never massive")
    assert re.search(r"triple bonds \(6 of them; at each site their rate is below \d+", text)


def test_what_is_not_finite_is_said_on_top(build):
    def break_all(model):
        model.node_embedding.weight[:] = float("nan")

    summary = collect(build(break_all), None, None)["summary"]
    assert summary[0].startswith("This is no all-clear: activations are not finite at 3 of 3 sites")


def test_growth_without_ratio_is_pointed_out(build):
    def grow(model):
        for layer in model.layers:
            layer.attention.edge.weight *= 1e6

    numbers = collect(build(grow), None, None)
    assert "grew at layers.*.attention:score with * = 0 (" in entry(numbers, "Growth without ratio")


def test_few_edges_get_a_caveat(planted):
    text = entry(collect(planted, None, None), "Few edges")
    assert "triple bonds (6 edges)" in text
    assert "single" not in text


def test_undefined_ratios_are_reported(build):
    def silence(model):
        model.layers[0].attention.edge.weight.zero_()

    numbers = collect(build(silence), None, None)
    assert "layers.0" not in entry(numbers, "Sites without massive activations")
    edges = numbers["scanned"]["edges"]
    expected = f"layers.0.attention:score ({edges:,} of {edges:,})"
    assert expected in entry(numbers, "Ratios that are not defined")
    assert "too few for three parameters" in entry(numbers, "Gamma laws that could not be fitted")


def test_nothing_is_claimed_about_types_without_any_ratio(build):
    def silence(model):
        for layer in model.layers:
            layer.attention.edge.weight.zero_()

    numbers = collect(build(silence), None, None)
    assert entry(numbers, "Edge types never massive") is None
    assert entry(numbers, "Sites without massive activations") == (
        "No edge of any site has a defined ratio."
    )


def test_rows_that_were_not_kept_are_admitted(build, plant):
    text = entry(collect(build(plant, max_rows=3), None, None), "Activations not listed one by one")
    assert text.startswith("Only the largest ratios were kept one by one at layers.1")


def test_criterion_with_a_magnitude_says_what_was_counted(build, plant):
    numbers = collect(build(plant, criterion="sun2024"), None, None)
    text = entry(numbers, "Activations not listed one by one")
    assert "also asks for a magnitude above 100" in text


def test_limits_of_the_numbers_are_always_stated(quiet):
    text = entry(collect(quiet, None, None), "Seeds, threshold and intervals")
    assert "one seed" in text
    assert "one threshold" in text
    assert "take edges as independent" in text


RULES = [
    "paper2025",
    Criterion("large", ratio=0, magnitude=2.0),
    Criterion("low", ratio=9.0) | Criterion("large", ratio=0, magnitude=2.0),
]


@pytest.mark.parametrize("rule", RULES, ids=["ratio", "magnitude", "both"])
@pytest.mark.parametrize("baseline", [True, False])
def test_every_figure_is_explained_in_two_sentences(build, baseline, rule):
    numbers = collect(build(baseline=baseline, criterion=rule), None, None)
    shown = [each["name"] for each in numbers["contents"] if not each["absent"]]
    readings = {}
    for name in shown:
        readings |= SECTIONS[name].readings(numbers)
    assert len(readings) > 5
    for kind, text in readings.items():
        assert len(re.findall(r"[.!?](?= |$)", text)) == 2, kind


def test_every_figure_on_the_page_is_followed_by_its_explanation(written):
    page = written.read_text(encoding="utf-8")
    figures = re.findall(r"<figure.*?</figure>", page, flags=re.DOTALL)
    assert len(figures) == page.count("<figure") >= 3
    assert all(figure.count("How to read this.") == 1 for figure in figures)

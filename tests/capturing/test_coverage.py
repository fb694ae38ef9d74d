"""Coverage as a value: it says what was looked at, adds up, and comes back as it was written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.nn import DNAConv, GATConv, GCNConv

import edgescope as es
from edgescope.capturing.coverage import Coverage, SeenLayer, UnseenLayer, layer_of, merged
from support.coverage_cases import WIDTH, Cosine, Net

PATHS = ("a", "b.0", "b.1", "c.conv", "")
STAGES = ("score", "logit", "weight", "message")
ROWS = st.none() | st.integers(0, 100)
KINDS = ("attention", "perhaps", "message passing")


@st.composite
def coverages(draw):
    """Any coverage, of which no path is both seen and unseen."""
    paths = draw(st.lists(st.sampled_from(PATHS), unique=True))
    cut = draw(st.integers(0, len(paths)))
    some = st.lists(st.sampled_from(STAGES), unique=True, min_size=1).map(tuple)
    seen = [
        SeenLayer(path, "GATConv", draw(some), draw(st.none() | st.just(True)), draw(ROWS))
        for path in paths[:cut]
    ]
    unseen = [
        UnseenLayer(path, "Cosine", draw(st.text(max_size=9)), draw(st.sampled_from(KINDS)))
        for path in paths[cut:]
    ]
    return Coverage(tuple(seen), tuple(unseen))


@given(coverages())
def test_a_coverage_comes_back_as_it_was_written(coverage):
    written = json.loads(json.dumps(coverage.as_dict()))
    assert Coverage.from_dict(written) == coverage
    assert written["complete"] == coverage.complete


@given(coverages())
def test_the_table_has_a_row_per_layer(coverage):
    table = coverage.table()
    assert table["path"].to_list() == [e.path for e in (*coverage.seen, *coverage.unseen)]
    assert table.filter("seen")["rows"].to_list() == [each.rows for each in coverage.seen]
    assert table.filter(~table["seen"])["reason"].to_list() == [e.reason for e in coverage.unseen]


@given(coverages())
def test_the_sentence_is_one_line_that_counts_what_attends_and_names_all_else(coverage):
    said = coverage.sentence()
    attending = [each for each in coverage.unseen if each.kind != "message passing"]
    total = len(coverage.seen) + len(attending)
    assert said.startswith(f"looked at {len(coverage.seen)} of {total} attention-like layer")
    assert all((each.path or "the model") in said for each in coverage.unseen)
    assert ("perhaps attention" in said) == any(each.kind == "perhaps" for each in attending)


@given(coverages())
def test_only_a_look_at_everything_is_complete(coverage):
    blind = not coverage.seen or any(each.rows == 0 for each in coverage.seen)
    unseen = any(each.kind != "message passing" for each in coverage.unseen)
    assert coverage.complete == (not blind and not unseen)


@given(coverages(), coverages(), coverages())
def test_coverages_add_up_in_any_order(one, two, three):
    left, right = (one + two) + three, one + (two + three)
    assert set(left.seen) == set(right.seen)
    assert {each.path for each in left.unseen} == {each.path for each in right.unseen}
    back = three + two + one
    rows = [{each.path: (each.rows, each.ran) for each in of.seen} for of in (left, back)]
    assert rows[0] == rows[1]
    kinds = [{each.path: each.kind for each in of.unseen} for of in (left, back)]
    assert kinds[0] == kinds[1]


@given(coverages(), coverages())
def test_no_gap_is_forgotten_when_coverages_add_up(one, two):
    both = one + two
    known = {each.path for each in (*both.seen, *both.unseen)}
    assert known == {e.path for of in (one, two) for e in (*of.seen, *of.unseen)}
    assert not {each.path for each in both.seen} & {each.path for each in both.unseen}
    worst = {(e.path, e.kind) for of in (one, two) for e in of.unseen if e.kind == "attention"}
    seen = {each.path for each in both.seen}
    assert {p for p, _ in worst} - seen <= {e.path for e in both.unseen if e.kind == "attention"}


@given(coverages())
def test_a_result_without_coverage_leaves_nothing_known(coverage):
    assert merged([coverage, None]) is None
    assert merged([coverage]) == coverage


@given(coverages())
def test_a_layer_that_did_not_run_was_not_looked_at(coverage):
    ran = {each.path: 3 for each in coverage.seen[::2]}
    after = coverage.after(ran)
    assert {each.path for each in after.seen} == set(ran)
    assert all(each.ran and each.rows == 3 for each in after.seen)
    idle = {each.path for each in coverage.seen} - set(ran)
    said = {each.path for each in after.unseen if each.reason == "the model did not run it"}
    assert idle <= said


def test_many_layers_of_one_class_and_reason_are_one_entry():
    coverage = es.capture.coverage(Net(*(Cosine() for _ in range(9))))
    (gap,) = coverage.gaps()
    expected = "layers.0, layers.1, layers.2, layers.3 and 5 more (Cosine): no adapter knows"
    assert gap.startswith(expected)


def test_attention_is_named_before_what_shows_no_sign_of_it():
    gaps = es.capture.coverage(Net(GCNConv(WIDTH, WIDTH), DNAConv(WIDTH))).gaps()
    assert [gap.partition(":")[0] for gap in gaps] == ["layers.1 (DNAConv)", "layers.0 (GCNConv)"]


def test_the_static_coverage_of_a_model():
    coverage = es.capture.coverage(Net(GATConv(WIDTH, WIDTH), Cosine(), GCNConv(WIDTH, WIDTH)))
    assert coverage.seen == (SeenLayer("layers.0", "GATConv", ("logit", "weight", "message")),)
    assert [(gap.path, gap.kind) for gap in coverage.unseen] == [
        ("layers.1", "attention"),
        ("layers.2", "message passing"),
    ]
    assert coverage.share() == "1 of 2 attention-like layers"


@pytest.mark.parametrize(
    ("site", "layer"),
    [
        ("conv:score", "conv"),
        ("a.b@2:weight", "a.b"),
        (":logit", ""),
        ("m.<a___to___b>:x", "m.<a___to___b>"),
    ],
)
def test_the_layer_of_a_site(site, layer):
    assert layer_of(site) == layer

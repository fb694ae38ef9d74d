"""A result is stored and read, says its verdicts, and draws itself."""

import json

import numpy as np
import polars as pl
import pytest
from matplotlib.figure import Figure
from polars.testing import assert_frame_equal

import edgescope as es
from edgescope.intervene.number_formats.place_record import PlaceRecord
from edgescope.lib.errors import InputError
from support.cards import card
from support.planted_overflow import PlantedOverflow, loader


@pytest.fixture(scope="module")
def found():
    options = {"formats": ["float16", "bfloat16"], "remedies": ["mean"], "where": 20}
    return es.precision(PlantedOverflow(), loader(), metric="mae", progress=False, **options)


def test_what_was_saved_is_read(found, tmp_path):
    folder = found.save(tmp_path / "precision")
    again = es.Precision.load(folder)
    assert again.info == found.info
    assert_frame_equal(again.table(), found.table())
    assert_frame_equal(again.headroom(), found.headroom())
    described = json.loads((folder / "precision.json").read_text())
    assert described["conclusion"] == found.conclusion()
    with pytest.raises(InputError):
        es.Precision.load(tmp_path)


def test_a_damaged_result_is_refused(found, tmp_path):
    folder = found.save(tmp_path / "precision")
    found.formats.head(2).write_parquet(folder / "precision.parquet")
    with pytest.raises(InputError, match="precision"):
        es.Precision.load(folder)


def test_the_card_begins_with_the_verdict_and_has_a_row_per_format_and_remedy(found):
    page = card(found)
    assert page.text.startswith("Number formats of PlantedOverflow: 10 graphs 1 of 2 formats safe")
    assert found.conclusion() in page.text
    for row, shown in zip(found.table().rows(named=True), page.rows[1:], strict=True):
        assert shown[:3] == [row["format"], row["remedy"], row["verdict"]]


def test_the_largest_magnitudes_are_drawn(found):
    axes = found.plot(Figure().subplots())
    shown = np.concatenate([line.get_ydata() for line in axes.get_lines()[:2]])
    table = found.headroom().unique("place").filter(pl.col("largest") > 0)
    assert np.sort(2.0**shown) == pytest.approx(np.sort(table["largest"].to_numpy()))


def test_nothing_above_zero_is_not_drawn(found):
    places = pl.DataFrame(list(PlaceRecord("a", "site").rows()), schema=found.places.schema)
    assert places["largest"].null_count() == places.height
    with pytest.raises(InputError, match="nothing to draw"):
        es.Precision(found.info, found.formats, places).plot()

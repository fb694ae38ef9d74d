"""Criteria by name, and where they were before."""

import pytest

import edgescope.statistics
from edgescope.lib.errors import InputError
from edgescope.scanning import criteria
from edgescope.scanning.criteria import PRESETS, criterion


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_called_by_its_name(name):
    assert criterion(name) is PRESETS[name]
    assert criterion(name).name == name


@pytest.mark.parametrize("kind", ["bounds", "both", "either"])
def test_a_kind_that_takes_arguments_is_no_name(kind):
    with pytest.raises(InputError, match=f"the criterion '{kind}', which takes arguments"):
        criterion(kind)


@pytest.mark.parametrize("wrong", [None, 1000, dict])
def test_what_is_neither_a_name_nor_a_rule_is_refused(wrong):
    with pytest.raises(InputError, match="as criterion, expected one of paper2025, sun2024"):
        criterion(wrong)


@pytest.mark.parametrize("name", ["Calibrated", "Criterion", "Rule", "criterion"])
def test_the_names_in_the_statistics_lead_here(name):
    with pytest.warns(DeprecationWarning, match=rf"is now edgescope\.scanning\.criteria\.{name}"):
        assert getattr(edgescope.statistics, name) is getattr(criteria, name)

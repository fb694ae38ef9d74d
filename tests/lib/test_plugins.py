"""Plug-ins: what other packages add by entry points."""

import sys

import pytest

from edgescope.lib.errors import EdgescopeWarning
from edgescope.lib.plugins import add_plugins, plugins
from support.plugin_packages import install

GROUP = "edgescope.tests"
CODE = "good = 'a plug-in'\nother = 'another'\n"


def test_the_plugins_of_a_group_are_found_by_name(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, GROUP, CODE, first="good", second="other")
    assert dict(plugins(GROUP)) == {"first": "a plug-in", "second": "another"}
    assert list(plugins("edgescope.others")) == []


def test_a_package_is_imported_when_its_group_is_asked_for_and_not_before(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, GROUP, CODE, first="good")
    list(plugins("edgescope.others"))
    assert "my_package" not in sys.modules
    list(plugins(GROUP))
    assert "my_package" in sys.modules


def test_what_cannot_be_loaded_is_left_out_with_one_warning_that_names_it(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, GROUP, CODE, first="good", second="absent")
    with pytest.warns(EdgescopeWarning, match="'second' of my-package.*is left out: Attr") as told:
        assert dict(plugins(GROUP)) == {"first": "a plug-in"}
    assert len(told) == 1
    assert dict(plugins(GROUP)) == {"first": "a plug-in"}  # and no second warning, an error here


def test_a_package_that_raises_when_imported_is_left_out(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, GROUP, "raise RuntimeError('no licence')", first="good")
    with pytest.warns(EdgescopeWarning, match="'first' of my-package.*RuntimeError: no licence"):
        assert list(plugins(GROUP)) == []


def test_every_plugin_is_added_once(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, GROUP, CODE, first="good", second="other")
    added = []
    add_plugins(GROUP, added.append)
    add_plugins(GROUP, added.append)
    assert added == ["a plug-in", "another"]


def test_a_plugin_that_is_refused_is_left_out_and_the_next_one_added(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, GROUP, CODE, first="good", second="other")
    added = []

    def add(plugin):
        if plugin == "a plug-in":
            raise ValueError("not this one")
        added.append(plugin)

    with pytest.warns(EdgescopeWarning, match="'first' of my-package.*ValueError: not this one"):
        add_plugins(GROUP, add)
    assert added == ["another"]

"""Classes by name: what is registered, and what is refused."""

import pytest

from edgescope.lib.class_registry import ClassRegistry
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import DamagedError


@pytest.fixture
def registry():
    return ClassRegistry("thing", "edgescope.no_such_group")


def made(name="Thing", module="a"):
    return type(name, (), {"__module__": module})


def test_a_class_that_is_defined_again_takes_its_own_place(registry):
    first, again = made(), made()
    registry.register("x", first)
    registry.register("x", again)
    assert registry.get("x") is again
    assert dict(registry) == {"x": again}


def test_a_name_of_another_class_is_refused(registry):
    registry.register("x", made())
    with pytest.raises(InputError, match=r"'x' as b[.]Thing, but that is the name of a[.]"):
        registry.register("x", made(module="b"))


def test_an_unknown_name_is_none(registry):
    assert registry.get("x") is None


def test_what_was_stored_by_an_unknown_class_says_what_to_import(registry):
    with pytest.raises(DamagedError, match=r"'x' \(Thing in b\.c\).*; import b\.c before you"):
        registry.of_stored("x", "b.c.Thing")
    with pytest.raises(DamagedError, match=r"unknown kind of thing 'x' in what .*the module that"):
        registry.of_stored("x", None)

import importlib
import subprocess
import sys

import pytest

import edgescope as es
from edgescope.lib.old_names import OLD


@pytest.mark.parametrize(("old", "new"), OLD.items())
def test_an_old_module_gives_what_the_present_one_has(old, new):
    present = importlib.import_module(new)
    name = next(name for name in vars(present) if not name.startswith("_"))
    with pytest.warns(DeprecationWarning, match=f"{old} is now {new}"):
        found = getattr(importlib.import_module(old), name)
    assert found is getattr(present, name)


def test_old_import_statements_work_and_hide_no_function():
    code = (
        "import warnings; warnings.simplefilter('ignore');"
        "from edgescope.errors import InputError;"
        "from edgescope.capture import MessagePassingAdapter;"
        "from edgescope.diagnose.rules import RULES;"
        "from edgescope.scan import load_scan;"
        "import edgescope as es;"
        "assert InputError is es.errors.InputError;"
        "assert callable(es.capture) and callable(es.scan) and callable(es.diagnose)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_never_was_there_is_still_an_error():
    with pytest.raises(ImportError, match="NoSuchThing"):
        exec("from edgescope.errors import NoSuchThing", {})  # noqa: S102


def test_an_old_module_is_an_attribute_too():
    with pytest.warns(DeprecationWarning, match="now edgescope.scanning.merge"):
        assert es.merging.merge_scans is es.merge_scans

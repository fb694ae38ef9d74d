"""The package as a whole: light to import, extras asked for by name."""

import subprocess
import sys

import pytest

import edgescope
from edgescope.lib.errors import MissingExtraError
from edgescope.lib.optional import require


@pytest.mark.parametrize("module", ["edgescope", "edgescope.cli"])
def test_importing_it_loads_no_extra_and_no_slow_library(module):
    code = (
        f"import sys, {module}; "
        "heavy = {'rdkit', 'datamol', 'lightning', 'ray', 'matplotlib', 'torch_geometric', "
        "'torchmetrics', 'scipy', 'torch'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_help_of_every_command_is_there_before_torch_is_loaded():
    code = (
        "import sys, typer\n"
        "from edgescope.cli import app\n"
        "def show(command, name, above=None):\n"
        "    context = typer.Context(command, info_name=name, parent=above)\n"
        "    assert name in command.get_help(context)\n"
        "    for each, below in getattr(command, 'commands', {}).items():\n"
        "        show(below, each, context)\n"
        "show(typer.main.get_command(app), 'edgescope')\n"
        "print(sorted({'torch', 'yaml', 'pydantic'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_a_study_of_the_published_architectures_is_planned_without_pyg(tmp_path):
    study = "models: [GraphTransformer, SAN, GraphiT]\ndata: [zinc12k]\nseeds: [1, 2]"
    (tmp_path / "study.yaml").write_text(study)
    code = (
        "import sys, edgescope as es\n"
        "assert len(es.study.plan(es.study.read(sys.argv[1]))) > 5\n"
        "slow = {'torch_geometric', 'torchmetrics', 'scipy', 'numba', 'sympy', 'lightning'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "study.yaml")]
    found = subprocess.run(words, check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def there_at_once():
    """Names that the package has before any is asked for."""
    code = "import edgescope; print(*vars(edgescope))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(found.stdout.split())


@pytest.mark.parametrize("name", edgescope.__all__)
def test_every_public_name_can_be_used(name, there_at_once):
    # Asked of the package itself, as another import may have left a module among its attributes.
    found = getattr(edgescope, name) if name in there_at_once else edgescope.__getattr__(name)
    assert found is not None


@pytest.mark.parametrize(
    "room", ["attribute", "data", "diagnosis", "integrations", "interpret", "models", "study"]
)
def test_every_public_name_of_a_room_can_be_used(room):
    found = getattr(edgescope, room)
    assert [name for name in found.__all__ if getattr(found, name) is None] == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("tutorial_example", ()),
        ("tie_frequencies", (20,)),
        ("escapes", (2, 3)),
        ("many_heads", ((1, 2), 20)),
    ],
)
def test_an_experiment_on_twins_works_under_its_old_name_and_says_the_new_one(name, arguments):
    with pytest.warns(DeprecationWarning, match=rf"is now es\.study\.twins\.{name}"):
        found = getattr(edgescope.diagnose, name)(*arguments)
    again = getattr(edgescope.study.twins, name)(*arguments)
    assert found.table().equals(again.table())


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'scam'"):
        edgescope.scam  # noqa: B018  (looking it up is what raises)


def test_a_missing_extra_is_asked_for_by_the_command_that_installs_it():
    with pytest.raises(MissingExtraError, match=r"pip install 'edgescope\[chem\]'"):
        require("no_such_package_xyz.sub", "chem")


def test_a_package_that_is_broken_inside_shows_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "broken_package_xyz.py").write_text("import not_there_either_xyz")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="not_there_either_xyz"):
        require("broken_package_xyz", "chem")

"""Scans of a few real molecules with a model in which massive activations were planted."""

import copy
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, sync_playwright

import edgescope as es
from support.open_pages import ARGUMENTS

SMILES = (
    "CC(=O)Oc1ccccc1C(=O)O",
    "CN1C=NC2=C1C(=O)N(C(=O)N2C)C",
    "N#Cc1ccc(cc1)C#N",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "OCC1OC(O)C(O)C(O)C1O",
    "C1CCCCC1",
    "C=CC(=O)N",
    "c1ccc2[nH]ccc2c1",
    "CCN(CC)CCNC(=O)c1ccc(N)cc1",
    "ClC(Cl)Cl",
    "O=C(O)CC(O)(CC(=O)O)C(=O)O",
    "CC#CCO",
    "NCCc1ccc(O)c(O)c1",
    "CSCCC(N)C(=O)O",
)
"""Known drugs and chemicals; the third and the twelfth have triple bonds, 6 edges together."""


@pytest.fixture(scope="session")
def molecules(tmp_path_factory) -> Any:
    """All molecules in one data set, in the order above."""
    table = tmp_path_factory.mktemp("molecules") / "molecules.csv"
    rows = [f"{smiles},train" for smiles in SMILES] + ["CC,val", "CC,test"]
    table.write_text("\n".join(["smiles,part", *rows]), encoding="utf-8")
    return es.data.load(table, split="part", cache=False, progress=False).train


@pytest.fixture(scope="session")
def build(molecules) -> Callable[..., Any]:
    """Scan a small model in which ``plant(model)`` has changed something."""

    def make(
        plant: Callable[[Any], None] | None = None,
        *,
        layers: int = 3,
        baseline: Any = True,
        hidden_dim: int = 16,
        num_heads: int = 4,
        loader: Any = None,
        **options: Any,
    ) -> Any:
        torch.manual_seed(0)
        model = es.models.GraphTransformer(
            num_atom_types=len(molecules.vocabulary),
            num_bond_types=4,
            num_layers=layers,
            hidden_dim=hidden_dim,
            num_heads=num_heads,
        ).eval()
        before = copy.deepcopy(model) if baseline is True else baseline or None
        with torch.no_grad():
            if plant is not None:
                plant(model)
        loader = es.data.loader(molecules, 5) if loader is None else loader
        return es.scan(model, loader, baseline=before, progress=False, **options)

    return make


@pytest.fixture(scope="session")
def plant() -> Callable[[Any], None]:
    """Make channel 1 of head 1 massive in every layer but the first."""

    def change(model: Any) -> None:
        for layer in list(model.layers)[1:]:
            layer.attention.edge.weight[5] *= 1e5

    return change


@pytest.fixture(scope="session")
def planted(build, plant) -> Any:
    """A scan with massive activations at two of three sites, and its untrained baseline."""
    return build(plant)


@pytest.fixture(scope="session")
def quiet(build) -> Any:
    """A scan in which nothing is massive, compared with itself."""
    return build()


@pytest.fixture(scope="session")
def written(planted, tmp_path_factory) -> Path:
    """The report of the planted scan."""
    path: Path = planted.report(tmp_path_factory.mktemp("report") / "report.html", run={"seed": 41})
    return path


@pytest.fixture(scope="session")
def results(planted, molecules, plant) -> dict[str, Any]:
    """Interpretation, ablation and leaderboard, by the name of the report's option.

    Double bonds count as known to matter, in molecules that have any.
    """
    interpretation = es.interpret.interpret(
        planted,
        molecules,
        by=["bond_type", "element_pair"],
        importance=torch.arange(molecules.edge_index.size(1)).float(),
        permutations=19,
        resamples=50,
        progress=False,
    )
    double = molecules.edge_types == molecules.edge_type_names.index("double")
    known = dataclasses.replace(
        molecules,
        y=torch.linspace(0, 1, len(molecules)).unsqueeze(1),
        target_names=("made up",),
        task="regression",
        edge_truth=double.float().unsqueeze(1),
    )
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        sizes = {"num_layers": 3, "hidden_dim": 16, "num_heads": 4}
        model = es.models.GraphTransformer(**known.model_sizes, **sizes).eval()
        with torch.no_grad():
            plant(model)
        models.append(model)
    loader = es.data.loader(known, 5)
    options = {"where": 1000, "repeats": 1, "metric": "mae", "progress": False}
    ablation = es.ablate(models[0], loader, **options)
    leaderboard = es.attribute.leaderboard(
        [("drugs", models, known)], ["occlusion", "degree", "massive"], progress=False
    )
    return {"interpretation": interpretation, "ablation": ablation, "leaderboard": leaderboard}


@pytest.fixture(scope="session")
def reported(planted, results, tmp_path_factory):
    """The report of a scan with all results."""
    return planted.report(tmp_path_factory.mktemp("all") / "report.html", **results)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail(f"none of {', '.join(names)} is installed; run `make browser`")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()

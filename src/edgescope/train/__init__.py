"""Training with recipes: from data sets to a folder with the untrained and the trained model."""

import importlib
from typing import TYPE_CHECKING, Any

from edgescope.lib.optional import require

for _package in ("pydantic", "yaml"):
    require(_package, "train")

from edgescope.train.model_recipe import ModelRecipe  # noqa: E402
from edgescope.train.model_record import ModelRecord, ModelWords  # noqa: E402
from edgescope.train.recipe_file import Recipe, recipe, recipe_names  # noqa: E402
from edgescope.train.run_folder import RunFolder  # noqa: E402
from edgescope.train.trainer import fit, start  # noqa: E402

if TYPE_CHECKING:
    from edgescope.train import callbacks
    from edgescope.train.callbacks import MassiveActivationMonitor
    from edgescope.train.evaluation import evaluate_large, roc_auc
    from edgescope.train.model_run import ModelRun

__all__ = [
    "MassiveActivationMonitor",
    "ModelRecipe",
    "ModelRecord",
    "ModelRun",
    "ModelWords",
    "Recipe",
    "RunFolder",
    "callbacks",
    "evaluate_large",
    "fit",
    "recipe",
    "recipe_names",
    "roc_auc",
    "start",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in {"MassiveActivationMonitor", "callbacks"}:  # they load Lightning
        require("lightning", "train")
        found = importlib.import_module("edgescope.train.callbacks")
        return found if name == "callbacks" else getattr(found, name)
    if name in {"evaluate_large", "roc_auc"}:  # with torchmetrics
        from edgescope.train import evaluation

        return getattr(evaluation, name)
    if name == "ModelRun":  # with all of a scan
        from edgescope.train.model_run import ModelRun

        return ModelRun
    raise AttributeError(f"module 'edgescope.train' has no attribute {name!r}")

"""Training with recipes: from data sets to a folder with the untrained and the trained model."""

from typing import TYPE_CHECKING, Any

from edgescope.lib.optional import require

for _package in ("pydantic", "yaml"):
    require(_package, "train")

from edgescope.train.model_record import ModelRecord, ModelWords  # noqa: E402
from edgescope.train.recipe_file import ModelRecipe, Recipe, recipe, recipe_names  # noqa: E402
from edgescope.train.run_folder import RunFolder  # noqa: E402
from edgescope.train.trainer import fit, start  # noqa: E402

if TYPE_CHECKING:
    from edgescope.train.evaluation import evaluate_large, roc_auc
    from edgescope.train.model_run import ModelRun

__all__ = [
    "ModelRecipe",
    "ModelRecord",
    "ModelRun",
    "ModelWords",
    "Recipe",
    "RunFolder",
    "evaluate_large",
    "fit",
    "recipe",
    "recipe_names",
    "roc_auc",
    "start",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401  (PEP 562: a module attribute of any type)
    if name in {"evaluate_large", "roc_auc"}:  # with torchmetrics
        from edgescope.train import evaluation

        return getattr(evaluation, name)
    if name == "ModelRun":  # with all of a scan
        from edgescope.train.model_run import ModelRun

        return ModelRun
    raise AttributeError(f"module 'edgescope.train' has no attribute {name!r}")

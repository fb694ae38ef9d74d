"""Training with recipes: from data sets to a folder with the untrained and the trained model."""

from edgescope.lib.optional import require

for _package in ("pydantic", "yaml"):
    require(_package, "train")

from edgescope.train.evaluation import evaluate_large, roc_auc  # noqa: E402
from edgescope.train.recipe_file import ModelRecipe, Recipe, recipe, recipe_names  # noqa: E402
from edgescope.train.run_folder import RunFolder  # noqa: E402
from edgescope.train.trainer import fit, start  # noqa: E402

__all__ = [
    "ModelRecipe",
    "Recipe",
    "RunFolder",
    "evaluate_large",
    "fit",
    "recipe",
    "recipe_names",
    "roc_auc",
    "start",
]

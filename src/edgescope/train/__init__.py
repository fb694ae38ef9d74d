"""Training with recipes: from data sets to a folder with the untrained and the trained model."""

from edgescope._optional import require

for _package in ("pydantic", "yaml"):
    require(_package, "train")

from edgescope.train.fit import fit  # noqa: E402
from edgescope.train.recipe import ModelRecipe, Recipe, recipe, recipe_names  # noqa: E402
from edgescope.train.run_folder import RunFolder  # noqa: E402

__all__ = ["ModelRecipe", "Recipe", "RunFolder", "fit", "recipe", "recipe_names"]

"""Training recipes: every choice of a training run, checked, in one readable file."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.input_files import reason
from edgescope.lib.yaml_files import yaml_of
from edgescope.train.model_recipe import Frozen, ModelRecipe

RECIPES = Path(__file__).parent / "recipes"
"""Where the recipes that come with edgescope lie, one YAML file each."""


class Recipe(Frozen):
    """One training run: model, loss, optimiser and when to stop.

    Attributes:
        name: what the recipe is called; it has no effect.
        model: the architecture and its size.
        loss: ``"l1"`` (absolute error), ``"masked_bce"`` (cross-entropy of labels 0 and 1) or
            ``"cross_entropy"`` (of classes); missing targets count in none.
        standardise: whether training sees numbers in standard deviations from their mean over the
            training part (predictions are in the unit of the data all the same). None, which is
            to say nothing, is yes for a table of one's own and no for a published data set.
            Labels never are.
        batch_size: molecules per step.
        learning_rate: learning rate at the start, of Adam.
        weight_decay: what share of a decayed parameter each step takes off, times the learning
            rate, apart from the gradient (AdamW, Loshchilov and Hutter, arXiv 1711.05101).
        decayed: which parameters decay, by names or patterns such as ``"*.attention.query.*"``;
            all of them if it is left out.
        plateau_factor: what the learning rate is multiplied by on a plateau of the validation
            loss.
        plateau_patience: epochs without a better validation loss that are tolerated before.
        min_learning_rate: training ends when the learning rate has fallen to this or below.
        max_epochs: training ends after this many epochs at the latest.
        patience: epochs without a better validation metric after which training ends; the trained
            weights are then those of the best epoch. None is neither.
        seed: decides the initial weights, the order of the batches and dropout.

    Example:
        >>> import edgescope as es
        >>> recipe = es.train.recipe("demo", max_epochs=3)
        >>> recipe.max_epochs, recipe.model.architecture
        (3, 'GraphTransformer')
    """

    name: str = "unnamed"
    model: ModelRecipe = ModelRecipe()
    loss: Literal["l1", "masked_bce", "cross_entropy"] = "l1"
    standardise: bool | None = None
    batch_size: int = Field(default=128, ge=1, lt=2**63)
    learning_rate: float = Field(default=7e-4, gt=0.0)
    weight_decay: float = Field(default=0.0, ge=0.0)
    decayed: list[str] | None = Field(default=None, min_length=1)
    plateau_factor: float = Field(default=0.5, gt=0.0, lt=1.0)
    plateau_patience: int = Field(default=15, ge=0, lt=2**63)
    min_learning_rate: float = Field(default=1e-6, gt=0.0)
    max_epochs: int = Field(default=1000, ge=1, lt=2**63)
    patience: int | None = Field(default=None, ge=1, lt=2**63)
    seed: int = Field(default=41, ge=0, lt=2**32)

    @model_validator(mode="after")
    def _starts_above_minimum(self) -> Self:
        if self.min_learning_rate >= self.learning_rate:
            raise ValueError(
                f"min_learning_rate received {self.min_learning_rate}, "
                f"expected a number below learning_rate ({self.learning_rate})"
            )
        return self

    @model_validator(mode="after")
    def _something_decays(self) -> Self:
        if self.decayed is not None and not self.weight_decay:
            raise ValueError(
                f"decayed received {self.decayed} without a weight_decay, which is then 0; set "
                "weight_decay or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _labels_are_not_standardised(self) -> Self:
        if self.standardise and self.loss != "l1":
            raise ValueError(
                f"standardise received true for the loss {self.loss}, whose labels are never "
                "standardised; leave it out"
            )
        return self

    @classmethod
    def parse(cls, fields: dict[str, Any], origin: str) -> Self:
        """Build a recipe from plain values.

        Raises:
            InputError: if a field is unknown or a value does not fit; ``origin`` says where
                the values came from.
        """
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            problems = [_explain(problem, cls) for problem in error.errors()]
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise InputError(f"{origin}: {problems[0]}{more}; correct the recipe") from error
        except (OverflowError, RecursionError, TypeError) as error:
            # Of a whole number that torch cannot take, of deep nesting, of a key that is no text.
            raise InputError(f"{origin}: {reason(error)}; correct the recipe") from error


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with edgescope.

    Example:
        >>> import edgescope as es
        >>> "demo" in es.train.recipe_names()
        True
    """
    return sorted(file.stem for file in RECIPES.glob("*.yaml"))


def recipe(name_or_path: str | Path, **overrides: Any) -> Recipe:
    """Return a recipe by name or from a YAML file, with some of its fields replaced.

    Args:
        name_or_path: one of :func:`recipe_names`, or the path of a YAML file of the same form.
        **overrides: values that replace the file's, by field name; fields of the model are
            given by their own name, as in ``recipe("demo", num_layers=4, batch_size=32)``.

    Raises:
        InputError: if there is no such recipe, if the file is not one, if a field is unknown or
            a value does not fit.

    Example:
        >>> import edgescope as es
        >>> es.train.recipe("demo", num_layers=4, batch_size=32).model.num_layers
        4
    """
    fields = _read(name_or_path)
    model = fields.setdefault("model", {})
    for field, value in overrides.items():
        if field in ModelRecipe.model_fields and isinstance(model, dict):
            model[field] = value
        else:
            fields[field] = value
    return Recipe.parse(fields, f"recipe {name_or_path}")


def _read(name_or_path: str | Path) -> dict[str, Any]:
    path = Path(name_or_path)
    if str(name_or_path) in recipe_names():
        path = RECIPES / f"{name_or_path}.yaml"
    elif path.suffix not in {".yaml", ".yml"}:
        names = recipe_names()
        hint = did_you_mean(str(name_or_path), names, f"expected {', '.join(names)}")
        raise InputError(
            f"unknown recipe {str(name_or_path)!r}, {hint}; give the name of one that comes with "
            "edgescope or the path of a .yaml file"
        )
    fields = yaml_of(path, "a recipe")
    if not isinstance(fields, dict):
        raise InputError(
            f"{path} holds {type(fields).__name__}, expected the fields of a recipe such as "
            "'batch_size: 128'; see a recipe that comes with edgescope"
        )
    return {"name": path.stem, **fields}


def _explain(problem: Any, recipe_class: type[Recipe]) -> str:  # noqa: ANN401  (pydantic's own dict)
    """Say in one line which field is wrong, what was received and what was expected."""
    path = [str(step) for step in problem["loc"]]
    field = ".".join(path)
    if problem["type"] == "extra_forbidden":
        known = [*(ModelRecipe if path[0] == "model" else recipe_class).model_fields]
        everywhere = {*known, *ModelRecipe.model_fields}
        hint = did_you_mean(path[-1], everywhere, f"the fields are {', '.join(known)}")
        return f"unknown field {field!r}, {hint}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return message
    expected = message[:1].lower() + message[1:]
    expected = expected.removeprefix("input should be ")
    return f"{field} received {problem['input']!r}, expected {expected}"

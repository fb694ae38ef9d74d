"""The part of a recipe that is about the model: the architecture, its size and its options."""

from functools import cache
from inspect import signature
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator

from edgescope.models import build
from edgescope.models.architectures import architecture, check_size, without_memory
from edgescope.train.first_fields import FirstFields


class Frozen(FirstFields):
    """What cannot be changed and takes no field that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _truth_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and kind in {int, float, int | None, float | None}:
            raise ValueError(f"{info.field_name} received {value}, expected a number")
        return value


class ModelRecipe(Frozen):
    """The architecture and its size; numbers of atom types, bond types and targets are the data's.

    The fields are the constructor arguments of the architecture, documented there. Those that
    not every architecture has are none unless given: then the architecture's own default holds.
    So no clamp, the constructor's ``logit_limit=None``, is ``logit_limit: false`` here.

    Example:
        >>> from edgescope.train import ModelRecipe
        >>> ModelRecipe(architecture="GAT", num_layers=4).num_layers
        4
    """

    architecture: str = "GraphTransformer"
    hidden_dim: int = Field(default=64, ge=4)
    num_heads: int = Field(default=8, ge=1)
    num_layers: int = Field(default=10, ge=1)
    readout: Literal["mean", "sum", "node"] = "mean"
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    residual: bool = True
    batch_norm: bool = True
    use_bias: bool = False
    layer_norm: bool | None = None
    explicit_bias: Literal["released", "described"] | None = None
    full_graph: bool | None = None
    gamma: float | None = Field(default=None, ge=0.0, le=1.0)
    learned_gamma: bool | None = None
    kernel_steps: int | None = Field(default=None, ge=1)
    laplacian_eigenvectors: int | None = Field(default=None, ge=1)
    lpe_dim: int | None = Field(default=None, ge=1)
    lpe_layers: int | None = Field(default=None, ge=1)
    lpe_heads: int | None = Field(default=None, ge=1)
    logit_limit: float | bool | None = None
    logit_cap: float | None = Field(default=None, gt=0.0)
    qk_norm: bool | None = None
    sink: bool | Literal["fixed"] | None = None
    mean_attention: bool | None = None
    gated_output: bool | None = None
    norm_first: bool | None = None
    balanced: Literal["xavier", "orthogonal"] | None = None

    @field_validator("architecture")
    @classmethod
    def _architecture_is_known(cls, name: str) -> str:
        architecture(name)
        return name

    @field_validator("logit_limit", mode="before")
    @classmethod
    def _limit_is_a_number_or_false(cls, limit: Any) -> Any:  # noqa: ANN401  (whatever was given)
        number = isinstance(limit, int | float) and limit is not True
        if limit is not None and limit is not False and not (number and limit > 0):
            raise ValueError(
                f"model.logit_limit received {limit!r}, expected a number above 0, or false for "
                "no clamp"
            )
        return limit

    @field_validator("sink", mode="before")
    @classmethod
    def _sink_is_known(cls, sink: Any) -> Any:  # noqa: ANN401  (whatever was given)
        if sink is not None and not isinstance(sink, bool) and sink != "fixed":
            raise ValueError(
                f"model.sink received {sink!r}, expected true (learnt), false or 'fixed'"
            )
        return sink

    @model_validator(mode="after")
    def _fits_the_architecture(self) -> Self:
        if self.hidden_dim % self.num_heads:
            raise ValueError(
                f"hidden_dim received {self.hidden_dim}, "
                f"expected a multiple of num_heads ({self.num_heads})"
            )
        known = signature(architecture(self.architecture)).parameters
        given = self.model_dump(exclude={"architecture", *known}, exclude_none=True)
        for field, value in given.items():
            if value is not False:
                raise ValueError(f"{field} received, but {self.architecture} has no such option")
        settings = {"num_atom_types": 1, "num_bond_types": 1, **self.arguments()}
        _check_built(self.architecture, tuple(settings.items()))
        return self

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of the architecture's constructor that the recipe sets."""
        known = signature(architecture(self.architecture)).parameters
        fields = self.model_dump(exclude={"architecture"}, exclude_none=True)
        if fields.get("logit_limit") is False:
            fields["logit_limit"] = None
        return {name: value for name, value in fields.items() if name in known}


@cache
def _check_built(name: str, settings: tuple[tuple[str, Any], ...]) -> None:
    """Refuse what cannot be built; the cells of a study differ in the seed, most often."""
    check_size(name, dict(settings))
    with without_memory():
        build(name, **dict(settings))

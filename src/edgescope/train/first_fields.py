"""Which fields of a recipe, its model or a scan are written down: the first ones, and those in use.

Fields that later versions add are left out where nothing is said of them. So what is stored is as
that of earlier versions, and the cells of a study, which are named after it, are found again.
"""

from typing import Any

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

_FIRST = frozenset(
    {
        *("name", "model", "loss", "batch_size", "learning_rate", "plateau_factor"),
        *("plateau_patience", "min_learning_rate", "max_epochs", "seed", "architecture"),
        *("hidden_dim", "num_heads", "num_layers", "readout", "dropout", "residual"),
        *("batch_norm", "use_bias", "layer_norm", "explicit_bias", "full_graph", "gamma"),
        *("learned_gamma", "kernel_steps", "laplacian_eigenvectors", "lpe_dim", "lpe_layers"),
        *("lpe_heads", "logit_limit", "logit_cap", "qk_norm", "sink"),
        *("criterion", "split", "members", "max_rows"),
    }
)
"""Fields that there were from the beginning, and are always written."""


class FirstFields(BaseModel):
    """What writes its first fields, and later ones that differ from their default."""

    @model_serializer(mode="wrap")
    def _first_and_in_use(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = dump(self)
        known = type(self).model_fields
        return {
            key: value
            for key, value in fields.items()
            if key in _FIRST
            or getattr(self, key) != known[key].get_default(call_default_factory=True)
        }

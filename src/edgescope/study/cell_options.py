"""Which options of a recipe or a scan count in the name of a cell."""

from typing import Any

from pydantic import BaseModel

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
"""Options of a recipe, its model and a scan that always count in the name of a cell."""


def counting_options(of: BaseModel, fields: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a part of a cell that count: the first ones, and those in use."""
    known = type(of).model_fields
    return {
        key: value
        for key, value in fields.items()
        if key in _FIRST or getattr(of, key) != known[key].get_default(call_default_factory=True)
    }

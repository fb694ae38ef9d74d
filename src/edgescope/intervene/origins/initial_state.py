"""The untrained model, and whether the trained one is the same function of the same tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from edgescope.intervene.initial_model import initial_model
from edgescope.intervene.origins.massive_counts import Counted, Counter
from edgescope.intervene.replay import Passes
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.lib.model_call import Call
from edgescope.scanning.result import Scan
from edgescope.scanning.untrained_ensemble import Untrained, baseline_argument


def initial_state(
    model: nn.Module,
    untrained: nn.Module | Mapping[str, Tensor] | Untrained | str,
    batches: Sequence[Any],
    call: Call,
    progress: bool,
) -> nn.Module | Mapping[str, Tensor]:
    """Return the untrained model, or its state dict.

    Args:
        model: the trained model.
        untrained: what the user gave.
        batches: for the calibration of batch norm of a re-initialised model.
        call: how to call a model on a batch.
        progress: whether to show a progress bar.

    Raises:
        InputError: if it is neither.
    """
    if isinstance(untrained, Mapping):
        return untrained
    found = baseline_argument(untrained)
    if found is None or isinstance(found, Scan):
        raise InputError(
            f"received {said(untrained)} as the untrained model, expected a model, its state dict "
            "or es.Untrained(), whose tensors are put back"
        )
    return initial_model(model, found, batches, call, progress, "the untrained model")


def check_alike(
    passes: Passes, rewound: Counted, counter: Counter, sites: Sequence[str], given: bool
) -> None:
    """Run the untrained model, and compare it with the trained one, all of it put back.

    Args:
        passes: of the untrained model, or once more of the other.
        rewound: what the other gives.
        counter: counts what is massive.
        sites: names of the sites.
        given: whether it is an untrained model that the user gave, not a state dict.

    Raises:
        InputError: if the two do not give the same to the bit.
    """
    found, _ = counter.run(passes, sites)
    same = np.array_equal(found.prediction, rewound.prediction, equal_nan=True) and all(
        np.array_equal(site.massive, rewound.sites[name].massive)
        and site.largest == rewound.sites[name].largest
        for name, site in found.sites.items()
    )
    if not same:
        gap = np.nanmax(np.abs(found.prediction - rewound.prediction), initial=0.0)
        if not given:
            raise InputError(
                f"two runs of the model on the same batches differ by up to {gap:.3g}, so what "
                "comes of its tensors cannot be told; it draws random numbers in eval mode"
            )
        raise InputError(
            "with all its tensors put back the trained model is not the untrained model: "
            f"predictions differ by up to {gap:.3g}; the two differ in something that is neither a "
            "parameter nor a buffer, or draw random numbers in eval mode. Pass a model that was "
            "built with the same arguments, or its state_dict()"
        )

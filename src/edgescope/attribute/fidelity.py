r"""How far a prediction moves when edges are taken away.

Fidelity+ is how far it moves when the important edges are removed, fidelity- when only they are
kept (Pope et al., CVPR 2019; Yuan et al., arXiv 2012.15445, section 5.2; Amara et al., GraphFramEx,
arXiv 2206.09677). With the prediction :math:`f(G)` of a graph, :math:`f(G')` of the same graph
without some edges and the predicted label :math:`\hat y` of :math:`G`:

============== ==================================================================================
``change``     :math:`|p(G) - p(G')|` with the probability :math:`p` of :math:`\hat y`; for
               regression :math:`|f(G) - f(G')| / s`, where :math:`s` is the standard deviation of
               the model's predictions over the graphs
``drop``       :math:`p(G) - p(G')`, as in Yuan et al.; there is none for regression
``label``      1 if the predicted label is another one, else 0, as in Amara et al. for explanations
               of a model; there is none for regression
``unfaithful`` :math:`1 - \exp(-\mathrm{KL}(p(G') \,\|\, p(G)))` (Agarwal et al., arXiv 2208.09339,
               in the direction that their code and PyG's compute); for regression with normal
               distributions of standard deviation :math:`s` around the two predictions, for which
               :math:`\mathrm{KL} = (f(G) - f(G'))^2 / 2 s^2`
============== ==================================================================================
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgescope.attribute.bonds import Floats
from edgescope.attribute.outputs import by_graph
from edgescope.data.batch_loaders import loader
from edgescope.data.dataset_check import check_dataset
from edgescope.data.graphs import GraphDataset
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.graph_names import GraphNames
from edgescope.lib.model_call import Call, call_model
from edgescope.lib.task_metrics import METRICS, Task
from edgescope.scanning.batches import device_of, on_device

if TYPE_CHECKING:
    from collections.abc import Iterable

CHANGE, DROP, LABEL, UNFAITHFUL = "change", "drop", "label", "unfaithful"


def predict(
    model: nn.Module, dataset: GraphDataset, *, batch_size: int = 64, call: Call = call_model
) -> Tensor:
    """Return what a model predicts for every graph ``[G, T]``, float64, on the CPU.

    The model runs in eval mode and is left as it was.

    Raises:
        InputError: if there is no graph, or the model does not give a row of finite numbers for
            every graph.
    """
    model = eager_twin(model)
    check_dataset(dataset)
    batches: Iterable[Any] = loader(dataset, batch_size=batch_size)
    rows = []
    with evaluating(model), torch.no_grad():
        for given in batches:
            batch = on_device(given, device_of(model))
            rows.append(by_graph(call(model, batch), batch).double().cpu())
    if not rows:
        raise InputError(f"{dataset.name} has no graphs, expected at least one")
    found = torch.cat(rows)
    if not found.isfinite().all():
        graph = int((~found.isfinite().all(1)).nonzero()[0])
        raise InputError(
            f"the model predicts {found[graph].tolist()} for "
            f"{GraphNames.of_dataset(dataset).called(graph)} of {dataset.name}, "
            "expected finite numbers; leave the graph out"
        )
    return found


class Outputs:
    """What a model predicts for whole graphs, and how far other predictions are from it.

    Args:
        whole: predictions ``[G, T]``: numbers, logits of labels, or logits of classes.
        task: which of them they are.
        target: column of the numbers or labels that is explained; with classes the predicted
            class of every graph is.
        scale: unit of changes in regression; by default the standard deviation of ``whole``.

    Raises:
        InputError: if the task is not known, there is no such column, or the scale is 0.
    """

    def __init__(
        self, whole: Tensor, task: Task | None, target: int = 0, scale: float | None = None
    ) -> None:
        if task is None or task not in METRICS:
            raise InputError(
                f"received the task {task!r}, expected one of {', '.join(METRICS)}; name it with "
                "task="
            )
        if task != "classes" and not 0 <= target < whole.size(1):
            raise InputError(
                f"received target={target} of a model with {whole.size(1)} outputs, expected a "
                "number from 0 below that"
            )
        self.task: Task = task
        self.target = target
        self._whole = self._logits(whole)
        self.scale: float | None = None
        if task == "regression":
            self.scale = float(self._whole.std(correction=0)) if scale is None else scale
            if not self.scale > 0:
                raise InputError(
                    f"changes are given in units of {self.scale:g}, the standard deviation of the "
                    "model's predictions, expected more than 0; give a unit with scale="
                )

    @property
    def measures(self) -> tuple[str, ...]:
        """Which measures there are for the task."""
        if self.task == "regression":
            return (CHANGE, UNFAITHFUL)
        return (CHANGE, DROP, LABEL, UNFAITHFUL)

    def against(self, reduced: Tensor) -> dict[str, Floats]:
        """Return every measure of other predictions ``[G, T]`` of the same graphs, ``[G]`` each."""
        whole, other = self._whole, self._logits(reduced)
        if self.scale is not None:
            moved = (whole - other).abs().numpy() / self.scale
            return {CHANGE: moved, UNFAITHFUL: -np.expm1(-(moved**2) / 2)}
        before, after = (F.log_softmax(logits, 1) for logits in (whole, other))
        predicted = whole.argmax(1, keepdim=True)
        drop = (before.exp() - after.exp()).gather(1, predicted).squeeze(1)
        divergence = F.kl_div(before, after, reduction="none", log_target=True).sum(1)
        return {
            CHANGE: drop.abs().numpy(),
            DROP: drop.numpy(),
            LABEL: (other.argmax(1) != predicted.squeeze(1)).double().numpy(),
            UNFAITHFUL: -np.expm1(-divergence.clamp(min=0).numpy()),
        }

    def _logits(self, outputs: Tensor) -> Tensor:
        """Return the numbers ``[G]``, or the logits of two or more classes ``[G, C]``."""
        if self.task == "classes":
            return outputs
        chosen = outputs[:, self.target]
        if self.task == "regression":
            return chosen
        return torch.stack([torch.zeros_like(chosen), chosen], 1)


def characterisation(
    plus: float, minus: float, plus_weight: float = 0.5, minus_weight: float = 0.5
) -> float:
    r"""Return the characterisation score of Amara et al. (arXiv 2206.09677, equation 4).

    .. math::
        \frac{w_+ + w_-}{w_+ / \mathrm{fid}_+ + w_- / (1 - \mathrm{fid}_-)}

    Changes in regression have no upper bound; those above 1, a standard deviation of the
    predictions, count as 1 here.

    Args:
        plus: fidelity+.
        minus: fidelity-.
        plus_weight: its weight.
        minus_weight: its weight; the two add up to 1.

    Returns:
        A number from 0 to 1; 0 if the explanation is neither necessary nor sufficient.

    Raises:
        InputError: if the weights do not add up to 1.

    Example:
        >>> from edgescope.attribute import characterisation
        >>> characterisation(plus=1.0, minus=0.0), characterisation(plus=0.5, minus=0.5)
        (1.0, 0.5)
    """
    if not np.isclose(plus_weight + minus_weight, 1):
        raise InputError(
            f"received the weights {plus_weight:g} and {minus_weight:g}, expected two that add up "
            "to 1"
        )
    if np.isnan([plus, minus]).any():
        return float("nan")
    necessary, sufficient = np.clip([plus, 1 - minus], 0, 1)
    if not (necessary and sufficient):
        return 0.0
    return float(1 / (plus_weight / necessary + minus_weight / sufficient))

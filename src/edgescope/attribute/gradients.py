"""Edge importance from gradients with respect to the states of edges that enter the model."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from edgescope.attribute.edge_states import Baseline, EdgeStates, Reference, run_unchanged
from edgescope.attribute.method import ModelMethod
from edgescope.attribute.outputs import Target, explained
from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call, call_model

STEPS = 32
"""Steps of integrated gradients. Sundararajan et al. (arXiv 1703.01365, section 5) find 20 to 300
sufficient; nodes of Gauss and Legendre need the fewer of them."""


class GradientTimesInput(ModelMethod):
    r"""Gradient times input: :math:`\sum_f e_f \, \partial y / \partial e_f`.

    Of the states :math:`e` ``[E, F]`` of edges that enter the model (Shrikumar et al.,
    arXiv 1605.01713). It takes one forward and one backward pass. Edges that the output does not
    depend on get 0.

    Args:
        target: which output is explained: a column, or ``"predicted"`` for the class predicted.
        signed: whether the sum keeps its sign, positive where the edge raises the output; by
            default its magnitude is taken.
        at: see :class:`~edgescope.attribute.edge_states.EdgeStates`.
        name: what it is called in tables.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, [es.attribute.GradientTimesInput()])
        >>> found["gradient_x_input"].backward_passes
        1.0
    """

    def __init__(
        self,
        target: Target = 0,
        *,
        signed: bool = False,
        at: str | None = None,
        name: str = "gradient_x_input",
    ) -> None:
        self.target = target
        self.signed = signed
        self.states = EdgeStates(at)
        self.name = name

    @override
    def explain(self, model: nn.Module, batch: Any, call: Call) -> Tensor:
        leaves: list[Tensor] = []

        def leaf(states: Tensor) -> Tensor:
            leaves.append(states.detach().requires_grad_())
            return leaves[0]

        with torch.enable_grad():
            output = self.states.run(model, batch, call, leaf)
            value = explained(output, batch, self.target)[0].sum()
        attribution = (leaves[0].detach() * _gradient(value, leaves[0])).sum(1)
        return attribution if self.signed else attribution.abs()


class IntegratedGradients(ModelMethod):
    r"""Integrated gradients (Sundararajan et al., arXiv 1703.01365, eq. 1) of the states of edges.

    .. math:: \sum_f (e_f - e'_f) \int_0^1
              \frac{\partial y}{\partial e_f}\bigl(e' + \alpha (e - e')\bigr) d\alpha

    from a baseline :math:`e'` to the states :math:`e` ``[E, F]`` that enter the model, all edges of
    a graph at once. Signed attributions of a graph sum to the difference between the output and
    that at the baseline (completeness), up to the error of the sum that stands for the integral,
    which is by Gauss and Legendre's rule. It takes ``steps`` forward and backward passes, and one
    forward pass more; with ``baseline="mean"`` another one.

    Args:
        target: which output is explained: a column, or ``"predicted"`` for the class predicted.
        steps: how many points the integral is taken at.
        baseline: see :data:`~edgescope.attribute.edge_states.Baseline`.
        signed: as in :class:`GradientTimesInput`.
        at: see :class:`~edgescope.attribute.edge_states.EdgeStates`.
        name: what it is called in tables.

    Raises:
        InputError: if there is not at least one step, or the baseline is unknown.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> method = es.attribute.IntegratedGradients(steps=8, baseline="mean")
        >>> found = es.attribute.importances(model, graphs, [method])
        >>> found["integrated_gradients"].backward_passes
        8.0
    """

    def __init__(
        self,
        target: Target = 0,
        *,
        steps: int = STEPS,
        baseline: Baseline = "zero",
        signed: bool = False,
        at: str | None = None,
        name: str = "integrated_gradients",
    ) -> None:
        if steps < 1:
            raise InputError(f"received steps={steps}, expected at least 1")
        self.target = target
        self.steps = steps
        self.signed = signed
        self.states = EdgeStates(at)
        self.reference = Reference(baseline)
        self.name = name

    @override
    def prepare(self, model: nn.Module, dataset: GraphDataset, *, call: Call = call_model) -> None:
        """Find the mean state of the edges, if that is the baseline."""
        self.reference.prepare(self.states, model, dataset, call)

    @override
    def explain(self, model: nn.Module, batch: Any, call: Call) -> Tensor:
        output, states = run_unchanged(self.states, model, batch, call)
        columns = explained(output, batch, self.target)[1]
        start = self.reference.like(states)
        way = states - start
        total = torch.zeros_like(states)
        nodes, weights = np.polynomial.legendre.leggauss(self.steps)
        for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
            # From the interval -1 to 1 to that from 0 to 1.
            point = (start + (node + 1) / 2 * way).requires_grad_()

            def move(_: Tensor, point: Tensor = point) -> Tensor:
                return point

            with torch.enable_grad():
                output = self.states.run(model, batch, call, move)
                value = explained(output, batch, self.target, columns)[0].sum()
            total += weight / 2 * _gradient(value, point)
        attribution = (way * total).sum(1)
        return attribution if self.signed else attribution.abs()


def _gradient(value: Tensor, states: Tensor) -> Tensor:
    """Return the gradient ``[E, F]``, zeros where the value does not depend on the states."""
    if not value.requires_grad:
        return torch.zeros_like(states)
    found = torch.autograd.grad(value, [states], allow_unused=True)[0]
    return torch.zeros_like(states) if found is None else found

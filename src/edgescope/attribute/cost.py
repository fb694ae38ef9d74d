"""What a method costs: passes through the model, counted where they happen."""

from typing import Any

from torch import Tensor, nn

from edgescope.attribute.outputs import count_graphs
from edgescope.calling import Call


class CountingCall:
    """Calls models as another function does, and counts passes by the number of graphs in them.

    A pass of a batch of 64 graphs counts 64, so that methods which explain many graphs at once
    are compared with those that take one at a time.

    Args:
        call: how to call the model.

    Attributes:
        forward: forward passes of single graphs so far.
        backward: backward passes of single graphs so far.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self.forward = 0
        self.backward = 0

    def __call__(self, model: nn.Module, batch: Any) -> Any:  # noqa: ANN401  (any PyG batch)
        """Call ``model`` on ``batch``."""
        graphs = count_graphs(batch)

        def gone_back(_: Tensor) -> None:
            self.backward += graphs

        def ran(_: nn.Module, __: object, output: Any) -> None:  # noqa: ANN401  (of any model)
            self.forward += graphs
            if isinstance(output, Tensor) and output.requires_grad:
                output.register_hook(gone_back)  # type: ignore[no-untyped-call]

        handle = model.register_forward_hook(ran)
        try:
            return self._call(model, batch)
        finally:
            handle.remove()

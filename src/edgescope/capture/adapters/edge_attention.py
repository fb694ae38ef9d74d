"""Sites of edgescope's own attention core."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from edgescope.models.attention import EdgeAttention

LAYER = EdgeAttention
FORMULAS = {"score": "(K h_j * Q h_i) / sqrt(D) * W e_ij, before the sum over channels"}


def attach(layer: nn.Module, stage: str, emit: Callable[[Tensor, Tensor], None]) -> RemovableHandle:
    """Call ``emit(values, edge_index)`` whenever the layer computes the stage.

    Args:
        layer: an :class:`~edgescope.models.EdgeAttention`.
        stage: ``"score"``.
        emit: receives the activations ``[E, H, D]`` and the edges ``[2, E]`` of the layer.
    """
    assert isinstance(layer, EdgeAttention)
    assert stage == "score"

    def observe(_: nn.Module, args: tuple[Tensor, ...], score: Tensor) -> None:
        emit(score, args[3])

    return layer.score.register_forward_hook(observe)

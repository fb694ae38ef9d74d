"""What an attribution method is, its importances over a data set, and what they cost."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from edgescope.attribute.outputs import check_plain_batch, count_graphs
from edgescope.data.graphs import GraphDataset
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.eval_mode import evaluating, without_gradients
from edgescope.lib.model_call import Call, call_model
from edgescope.scanning.batches import device_of, on_device

if TYPE_CHECKING:
    import polars as pl


class Method(ABC):
    """Says how important every edge is for the output of a model.

    Attributes:
        name: what it is called in tables.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> class Position(es.attribute.Method):
        ...     name = "position"
        ...     def attribute(self, model, batch, *, call=None):
        ...         return torch.arange(batch.num_edges).float()
        >>> list(es.attribute.importances(model, graphs, [Position()]))
        ['position']
    """

    name: str

    def prepare(self, model: nn.Module, dataset: GraphDataset, *, call: Call = call_model) -> None:
        """Take from the whole data set what single batches cannot tell; nothing by default."""
        del model, dataset, call

    @abstractmethod
    def attribute(
        self,
        model: nn.Module,
        batch: Any,  # noqa: ANN401  (any PyG batch)
        *,
        call: Call = call_model,
    ) -> Tensor:
        """Return the importance of every directed edge of a batch ``[E]``, larger = more important.

        It is importance for one output per graph. Graphs of a batch do not influence each other.

        Args:
            model: the model.
            batch: a PyG batch with ``edge_index`` ``[2, E]``.
            call: how to call the model on a batch, as in :func:`edgescope.scan`.
        """


class ModelMethod(Method):
    """A method that runs the model, which it leaves as it was.

    Meanwhile the model is in eval mode and its parameters get no gradients.

    Example:
        >>> import edgescope as es
        >>> issubclass(es.attribute.Occlusion, es.attribute.ModelMethod)
        True
        >>> issubclass(es.attribute.Degree, es.attribute.ModelMethod)
        False
    """

    def attribute(
        self,
        model: nn.Module,
        batch: Any,  # noqa: ANN401  (as above)
        *,
        call: Call = call_model,
    ) -> Tensor:
        """Return the importance of every directed edge of a batch ``[E]``; see :class:`Method`.

        Raises:
            InputError: if the batch is not one of plain graphs.
        """
        model = eager_twin(model)
        check_plain_batch(batch)
        with undisturbed(model):
            return self.explain(model, on_device(batch, device_of(model)), call).detach()

    @abstractmethod
    def explain(self, model: nn.Module, batch: Any, call: Call) -> Tensor:  # noqa: ANN401  (as above)
        """Return the importances ``[E]``; called with the model prepared and on its device."""


@dataclass(frozen=True, eq=False)
class Importance:
    """How important every edge of a data set is, by one method.

    Attributes:
        method: name of the method.
        edge: importance of every directed edge ``[E]``, float32, aligned with the data set.
        forward_passes: forward passes of the model per graph.
        backward_passes: backward passes of the model per graph.
        seconds: time that all graphs together took.
        arguments: names of the arguments that the model was given, or that it was given the whole
            batch, or what ``call=`` says; empty for a method that does not run it.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, ["random"])["random"]
        >>> found.method, found.edge.shape == graphs.edge_attr.shape
        ('random', True)
    """

    method: str
    edge: Tensor
    forward_passes: float
    backward_passes: float
    seconds: float
    arguments: tuple[str, ...] = ()


def costs(found: dict[str, Importance]) -> "pl.DataFrame":
    """Return what every method cost: passes per graph and seconds in all, a row per method.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("marked", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> found = es.attribute.importances(model, graphs, ["massive", "random"])
        >>> es.attribute.costs(found).columns
        ['method', 'forward_passes', 'backward_passes', 'seconds']
    """
    import polars as pl

    columns = ("method", "forward_passes", "backward_passes", "seconds")
    return pl.DataFrame({name: [getattr(i, name) for i in found.values()] for name in columns})


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Run a model in eval mode, without gradients of its parameters; then it is as it was."""
    with evaluating(model), without_gradients(model):
        yield


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

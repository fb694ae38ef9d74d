"""What an adapter is: it knows the sites of one layer class, and how to observe them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from edgescope.capturing.edge_rows import Relation, Rows
from edgescope.capturing.pair_grid import PairGrid, Values
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import forward_signature

Emit = Callable[[str, Values, Rows | PairGrid], None]
"""Receives a stage, its values ``[E, H, D]`` and which rows they are; of dense attention that was
discovered, what gives the values of some pairs, and the grid that says which."""

Replace = Callable[[str, Values, Rows | PairGrid], Tensor | None]
"""Receives a stage and its rows as :data:`Emit` does; returns what takes the place of the values,
or ``None`` if nothing does."""

Remove = Callable[[], None]
"""Takes a hook away."""

Layer: TypeAlias = Any
"""A layer of the adapter's class, whose attributes a type checker cannot know."""


EDGE_ARGUMENTS = ("edge_attr", "edge", "edge_type", "edge_weight", "edge_real", "factor")
"""What layers call arguments with one row per edge."""

STAGE_NAMES = ("score", "unbiased", "logit", "weight", "message")
"""The stages of attention, in the order in which a layer computes them."""


def names(words: str) -> frozenset[str]:
    """Return the names in a text, as adapters list options and arguments."""
    return frozenset(words.split())


class Stage(NamedTuple):
    """A stage of attention that a layer class goes through, as a table of layers shows it.

    Example:
        >>> from edgescope.capturing import Stage
        >>> Stage("a . (x_i + x_j)", "[E, H, 1]").formula
        'a . (x_i + x_j)'
    """

    formula: str
    """What is computed, in the terms of the layer's own documentation."""
    shape: str = "[E, H, 1]"
    """Shape of the values; a last 1 means one number per edge and head."""
    dropout: Literal["", "before", "after"] = ""
    """Whether the values are those before or after the layer's dropout of attention weights."""


class Adapter(ABC):
    """Observes the layers of one class.

    Attributes:
        layer: the class, or its full name so that its package need not be imported.
        stages: name of every stage to what it is; some of :data:`STAGE_NAMES`.
        relies_on: methods that must be the class's own for the formulas to hold; a subclass
            that overrides one needs an adapter of its own.
        loops: what the layer does with self-loops, for the table of layers.
        refuses: configurations that :meth:`refusal` refuses, for the table of layers.
        options: the options of the layer's constructor and of its bases that the formulas hold
            for. A layer built with another one is refused; ``None`` if nothing is to be checked,
            as in a class that does not set it itself.
        arguments: the same for the arguments of ``forward``.
        edge_option: the layer's option, and attribute, that says how many features an edge has,
            such as ``"edge_dim"``; ``None`` if it has none that may be left out.
        normalised: whether the weights of the edges into a node add up to one. Where they do not,
            as with a gate for every edge, no rule of diagnosis judges them as shares.
        node_argument: what ``forward`` calls the states of nodes ``[V, F]``, for the sites of node
            states; those by node type may have ``_dict`` behind it.
        edge_argument: what it calls the edges ``[2, E]`` by which these nodes are numbered.
        joins_relations: whether one softmax is taken over all relations into a node.
        dynamic: full name of a class that is built with the same arguments and ranks neighbours
            by the node that attends as well, for a class that :meth:`is_static`.
        remedies: what :func:`edgescope.diagnosis.remedies.try_remedy` can do to a layer of exactly
            this class, whose constructor's arguments are attributes of the layer.
        discovers: whether it observes what was discovered in a model, and knows no class.

    Example:
        >>> import edgescope as es
        >>> layers = es.capture.layers()["layer"].unique(maintain_order=True).to_list()  # one each
        >>> "GATConv" in layers
        True
    """

    layer: ClassVar[type[nn.Module] | str]
    stages: ClassVar[Mapping[str, Stage]]
    relies_on: ClassVar[tuple[str, ...]] = ("forward",)
    loops: ClassVar[str] = "kept as given"
    refuses: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[frozenset[str] | None] = None
    arguments: ClassVar[frozenset[str] | None] = None
    edge_option: ClassVar[str | None] = None
    normalised: bool = True
    node_argument: ClassVar[str] = "x"
    edge_argument: ClassVar[str] = "edge_index"
    joins_relations: ClassVar[bool] = False
    dynamic: ClassVar[str | None] = None
    remedies: ClassVar[frozenset[str]] = frozenset()
    discovers: ClassVar[bool] = False

    def check(self) -> None:
        """Refuse an adapter that cannot work, when it is registered.

        Raises:
            InputError: if it names a stage that does not exist.
        """
        unknown = [stage for stage in self.stages if stage not in STAGE_NAMES]
        if unknown:
            raise InputError(
                f"{type(self).__name__} names the stages {', '.join(unknown)}, expected some of "
                f"{', '.join(STAGE_NAMES)}"
            )

    def stages_of(self, layer: Layer) -> Mapping[str, Stage]:
        """Return the stages of a particular layer; all of the class's by default."""
        return self.stages

    def refusal(self, layer: Layer) -> str | None:
        """Say why a particular layer cannot be captured, and what to do; ``None`` if it can."""
        return None

    def floor(self, layer: Layer, stage: str, values: Tensor) -> Tensor | float:
        """Return the magnitude that stands for zero at a stage; 0 by default.

        A layer may add a small constant to numbers of which many are zero, such as those behind a
        ReLU. What is no larger than that says no more than a zero does, so a ratio over a median at
        the floor is undefined.

        Args:
            layer: an instance of the class.
            stage: name of the stage.
            values: what it computed ``[E, H, D]``, for their type.

        Returns:
            A number, or numbers that can be broadcast to the values.
        """
        del layer, stage, values
        return 0.0

    def adds_edges(self, layer: Layer) -> bool:
        """Return whether a layer computes rows that are no edge of the input."""
        return False

    def attends_to_all(self, layer: Layer) -> bool:
        """Return whether a layer attends to all pairs of nodes, by default if it adds edges."""
        return self.adds_edges(layer)

    def replaces_loops(self, layer: Layer) -> bool:
        """Return whether the layer drops the input's self-loops and appends its own."""
        return False

    def could_replace_loops(self, layer: Layer) -> bool:
        """Return whether the layer has an option to do so, which is off."""
        return False

    def features_of_loops(self, layer: Layer) -> Any:  # noqa: ANN401  (of PyG's fill_value)
        """Return what gives features to loops that are appended, as PyG's ``fill_value`` says."""
        return getattr(layer, "fill_value", "mean")

    def two_sets(self, layer: Layer) -> bool:
        """Return whether the ends of a row are of two sets, though the layer is given one of nodes.

        As in a hypergraph, whose rows lead from nodes to hyperedges.
        """
        return False

    def edge_arguments(self, layer: Layer) -> tuple[str, ...]:
        """Return the arguments of ``forward`` with one row per edge that the layer works with."""
        return EDGE_ARGUMENTS

    def ranks_by_edges(self, layer: Layer) -> bool:
        """Return whether features of an edge can change its logit; by default if it has any."""
        return bool(self.edge_arguments(layer))

    def is_static(self, layer: Layer) -> bool:
        """Return whether all nodes rank their neighbours the same way, whatever the weights.

        So it is if a logit is a LeakyReLU of a sum of one number for each end (Brody et al., arXiv
        2105.14491). Its sign is then that of the sum, and its slope below zero the layer's
        ``negative_slope``.
        """
        return False

    def logit_limit(self, layer: Layer) -> float | None:
        """Return what the layer clamps its logits to, plus or minus; ``None`` if it does not."""
        return None

    def relation_order(self, layer: Layer) -> list[Relation] | None:
        """Return the order in which relations must be given, if the layer relies on one."""
        return None

    def path(self, path: str) -> str:
        """Return the path that names the sites of the layer at ``path``."""
        return path

    @abstractmethod
    def attach(self, layer: Layer, stages: Collection[str], emit: Emit) -> Iterator[Remove]:
        """Call ``emit`` for each of ``stages`` whenever ``layer`` computes it.

        Args:
            layer: an instance of the class.
            stages: the stages asked for; nothing else need be computed.
            emit: to be called once per stage and call of the layer.

        Yields:
            A function for each hook that takes it away.
        """

    def attach_states(
        self, layer: Layer, end: Literal["in", "out"], emit: Emit
    ) -> Iterator[Remove] | None:
        """Call ``emit`` with the node states that enter or leave ``layer`` at every call.

        ``None``, the default, where they are those of :attr:`node_argument` and what it returns.
        """
        return None

    def editable(self, layer: Layer) -> tuple[str, ...]:
        """Return the stages of a particular layer that can be replaced; none by default."""
        del layer
        return ()

    def attach_edit(
        self, layer: Layer, stages: Collection[str], replace: Replace
    ) -> Iterator[Remove]:
        """Put what ``replace`` returns in the place of each of ``stages``, in the forward pass.

        What the layer computes from a stage follows from the new values. Where a new value is
        the old one, the layer's own number stays, to the bit.

        Args:
            layer: an instance of the class.
            stages: the stages to replace, all of them :meth:`editable`.
            replace: to be called once per stage and call of the layer.

        Yields:
            A function for each hook that takes it away.
        """
        raise NotImplementedError


def spliced(own: Tensor, before: Tensor, after: Tensor, new: Tensor | None = None) -> Tensor:
    """Return ``own`` where ``after`` is ``before``, else ``new``, which is ``after`` by default.

    What follows from an edit is computed twice in the same way, without and with it. Where the
    two are alike, the layer's own number stays, whose rounding may differ in the last bit.
    """
    return own.where(after == before, after if new is None else new)


@contextmanager
def observing() -> Iterator[None]:
    """Compute without leaving a trace in autograd, nor in autocast's store of cast weights.

    A weight that autocast has cast without gradients would be used again by the model, and get
    no gradient there.
    """
    cached = torch.is_autocast_cache_enabled()
    torch.set_autocast_cache_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_autocast_cache_enabled(cached)


def bound_arguments(
    layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the arguments of a call of ``layer`` by name, defaults included."""
    bound = forward_signature(layer).bind(*args, **kwargs)
    bound.apply_defaults()
    return bound.arguments

"""Editing: what attention computes on edges is replaced inside the forward pass."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.adapters.adapter import Remove
from edgescope.capturing.edge_rows import Rows
from edgescope.capturing.forward_pass import ForwardPass, Trust, runs_again
from edgescope.capturing.pair_grid import PairGrid, Values
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.capturing.sites import Site, find_sites
from edgescope.lib.compiled_parts import original
from edgescope.lib.compiler_stance import eagerly
from edgescope.lib.errors import InputError

Edit = Callable[[EdgeActivations], Tensor | None]
"""Receives the activations of a site; returns those to go on with ``[E, H, D]``, or ``None``."""


@contextmanager
def edit(
    model: nn.Module,
    sites: Sites,
    fn: Edit,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
) -> Iterator[None]:
    """Replace activations inside the forward pass while the block runs.

    What the layer computes from a site follows from the new values: a new score changes the
    logit, the weight and the message; a new logit the weights of all edges into that target; a
    new weight just the message, without another normalisation; a new message just itself.

    Where ``fn`` returns ``None``, and wherever a new value is the old one, the layer's own
    numbers stay to the bit; so do outputs if nothing was changed. What is recomputed agrees with
    the layer to rounding: in :class:`~edgescope.models.EdgeAttention` weight and message, which
    are normalised after the sum over edges; in PyG's layers all before the message.

    All stages of edgescope's own attention and of most layers of PyG can be edited, and the message
    alone of ``SuperGATConv``, ``RGATConv`` and ``GATEConv``. Of discovered attention it is what one
    operation computes, once a run was captured, without gradients; of dense attention its weights,
    and its logits with all that is summed into them.
    :meth:`es.capture.sites <edgescope.capturing._Capture.sites>` says which. A tape that records
    at the same time shows what was put in and what follows from it; of discovered attention if its
    block was entered later.

    Args:
        model: the model. Layers with dropout of attention weights must be in eval mode, unless
            only messages are edited, which are those after dropout.
        sites: names or patterns of the sites to edit, or a function that takes a
            :class:`~edgescope.capturing.Site` and says yes or no; ``None`` for all.
        fn: called with the activations of each site as soon as they are computed; they are a
            copy with the autograd graph, so gradients flow through an edit. Returns new values
            of the same shape ``[E, H, D]``, which are cast to the type of the old ones, or
            ``None`` to change nothing.
        inputs: what the model calls its inputs, as in :func:`edgescope.capture`.
        trust: sites whose edges you vouch for, as in :func:`edgescope.capture`.

    Raises:
        InputError: if a site cannot be edited, ``fn`` returns something else, it is not certain
            which row belongs to which edge, a forward pass did not run a site, or what a layer
            computed is not what its formula gives, as under another edit of it.

    Example:
        >>> import torch
        >>> from torch_geometric.nn import GATv2Conv
        >>> import edgescope as es
        >>> model = GATv2Conv(3, 4, heads=2, add_self_loops=False).eval()
        >>> x, edge_index = torch.rand(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> with es.capture(model) as tape:
        ...     _ = model(x, edge_index)
        >>> def nothing(weight):
        ...     return torch.zeros_like(weight.values)
        >>> with es.capture.edit(model, ":weight", nothing):
        ...     changed = model(x, edge_index)
        >>> torch.equal(changed, model(x, edge_index))
        False
    """
    chosen = select_sites(model, sites)
    check_editable(model, chosen)
    editor = _Editor(fn, chosen, trust)

    def attach(sites_of_layer: Sequence[Site]) -> Iterator[Remove]:
        site = sites_of_layer[0]
        stages = {each.stage: each for each in sites_of_layer}

        def replace(stage: str, values: Values, rows: Rows | PairGrid) -> Tensor | None:
            return editor.replace(stages[stage], values, rows) if stage in stages else None

        yield from site.adapter.attach_edit(site.layer, tuple(stages), replace)

    def check(*_: object) -> None:
        editor.check_run()

    with eagerly(model), editor.attached(original(model), chosen, inputs, attach, after=check):
        yield


class _Editor(ForwardPass):
    """Asks for the new values of every site."""

    def __init__(self, fn: Edit, sites: Sequence[Site], trust: Trust) -> None:
        super().__init__(trust)
        self._fn = fn
        self._sites = sites

    def replace(self, site: Site, given: Values, whose: Rows | PairGrid) -> Tensor | None:
        """Return the new values of one stage of one call of a layer."""
        if runs_again():
            raise InputError(
                f"{site.path} runs a second time in the backward pass, where its edges are no "
                "longer known; edit without gradient checkpointing"
            )
        dropout: float = getattr(site.layer, "dropout", 0.0)
        if dropout and site.layer.training and site.about.dropout != "after":
            raise InputError(
                f"{site.path} is in training mode with dropout, which an edit would undo; call "
                "model.eval() first"
            )
        values, rows = self.placed(given, whose)
        # A copy, as what was computed before must not change if the user works in place.
        found = self._fn(self.activations(site, values.clone(), rows))
        if found is None:
            return None
        if not isinstance(found, Tensor) or found.shape != values.shape:
            what = f"shape {list(found.shape)}" if isinstance(found, Tensor) else repr(found)
            raise InputError(
                f"an edit of {site.name} returned {what}, expected a tensor of the shape "
                f"{list(values.shape)} [E, H, D], or None"
            )
        return found.to(values)

    def check_run(self) -> None:
        """Refuse a forward pass in which an edit had no effect, as its site was not computed."""
        missing = [site.name for site in self._sites if not self._calls[site.name]]
        if missing:
            raise InputError(f"the model did not run {missing[0]}; leave it out with sites=")


def check_editable(model: nn.Module, sites: Sequence[Site]) -> None:
    """Refuse sites whose activations cannot be replaced, and say which can.

    Raises:
        InputError: if there is one.
    """
    for site in sites:
        if site.editable:
            continue
        sites_there = (found for found in find_sites(model) if isinstance(found, Site))
        there = ", ".join(found.name for found in sites_there if found.editable)
        raise InputError(
            f"{site.name} cannot be edited: {why_not(site)}; sites that can be edited: "
            f"{there or 'none'}"
        )


def why_not(site: Site) -> str:
    """Say why the activations of a site cannot be replaced."""
    if site.adapter.discovers:
        return (
            "it is not the result of one operation, or the ends of its edges are not known there, "
            "or it is told by its numbers alone"
        )
    return f"{type(site.layer).__name__} computes it where no hook can replace it"

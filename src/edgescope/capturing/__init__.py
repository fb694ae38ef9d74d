"""Capture what attention does on every edge of a model, without touching its code."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from torch import nn

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.adapters.adapter import Adapter, Stage
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MessagePassingAdapter
from edgescope.capturing.adapters.registry import register
from edgescope.capturing.coverage import Coverage, SeenLayer, UnseenLayer
from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.capturing.edits import Edit, edit
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.model_survey import model_coverage
from edgescope.capturing.site_choice import Sites, list_layers, list_sites
from edgescope.capturing.sites import Site
from edgescope.capturing.tape import MAX_BYTES, Reduce, Tape, record
from edgescope.lib.eager_twin import warn_of_compiled
from edgescope.lib.mistakes import check_inputs, check_model

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Adapter",
    "Coverage",
    "EdgeActivations",
    "EdgeCall",
    "EdgeIdentity",
    "MessagePassingAdapter",
    "SeenLayer",
    "Site",
    "Stage",
    "Tape",
    "UnseenLayer",
    "capture",
    "edit",
]


class _Capture:
    """Record what attention computes on every edge; call it as ``es.capture(model)``."""

    def __call__(
        self,
        model: nn.Module,
        sites: Sites = None,
        *,
        reduce: Reduce | None = None,
        max_bytes: int = MAX_BYTES,
        inputs: Mapping[str, str] | None = None,
        trust: Trust = (),
    ) -> AbstractContextManager[Tape]:
        """Record what attention computes on every edge while the block runs.

        The model's outputs, gradients and random numbers are the same with and without capture,
        and no hook is left behind, whether the block ends or raises.

        What is compiled in the model runs in its eager original while the block runs, which a
        warning says once; outputs are then those of the original.

        Args:
            model: the model to observe.
            sites: names or shell-style patterns of the sites to capture, or a function that
                takes a :class:`~edgescope.capturing.Site` and says yes or no; all by default.
            reduce: called with the activations of each site as soon as they are computed; the
                tape keeps what it returns instead of the activations. With it, no more than one
                layer's activations are alive at a time.
            max_bytes: how much the tape may hold without ``reduce``.
            inputs: what the model's ``forward`` calls ``edge_index``, ``edge_attr``,
                ``edge_type``, ``batch`` and ``x``, where it uses other names, such as
                ``{"edge_index": "edges"}``. They are looked for among the arguments of
                ``forward`` and inside a PyG ``Data`` or ``HeteroData``.
            trust: names or shell-style patterns of sites whose edges you vouch for. Edges are
                followed through everything that moves them, such as masks, sorting or joining. A
                layer that is given a copy which cannot be followed, such as edges read back from a
                list, is refused, unless you say here that they are the edges of the input with the
                same numbers of nodes; then they are matched by source and target.

        Returns:
            A context manager that gives the tape, filled by each forward pass; a later pass
            replaces an earlier one.

        Raises:
            InputError: if the model has no site that edgescope knows, a pattern matches none,
                it is not certain which row belongs to which edge, or the tape grows too large.

        Example:
            >>> import torch
            >>> import edgescope as es
            >>> model = es.models.GraphTransformer(
            ...     num_atom_types=3, num_bond_types=2, hidden_dim=8, num_heads=2, num_layers=1
            ... ).eval()
            >>> with es.capture(model) as tape:
            ...     _ = model(
            ...         x=torch.tensor([0, 2]),
            ...         edge_index=torch.tensor([[0, 1], [1, 0]]),
            ...         edge_attr=torch.tensor([1, 1]),
            ...     )
            >>> tape["layers.0.attention:score"].values.shape
            torch.Size([2, 2, 4])
        """
        warn_of_compiled(model)
        check_inputs(inputs)
        return record(model, sites, reduce=reduce, max_bytes=max_bytes, inputs=inputs, trust=trust)

    def edit(
        self,
        model: nn.Module,
        sites: Sites,
        fn: Edit,
        inputs: Mapping[str, str] | None = None,
        trust: Trust = (),
    ) -> AbstractContextManager[None]:
        """Replace activations inside the forward pass while a block runs.

        See :func:`edgescope.capturing.edits.edit`.
        """
        warn_of_compiled(model)
        check_inputs(inputs)
        return edit(model, sites, fn, inputs, trust)

    def sites(self, model: nn.Module) -> "pl.DataFrame":
        """Return what can be captured in a model, and what cannot and why.

        See :func:`edgescope.capturing.site_choice.list_sites`.
        """
        check_model(model)
        return list_sites(model)

    def coverage(self, model: nn.Module) -> Coverage:
        """Return which attention of a model can be looked at, and which cannot and why.

        The model is not run. What it computes by hand is known by names and by the functions that
        its code calls; results of :func:`edgescope.scan` and :func:`edgescope.diagnose` have a
        ``coverage`` that also tells what ran, and what was seen on the first batch.

        Example:
            >>> from torch import nn
            >>> from torch_geometric.nn import FAConv, GATConv
            >>> import edgescope as es
            >>> model = nn.ModuleList([GATConv(8, 8), FAConv(8)])
            >>> es.capture.coverage(model).table().select("path", "layer", "seen").rows()
            [('0', 'GATConv', True), ('1', 'FAConv', False)]
        """
        return model_coverage(model)

    def layers(self) -> "pl.DataFrame":
        """Return every layer class that can be captured, one row per stage.

        See :func:`edgescope.capturing.site_choice.list_layers`.
        """
        return list_layers()

    def register(self, adapter: Adapter) -> Adapter:
        """Make a layer class of your own known.

        See :func:`edgescope.capturing.adapters.registry.register`.
        """
        return register(adapter)


capture = _Capture()

"""Capture what attention does on every edge of a model, without touching its code."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.adapters.adapter import Adapter, Stage
from edgescope.capturing.adapters.edge_call import EdgeCall
from edgescope.capturing.adapters.message_passing import MessagePassingAdapter
from edgescope.capturing.adapters.registry import register
from edgescope.capturing.coverage import Coverage, SeenLayer, UnseenLayer
from edgescope.capturing.discovery.edge_tensors import Discovery, EdgeTensor
from edgescope.capturing.discovery.model_trace import discover
from edgescope.capturing.edge_rows import EdgeIdentity
from edgescope.capturing.edits import Edit, edit
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.late_capture import record_or_discover
from edgescope.capturing.model_survey import model_coverage
from edgescope.capturing.pinned_sites import Wishes, pin_sites
from edgescope.capturing.pins import Pin, Pins
from edgescope.capturing.site_choice import Sites, list_layers, list_sites
from edgescope.capturing.sites import Site
from edgescope.capturing.tape import MAX_BYTES, Reduce, Tape
from edgescope.lib.eager_twin import eager_twin, warn_of_compiled
from edgescope.lib.mistakes import check_inputs, check_model
from edgescope.lib.model_call import Call, call_model

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Adapter",
    "Coverage",
    "Discovery",
    "EdgeActivations",
    "EdgeCall",
    "EdgeIdentity",
    "EdgeTensor",
    "MessagePassingAdapter",
    "Pin",
    "Pins",
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
        discover: bool = True,
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
            discover: whether to look for attention in a model in which no adapter knows any: its
                first forward pass in the block is then preceded by one other on the same
                arguments, or a few, in eval mode and without gradients, that leave the model, its
                inputs and all random numbers as they were, and the tape has no sites before. Where
                adapters know some layers, :meth:`discover` looks for what is beside them.

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
        return record_or_discover(
            model,
            sites,
            reduce=reduce,
            max_bytes=max_bytes,
            inputs=inputs,
            trust=trust,
            discover=discover,
        )

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

    def sites(self, model: nn.Module, *, states: bool = False) -> "pl.DataFrame":
        """Return what can be captured in a model, and what cannot and why.

        See :func:`edgescope.capturing.site_choice.list_sites`.
        """
        check_model(model)
        return list_sites(model, states=states)

    def coverage(self, model: nn.Module) -> Coverage:
        """Return which attention of a model can be looked at, and which cannot and why.

        The model is not run. What it computes by hand is known by names and by the functions that
        its code calls; results of :func:`edgescope.scan` and :func:`edgescope.diagnose` have a
        ``coverage`` that also tells what ran, and what was seen on the first batch.

        Example:
            >>> from torch import nn
            >>> from torch_geometric.nn import DNAConv, GATConv
            >>> import edgescope as es
            >>> model = nn.ModuleList([GATConv(8, 8), DNAConv(8)])
            >>> es.capture.coverage(model).table().select("path", "layer", "seen").rows()
            [('0', 'GATConv', True), ('1', 'DNAConv', False)]
        """
        return model_coverage(model)

    def discover(
        self,
        model: nn.Module,
        *batch: Any,
        inputs: Mapping[str, str] | None = None,
        call: Call | None = None,
        known: bool = False,
    ) -> Discovery:
        """Find attention that no adapter knows, by running a model on a batch.

        See :class:`~edgescope.capturing.discovery.Discovery`. What is found becomes sites of the
        model, as if an adapter knew them.

        Args:
            model: the model.
            batch: a batch, or the arguments that the model is called with, one after the other.
            inputs: what the model calls its inputs, as in ``es.capture``.
            call: how to call the model on the batch.
            known: whether to look into layers that an adapter knows as well.
        """
        model = eager_twin(model)
        check_inputs(inputs)
        one = batch[0] if len(batch) == 1 else batch
        several = len(batch) > 1 or isinstance(one, Tensor)
        how = call or ((lambda model, _: model(*batch)) if several else call_model)
        return discover(model, one, how, inputs, known=known)

    def pin(self, model: nn.Module, pins: Wishes) -> Pins:
        """Name, reject and pin what was discovered in a model.

        All that was discovered is pinned, with the name that it has or is given here. If the model
        is looked at again, on another batch or in a later version of its code, it must be the same:
        the same attention in the same modules, with the same stages, kind, operations and line of
        source text. Else an error says what has changed. What is rejected has no sites, and the
        coverage of a result says so.

        Args:
            model: the model.
            pins: what is to become of discovered attention, by the beginning of the names of its
                sites, such as ``layers.0`` or ``layers.0#2``: another name, ``None`` to reject it,
                ``True`` to keep it, also if it was rejected before. What is not named stays as it
                is. Or pins from before, or a file of them: that of :meth:`Pins.save
                <edgescope.capturing.Pins.save>`, or ``pins.json`` in the folder of a saved scan.
                ``None`` forgets pins and all that was discovered.

        Returns:
            The pins.

        Raises:
            InputError: if nothing was discovered yet, a name is unknown, cannot be one or is taken,
                or what was discovered is not what was pinned before.

        Example:
            >>> import torch
            >>> import edgescope as es
            >>> class Attention(torch.nn.Module):
            ...     def forward(self, x, edge_index):
            ...         source, target = edge_index
            ...         weight = (x[source] * x[target]).sum(-1, keepdim=True).exp()
            ...         total = torch.zeros(len(x), 1).index_add(0, target, weight)
            ...         weight = weight / total[target]
            ...         return torch.zeros_like(x).index_add(0, target, weight * x[source])
            >>> model = Attention()
            >>> edges = torch.tensor([[0, 1, 2, 0], [1, 2, 0, 2]])
            >>> found = es.capture.discover(model, torch.randn(3, 4), edges)
            >>> pins = es.capture.pin(model, {"": "attention"})
            >>> with es.capture(model) as tape:
            ...     _ = model(torch.randn(3, 4), edges)
            >>> tape.sites
            ['attention:score', 'attention:logit', 'attention:weight', 'attention:message']
        """
        check_model(model)
        return pin_sites(model, pins)

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

"""The activations of a model over a loader, and its predictions with some of them replaced."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgescope.capturing import EdgeActivations, capture, edit
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.graph_parts import Part
from edgescope.lib.errors import InputError
from edgescope.lib.eval_mode import evaluating
from edgescope.lib.model_call import Call, attribute
from edgescope.lib.progress import track
from edgescope.scanning.batches import BatchOfGraphs, device_of, on_device
from edgescope.scanning.collector import Repeats, of_call

Array = NDArray[np.float64]

SEVERAL = 2
"""Channels per head from which a ratio within an edge is defined."""

Choose = Callable[[EdgeActivations], Tensor]
"""Says which activations of a site in a batch are chosen ``[E, H, D]``, bool."""

Place = Callable[[], EdgeActivations]
"""Gives the same activations with ``graph`` as the position in the data set."""

See = Callable[[EdgeActivations, Place], None]
"""Receives the activations of a site in a batch, and what places them in the data set."""


@dataclass(frozen=True)
class SiteValues:
    """All activations of a site over a loader, ``E`` rows in the order of the loader.

    Attributes:
        site: name of the site.
        values: activations ``[E, H, D]``.
        chosen: which of them the intervention replaces ``[E, H, D]``, bool.
        edge_type: type of every edge ``[E]``; 0 where the model was given none.
        floor: magnitude that stands for zero, as in ``EdgeActivations``.
    """

    site: str
    values: Tensor
    chosen: Tensor
    edge_type: Tensor
    floor: Tensor | float = 0.0

    @property
    def width(self) -> int:
        """How many activations an edge has: heads times channels."""
        return self.values[0].numel() if len(self.values) else 1

    def edges(self, places: Tensor) -> Tensor:
        """Return the row of every place ``[k]`` among all activations, flattened."""
        return places // self.width


class Replaced(NamedTuple):
    """New values of some activations of a site."""

    places: Tensor
    """Positions ``[k]`` among all activations of the site, flattened; ascending."""
    values: Tensor
    """The new values ``[k]``."""


class Outputs(NamedTuple):
    """What a model predicts, and what is known."""

    prediction: Array
    """Predictions ``[N, T]`` of graphs, or of nodes."""
    graph: NDArray[np.int64]
    """Graph of every row ``[N]``, numbered in the order of the loader."""
    target: Array | None
    """Targets ``[N, ...]``, NaN where missing; ``None`` if the batches have none."""


class Passes:
    """Passes of a model over the same batches, in eval mode and without gradients.

    Args:
        model: the model.
        batches: the batches.
        call: how to call the model on a batch.
        inputs: what the model calls its inputs.
        trust: sites whose edges the user vouches for.

    Attributes:
        done: passes over all batches so far.
        skipped: sites that were left out, see :meth:`recorded`.
    """

    def __init__(
        self,
        model: nn.Module,
        batches: Sequence[Any],
        call: Call,
        inputs: Mapping[str, str] | None = None,
        trust: Trust = (),
    ) -> None:
        self.model = model
        self.batches = batches
        self.done = 0
        self.skipped: list[str] = []
        self._call = call
        self._inputs = inputs
        self._trust = trust
        self._device = device_of(model)

    def recorded(
        self,
        sites: Sequence[str],
        choose: Choose | None,
        max_bytes: int,
        title: str,
        progress: bool,
        skip_scalars: bool = False,
    ) -> tuple[dict[str, SiteValues], Outputs]:
        """Return the activations of some sites, and what the model predicts.

        Args:
            sites: names of the sites.
            choose: which activations are chosen; none if it is ``None``.
            max_bytes: how much the activations may take.
            title: what the progress bar says.
            progress: whether to show it.
            skip_scalars: whether a site is left out, and noted in ``skipped``, that turns out to
                hold one number per edge and head.

        Raises:
            InputError: if they take more, or the batches are parts of one large graph.
        """
        parts: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = defaultdict(list)
        floors: dict[str, Tensor | float] = {}
        held = 0

        def keep(found: EdgeActivations, place: Place) -> None:
            nonlocal held
            if skip_scalars and found.values.size(2) < SEVERAL:
                self.skipped = list(dict.fromkeys([*self.skipped, found.site]))
                return
            placed = place()
            values = found.values.cpu().clone()
            floor = found.floor
            floors[found.site] = floor.cpu() if isinstance(floor, Tensor) else floor
            none = torch.zeros(values.shape, dtype=torch.bool)
            kind = found.edge_type
            types = torch.zeros(len(values)) if kind is None else kind.cpu()
            parts[found.site].append(
                (values, none if choose is None else choose(placed), types.long())
            )
            held += values.numel() * (values.element_size() + 1)
            if held > max_bytes:
                raise InputError(
                    f"the activations at {len(sites)} sites take more than max_bytes = "
                    f"{max_bytes / 2**20:,.0f} MiB; intervene at fewer sites, on fewer graphs, or "
                    "allow more"
                )

        outputs = self.observed(sites, keep, title, progress)
        found = {
            site: SiteValues(
                site,
                torch.cat([values for values, _, _ in of]),
                torch.cat([chosen for _, chosen, _ in of]),
                torch.cat([kind for _, _, kind in of]),
                floors[site],
            )
            for site, of in parts.items()
        }
        return found, outputs

    def observed(
        self,
        sites: Sequence[str],
        see: See,
        title: str,
        progress: bool,
        replaced: Mapping[str, Replaced] | None = None,
    ) -> Outputs:
        """Return what the model predicts, and hand on the activations of some sites.

        Args:
            sites: names of the sites; there may be none.
            see: is given the activations of each as soon as they are computed.
            title: what the progress bar says.
            progress: whether to show it.
            replaced: new values of some activations, which are in place before any is handed on.

        Raises:
            InputError: if the batches are parts of one large graph, or there is none.
        """
        first = 0
        here: BatchOfGraphs | None = None
        repeats = Repeats()

        def place(found: EdgeActivations, call: int) -> EdgeActivations:
            assert here is not None
            return found._replace(identity=of_call(here.identify(found.identity), call))

        def taken(found: EdgeActivations) -> None:
            if first_call(found.site) in names:
                see(found, partial(place, found, repeats.count(found.site)))

        names = {first_call(site) for site in sites}
        edges = (self._inputs or {}).get("edge_index", "edge_index")
        outputs = []
        captured = partial(capture, reduce=taken, inputs=self._inputs, trust=self._trust)
        with (
            evaluating(self.model),
            torch.no_grad(),
            self._editing(replaced) if replaced else nullcontext(),
            captured(self.model, sorted(names)) if names else nullcontext(),
        ):
            for batch in track(self.batches, title, len(self.batches), progress):
                if Part.of(batch, edges) is not None:
                    raise InputError(
                        "received parts of one large graph, expected batches of whole graphs; an "
                        "edge is in several parts, and a graph is what intervals are drawn over"
                    )
                here, repeats = BatchOfGraphs(batch, first, edges), Repeats()
                outputs.append(self._output(batch, here, first))
                first += here.size
        self.done += 1
        return _joined(outputs)

    def edited(self, replaced: Mapping[str, Replaced]) -> Array:
        """Return what the model predicts with some activations replaced ``[N, T]``."""
        with evaluating(self.model), torch.no_grad(), self._editing(replaced):
            outputs = [self._predicted(batch) for batch in self.batches]
        self.done += 1
        return np.concatenate([output.double().cpu().numpy() for output in outputs])

    def _editing(self, replaced: Mapping[str, Replaced]) -> AbstractContextManager[None]:
        """Return the block in which activations are replaced, for one pass over the batches."""
        seen: dict[str, int] = defaultdict(int)

        def put(found: EdgeActivations) -> Tensor | None:
            first = seen[found.site]
            seen[found.site] = last = first + found.values.numel()
            if found.site not in replaced:
                return None
            places, values = replaced[found.site]
            low, high = torch.searchsorted(places, torch.tensor([first, last])).tolist()
            if low == high:
                return None
            flat = found.values.flatten()
            flat[(places[low:high] - first).to(flat.device)] = values[low:high].to(flat)
            return flat.view(found.values.shape)

        names = {first_call(site) for site in replaced}
        return edit(self.model, lambda site: site.name in names, put, self._inputs, self._trust)

    def _predicted(self, batch: Any) -> Tensor:  # noqa: ANN401  (any PyG batch)
        output = self._call(self.model, on_device(batch, self._device))
        if not isinstance(output, Tensor) or not output.dim():
            found = type(output).__name__
            if isinstance(output, Tensor):
                found = "a single number, as a loss is"
            raise InputError(
                f"the model returned {found}, expected predictions [G, T] as one tensor; pass "
                "call= to pick them"
            )
        return output.unsqueeze(1) if output.dim() == 1 else output.flatten(1)

    def _output(self, batch: Any, here: BatchOfGraphs, first: int) -> Outputs:  # noqa: ANN401  (as above)
        """Return predictions, the graph of each and targets of one batch."""
        prediction = self._predicted(batch)
        graph = here.graph_of(len(prediction))
        target = attribute(batch, "y")
        known = target.cpu().double().numpy() if isinstance(target, Tensor) else None
        return Outputs(prediction.double().cpu().numpy(), (graph + first).numpy(), known)


def _joined(outputs: Sequence[Outputs]) -> Outputs:
    if not outputs:
        raise InputError("the loader gave no batch; pass a loader over at least one graph")
    prediction, graph = (np.concatenate([each[at] for each in outputs]) for at in (0, 1))
    known = [each.target for each in outputs if each.target is not None]
    target = np.concatenate(known) if len(known) == len(outputs) else None
    return Outputs(prediction, graph, target)


def first_call(site: str) -> str:
    """Return the name of a site without the number of the call: ``conv`` for ``conv@2``."""
    path, _, stage = site.rpartition(":")
    return f"{path.partition('@')[0]}:{stage}"

"""Capture: a model runs as it is, and a tape holds what attention computed on every edge."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes

from edgescope.capturing.activations import EdgeActivations
from edgescope.capturing.adapters.adapter import Remove
from edgescope.capturing.edge_rows import Rows
from edgescope.capturing.forward_pass import ForwardPass, Trust, runs_again
from edgescope.capturing.identity import Identifier
from edgescope.capturing.pair_grid import PairGrid, Values
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.capturing.sites import Refused, Site
from edgescope.lib.compiled_parts import original
from edgescope.lib.compiler_stance import eagerly
from edgescope.lib.errors import InputError

Reduce = Callable[[EdgeActivations], Any]

MAX_BYTES = 2 * 2**30
"""How much a tape holds by default: 2 GiB, which leaves room on a laptop."""


class Tape:
    """What was captured: for every site, its activations in the last forward pass.

    Attributes:
        sites: names of the captured sites, in the order of the model's layers. If a layer runs
            several times in a forward pass, its second call adds a site like
            ``conv@2:weight``.

    Example:
        >>> import torch
        >>> from torch_geometric.nn import GATv2Conv
        >>> import edgescope as es
        >>> model = GATv2Conv(3, 4, heads=2, add_self_loops=False).eval()
        >>> x, edge_index = torch.rand(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> with es.capture(model) as tape:
        ...     _ = model(x, edge_index)
        >>> tape.sites
        [':score', ':logit', ':weight', ':message']
    """

    def __init__(self, sites: Sequence[str]) -> None:
        self.sites = list(sites)
        self._records: dict[str, Any] = {}

    def __contains__(self, site: object) -> bool:
        """Return whether the model has computed a site."""
        return site in self._records

    def __getitem__(self, site: str) -> Any:  # noqa: ANN401  (what reduce= returns)
        """Return the activations of ``site``, or what ``reduce`` made of them.

        Raises:
            KeyError: if the site was not captured, or the model has not run yet.
        """
        if site in self._records:
            return self._records[site]
        if site in self.sites:
            raise KeyError(
                f"{site} has not been computed yet; run the model inside the block, and not in "
                "another module that torch.compile made of it, whose layers call no hooks: capture "
                "that one"
            )
        raise KeyError(f"{site} was not captured; captured sites: {', '.join(self.sites)}")


def recording(
    model: nn.Module,
    sites: Sites = None,
    *,
    reduce: Reduce | None = None,
    max_bytes: int = MAX_BYTES,
    inputs: Mapping[str, str] | None = None,
    trust: Trust = (),
    adaptive: bool = False,
    tape: Tape | None = None,
    found: Sequence[Site | Refused] | None = None,
) -> Iterator[Tape]:
    """Record what attention computes on every edge until it is closed; see ``es.capture``.

    With ``adaptive``, passes are not followed once a complete one has shown that every layer is
    given the user's own edges, which costs less; a later pass in which a layer is given a copy then
    raises :class:`~edgescope.capturing.edge_columns.NotFollowed`, and is to be done anew. A
    ``tape`` that is given is filled instead of a new one. What was just ``found`` in the model is
    not looked for again.
    """
    chosen = select_sites(model, sites, found)
    names = [site.name for site in chosen]
    if tape is None:
        tape = Tape(names)
    else:
        tape.sites[:] = names
    recorder = _Recorder(tape, reduce, max_bytes, trust, adaptive=adaptive)

    def attach(sites_of_layer: Sequence[Site]) -> Iterator[Remove]:
        site = sites_of_layer[0]
        stages = {each.stage: each for each in sites_of_layer}
        yield from site.adapter.attach(site.layer, tuple(stages), partial(recorder.emit, stages))

    with eagerly(model), recorder.attached(original(model), chosen, inputs, attach):
        yield tape


record = contextmanager(recording)


class _Recorder(ForwardPass):
    """Puts what the adapters emit on the tape, with the identity of every row."""

    def __init__(
        self, tape: Tape, reduce: Reduce | None, max_bytes: int, trust: Trust, *, adaptive: bool
    ) -> None:
        super().__init__(trust, adaptive=adaptive)
        self.tape = tape
        self._sites = list(tape.sites)
        self._reduce = reduce
        self._max_bytes = max_bytes
        self._held: dict[str, int] = {}

    def start(self, identifier: Identifier) -> None:
        """Begin a forward pass of the model; forget the one before."""
        super().start(identifier)
        self._held.clear()
        self.tape.sites[:] = self._sites
        self.tape._records.clear()  # noqa: SLF001  (filled here only)

    def emit(
        self, sites: Mapping[str, Site], stage: str, given: Values, grid: Rows | PairGrid
    ) -> None:
        """Take in one stage of one call of a layer."""
        if runs_again():
            return
        values, rows = self.placed(given, grid)
        with _disable_current_modes():
            self._take(sites[stage], values, rows)

    def _take(self, site: Site, values: Tensor, rows: Rows) -> None:
        """Put values on the tape; none of it is the model's, so that no mode needs to see it."""
        activations = self.activations(site, values.detach(), rows)
        name = activations.site
        if name not in self.tape.sites:
            self.tape.sites.append(name)
        if self._reduce is None:
            self._check_budget(name, values)
            # The model may go on to change its own tensors in place.
            activations = activations._replace(values=values.detach().clone())
            self.tape._records[name] = activations  # noqa: SLF001  (filled here only)
        else:
            self.tape._records[name] = self._reduce(activations)  # noqa: SLF001  (as above)

    def _check_budget(self, name: str, values: Tensor) -> None:
        self._held[name] = values.numel() * values.element_size()
        total = sum(self._held.values())
        if total > self._max_bytes:
            raise InputError(
                f"the tape would hold {_mebibytes(total)} with {name}, more than max_bytes = "
                f"{_mebibytes(self._max_bytes)}; capture fewer sites with sites=, reduce the "
                "activations as they come with reduce=, or allow more with max_bytes="
            )


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:,.1f} MiB"

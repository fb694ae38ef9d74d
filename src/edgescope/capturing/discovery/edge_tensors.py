"""What discovery found: every tensor with a row per edge, and what it is used as."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from edgescope.capturing.discovery.discovery_text import PER_EDGE, WIDTH, Row, as_html, as_text
from edgescope.capturing.pinned_sites import Wishes, pin_sites
from edgescope.capturing.pins import Pins
from edgescope.lib.errors import InputError
from edgescope.lib.plurals import plural

if TYPE_CHECKING:
    from weakref import ReferenceType

    import polars as pl
    from torch import nn


class EdgeTensor(NamedTuple):
    """A tensor with one row per edge that a model computed.

    Example:
        >>> from edgescope.capturing.discovery import EdgeTensor
        >>> EdgeTensor("layers.0", "model.py:12", "mul", (20, 2, 4), "message").role
        'message'
    """

    path: str
    """Path of the module that computed it."""
    line: str
    """File and line of the model's code."""
    operation: str
    """The operation of torch that computed it."""
    shape: tuple[int, ...]
    """Its shape on the batch that was looked at."""
    role: str
    """``"score"``, ``"logit"``, ``"weight"`` or ``"message"`` of an attention; ``"gate"`` if it is
    a sigmoid that multiplies messages and is not normalised over the edges of a node, so that it
    says nothing of their shares; ``"per edge"`` if it is used as none of these."""
    site: str = ""
    """Name of the site, if it is one."""
    reason: str = ""
    """Why it is no site, if it has a role."""


@dataclass(frozen=True)
class Discovery:
    """What discovery found in a model.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> class Gated(torch.nn.Module):
        ...     def forward(self, x, edge_index):
        ...         source, target = edge_index
        ...         weight = (x[source] * x[target]).sum(-1, keepdim=True).exp()
        ...         total = torch.zeros(len(x), 1).index_add(0, target, weight)
        ...         weight = weight / total[target]
        ...         return torch.zeros_like(x).index_add(0, target, weight * x[source])
        >>> edges = torch.tensor([[0, 1, 2, 0], [1, 2, 0, 2]])
        >>> found = es.capture.discover(Gated(), torch.randn(3, 4), edges)
        >>> found.sites
        (':score', ':logit', ':weight', ':message')
    """

    model: str
    """Class of the model."""
    sites: tuple[str, ...]
    """Names of the sites that were found, which ``es.capture`` and the rest now know."""
    tensors: tuple[EdgeTensor, ...]
    """Every tensor with a row per edge, in the order of computation."""
    refused: tuple[tuple[str, str], ...] = ()
    """Attention that was found and cannot be captured: where, and why."""
    of: "ReferenceType[nn.Module] | None" = field(default=None, repr=False, compare=False)
    """The model, for :meth:`pin`."""

    def pin(self, names: Wishes = MappingProxyType({})) -> Pins:
        """Name, reject and pin what was found.

        See :meth:`es.capture.pin <edgescope.capturing._Capture.pin>`.

        Raises:
            InputError: as there, or if the model is gone.
        """
        model = None if self.of is None else self.of()
        if model is None:
            raise InputError(f"the {self.model} that was looked at is gone; discover it again")
        return pin_sites(model, names)

    def table(self) -> "pl.DataFrame":
        """Return one row per tensor: path, line, operation, shape, role, site and reason."""
        import polars as pl

        names = EdgeTensor._fields
        rows = [
            tuple(str(list(each)) if isinstance(each, tuple) else each for each in tensor)
            for tensor in self.tensors
        ]
        return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")

    def __str__(self) -> str:
        """Say what was found, with a table of the attention."""
        return self.text()

    def text(self, width: int = WIDTH) -> str:
        """Return what was found as text of so many columns; ``str`` takes 100."""
        return as_text(self.sentence(), self._rows(attention=True), self._refused(), width)

    def _repr_html_(self) -> str:
        """Return what was found as a card of a notebook."""
        attention, others = (self._rows(attention=wanted) for wanted in (True, False))
        what = f"Discovery of attention in {self.model}"
        return as_html(what, self.sentence(), attention, self._refused(), others)

    def _rows(self, *, attention: bool) -> list[Row]:
        return [
            (e.site or e.path or "(the model)", e.role, str(list(e.shape)), e.operation, e.line)
            for e in self.tensors
            if (e.role != PER_EDGE) == attention
        ]

    def _refused(self) -> list[str]:
        return [f"cannot be captured: {at or 'the model'}: {why}" for at, why in self.refused]

    def sentence(self) -> str:
        """Say in one sentence what was found."""
        others = sum(each.role == PER_EDGE for each in self.tensors)
        what = "other tensor with a row per edge is", "other tensors with a row per edge are"
        said = [
            f"{self.model}: {plural(len(self.sites), 'site')} of attention discovered",
            f"{plural(others, *what)} no attention",
        ]
        if self.refused:
            said.append(f"{plural(len(self.refused), 'attention')} cannot be captured")
        return "; ".join(said)

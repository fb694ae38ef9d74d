"""What discovery found: every tensor with a row per edge, and what it is used as."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl


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


class Discovery(NamedTuple):
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
        """Say what was found, attention first."""
        lines = [self.sentence()]
        lines += [
            f"  {each.site or each.path:40s} {each.role:9s} {list(each.shape)} {each.line}"
            for each in self.tensors
            if each.role != "per edge"
        ]
        lines += [f"  {where or 'the model'}: {reason}" for where, reason in self.refused]
        return "\n".join(lines)

    def sentence(self) -> str:
        """Say in one sentence what was found."""
        others = sum(each.role == "per edge" for each in self.tensors)
        return (
            f"{self.model}: {len(self.sites)} sites of attention discovered; "
            f"{others} other tensors have a row per edge and are no attention; "
            f"{len(self.refused)} attentions cannot be captured"
        )

"""Capture: a model runs as it is, and a tape holds what attention computed on every edge."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from torch import Tensor, nn

from edgescope.capture.activations import EdgeActivations
from edgescope.capture.adapters import ADAPTERS, Site, find_sites
from edgescope.capture.identity import GraphInput, read_graph_input
from edgescope.errors import InputError

Reduce = Callable[[EdgeActivations], Any]


class Tape:
    """What was captured: for every site, its activations in the last forward pass.

    Attributes:
        sites: names of the captured sites, in the order of the model's layers.
    """

    def __init__(self, sites: Sequence[str]) -> None:
        self.sites = list(sites)
        self._records: dict[str, Any] = {}

    def __getitem__(self, site: str) -> Any:  # noqa: ANN401  (what reduce= returns)
        """Return the activations of ``site``, or what ``reduce`` made of them.

        Raises:
            KeyError: if the site was not captured, or the model has not run yet.
        """
        if site in self._records:
            return self._records[site]
        if site in self.sites:
            raise KeyError(f"{site} has not been computed yet; run the model inside the block")
        raise KeyError(f"{site} was not captured; captured sites: {', '.join(self.sites)}")


@contextmanager
def capture(
    model: nn.Module, sites: str | Sequence[str] | None = None, *, reduce: Reduce | None = None
) -> Iterator[Tape]:
    """Record what attention computes on every edge while the block runs.

    The model's outputs, gradients and random numbers are the same with and without capture, and
    no hook is left behind, whether the block ends or raises.

    Args:
        model: the model to observe; it must receive its edges as ``edge_index``, by that name
            or inside a PyG ``Data``.
        sites: names or shell-style patterns of the sites to capture; all by default.
        reduce: called with the activations of each site as soon as they are computed; the tape
            keeps what it returns instead of the activations. With it, no more than one layer's
            activations are alive at a time.

    Yields:
        The tape, filled by each forward pass; a later pass replaces an earlier one.

    Raises:
        InputError: if the model has no site that edgescope knows, or a pattern matches none.

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
    chosen = select_sites(model, sites)
    tape = Tape([site.name for site in chosen])
    current: list[GraphInput] = []

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        current[:] = [read_graph_input(module, args, kwargs)]

    def record(site: Site, values: Tensor, edge_index: Tensor) -> None:
        if not current:
            raise InputError(
                f"{site.name} ran outside a call of the captured model; call the model itself "
                "inside the block, not one of its parts"
            )
        identity = current[0].identify(edge_index, site.name)
        activations = EdgeActivations(site.name, values.detach(), identity)
        tape._records[site.name] = activations if reduce is None else reduce(activations)  # noqa: SLF001  (filled here only)

    with ExitStack() as hooks:
        hooks.callback(model.register_forward_pre_hook(enter, with_kwargs=True).remove)
        for site in chosen:
            adapter = ADAPTERS[type(site.layer)]
            handle = adapter.attach(site.layer, site.stage, partial(record, site))
            hooks.callback(handle.remove)
        yield tape


def select_sites(model: nn.Module, patterns: str | Sequence[str] | None) -> list[Site]:
    """Return the sites of ``model`` that match any of ``patterns``; all of them without.

    Raises:
        InputError: if there are none, or a pattern matches none.
    """
    sites = find_sites(model)
    if not sites:
        known = ", ".join(layer.__name__ for layer in ADAPTERS)
        raise InputError(
            f"{type(model).__name__} has no layer whose edges can be captured; "
            f"expected a model with one of: {known}"
        )
    if patterns is None:
        return sites
    wanted = [patterns] if isinstance(patterns, str) else list(patterns)
    for pattern in wanted:
        if not any(fnmatchcase(site.name, pattern) for site in sites):
            raise InputError(
                f"no site matches {pattern!r}; the model's sites are: "
                f"{', '.join(site.name for site in sites)}"
            )
    return [site for site in sites if any(fnmatchcase(site.name, pattern) for pattern in wanted)]

"""Capture: a model runs as it is, and a tape holds what attention computed on every edge."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from edgescope.capture.activations import EdgeActivations
from edgescope.capture.adapters.base import Remove
from edgescope.capture.hooks import watch_one
from edgescope.capture.identity import Identifier
from edgescope.capture.reading import read_graph_input
from edgescope.capture.rows import Rows
from edgescope.capture.select import Sites, select_sites
from edgescope.capture.sites import Site
from edgescope.errors import InputError

Reduce = Callable[[EdgeActivations], Any]

MAX_BYTES = 2 * 2**30
"""How much a tape holds by default: 2 GiB, which leaves room on a laptop."""


class Tape:
    """What was captured: for every site, its activations in the last forward pass.

    Attributes:
        sites: names of the captured sites, in the order of the model's layers. If a layer runs
            several times in a forward pass, its second call adds a site like
            ``conv@2:weight``.
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
            raise KeyError(
                f"{site} has not been computed yet; run the model inside the block, and not within "
                "torch.compile, where layers call no hooks"
            )
        raise KeyError(f"{site} was not captured; captured sites: {', '.join(self.sites)}")


@contextmanager
def record(
    model: nn.Module,
    sites: Sites = None,
    *,
    reduce: Reduce | None = None,
    max_bytes: int = MAX_BYTES,
    inputs: Mapping[str, str] | None = None,
) -> Iterator[Tape]:
    """Record what attention computes on every edge while the block runs; see ``es.capture``."""
    chosen = select_sites(model, sites)
    recorder = _Recorder(Tape([site.name for site in chosen]), reduce, max_bytes)
    layers: dict[str, list[Site]] = defaultdict(list)
    for site in chosen:
        layers[site.path].append(site)

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not _runs_again():
            recorder.start(Identifier(read_graph_input(module, args, kwargs, inputs)))

    def leave(*_: object) -> None:
        recorder.stop()

    def attach() -> Iterator[Remove]:
        yield model.register_forward_pre_hook(enter, with_kwargs=True).remove
        for sites_of_layer in layers.values():
            site = sites_of_layer[0]
            stages = {each.stage: each for each in sites_of_layer}
            emit = partial(recorder.emit, stages)
            yield from site.adapter.attach(site.layer, tuple(stages), emit)
        # After the hooks of the layers, as the model may be a layer itself.
        yield model.register_forward_hook(leave, always_call=True).remove

    with ExitStack() as hooks:
        for remove in attach():
            hooks.callback(watch_one(remove))
        yield recorder.tape


def _runs_again() -> bool:
    """Whether this is a backward pass, in which checkpointed layers run a second time."""
    return torch._C._current_graph_task_id() != -1  # noqa: SLF001  (as torch's checkpointing does)


class _Recorder:
    """Puts what the adapters emit on the tape, with the identity of every row."""

    def __init__(self, tape: Tape, reduce: Reduce | None, max_bytes: int) -> None:
        self.tape = tape
        self._sites = list(tape.sites)
        self._reduce = reduce
        self._max_bytes = max_bytes
        self._identifier: Identifier | None = None
        self._calls: Counter[str] = Counter()
        self._held: dict[str, int] = {}

    def start(self, identifier: Identifier) -> None:
        """Begin a forward pass of the model; forget the one before."""
        self._identifier = identifier
        self._calls.clear()
        self._held.clear()
        self.tape.sites[:] = self._sites
        self.tape._records.clear()  # noqa: SLF001  (filled here only)

    def stop(self) -> None:
        """End a forward pass of the model."""
        self._identifier = None

    def emit(self, sites: Mapping[str, Site], stage: str, values: Tensor, rows: Rows) -> None:
        """Take in one stage of one call of a layer."""
        if _runs_again():
            return
        site = sites[stage]
        if self._identifier is None:
            raise InputError(
                f"{site.path} ran outside a call of the captured model; call the model itself "
                "inside the block, not one of its parts"
            )
        self._calls[site.name] += 1
        call = self._calls[site.name]
        name = site.name if call == 1 else f"{site.path}@{call}:{stage}"
        identity = self._identifier.identify(rows, site.name, site.keys)
        activations = EdgeActivations(name, values.detach(), identity)
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

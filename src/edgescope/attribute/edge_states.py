"""The states of edges that enter a model, seen and replaced on the way in."""

import copy
from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from edgescope.attribute.method import undisturbed
from edgescope.data.graphs import GraphDataset
from edgescope.lib.compiled_parts import named_parts
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call
from edgescope.lib.progress import track
from edgescope.scanning.batches import device_of, on_device

EDGE_EMBEDDING = "edge_embedding"
"""What edgescope's own models call the module that embeds edges."""

BATCH_SIZE = 256
"""How many graphs are run at once to find the mean state."""

Baseline = Literal["zero", "mean"] | Tensor
"""The state of an edge that says nothing: zeros; the mean over the edges of the data set; or a
state ``[F]``."""

Change = Callable[[Tensor], Tensor]
"""Makes the states ``[E, F]`` that the model goes on with of those that it computed."""


class EdgeStates:
    """Where the states of edges enter a model, ``[E, F]``.

    Args:
        at: name of the module whose output they are. By default ``edge_embedding``, as edgescope's
            own models call it; in a model without one, real-valued features ``edge_attr``.
    """

    def __init__(self, at: str | None = None) -> None:
        self.at = at

    def run(self, model: nn.Module, batch: Any, call: Call, change: Change) -> Any:  # noqa: ANN401
        """Call ``model`` on ``batch`` with changed states of edges; return its output.

        On a full graph the states of added pairs, which come after those of the edges, stay.

        Args:
            model: the model.
            batch: the batch, with ``E`` edges.
            call: how to call the model.
            change: what is done to the states.

        Raises:
            InputError: if the model has no states to change, does not run the module exactly once,
                or it gives no vector per edge.
        """
        name, module = self._module(model)
        size = batch.edge_index.size(1)
        if module is None:
            given = getattr(batch, "edge_attr", None)
            if not isinstance(given, Tensor) or not given.is_floating_point():
                raise InputError(
                    f"{type(model).__name__} has no module {EDGE_EMBEDDING} and the batch no "
                    "real-valued edge_attr; name the module that embeds edges with at="
                )
            batch = copy.copy(batch)
            states = change(given.view(size, -1))
            batch.edge_attr = states.view(given.shape)
            return call(model, batch)
        runs = 0

        def replace(_: nn.Module, __: object, states: Any) -> Tensor:  # noqa: ANN401  (of any module)
            nonlocal runs
            runs += 1
            _check(name, states, size, runs, pairs=_adds_pairs(model))
            assert isinstance(states, Tensor)
            changed = change(states[:size])
            return changed if len(states) == size else torch.cat([changed, states[size:]])

        handle = module.register_forward_hook(replace)
        try:
            output = call(model, batch)
        finally:
            handle.remove()
        if not runs:
            raise InputError(
                f"{type(model).__name__} did not run {name}; name the module that embeds edges "
                "with at="
            )
        return output

    def mean(self, model: nn.Module, dataset: GraphDataset, call: Call) -> Tensor:
        """Return the mean state of the edges of a data set ``[F]``, by one pass over it.

        Args:
            model: the model.
            dataset: a data set with at least one edge.
            call: how to call the model.

        Raises:
            InputError: see :meth:`run`.
        """
        sums: list[Tensor] = []

        def add(states: Tensor) -> Tensor:
            sums.append(states.double().sum(0))
            return states

        with undisturbed(model), torch.no_grad():
            starts = range(0, len(dataset), BATCH_SIZE)
            for start in track(starts, "finding the mean state of edges"):
                batch = dataset.batch(slice(start, start + BATCH_SIZE))
                self.run(model, on_device(batch, device_of(model)), call, add)
        return torch.stack(sums).sum(0) / dataset.edge_index.size(1)

    def _module(self, model: nn.Module) -> tuple[str, nn.Module | None]:
        modules = dict(named_parts(model))
        if self.at is None:
            return EDGE_EMBEDDING, modules.get(EDGE_EMBEDDING)
        if self.at not in modules:
            raise InputError(
                f"{type(model).__name__} has no module {self.at}; name the module that embeds "
                "edges with at="
            )
        return self.at, modules[self.at]


class Reference:
    """The state that stands for an edge which says nothing.

    Args:
        baseline: see :data:`Baseline`.

    Raises:
        InputError: if it is unknown.
    """

    def __init__(self, baseline: Baseline) -> None:
        known = get_args(get_args(Baseline)[0])
        if not isinstance(baseline, Tensor) and baseline not in known:
            raise InputError(
                f"unknown baseline {baseline!r}, expected 'zero', 'mean' or a tensor [F]"
            )
        self.baseline = baseline
        self._mean: Tensor | None = None

    def prepare(self, states: EdgeStates, model: nn.Module, data: GraphDataset, call: Call) -> None:
        """Find the mean state of a data set, if that is the baseline and there are edges."""
        wanted = isinstance(self.baseline, str) and self.baseline == "mean"
        if wanted and data.edge_index.size(1):
            self._mean = states.mean(model, data, call)

    def like(self, states: Tensor) -> Tensor:
        """Return the state for every edge ``[E, F]`` of ``states`` ``[E, F]``.

        Raises:
            InputError: if the mean is not known yet, or a given state has another width.
        """
        if not len(states) or (isinstance(self.baseline, str) and self.baseline == "zero"):
            return torch.zeros_like(states)
        state = self.baseline if isinstance(self.baseline, Tensor) else self._mean
        if state is None:
            raise InputError(
                "the mean state of edges is not known; call prepare(model, dataset) first, as "
                "importances does, or use baseline='zero'"
            )
        if state.shape != states.shape[1:]:
            raise InputError(
                f"received a baseline of shape {list(state.shape)}, but the states of edges have "
                f"{states.size(1)} channels; pass a tensor [{states.size(1)}]"
            )
        return state.to(states).expand_as(states)


def run_unchanged(
    states: EdgeStates,
    model: nn.Module,
    batch: Any,  # noqa: ANN401  (any PyG batch)
    call: Call,
) -> tuple[Any, Tensor]:
    """Return a model's output on a batch as it is, and the states of its edges ``[E, F]``."""
    seen: list[Tensor] = []

    def note(now: Tensor) -> Tensor:
        seen.append(now.detach())
        return now

    with torch.no_grad():
        output = states.run(model, batch, call, note)
    return output, seen[0]


def _adds_pairs(model: nn.Module) -> bool:
    """Return whether a model of edgescope adds pairs of nodes behind the edges."""
    config = getattr(model, "config", None)
    return isinstance(config, dict) and bool(config.get("full_graph"))


def _check(name: str, states: object, size: int, runs: int, *, pairs: bool) -> None:
    """Refuse what is no state per edge."""
    if not isinstance(states, Tensor) or states.dim() != 2 or not states.is_floating_point():  # noqa: PLR2004
        raise InputError(
            f"{name} does not return real-valued states [edges, channels]; name the module that "
            "embeds edges with at="
        )
    if runs > 1:
        raise InputError(
            f"{name} runs several times in one call of the model; name a module that runs once "
            "with at="
        )
    if len(states) < size or (len(states) > size and not pairs):
        raise InputError(
            f"{name} returned {len(states)} states for {size} edges; name the module that embeds "
            "the edges of the batch with at="
        )

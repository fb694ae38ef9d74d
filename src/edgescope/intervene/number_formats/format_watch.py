"""Calls of a model in a number format, whose every output is looked at as soon as it is there."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.weak import WeakTensorKeyDictionary

from edgescope.capturing import EdgeActivations
from edgescope.capturing.unseen import unseen
from edgescope.intervene.number_formats.model_formats import ModelFormat
from edgescope.intervene.number_formats.overflow_events import Spot, nonfinite_rows, spot_of
from edgescope.intervene.number_formats.place_record import Records
from edgescope.intervene.replay import Place
from edgescope.lib.model_call import Call

MODEL = "(model)"
"""What the model itself is called among its modules."""

See = Callable[[str, Tensor], None]
"""Is given the name of an output and the output."""


@contextmanager
def outputs_seen(model: nn.Module, see: See) -> Iterator[None]:
    """Hand on every floating tensor that a module returns while the block runs.

    An output is called like its module, ``layers.0@2`` if that runs a second time within the
    block, and ``layers.0[1]`` if it is a part of a tuple or a dictionary.

    Args:
        model: the model; it computes what it would.
        see: is given them as soon as they are computed.
    """
    calls: Counter[str] = Counter()

    def hook(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def returned(_: nn.Module, __: object, output: Any) -> None:  # noqa: ANN401  (any output)
            calls[path] += 1
            name = path if calls[path] == 1 else f"{path}@{calls[path]}"
            with aside():
                for part, tensor in _tensors(output):
                    see(f"{name}{part}", tensor)

        return returned

    with ExitStack() as hooks:
        for path, module in model.named_modules():
            hooks.callback(module.register_forward_hook(hook(path or MODEL)).remove)
        yield


@contextmanager
def aside() -> Iterator[None]:
    """Compute something of a model's numbers that is no part of it, and that nothing follows."""
    with unseen(), torch.no_grad(), _disable_current_modes():
        yield


def _tensors(output: Any) -> Iterator[tuple[str, Tensor]]:  # noqa: ANN401  (any output)
    """Give the floating tensors of an output, and how each is called within it."""
    if isinstance(output, Tensor):
        if output.is_floating_point():
            yield "", output
        return
    parts: Any = ()
    if isinstance(output, tuple | list):
        parts = enumerate(output)
    elif isinstance(output, dict):
        parts = output.items()
    for key, each in parts:
        for below, tensor in _tensors(each):
            yield f"[{key}]{below}", tensor


class Watch:
    """Calls a model on batches, and numbers what it computes in the order of execution.

    Args:
        call: how to call the model on a batch.
        form: the format that the model runs in.
    """

    def __init__(self, call: Call, form: ModelFormat) -> None:
        self._call = call
        self._form = form
        self._batch = -1
        self._order = 0

    def __call__(self, model: nn.Module, batch: Any) -> Any:  # noqa: ANN401  (any PyG batch, any output)
        """Call the model on the next batch, in the type of the format."""
        self._batch, self._order = self._batch + 1, 0
        with outputs_seen(model, self.output):
            return self._call(model, self._form.inputs(batch))

    def output(self, name: str, values: Tensor) -> None:
        """Look at what a module returns."""
        self.see(name, values, None)
        self._order += 1

    def site(self, found: EdgeActivations, place: Place) -> None:
        """Look at what a site holds."""
        with aside():
            self.see(found.site, found.values, place)
        self._order += 1

    def see(self, name: str, values: Tensor, place: Place | None) -> None:
        """Look at something that was computed; ``place`` is given for that of a site."""
        raise NotImplementedError


class Recorder(Watch):
    """Records the model in float32.

    What a module hands on as it got it, such as the last output of its parts, is recorded once.

    Attributes:
        records: of every place.
    """

    def __init__(self, call: Call, form: ModelFormat) -> None:
        super().__init__(call, form)
        self.records = Records()
        self._held: WeakTensorKeyDictionary = WeakTensorKeyDictionary()

    def see(self, name: str, values: Tensor, place: Place | None) -> None:
        """Take the numbers into the record of their place."""
        if place is None:
            first, version = self._held.get(values, (name, None))  # type: ignore[no-untyped-call]  # torch's
            if version == values._version:  # noqa: SLF001  (changed in place since, if it differs)
                self.records.alias(name, first)
                return
            self._held[values] = (name, values._version)  # noqa: SLF001  (as above)
        record = self.records.of(name, "module" if place is None else "site")
        identity = None if place is None else place().identity
        record.take(values, self._batch, self._order, identity)


class Observer(Watch):
    """Notes where numbers are not finite that were finite in float32.

    Args:
        call: how to call the model on a batch.
        form: the format that it runs in.
        records: what the places computed in float32.

    Attributes:
        spots: the first such number of each place.
        places: those that compute in the type of the format.
    """

    def __init__(self, call: Call, form: ModelFormat, records: Records) -> None:
        super().__init__(call, form)
        self._records = records
        self.spots: dict[str, Spot] = {}
        self.places: set[str] = set()

    def restart(self) -> None:
        """Forget a run that was not finished."""
        self._batch = -1
        self.spots.clear()
        self.places.clear()

    def see(self, name: str, values: Tensor, place: Place | None) -> None:
        """Look for numbers that are not finite."""
        if values.dtype == self._form.dtype:
            self.places.add(name)
        if name in self.spots or bool(values.sum(dtype=torch.float32).isfinite()):
            return  # a sum is finite only if all are
        rows = nonfinite_rows(values)
        new = rows & self._records.was_finite(name, self._batch, len(rows))
        if not bool(new.any()):
            return
        row = int(new.nonzero()[0])
        within = values[row] if values.dim() else values
        channel = int((~torch.isfinite(within)).flatten().nonzero()[0])
        index = row * within.numel() + channel
        identity = None if place is None else place().identity
        self.spots[name] = spot_of(name, self._batch, self._order, index, values, identity)

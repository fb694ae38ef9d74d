"""The untrained ensemble: re-initialisations of the user's own model, the null of every test."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_number, said
from edgescope.lib.model_call import Call, call_model
from edgescope.lib.progress import track
from edgescope.scanning.batch_norm import calibrate_batch_norm, return_to_start, weights_of_start
from edgescope.scanning.batches import device_of
from edgescope.scanning.reset import check_reset, copy_model, keep_tensors, reinitialise

if TYPE_CHECKING:
    from edgescope.scanning.result import Scan

MEMBERS = 10
"""Re-initialisations by default; with fewer, the spread between them is hardly known."""


def baseline_argument(baseline: object) -> "nn.Module | Scan | Untrained | None":
    """Return what was passed as ``baseline=``, with the words that mean an untrained ensemble.

    These are ``"untrained"``, as on the command line, and the class :class:`Untrained`.

    Raises:
        InputError: for the class of a model, another text, or what is no baseline.

    Example:
        >>> from edgescope.scanning.untrained_ensemble import baseline_argument
        >>> baseline_argument("untrained").members
        10
    """
    from edgescope.scanning.result import Scan

    if baseline is Untrained or baseline == "untrained":
        return Untrained()
    if isinstance(baseline, nn.Module):
        return eager_twin(baseline, stacklevel=4)
    if baseline is None or isinstance(baseline, Untrained | Scan):
        return baseline
    if isinstance(baseline, str | Path):
        raise InputError(
            f"received baseline={str(baseline)!r}, expected 'untrained', a model or a scan; read a "
            "saved scan with es.load_scan, weights with es.models.load"
        )
    raise InputError(
        f"received {said(baseline)} as baseline, expected es.Untrained(), a model or a scan"
    )


@dataclass(frozen=True)
class Untrained:
    """An ensemble of re-initialised copies of a model, as the baseline of a scan.

    Member ``k``, counted from 0, is drawn with the seed ``seed + k``: the first members of a
    larger ensemble are the smaller one. Every module with ``reset_parameters`` (or torch's
    ``_reset_parameters``) is reset through it, children before their parents, in the order in
    which they were registered. A model that sets its weights in its constructor in another way
    is reset to what its modules do by themselves; give ``reset`` to do it your way.

    The generators of random numbers of torch, numpy and Python are left as they were.

    Args:
        members: how many copies.
        seed: seed of the first.
        calibrate_batch_norm: whether batch norm is brought into the state that the model's own
            is in. If the model was trained, running statistics are set to those of the loader's
            data by one pass over it. If its norms have never seen data, they do not normalise in
            eval mode, and neither do the members'. After a few batches they are in between. A
            member would otherwise differ from the model by that alone. With ``False`` members
            are left as their resets make them.
        keep: names or patterns (``fnmatch``) of parameters and buffers to leave as they are in
            the model, such as ``("embedding.*",)`` for pretrained embeddings.
        reset: called on every copy after its modules' own resets, to set the rest, or all of it.

    Raises:
        InputError: if there is not at least one member; when the scan starts, if there are
            parameters or buffers that no reset sets and that ``keep`` does not name.

    Example:
        >>> import edgescope as es
        >>> baseline = es.Untrained(members=3, seed=7)
        >>> model = es.models.GraphTransformer(num_atom_types=5, num_bond_types=4, num_layers=1)
        >>> len(list(baseline.models(model, [])))
        3
    """

    members: int = MEMBERS
    seed: int = 0
    calibrate_batch_norm: bool = True
    keep: Sequence[str] = ()
    reset: Callable[[nn.Module], object] | None = None

    def __post_init__(self) -> None:
        """Refuse an empty ensemble; take a single pattern for what it is."""
        check_number(self.members, "members")
        check_number(self.seed, "seed")
        if self.members < 1:
            raise InputError(f"received members={self.members}, expected at least 1")
        patterns = (self.keep,) if isinstance(self.keep, str) else tuple(self.keep)
        object.__setattr__(self, "keep", patterns)

    def models(
        self,
        model: nn.Module,
        loader: Iterable[Any],
        *,
        call: Call = call_model,
        progress: bool = False,
    ) -> Iterator[nn.Module]:
        """Yield the members one by one, in eval mode; ``model`` itself is not changed.

        Args:
            model: the model to copy.
            loader: batches for the calibration of batch norm.
            call: how to call the model on a batch.
            progress: whether to show a bar during calibration.

        Raises:
            InputError: if something cannot be re-initialised, or the model not be copied.
        """
        model = eager_twin(model)
        check_reset(model, self.reset, self.keep)
        device = device_of(model)
        start: dict[str, float] = {}
        if self.calibrate_batch_norm:
            what = f"looking at the batch norm of {type(model).__name__}"
            start = weights_of_start(model, track(loader, what, show=progress), call, device)
        normalise = any(weight < 1 for weight in start.values())
        for number in range(self.members):
            member = copy_model(model)
            reinitialise(member, self.seed + number, self.reset)
            keep_tensors(member, model, self.keep)
            if normalise:
                what = f"calibrating batch norm of untrained member {number + 1}/{self.members}"
                calibrate_batch_norm(member, track(loader, what, show=progress), call, device)
                return_to_start(member, start)
            yield member.eval()

"""Weights of a model that is not edgescope's own: from a checkpoint, under whatever prefix."""

from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from edgescope.lib.errors import InputError
from edgescope.lib.files import readable_file
from edgescope.lib.input_files import DAMAGED, reason
from edgescope.lib.tensors import read_pickled, read_tensors

HOLDERS = ("state_dict", "model_state_dict", "model_state", "model", "net", "weights", "params")
"""What Lightning, GraphGym and most training loops call the dictionary of parameters."""

_PROBLEMS = {"missing": "missing", "unexpected": "unexpected", "shape": "of another shape"}

_SHOWN = 3
"""Tensors that an error names; its table has all."""

_SCHEMA = {"tensor": pl.String, "problem": pl.String, "file": pl.String, "model": pl.String}


class UnfitWeightsError(InputError):
    """Weights do not fit a model.

    Attributes:
        table: a row per tensor that differs: ``tensor``, its name in the model (or in the file, if
            the model lacks it); ``problem``, ``missing``, ``unexpected`` or ``shape``; and its
            shape in the ``file`` and in the ``model``.

    Example:
        >>> import tempfile, torch
        >>> import edgescope as es
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save({"bias": torch.zeros(2)}, f"{folder}/weights.pt")
        ...     try:
        ...         es.models.load_weights(torch.nn.Linear(3, 2), f"{folder}/weights.pt")
        ...     except es.models.UnfitWeightsError as error:
        ...         print(error.table.rows())
        [('weight', 'missing', None, '[2, 3]')]
    """

    def __init__(self, message: str, table: pl.DataFrame) -> None:
        super().__init__(message)
        self.table = table


class LoadedWeights(NamedTuple):
    """How a checkpoint was read into a model.

    Example:
        >>> import tempfile, torch
        >>> import edgescope as es
        >>> model = torch.nn.Linear(3, 2)
        >>> lightning = {"state_dict": {f"net.{k}": v for k, v in model.state_dict().items()}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save(lightning, f"{folder}/last.ckpt")
        ...     es.models.load_weights(model, f"{folder}/last.ckpt").prefix
        'net.'
    """

    tensors: int
    """How many tensors the model was given."""
    prefix: str
    """What their names begin with in the file and not in the model."""
    added: str
    """What their names begin with in the model and not in the file."""
    outside: tuple[str, ...]
    """Names in the file without the prefix, which belong to something else, such as a loss."""


def load_weights(model: nn.Module, path: str | Path) -> LoadedWeights:
    """Give a model of your own the weights of a checkpoint.

    The file is a safetensors file, or what ``torch.save`` wrote: a state dict, a checkpoint of
    Lightning, GraphGym or another training loop that holds one (:data:`HOLDERS`). It is read by
    torch's restricted reader, so no code in it is run. A prefix that all names have in the file or
    in the model, such as ``model.``, ``module.`` or ``_orig_mod.``, is taken off or put on.

    Args:
        model: the model; it is changed if everything fits, and left as it is if not.
        path: the file, ``.safetensors``, or any other name for what ``torch.save`` wrote.

    Raises:
        UnfitWeightsError: if a tensor is missing, unexpected or of another shape.
        InputError: if the file cannot be read, holds no state dict, or holds several that fit.

    Example:
        >>> import tempfile, torch
        >>> import edgescope as es
        >>> model = torch.nn.Linear(3, 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     torch.save(model.state_dict(), f"{folder}/weights.pt")
        ...     es.models.load_weights(model, f"{folder}/weights.pt").tensors
        2
    """
    path = Path(path)
    state = _state_of(path)
    own = {
        name: tensor for name, tensor in model.state_dict().items() if isinstance(tensor, Tensor)
    }
    prefix, added = _prefixes(state, own, path)
    named = {
        f"{added}{k.removeprefix(prefix)}": v for k, v in state.items() if k.startswith(prefix)
    }
    outside = tuple(name for name in state if not name.startswith(prefix))
    table = _differences(named, own)
    if table.height:
        counts = table["problem"].value_counts(sort=True).sort("problem").iter_rows()
        told = ", ".join(f"{count} {_PROBLEMS[problem]}" for problem, count in counts)
        rows = table.head(_SHOWN).iter_rows(named=True)
        raise UnfitWeightsError(
            f"{path} does not fit {type(model).__name__}: {told} of {len(own)} tensors "
            f"({'; '.join(map(_in_words, rows))}); make the model with the arguments that it was "
            "trained with, or load the weights where you make it",
            table,
        )
    model.load_state_dict(named, strict=False)
    return LoadedWeights(len(named), prefix, added, outside)


def _state_of(path: Path) -> dict[str, Tensor]:
    """Read the state dict that a file holds."""
    readable_file(path, "a checkpoint (.pt, .ckpt or .safetensors)")
    try:
        if path.suffix == ".safetensors":
            return read_tensors(path)[0]
        held = read_pickled(path)
    except DAMAGED as error:
        raise InputError(
            f"{path} cannot be read without running code that it holds ({reason(error)}); save the "
            "state dict alone, as torch.save(model.state_dict(), 'weights.pt')"
        ) from error
    found = {name: state for name, state in _candidates(held) if state}
    if not found:
        raise InputError(
            f"{path} holds no state dict, expected one, or a dictionary with one under "
            f"{', '.join(HOLDERS)}; save it as torch.save(model.state_dict(), 'weights.pt')"
        )
    if len(found) > 1:
        raise InputError(
            f"{path} holds several state dicts ({', '.join(found)}); save the one that you mean "
            "alone, as torch.save(model.state_dict(), 'weights.pt')"
        )
    return next(iter(found.values()))


def _candidates(held: Any) -> Iterable[tuple[str, dict[str, Tensor]]]:  # noqa: ANN401
    """Yield what may be the state dict in what a file holds."""
    if not isinstance(held, Mapping):
        return
    alone = _tensors(held)
    if alone:
        yield "the whole file", alone
        return
    for name in HOLDERS:
        if isinstance(held.get(name), Mapping):
            yield name, _tensors(held[name])


def _tensors(held: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return a dictionary of names and tensors as such; empty if it is another."""
    tensors = {str(name): value for name, value in held.items() if isinstance(value, Tensor)}
    extra = all(str(name).endswith("_extra_state") for name in held if str(name) not in tensors)
    return tensors if extra else {}


def _prefixes(
    state: Mapping[str, Tensor], own: Mapping[str, Tensor], path: Path
) -> tuple[str, str]:
    """Return what names begin with in the file alone, and in the model alone.

    Raises:
        InputError: if two prefixes fit as well, as those of a model and of its moving average.
    """
    fits: dict[tuple[str, str], frozenset[str]] = {}
    for added in _shared(own):
        inner = {name.removeprefix(added): tensor for name, tensor in own.items()}
        for prefix in {"", *_prefixes_before(state, inner)}:
            fits[prefix, added] = frozenset(
                name
                for name, tensor in state.items()
                if name.startswith(prefix)
                and (mine := inner.get(name.removeprefix(prefix))) is not None
                and (is_lazy(mine) or mine.shape == tensor.shape)
            )
    most = max(map(len, fits.values()))
    best = sorted((pair for pair, names in fits.items() if len(names) == most), key="".join)
    best = sorted(best, key=lambda pair: len("".join(pair)))  # ("", "") first, if it is among them
    several = {fits[pair]: pair[0] for pair in reversed(best)}
    if len(several) > 1 and most == len(own) and best[0] != ("", ""):
        names = " and ".join(repr(prefix) for prefix in sorted(several.values()))
        raise InputError(
            f"{path} holds {len(several)} sets of weights that fit, under {names}; save the one "
            "that you mean alone"
        )
    return best[0] if most else ("", "")


def _shared(names: Iterable[str]) -> list[str]:
    """Return what all names begin with, up to every dot, shortest first."""
    parts = [name.split(".")[:-1] for name in names]
    found = [""]
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        found.append(f"{found[-1]}{column[0]}.")
    return found


def _prefixes_before(longer: Iterable[str], ends: Container[str]) -> set[str]:
    """Return what names begin with, before an end that is a name by itself."""
    return {
        name[: place + 1]
        for name in longer
        for place, letter in enumerate(name)
        if letter == "." and name[place + 1 :] in ends
    }


def _differences(named: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> pl.DataFrame:
    rows: list[tuple[str, str, str | None, str | None]] = []
    for name, tensor in own.items():
        mine = None if is_lazy(tensor) else str(list(tensor.shape))
        if name not in named:
            rows.append((name, "missing", None, mine))
        elif mine not in {None, theirs := str(list(named[name].shape))}:
            rows.append((name, "shape", theirs, mine))
    rows += [
        (name, "unexpected", str(list(tensor.shape)), None)
        for name, tensor in named.items()
        if name not in own
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _in_words(row: Mapping[str, Any]) -> str:
    if row["problem"] == "shape":
        return f"{row['tensor']} is {row['file']}, expected {row['model']}"
    return f"{row['tensor']} is {row['problem']}"

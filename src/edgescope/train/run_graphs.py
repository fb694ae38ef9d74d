"""Which graphs a run was trained on: noted in its folder, and held against those of now.

Beside the graphs stand the versions of what makes them: packages, and the featuriser.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from edgescope.lib import version
from edgescope.lib.errors import shortened
from edgescope.lib.tensors import read_tensors, write_tensors

if TYPE_CHECKING:
    from edgescope.data import AtomVocabulary, Splits


def listed(values: Iterable[object]) -> str:
    """Join values for a message, not too many of them."""
    return shortened(", ".join(map(str, values)))


GRAPHS = "data.safetensors"
"""File of a run folder with 64 bits of every graph and its targets, to say which are others."""


_READING = {"edgescope": "edgescope", "rdkit": "RDKit", "featuriser": "featuriser"}
"""Of the recorded versions, those that decide which graph a molecule becomes."""


class Run(Protocol):
    """What of a run folder says which data it was trained on, and how these were read."""

    path: Path
    config: dict[str, Any]

    @property
    def data(self) -> dict[str, Any] | None:
        """Arguments of :func:`edgescope.data.load`; None if the run does not say."""

    @property
    def vocabulary(self) -> "AtomVocabulary":
        """The atom types, in the order of their numbers."""

    @property
    def edge_type_names(self) -> tuple[str, ...]:
        """Names of the edge types, in the order of their numbers."""


def fingerprints(splits: "Splits") -> dict[str, dict[str, str]]:
    """Return the fingerprints of all parts, as ``config.yaml`` keeps them."""
    from edgescope.data.fingerprint import Hasher

    of = Hasher()
    return {part: of(dataset)._asdict() for part, dataset in splits._asdict().items()}


def joint_fingerprint(splits: "Splits") -> str:
    """Return the one fingerprint of all parts that runs of earlier versions have."""
    import hashlib

    digest = hashlib.sha256()
    seen: set[int] = set()  # the parts of one large graph share all but the targets
    for dataset in splits:
        for field in ("node_ptr", "edge_ptr", "x", "edge_index", "edge_attr", "y"):
            tensor = getattr(dataset, field)
            if tensor.numel() and id(tensor) not in seen:
                digest.update(tensor.contiguous().numpy().view(np.uint8).data)
                seen.add(id(tensor))
    return digest.hexdigest()[:16]


def note_graphs(folder: Path, splits: "Splits") -> None:
    """Keep 64 bits of every graph and of its targets, so that it can be said which are others.

    Of one large graph nothing is kept, as there are no others to tell it from.
    """
    if digests := _digests(splits):
        write_tensors(folder / GRAPHS, digests, {})


def differences(run: "Run", splits: "Splits") -> list[str]:
    """Say what makes data others than those of a run, as exactly as it can be told.

    Returns:
        Phrases; at least one.
    """
    recorded = run.config["splits"]
    sizes = {part: len(dataset) for part, dataset in splits._asdict().items()}
    before = {part: recorded.get(part) for part in sizes}
    told = []
    if before != sizes:
        then, now = ("/".join(map(str, each.values())) for each in (before, sizes))
        told.append(f"{then} graphs (train/val/test) then, {now} now")
    now_known = _digests(splits)
    if now_known and (known := _noted(run.path, now_known)) is not None:
        told += list(_other_graphs(known, now_known))
    elif before == sizes and "fingerprints" in recorded:
        told += [
            f"the {what} of {part} differ"
            for part, of in fingerprints(splits).items()
            for what, print_ in of.items()
            if recorded["fingerprints"].get(part, {}).get(what) != print_
        ]
    told += list(_other_meaning(run.config, splits))
    return told or ["graphs, targets or their order differ"]


def _other_graphs(then: Mapping[str, Tensor], now: Mapping[str, Tensor]) -> Iterator[str]:
    """Say which graphs are gone, new, in another part or order, or have other targets."""
    parts = list(dict.fromkeys(name.partition(".")[0] for name in now))
    old, new = ({part: each[f"{part}.graphs"].tolist() for part in parts} for each in (then, now))
    all_old, all_new = (Counter(chain(*each.values())) for each in (old, new))
    gone, come = (all_old - all_new).total(), (all_new - all_old).total()
    size = all_old.total()
    if gone or come:
        yield f"{gone} of the {size} graphs of the training are gone or changed, {come} are new"
    elsewhere = 0
    for part in parts:
        other = Counter(new[part]) - Counter(old[part])
        elsewhere += (other & (all_old - Counter(old[part]))).total()
    if elsewhere:
        seen = (Counter(new["test"]) & (Counter(old["train"]) - Counter(old["test"]))).total()
        test = f", and {seen} that were trained on are in test" if seen else ""
        yield f"{elsewhere} graphs are in another part{test}"
    still = [part for part in parts if Counter(old[part]) == Counter(new[part])]
    if len(still) == len(parts) and old != new:
        yield "the same graphs in another order"
    changed = sum(
        int((then[f"{part}.targets"] != now[f"{part}.targets"]).sum())
        for part in parts
        if old[part] == new[part]
    )
    if changed:
        yield f"the targets of {changed} graphs differ"


def _other_meaning(config: Mapping[str, Any], splits: "Splits") -> Iterator[str]:
    """Say whether names of types or targets are others."""
    train = splits.train
    here = {
        "targets": list(train.target_names),
        "edge_types": list(train.edge_type_names),
        "vocabulary": list(train.vocabulary),
    }
    for name, values in here.items():
        if list(config[name]) != values:
            yield f"{name.replace('_', ' ')} {listed(config[name])} then, {listed(values)} now"


def other_versions(config: Mapping[str, Any]) -> Iterator[str]:
    """Say which versions are others now, of those that decide how molecules are read."""
    then, here = config.get("versions") or {}, versions()
    for name, called in _READING.items():
        if name not in then:
            yield f"which {called} was used in training is not recorded, here it is {here[name]}"
        elif then[name] != here[name]:
            yield f"trained with {called} {then[name]}, here {here[name]}"


def _digests(splits: "Splits") -> dict[str, Tensor]:
    from edgescope.data import NodeDataset
    from edgescope.data.fingerprint import digests_of_graphs

    if isinstance(splits.train, NodeDataset):
        return {}
    found = {}
    for part, dataset in splits._asdict().items():
        for name, values in zip(("graphs", "targets"), digests_of_graphs(dataset), strict=True):
            found[f"{part}.{name}"] = torch.from_numpy(values.view(np.int64))
    return found


def _noted(folder: Path, like: Mapping[str, Tensor]) -> dict[str, Tensor] | None:
    """Return what :func:`note_graphs` kept; None if it kept nothing like this, or is damaged."""
    try:
        tensors, _, checked = read_tensors(folder / GRAPHS)
    except (SafetensorError, ValueError, OSError):
        return None  # it only explains; the fingerprints decide
    sizes = {
        part: {tensors[name].shape for name in like if name in tensors and name.startswith(part)}
        for part in ("train", "val", "test")
    }
    fits = tensors.keys() == like.keys() and all(len(size) == 1 for size in sizes.values())
    whole = all(each.dim() == 1 and each.dtype == torch.int64 for each in tensors.values())
    return tensors if checked and fits and whole else None


_PACKAGES = ("torch", "torch_geometric", "lightning", "numpy", "polars", "rdkit")


def versions() -> dict[str, str | int | None]:
    """Return the versions of edgescope, Python and packages; None of one that is not installed.

    ``featuriser`` counts the changes of how molecules become graphs.
    """
    from edgescope.data.chemistry.atoms_and_bonds import FEATURISER_VERSION

    found = version.versions(_PACKAGES)
    return {
        "edgescope": found["edgescope"],
        "featuriser": FEATURISER_VERSION,
        "python": found["python"],
        **{package: found.get(package) for package in _PACKAGES},
    }

"""The data of a run, loaded again: the same graphs as in training, or refused."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from inspect import signature
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from edgescope.lib.errors import InputError, shortened
from edgescope.lib.tensors import read_tensors, write_tensors
from edgescope.train.versions import versions

if TYPE_CHECKING:
    from edgescope.data import AtomVocabulary, Splits
    from edgescope.scanning.site_scan import ScanInfo

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


def own_splits(run: "Run", root: str | Path | None, *, progress: bool) -> "Splits":
    """Load what a run was trained on; see :meth:`RunFolder.splits`."""
    from edgescope.data import load
    from edgescope.data.splits import SUBSET, cut

    spec = run.data
    if spec is None:
        raise InputError(
            f"{run.path} does not say where its data came from; give it with --data (scan and "
            "diagnose), or load it with es.data.load and use es.scan, es.ablate or "
            "es.interpret.interpret in Python"
        )
    if root is not None:
        spec = {**spec, **moved(spec, Path(root))}
    size = spec.get(SUBSET)
    spec = {key: value for key, value in spec.items() if key != SUBSET}
    _check_spec(run, spec)
    splits = load(**{**spec, "vocabulary": run.vocabulary, "progress": progress})
    if size is not None:
        splits = cut(splits, size)
    check_same(run, splits)
    return splits


def _check_spec(run: "Run", spec: Mapping[str, Any]) -> None:
    """Refuse a description of data that ``load`` does not take, as somebody may have written."""
    from edgescope.data import load

    known = list(signature(load).parameters)
    strange = [key for key in spec if key not in known]
    if strange or "source" not in spec:
        what = f"the unknown key {strange[0]!r}" if strange else "no source"
        raise InputError(
            f"the data in {run.path / 'config.yaml'} have {what}, expected arguments of "
            f"es.data.load ({', '.join(known)}); correct them"
        )


def read_like(run: "Run", source: str | Path, options: Mapping[str, Any]) -> "Splits":
    """Load other data as the model of a run reads them; see :meth:`RunFolder.read`."""
    from edgescope.data import load
    from edgescope.data.chemistry.ogb_features import element_names
    from edgescope.data.edges.edge_changes import VIRTUAL
    from edgescope.data.sources.source import find

    reading: dict[str, Any] = {}
    published = find(str(source))
    if published is None or published.features is not None:
        own = tuple(key for key in run.vocabulary if key != VIRTUAL)
        columns = own == tuple(element_names())
        reading = {"features": "ogb" if columns else "types", "vocabulary": run.vocabulary}
        reading["kekulize"] = columns or "aromatic" not in run.edge_type_names
    if rewire := (run.data or {}).get("rewire"):
        reading["rewire"] = rewire
    splits = load(source, **{**reading, **options})
    train = splits.train
    for what, own, theirs in (
        ("node types", run.vocabulary, train.vocabulary),
        ("edge types", run.edge_type_names, train.edge_type_names),
    ):
        if tuple(own) != tuple(theirs):
            raise InputError(
                f"{source} has the {what} {_listed(theirs)}, the model of {run.path} knows "
                f"{_listed(own)}; give data of the same types, or train on these"
            )
    return splits


def said_of_scan(run: "Run", info: "ScanInfo") -> str | None:
    """Say that a scan is of other data than a run's own; see :meth:`RunFolder.said_of_scan`."""
    prints = run.config["splits"].get("fingerprints")
    if not (prints and info.data_fingerprint):
        return None
    if info.data_fingerprint in {of["graphs"] for of in prints.values()}:
        return None
    source = Path(str((run.data or {}).get("source", "")))
    own = (source.with_suffix("") if source.suffix == ".gz" else source).stem
    sizes = {f"{own}/{part}": run.config["splits"].get(part, 0) for part in prints}
    if info.data not in sizes:
        return f"{info.data or 'other data'}, which is no part of the run's own data"
    if info.graphs >= sizes[info.data]:
        raise InputError(
            f"the scan in {run.path} is of {info.data} with other graphs than the run was trained "
            f"with; run: edgescope scan {run.path}"
        )
    return f"{info.graphs} graphs, not the {sizes[info.data]} of {info.data} in training"


def moved(spec: Mapping[str, Any], root: Path) -> dict[str, str | None]:
    """Return what of a description of data is another if its files lie in ``root`` now.

    Raises:
        InputError: if the data have no files.
    """
    from edgescope.data import names, needs_files

    source = str(spec["source"])
    if source not in names():
        return {"source": str(root / Path(source).name), "root": None}
    if not needs_files(source):
        raise InputError(
            f"received the folder {root} for {source}, which comes with an installed package and "
            "not from a folder; leave out root"
        )
    return {"root": str(root)}


def check_same(run: "Run", splits: "Splits") -> None:
    """Refuse data that are not those that a run was trained on.

    Raises:
        InputError: saying what differs, as far as it can be told, and what to do.
    """
    recorded = run.config["splits"]
    if "fingerprints" in recorded:
        same = recorded["fingerprints"] == fingerprints(splits)
    else:
        same = recorded.get("fingerprint") == joint_fingerprint(splits)
    if same:
        return
    from edgescope.data import names

    source = str((run.data or {}).get("source", "the data set"))
    told = "; ".join([*differences(run, splits), *_other_versions(run.config)])
    whole = "" if source in names() else ", all of them,"
    raise InputError(
        f"{source} does not give the graphs that {run.path} was trained on: {told}. Restore the "
        f"data as they were, or look at them as they are now{whole} with --data {source}"
    )


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
            yield f"{name.replace('_', ' ')} {_listed(config[name])} then, {_listed(values)} now"


def _other_versions(config: Mapping[str, Any]) -> Iterator[str]:
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


def _listed(values: Iterable[object]) -> str:
    return shortened(", ".join(map(str, values)))

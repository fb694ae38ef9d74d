"""The data of a run, loaded again: the same graphs as in training, or refused."""

from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgescope.lib.errors import InputError
from edgescope.train.run_graphs import (
    Run,
    differences,
    fingerprints,
    joint_fingerprint,
    listed,
    other_versions,
)

if TYPE_CHECKING:
    from edgescope.data import Splits
    from edgescope.scanning.site_scan import ScanInfo


def own_splits(run: "Run", root: str | Path | None, *, progress: bool) -> "Splits":
    """Load what a run was trained on; see :meth:`edgescope.train.RunFolder.splits`."""
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
    """Load other data as the model reads them; see :meth:`edgescope.train.RunFolder.read`."""
    from edgescope.data import load
    from edgescope.data.chemistry.ogb_features import element_names
    from edgescope.data.edges.added_edges import VIRTUAL
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
                f"{source} has the {what} {listed(theirs)}, the model of {run.path} knows "
                f"{listed(own)}; give data of the same types, or train on these"
            )
    return splits


def said_of_scan(run: "Run", info: "ScanInfo") -> str | None:
    """Say that a scan is of other data; see :meth:`edgescope.train.RunFolder.said_of_scan`."""
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
    told = "; ".join([*differences(run, splits), *other_versions(run.config)])
    whole = "" if source in names() else ", all of them,"
    raise InputError(
        f"{source} does not give the graphs that {run.path} was trained on: {told}. Restore the "
        f"data as they were, or look at them as they are now{whole} with --data {source}"
    )

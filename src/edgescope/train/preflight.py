"""Before training: is the data fit for it, and is the folder this run's own?"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgescope.lib.errors import InputError, shortened
from edgescope.lib.task_metrics import TASK_OF
from edgescope.lib.typed_fields import sha256_of
from edgescope.train.guess import known_rows
from edgescope.train.recipe_file import Recipe
from edgescope.train.run_folder import RunFolder
from edgescope.train.run_graphs import (
    GRAPHS,
    differences,
    fingerprints,
    joint_fingerprint,
    note_graphs,
    versions,
)
from edgescope.train.standardisation import standardisation

if TYPE_CHECKING:
    from edgescope.data import GraphDataset, Splits

_NAMED = 3
"""Up to so many targets are named in a message."""


def check_splits(splits: "Splits", recipe: Recipe) -> None:
    """Refuse data that cannot be trained on.

    The test split may be empty or without targets; then there are no test metrics.

    Raises:
        InputError: if there is no target column, if the loss is not one of the data's kind of
            targets, if the training or validation split has no known target, if a target is
            infinite, if the loss wants labels and a target is neither 0 nor 1, or no task has
            both, so that there is nothing to report, or if all known values of a number to
            predict are the same in the training split.
    """
    if not splits.train.target_names:
        raise InputError(
            f"{splits.train.name} has no target column, expected at least one to train on; "
            "load it with target_columns"
        )
    wanted = {task: loss for loss, task in TASK_OF.items()}
    if (task := splits.train.task) is not None and wanted.get(task) != recipe.loss:
        advice = f"set loss={wanted[task]}" if task in wanted else "no recipe trains on these yet"
        raise InputError(
            f"received the loss {recipe.loss} for {splits.train.name}, whose targets are of the "
            f"kind {task!r}; {advice}"
        )
    for dataset in splits:
        if dataset is not splits.test and not has_targets(dataset):
            raise InputError(
                f"{dataset.name} has {len(dataset)} graphs and no known target in "
                f"{', '.join(dataset.target_names)}; choose another split or target column"
            )
        if recipe.loss == "cross_entropy":
            continue  # classes are numbered by the data set
        known = dataset.y[~dataset.y.isnan()]
        if recipe.loss == "masked_bce":
            if len(known):
                _check_classes(dataset)
            unfit, expected = known[(known != 0) & (known != 1)], "labels 0 or 1 for masked_bce"
        else:
            unfit, expected = known[known.isinf()], "finite numbers"
        if unfit.numel():
            raise InputError(
                f"{dataset.name} has the target {float(unfit[0]):g}, expected {expected}; "
                "correct the table or choose another loss"
            )
    if recipe.loss == "l1":
        _check_spread(splits.train)


def _check_spread(train: "GraphDataset") -> None:
    """Refuse a number to predict that is the same everywhere, or known nowhere."""
    for column, name in enumerate(train.target_names):
        values = train.y[:, column]
        known = values[~values.isnan()]
        if len(known) and not bool((known == known[0]).all()):
            continue
        found = (
            f"is {float(known[0]):g} wherever it is known ({len(known)} of {len(values)})"
            if len(known)
            else "is known nowhere"
        )
        instead = "leave the column out" if len(train.target_names) > 1 else "choose another column"
        raise InputError(
            f"the target {name!r} of {train.name} {found}, expected at least two different values "
            f"to learn from; {instead}"
        )


def _check_classes(dataset: "GraphDataset") -> None:
    ones, zeros = ((dataset.y == label).any(dim=0) for label in (1, 0))
    wrong = (~dataset.y.isnan() & (dataset.y != 0) & (dataset.y != 1)).any()
    if not wrong and not (ones & zeros).any():
        only = [
            f"{name!r} {int(one)}"
            for name, one, zero in zip(dataset.target_names, ones, zeros, strict=True)
            if one or zero
        ]
        more = f" and {len(only) - _NAMED} more" if len(only) > _NAMED else ""
        raise InputError(
            f"no task of {dataset.name} has both labels 0 and 1, so its ROC-AUC is undefined (all "
            f"known labels are: {', '.join(only[:_NAMED])}{more}); choose another split"
        )


def has_targets(dataset: "GraphDataset") -> bool:
    """Say whether any molecule, or any node, has a known target."""
    return bool(known_rows(dataset.y).any())


def describe(
    recipe: Recipe, splits: "Splits", data: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Say in plain values what is trained on what, as ``config.yaml`` keeps it."""
    train = splits.train
    scaling = standardisation(recipe, splits)
    return {
        "recipe": recipe.model_dump(),
        "data": None if data is None else _plain(data, "data"),
        "splits": {
            **{part: len(dataset) for part, dataset in splits._asdict().items()},
            "how": train.split,
            "fingerprints": fingerprints(splits),
        },
        "targets": list(train.target_names),
        "standardised": None if scaling is None else scaling.record(),
        "edge_types": list(train.edge_type_names),
        "vocabulary": list(train.vocabulary),
        "table": _table(data),
        "versions": versions(),
    }


def _table(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return digest and size of the file of a table; None if the data are of another kind.

    It tells people which file it was. What counts are the graphs: a file that is written anew
    with the same molecules is fine.
    """
    source = None if data is None else data.get("source")
    if not isinstance(source, str | Path):
        return None
    from edgescope.data import names

    path = Path(data.get("root") or "") / source if data else Path(source)
    if str(source) in names() or not path.is_file():
        return None
    return {"sha256": sha256_of(path), "bytes": path.stat().st_size}


def open_run(
    path: str | Path, config: Mapping[str, Any], splits: "Splits | None" = None
) -> RunFolder:
    """Open the folder of the run that ``config`` describes, or make it.

    The epochs asked for may differ from those of an earlier call.

    Args:
        path: the folder.
        config: from :func:`describe`.
        splits: the data, to say later which graphs differ.

    Raises:
        InputError: if the folder holds another run, or cannot be written to.
    """
    if (Path(path) / "config.yaml").exists():
        run = RunFolder(path)
        _refuse_another(run, config, splits)
    else:
        run = RunFolder.create(path, config)
    if splits is not None and not (run.path / GRAPHS).exists():
        note_graphs(run.path, splits)
    return run


def _refuse_another(run: RunFolder, config: Mapping[str, Any], splits: "Splits | None") -> None:
    there, here = dict(run.config), dict(config)
    if splits is not None and "fingerprints" not in there["splits"]:  # of an earlier version
        here["splits"] = {**here["splits"], "fingerprint": joint_fingerprint(splits)}
        del here["splits"]["fingerprints"]
    if different := _first_difference(there, here):
        field, one, other = different
        which = ""
        if splits is not None and field.startswith("splits."):
            which = f". What differs: {'; '.join(differences(run, splits))}"
        raise InputError(
            f"{run.path} holds another run: its {field} is {one}, now received {other}; "
            f"choose another output folder, or delete this one to start again{which}"
        )


def _first_difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> Any:  # noqa: ANN401
    """Name the first field that makes two runs different, with its two values."""
    fields = ["recipe", "targets", "edge_types", "vocabulary", "splits"]
    if there["splits"] != here["splits"]:
        # The same molecules may have been moved; other molecules are best told by their source.
        fields.insert(0, "data")
    for field in fields:
        one, other = _flat(there[field], field), _flat(here[field], field)
        for name in dict.fromkeys((*one, *other)):
            if name in {"recipe.name", "recipe.max_epochs", "splits.how"}:
                continue
            if one.get(name) != other.get(name):
                return name, *(shortened(repr(each.get(name)), 80) for each in (one, other))
    return None


def _flat(value: Any, name: str) -> dict[str, Any]:  # noqa: ANN401
    if not isinstance(value, dict):
        return {name: value}
    return {
        key: leaf
        for field, below in value.items()
        for key, leaf in _flat(below, f"{name}.{field}").items()
    }


def _plain(value: Any, name: str) -> Any:  # noqa: ANN401
    """Turn paths and tuples into what YAML can hold and give back."""
    if isinstance(value, Mapping):
        return {str(key): _plain(below, f"{name}.{key}") for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(below, name) for below in value]
    if isinstance(value, Path):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(
        f"{name} received {type(value).__name__}, expected plain values (text, numbers, lists, "
        "mappings), which config.yaml can hold"
    )

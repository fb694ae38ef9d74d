"""Reading a study from a YAML file, or one of those that come with edgescope."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from edgescope.lib.errors import InputError, did_you_mean
from edgescope.lib.input_files import reason
from edgescope.lib.yaml_files import yaml_of
from edgescope.study.spec import (
    DataSource,
    Overrides,
    RecipeOnData,
    Rewiring,
    ScanOptions,
    StudySpec,
)

STUDIES = Path(__file__).parent / "studies"
"""Where the studies that come with edgescope lie, one YAML file each."""


def study_names() -> list[str]:
    """Return the names of the studies that come with edgescope.

    Example:
        >>> import edgescope as es
        >>> "mitigation" in es.study.study_names()
        True
    """
    return sorted(file.stem for file in STUDIES.glob("*.yaml"))


def read(
    name_or_path: str | Path,
    *,
    root: str | Path | None = None,
    seeds: Sequence[int] | None = None,
    epochs: int | None = None,
    subset: int | None = None,
    workers: int | None = None,
) -> StudySpec:
    """Read a study from a YAML file; its paths become relative to the working folder.

    Args:
        name_or_path: one of :func:`study_names`, or the path of a YAML file.
        root: replaces the file's ``root``.
        seeds: replace the file's, also those of its ``recipes``.
        epochs: replaces the file's among its ``overrides``, likewise.
        subset: likewise.
        workers: replaces the file's.

    Raises:
        InputError: if there is no such file, if it is not readable, if a key is unknown or a
            value has the wrong type; the message says where in the file.

    Example:
        >>> import edgescope as es
        >>> spec = es.study.read("mitigation-small", seeds=[1], epochs=2, subset=100)
        >>> spec.seeds, spec.overrides.epochs
        ([1], 2)
    """
    path = _path(name_or_path)
    fields = yaml_of(path, "a study (.yaml)")
    if not isinstance(fields, dict):
        raise InputError(
            f"{path} holds {type(fields).__name__}, expected the keys of a study such as "
            "'models: [GraphTransformer]'"
        )
    given = {
        "root": root and str(Path(root).absolute()),
        "seeds": seeds and list(seeds),
        "workers": workers,
    }
    fields |= {key: value for key, value in given.items() if value}
    _drop(fields, {"seeds": seeds, "epochs": epochs})
    changes = {"epochs": epochs, "subset": subset}
    changes = {key: value for key, value in changes.items() if value is not None}
    if changes and isinstance(overrides := fields.get("overrides", {}), dict):
        fields["overrides"] = overrides | changes
    try:
        spec = StudySpec.model_validate(fields)
    except ValidationError as error:
        # A key that is misspelt is missing as well, and of the two the first is what to say.
        found = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
        problems = [_explain(problem) for problem in found]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise InputError(f"{path}: {problems[0]}{more}; correct the file") from error
    except (OverflowError, RecursionError, TypeError) as error:
        raise InputError(f"{path}: {reason(error)}; correct the file") from error
    spec._origin = str(path)  # noqa: SLF001  (not a key of the file)
    return _placed(spec, path.parent)


def _drop(fields: dict[str, Any], given: dict[str, Any]) -> None:
    """Take out of the file's recipes what is given beside the file."""
    entries = fields.get("recipes")
    for entry in entries if isinstance(entries, list) else []:
        for key in (key for key, value in given.items() if value and isinstance(entry, dict)):
            entry.pop(key, None)


def _path(name_or_path: str | Path) -> Path:
    if str(name_or_path) in study_names():
        return STUDIES / f"{name_or_path}.yaml"
    path = Path(name_or_path)
    if path.suffix not in {".yaml", ".yml"} and not path.exists():
        known = ", ".join(study_names())
        raise InputError(
            f"unknown study {str(name_or_path)!r}, expected the path of a YAML file or one of "
            f"{known}; check the name"
        )
    return path


def _placed(spec: StudySpec, folder: Path) -> StudySpec:
    """Take paths as relative to the folder of the YAML file."""
    from edgescope.data import looks_like_a_table, names

    def source(data: DataSource) -> DataSource:
        change: dict[str, Any] = {}
        root = spec.root if data.root is None else data.root
        if data.source not in names() and looks_like_a_table(data.source):
            change = {"source": str((folder / (root or "") / data.source).absolute()), "root": None}
            change["name"] = data.label
        elif root is not None:
            change = {"root": str((folder / root).absolute())}
        return data.model_copy(update=change)

    def recipe(name: str | None) -> str | None:
        return str(folder / name) if name and name.endswith((".yaml", ".yml")) else name

    return spec.model_copy(
        update={
            "data": [source(data) for data in spec.data],
            "recipe": recipe(spec.recipe),
            "recipes": [
                each.model_copy(update={"recipe": recipe(each.recipe), "data": source(each.data)})
                for each in spec.recipes
            ],
        }
    )


def _explain(problem: Any) -> str:  # noqa: ANN401  (pydantic's own dict)
    """Say in one line where in the file it is, what was received and what was expected."""
    steps = [*problem["loc"]]
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)[1:]
    if problem["type"] == "extra_forbidden":
        known = list(_class_at(steps[:-1]).model_fields)
        hint = did_you_mean(str(steps[-1]), known, f"the keys are {', '.join(known)}")
        return f"unknown key {place!r}, {hint}"
    if problem["type"] == "missing":
        return f"{place} is missing"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "value_error":
        return f"{place}: {message}" if place else message
    expected = (message[:1].lower() + message[1:]).removeprefix("input should be ")
    return f"{place} received {problem['input']!r}, expected {expected}"


def _class_at(steps: list[Any]) -> type[BaseModel]:
    """Return the class that describes what lies at a place in the file."""
    classes: dict[str, type[BaseModel]] = {
        "data": DataSource,
        "recipes": RecipeOnData,
        "overrides": Overrides,
        "scan": ScanOptions,
        "rewire": Rewiring,
    }
    names = [step for step in steps if isinstance(step, str)]
    return classes[names[-1]] if names else StudySpec

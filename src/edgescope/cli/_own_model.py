"""A model of your own on the command line: how it is named, made, and told from a folder."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import edgescope as es
from edgescope.cli._modes import Choice
from edgescope.cli._shared_options import assigned
from edgescope.cli._tables import hint, note, show
from edgescope.lib.errors import InputError
from edgescope.lib.named_objects import FORM, is_object_name
from edgescope.lib.plurals import plural
from edgescope.lib.visible_text import visible
from edgescope.lib.yaml_files import yaml_in

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUBJECT = typer.Argument(
    metavar="RUN|MODEL",
    help=f"Folder of a run, or a model of your own, as {FORM}: a model, or a function or class "
    "that makes one.",
)
Subject = Annotated[str, _SUBJECT]
OptionalSubject = Annotated[str | None, _SUBJECT]
Subjects = Annotated[
    list[str],
    typer.Argument(
        metavar="RUN|MODEL...",
        help="Folders of trained runs; runs that differ only in their seed are grouped. Or one "
        f"model of your own, as {FORM}.",
    ),
]
Metric = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="NAME",
        help="For a model of your own: mae, bce (of logits), roc_auc, accuracy, or none for "
        "changes of the predictions alone. Without it: that of the data, if it is known.",
    ),
]
Loader = Annotated[
    str | None,
    typer.Option(
        "--loader",
        metavar="NAME",
        help="For a model of your own: its loader, as MODULE:NAME; or graphs, or what makes them. "
        "Not needed if the function that makes the model returns (model, loader).",
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="For a model of your own: its weights, a state dict or Lightning checkpoint (.pt, "
        ".ckpt, .safetensors). It is compared with the model before they are loaded.",
    ),
]
Arguments = Annotated[
    list[str] | None,
    typer.Option(
        "--arg",
        metavar="NAME=VALUE",
        help="For a model of your own: an argument of the function or class that makes it; may be "
        "repeated.",
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="DIR",
        help="For a model of your own: folder of the results of all commands. Without it: run.",
    ),
]

FOLDER, OWN = "with the folder of a run", "with a model of your own"

_POWER = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")

OF_OWN = ("loader", "checkpoint", "arguments", "folder")
"""Parameters of a model of your own."""


def subject_choice(*of_folder: str, subject: str = "run", of_own: Sequence[str] = ()) -> Choice:
    """Return the choice between the folder of a run and a model of your own.

    Args:
        *of_folder: parameters that have an effect on the folder of a run only.
        subject: the parameter that names one of the two.
        of_own: further parameters that have an effect on a model of your own only.
    """

    def mode(given: Mapping[str, Any]) -> str | None:
        words = given[subject] or ()
        words = [words] if isinstance(words, str) else words
        return OWN if any(map(is_own, words)) else FOLDER

    return Choice({FOLDER: of_folder, OWN: (*OF_OWN, *of_own)}, mode)


def is_own(word: str) -> bool:
    """Say whether a word names a model of your own rather than a folder."""
    return is_object_name(word) and not Path(word).exists()


def open_subject(
    word: str,
    command: str,
    loader: str | None = None,
    checkpoint: Path | None = None,
    arguments: list[str] | None = None,
    folder: Path | None = None,
) -> "es.train.RunFolder | es.train.ModelRun":
    """Open the folder of a run, or make a model of your own.

    Args:
        word: the folder, or the name of the model.
        command: the command that asks.
        loader: name of the loader.
        checkpoint: its weights.
        arguments: assignments to the arguments of what makes it.
        folder: of its results.

    Raises:
        InputError: if the word is neither, or the model cannot be made; or if the folder holds
            results of a model of your own, which must be named.
    """
    if not is_own(word):
        refuse_own_results(Path(word), command)
        return open_folder(word, command)
    words = es.train.ModelWords(
        word, loader or "", "" if checkpoint is None else str(checkpoint), _values(arguments or [])
    )
    with told_weights():
        run = es.train.ModelRun(words, folder or Path("run"))
    if run.loaded is not None:
        _tell(run.loaded, words.checkpoint)
    if run.data.reason:
        typer.echo(
            f"note: the graphs of {words.loader or word} cannot be looked up one by one, as "
            f"interpret and explain do: {run.data.reason}",
            err=True,
        )
    return run


def open_folder(word: str, command: str) -> "es.train.RunFolder":
    """Open the folder of a run.

    Raises:
        InputError: if it is none; if it looks like a model of your own, it says how to name that.
    """
    path = Path(word)
    if command == "report" and (is_own(word) or not path.exists()):
        raise InputError(
            f"there is no folder {word}; edgescope report takes the folder of a run, or the one of "
            "a model of your own: run, or what --run named in edgescope scan"
        )
    if path.suffix == ".py" or (not path.exists() and _is_module(word)):
        raise InputError(
            f"received {word}, which is neither a folder nor says what makes the model; name it as "
            f"edgescope {command} {word}:NAME (`edgescope init` writes an example), or scan it in "
            "Python: es.scan(model, loader).save('run/scan')"
        )
    if path.is_file():
        raise InputError(
            f"received the file {word}, expected the folder of a run or a model of your own; "
            f"weights are read into the model that you name: edgescope {command} model.py:NAME "
            f"--checkpoint {word}"
        )
    if not path.exists():
        raise InputError(
            f"there is no folder {word}; `edgescope train --out {word}` makes a run, and "
            f"`edgescope {command} model.py:NAME --run {word}` takes a model of your own"
        )
    if es.has_scan(path) and not (path / "config.yaml").exists():
        raise InputError(
            f"{word} is a saved scan, which holds no model; edgescope report {word} reports it"
        )
    return es.train.RunFolder(path)


def refuse_own_results(path: Path, command: str) -> None:
    """Refuse to run code that a folder names, and say what to type.

    Raises:
        InputError: if the folder holds results of a model of your own.
    """
    record = es.train.ModelRecord.read(path)
    if record is not None:
        raise InputError(
            f"{path} holds results of your own {visible(record.kind)}, whose code is run only if "
            f"you name it; type: {record.words.command(command, path)}"
        )


def tell_next(run: "es.train.RunFolder | es.train.ModelRun", *commands: str) -> None:
    """Print how further commands are called on a model of your own, which is named anew."""
    if isinstance(run, es.train.ModelRun):
        hint("\n".join(["further:", *(f"  {run.command(command)}" for command in commands)]))


@contextlib.contextmanager
def told_weights() -> "Iterator[None]":
    """Print which tensors differ, where weights do not fit a model."""
    try:
        yield
    except es.models.UnfitWeightsError as error:
        show(error.table, "weights", err=True)
        raise


def _tell(loaded: "es.models.LoadedWeights", path: str) -> None:
    how = [f"{plural(loaded.tensors, 'tensor')} from {path}"]
    how += [f"without the prefix {loaded.prefix}"] if loaded.prefix else []
    how += [f"with the prefix {loaded.added}"] if loaded.added else []
    if loaded.outside:
        first = ", ".join(loaded.outside[:3])
        how.append(f"{plural(len(loaded.outside), 'other tensor')} left out ({first})")
    note(f"weights: {', '.join(how)}")


def _values(assignments: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in assigned(assignments, "--arg").items():
        read = yaml_in(value, f"--arg {name}", "correct the value")
        if isinstance(read, str) and _POWER.fullmatch(read):  # which YAML takes for a text
            read = float(read)
        plain = read is None or isinstance(read, bool | int | float | str | list | dict)
        values[name] = read if plain else value
    return values


def _is_module(word: str) -> bool:
    return is_object_name(f"{word}:name") and "." in word

"""`edgescope init`: an example of a file that names a model of your own."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing, writable_folder


def command(
    file: Annotated[Path, typer.Argument(help="File to write; an existing one is kept.")] = Path(
        "model.py"
    ),
) -> None:
    """Write a commented example: a model of your own and its data.

    It runs as it is: edgescope scan model.py:build
    """
    if file.suffix != ".py" or file.exists():
        what = "exists already" if file.exists() else "is no Python file"
        raise InputError(f"{file} {what}; choose another name, such as my_model.py")
    text = files("edgescope.cli").joinpath("example_model.txt").read_text(encoding="utf-8")
    writable_folder(file.parent)
    with replacing(file) as temporary:
        temporary.write_text(text.replace("FILE:", f"{file}:"), encoding="utf-8")
    typer.echo(f"wrote {file}\nnext: edgescope scan {file}:build")

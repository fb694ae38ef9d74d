"""What the folder of a model of one's own says of it: words to read, which nothing runs."""

import json
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from edgescope.lib.errors import InputError
from edgescope.lib.files import replacing, writable_folder
from edgescope.lib.input_files import json_of, reading, whole
from edgescope.lib.typed_fields import record, sealed, unsealed
from edgescope.lib.visible_text import visible

FILE = "model.json"
"""The file in the folder of a run that says which model its results are of."""

_FORMAT = 1


@dataclass(frozen=True)
class ModelWords:
    """What names a model of one's own, as it is typed.

    Attributes:
        model: name of the model, or of a function or class that makes it.
        loader: name of the loader or of what makes it; empty if the function above makes both.
        checkpoint: path of its weights; empty if it is made with them.
        arguments: what the function above is called with.

    Example:
        >>> import edgescope as es
        >>> words = es.train.ModelWords("net.py:build", arguments={"width": 8})
        >>> words.command("scan", "run")
        'edgescope scan net.py:build --arg width=8 --run run'
    """

    model: str
    loader: str = ""
    checkpoint: str = ""
    arguments: dict[str, Any] = field(default_factory=dict)

    def command(self, command: str, folder: str | Path) -> str:
        """Return the command line that runs a command on the model, with results in a folder."""
        words = ["edgescope", command, self.model]
        words += ["--loader", self.loader] if self.loader else []
        words += ["--checkpoint", self.checkpoint] if self.checkpoint else []
        for name, value in self.arguments.items():
            told = value if isinstance(value, str) else json.dumps(value)
            words += ["--arg", f"{name}={told}"]
        return visible(shlex.join([*words, "--run", str(folder)]))


@dataclass(frozen=True)
class ModelRecord:
    """What ``model.json`` in the folder of a run holds.

    Attributes:
        words: what names the model.
        kind: name of its class.
        weights: fingerprint of its class and weights.
        graphs: fingerprint of the graphs, where they are known.

    Example:
        >>> import edgescope as es
        >>> es.train.ModelRecord(es.train.ModelWords("net.py:build"), "Net", "0a1b").kind
        'Net'
    """

    words: ModelWords
    kind: str
    weights: str
    graphs: str = ""

    @classmethod
    def read(cls, folder: str | Path) -> Self | None:
        """Return what a folder says; None if it is not of a model of one's own.

        Raises:
            InputError: if the file is damaged.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            return None
        with reading(f"{path}", "delete the folder, and scan again"):
            held, _ = unsealed(json_of(whole(path, "what a run says of its model")), _FORMAT, ())
            words = record(ModelWords, held.pop("words"))
            return record(cls, {**held, "words": words})

    def write(self, folder: Path) -> None:
        """Write it into a folder, which is made if needed.

        Raises:
            InputError: if it cannot be written.
        """
        with replacing(writable_folder(folder) / FILE) as temporary:
            text = json.dumps(sealed(asdict(self), _FORMAT), indent=1)
            temporary.write_text(text, encoding="utf-8")

    def check(self, other: "ModelRecord", folder: Path) -> None:
        """Refuse another model, or another loader, than the folder holds results of.

        Raises:
            InputError: saying what differs.
        """
        for what, one, now in (
            ("class", self.kind, other.kind),
            ("weights", self.weights[:12], other.weights[:12]),
            ("loader", self.words.loader, other.words.loader),
            ("data", self.graphs[:12], other.graphs[:12]),
        ):
            if one != now:
                told = f"its {what} is {one or 'none'}, now {now or 'none'}"
                raise InputError(
                    f"{folder} holds results of another model or other data ({told}); choose "
                    "another folder with --run, or delete this one to start again"
                )

"""Write docs/walks.md: which files a batch, a scan, a model and a table pass through, in order.

Every call between two files of edgescope is seen while a small example runs. A climb is a call
from a file into one that stands on a higher floor of the house.
"""

import sys
import tempfile
import threading
import tomllib
import warnings
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch

import edgescope as es
import edgescope.diagnosis  # whose classes would else be made on a walk
from edgescope.lib.errors import EdgescopeWarning

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "edgescope"
PAGE = ROOT / "docs" / "walks.md"


def floors() -> dict[str, int]:
    """Return the floor of every room, from the contract that `make check` holds."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    rows = next(c["layers"] for c in contracts["contracts"] if c["type"] == "layers")
    found = {
        room.strip(): floor
        for floor, row in enumerate(reversed(rows), 1)
        for room in row.split("|")
    }
    return {**found, "": len(rows) + 1}


class Walk:
    """The files that a call enters, in order, and its climbs."""

    def __init__(self) -> None:
        self.files: dict[str, None] = {}
        self.climbs: dict[tuple[str, str], str] = {}
        self._floor = floors()

    def of(self, run: Callable[[], Any]) -> "Walk":
        """Run something, and look."""
        threading.setprofile(self._see)
        sys.setprofile(self._see)
        try:
            run()
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
        return self

    def floor(self, file: str) -> int:
        """Return the floor that a file stands on."""
        return self._floor[file.rpartition("/")[0].partition("/")[0]]

    def _see(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or frame.f_code.co_name == "<module>":
            return
        here = _file(frame)
        if here is None:
            return
        self.files.setdefault(here)
        before = frame.f_back
        while before is not None and _file(before) is None:
            before = before.f_back
        there = before and _file(before)
        if there and self.floor(here) > self.floor(there):
            self.climbs.setdefault((there, here), frame.f_code.co_name)

    def page(self, title: str) -> str:
        """Return the walk as Markdown."""
        rooms = dict.fromkeys(file.rpartition("/")[0] or "." for file in self.files)
        named = ", ".join(f"`{room}`" for room in rooms)
        lines = [f"## {title}", "", f"{len(self.files)} files in {len(rooms)} folders: {named}."]
        lines += ["", "Files in the order in which they are first entered:", ""]
        lines += [
            f"{n}. `{file}` (floor {self.floor(file)})" for n, file in enumerate(self.files, 1)
        ]
        lines += ["", f"Climbs ({len(self.climbs)}):", ""]
        lines += [f"- `{a}` calls `{name}` in `{b}`" for (a, b), name in self.climbs.items()]
        return "\n".join(lines if self.climbs else lines[:-1]) + "\n"


def _file(frame: FrameType) -> str | None:
    path = frame.f_code.co_filename
    return path[len(str(SOURCE)) + 1 :] if path.startswith(str(SOURCE) + "/") else None


HEAD = """# Walks

<!-- written by docs/make_walks.py from calls that it saw; edit that, or the code -->

Which files the data pass on their way, seen while a small example runs on one core. A file counts
from its first call on. A *climb* is a call from a file into one on a higher floor: something that
was handed in, such as a hook or a function that calls the model.
"""


def main() -> None:
    """Walk, and write the page."""
    molecules = es.data.load("solubility", progress=False).test[:12]
    loader = es.data.loader(molecules, batch_size=6)
    torch.manual_seed(0)
    model = es.models.GraphTransformer(
        num_atom_types=len(molecules.vocabulary),
        num_bond_types=len(molecules.edge_type_names),
        hidden_dim=8,
        num_heads=2,
        num_layers=2,
    ).eval()
    untrained = es.Untrained(members=2, seed=0)
    rule = es.Criterion("ratio 10", ratio=10)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The example is not trained, which is not what it is about.
        warnings.simplefilter("ignore", EdgescopeWarning)
        scan = es.scan(model, loader, baseline=untrained, criterion=rule, progress=False)
        table = Path(folder) / "table.csv"
        table.write_text("".join(["smiles,y\n", *(f"{'C' * n}O,{n % 7}\n" for n in range(1, 41))]))
        recipe = es.train.recipe("demo")
        pages = [
            Walk()
            .of(lambda: es.scan(model, loader, progress=False))
            .page("A batch through `es.scan`"),
            Walk()
            .of(lambda: scan.report(Path(folder) / "report.html"))
            .page("A scan through `report`"),
            Walk()
            .of(lambda: es.diagnose(model, loader, progress=False))
            .page("A model through `es.diagnose`"),
            Walk()
            .of(lambda: es.ablate(model, loader, where=scan, value="zero", progress=False))
            .page("A model through `es.ablate`"),
            Walk()
            .of(
                lambda: es.train.fit(
                    recipe,
                    es.data.load(table, target_columns=["y"], progress=False),
                    Path(folder) / "run",
                    epochs=1,
                    progress=False,
                )
            )
            .page("A table through `es.train.fit`"),
        ]
    PAGE.write_text("\n".join([HEAD, *pages]))


if __name__ == "__main__":
    main()

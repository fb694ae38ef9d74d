"""Molecules that were read before, kept on disk so that they need not be read again.

A file is named by a digest of everything that its content depends on, so that a stale one is never
read; it holds tensors and JSON only (safetensors), so that reading one runs no code.
"""

import hashlib
import json
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import polars as pl
import torch
from torch import Tensor

from edgescope.data.chemistry.atoms_and_bonds import FEATURISER_VERSION
from edgescope.data.chemistry.molecule_dataset import (
    LOST_LABELS,
    REJECTED_SCHEMA,
    AtomVocabulary,
    MoleculeDataset,
)
from edgescope.data.molecule_tables.molecule_table import TableSource
from edgescope.data.molecule_tables.table_molecules import ParsedTable, Reading, parse
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.input_files import DAMAGED
from edgescope.lib.optional import require
from edgescope.lib.tensors import read_tensors, write_tensors

LAYOUT = 2
"""Raised when a change makes older files unreadable, which are then written anew."""

# Numbers within one molecule and atom types are small: the file needs a quarter of the memory.
_NARROW = {"x": torch.int32, "edge_index": torch.int32, "edge_attr": torch.uint8}
_TEXTS: dict[str, Callable[[Any], object]] = {
    "smiles": list,
    "vocabulary": AtomVocabulary,
    **dict.fromkeys(("edge_type_names", "target_names", "target_units", "notes"), tuple),
    "name": str,
    **dict.fromkeys(("node_columns", "edge_columns", "identifiers"), dict),
    "rejected": partial(pl.DataFrame, schema=REJECTED_SCHEMA, orient="row"),
    "lost_labels": partial(pl.DataFrame, schema=LOST_LABELS, orient="row"),
    "first_row": int,
}
_TENSORS = ("node_ptr", "edge_ptr", "x", "edge_index", "edge_attr", "y", "row")


def cache_folder() -> Path:
    """Give ``$EDGESCOPE_CACHE`` or, where it is not set, the user's cache folder."""
    if named := os.environ.get("EDGESCOPE_CACHE"):
        return Path(named)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "edgescope"


def cache_key(fingerprint: str, reading: Reading) -> str:
    """Digest what the molecules of a table depend on: its content, the options, the versions."""
    rdkit = require("rdkit", "chem").__version__
    text = json.dumps([fingerprint, reading, FEATURISER_VERSION, LAYOUT, rdkit])
    return hashlib.sha256(text.encode()).hexdigest()


def read_molecules(
    table: TableSource,
    reading: Reading,
    cache: str | Path | Literal[False] | None,
    *,
    progress: bool,
) -> ParsedTable:
    """Read the molecules of a table, or take them from the cache.

    Args:
        table: the table.
        reading: how SMILES become graphs.
        cache: as for :func:`edgescope.data.load`.
        progress: whether to show a bar.
    """

    def build() -> ParsedTable:
        return parse(table.read(), table.name, reading, progress=progress)

    if cache is False:
        return build()
    folder = cache_folder() if cache is None else Path(cache)
    return remembered(folder, cache_key(table.fingerprint, reading), build)


def remembered(folder: Path, key: str, build: Callable[[], ParsedTable]) -> ParsedTable:
    """Read the molecules from the cache, or build them and store them.

    Args:
        folder: where the files lie; made if needed.
        key: digest of what the molecules depend on.
        build: reads the table.

    Warns:
        EdgescopeWarning: if the file in the cache is damaged (it is then written anew), or if the
            folder cannot be written to (the molecules are then read again the next time).
    """
    path = folder / f"molecules-{key[:32]}.safetensors"
    if path.is_file():
        try:
            return _read(path)
        except DAMAGED as error:
            warnings.warn(
                f"the cached molecules in {path} are damaged ({error}); reading them anew",
                EdgescopeWarning,
                stacklevel=2,
            )
    parsed = build()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(path, parsed)
    except (OSError, InputError) as error:
        warnings.warn(
            f"cannot keep the molecules in {folder} ({error}), so they are read again the next "
            "time; set EDGESCOPE_CACHE to a folder that can be written to",
            EdgescopeWarning,
            stacklevel=2,
        )
    return parsed


def _write(path: Path, parsed: ParsedTable) -> None:
    molecules = parsed.molecules
    text = {name: getattr(molecules, name) for name in _TEXTS}
    text |= {name: text[name].rows() for name in ("rejected", "lost_labels")}
    tensors: dict[str, Tensor] = {name: getattr(molecules, name) for name in _TENSORS}
    tensors = {name: tensor.to(_NARROW.get(name, tensor.dtype)) for name, tensor in tensors.items()}
    tensors["part"] = parsed.part
    # As a tensor, because the header of a safetensors file is limited in size.
    tensors["text"] = torch.frombuffer(bytearray(json.dumps(text).encode()), dtype=torch.uint8)
    write_tensors(path, tensors, {})


def _read(path: Path) -> ParsedTable:
    tensors, _, checked = read_tensors(path)
    if not checked:
        raise ValueError("it has no checksum")
    text = json.loads(tensors.pop("text").numpy().tobytes())
    part = tensors.pop("part")
    for name in _NARROW:
        tensors[name] = tensors[name].long()
    fields: dict[str, Any] = {**tensors}
    fields |= {name: of(text[name]) for name, of in _TEXTS.items()}
    return ParsedTable(MoleculeDataset(**fields), part)

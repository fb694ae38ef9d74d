"""What is asked of the loader of a published data set."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from edgescope.data.molecule_tables.molecule_table import TableSource
from edgescope.data.molecule_tables.table_molecules import ParsedTable
from edgescope.lib.errors import InputError


class Request(NamedTuple):
    """What is asked of the loader of a published data set.

    Attributes:
        root: folder of the data set's files, if one was given.
        read: reads the molecules of a table, with the features that were asked for.
        seed: start of random splits.
        split: which of the data set's splits; None for a data set with one.
        progress: whether to show a bar.
        truth_rule: how the truth of atoms becomes one of bonds, where there is any.
    """

    root: Path | None
    read: Callable[[TableSource], ParsedTable]
    seed: int
    split: str | int | None
    progress: bool
    truth_rule: Literal["both", "either"] = "both"

    def folder(self, name: str, what: str, files: Sequence[str], below: str | None = None) -> Path:
        """Find the data set's files: in ``root``, or in a folder in it.

        Args:
            name: of the data set.
            what: what root should be, as messages say it.
            files: those that must be there.
            below: folder in ``root`` where the files may lie as well; by default called as the
                data set.

        Raises:
            InputError: if there is no ``root``, or a file is missing.
        """
        if self.root is None:
            raise InputError(f"{name} needs root, {what}; received none")
        inner = self.root / (below or name)
        folder = inner if inner.is_dir() else self.root
        missing = [file for file in files if not (folder / file).is_file()]
        if missing:
            expected = " and ".join([", ".join(files[:-1]), files[-1]] if files[1:] else files)
            raise InputError(
                f"expected {expected} of {name} in {folder}, found no "
                f"{' and no '.join(missing)}; check root"
            )
        return folder

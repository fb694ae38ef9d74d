"""The base of results that are stored as tables, beside what was done to get them."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import polars as pl

from edgescope.lib.input_files import table_of
from edgescope.lib.manifest import Kind, Stored, stored, storing
from edgescope.lib.typed_fields import record


class TableFile(NamedTuple):
    """How a table is stored."""

    name: str
    """Of its Parquet file, without the ending."""
    schema: Mapping[str, Any]
    """Types of its columns."""
    counted_as: str
    """What the manifest calls the number of its rows."""


class StoredTables(ABC):
    """A result of tables, with an ``info`` of plain values that says what was done.

    Attributes:
        info: a dataclass of the type ``info_type``.
    """

    info: Any
    kind: ClassVar[Kind]
    """What the folder is called, and its JSON file."""
    info_type: ClassVar[type]
    files: ClassVar[tuple[TableFile, ...]]
    """The tables in the order in which the result is made of them; the first has a row at least."""

    @abstractmethod
    def conclusion(self) -> str:
        """Say in a sentence what was found."""

    @abstractmethod
    def stored_tables(self) -> tuple[pl.DataFrame, ...]:
        """Return the tables in the order of ``files``."""

    @classmethod
    def made_of(cls, info: Any, tables: tuple[pl.DataFrame, ...]) -> Self:  # noqa: ANN401  (of info_type)
        """Return the result that has an info and these tables."""
        return cls(info, *tables)  # type: ignore[call-arg]  # what subclasses are made of

    def save(self, folder: str | Path) -> Path:
        """Write a JSON file and the tables as Parquet; an earlier result is replaced.

        Raises:
            InputError: if the folder cannot be written, or holds something else.
        """
        folder, tables = Path(folder), self.stored_tables()
        plain = {"format": self.kind.format, **asdict(self.info), "conclusion": self.conclusion()}
        other = f"no {self.kind.what.partition(' ')[2]}"
        with storing(folder, self.kind, self._counts(tables), other) as new:
            for file, table in zip(self.files, tables, strict=True):
                table.write_parquet(new / f"{file.name}.parquet")
            (new / self.kind.marker).write_text(json.dumps(plain, indent=1), encoding="utf-8")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: if the folder holds no such result, a damaged one, or one of another
                version.
        """
        return stored(Path(folder), cls.kind, cls._read)

    @classmethod
    def _read(cls, files: Stored) -> Self:
        plain = files.json(cls.kind.marker)
        if plain.pop("format") != files.format:
            raise ValueError(f"{cls.kind.marker} is of another format than the folder")
        plain.pop("conclusion")
        tables = tuple(table_of(files.files[f"{f.name}.parquet"], f.schema) for f in cls.files)
        if not tables[0].height:
            raise ValueError(f"{cls.files[0].name}.parquet has no rows")
        files.check(cls._counts(tables))
        return cls.made_of(record(cls.info_type, plain), tables)

    @classmethod
    def _counts(cls, tables: tuple[pl.DataFrame, ...]) -> dict[str, int]:
        return {
            file.counted_as: table.height for file, table in zip(cls.files, tables, strict=True)
        }

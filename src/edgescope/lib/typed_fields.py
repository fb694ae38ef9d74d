"""Plain values of a file as what they are of: types checked, and with a digest."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from edgescope.lib.errors import shortened

Record = TypeVar("Record")

_GLANCE = 40
"""Characters of a wrong value that are shown."""


def record(kind: type[Record], fields: Any) -> Record:  # noqa: ANN401  (whatever the file holds)
    """Build a dataclass or a named tuple of plain values, whose types are checked.

    Lists become tuples where the record has such. Fields that the file lacks keep their defaults.

    Raises:
        TypeError: if a field is unknown, missing, or of another type.
    """
    hints = get_type_hints(kind)
    if not isinstance(fields, dict):
        raise TypeError(f"{shown(fields)} in place of the fields of {kind.__name__}")
    if unknown := fields.keys() - hints.keys():
        raise TypeError(f"unknown field {min(map(str, unknown))!r} of {kind.__name__}")
    return kind(**{n: fitting(v, hints[n], f"{kind.__name__}.{n}") for n, v in fields.items()})


def fields_of(of: Any) -> tuple[Field[Any], ...]:  # noqa: ANN401  (any object or class)
    """Return the fields that a dataclass is made with; none of anything else."""
    return tuple(field for field in fields(of) if field.init) if is_dataclass(of) else ()


def fitting(value: Any, hint: Any, name: str) -> Any:  # noqa: ANN401  (any plain value)
    """Return a plain value as what a type hint says.

    Raises:
        TypeError: if it is something else; ``name`` says of what it is the value.
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        fits = [option for option in inner if _fits(value, option, name)]
        if fits:
            return fitting(value, fits[0], name)
    elif origin is tuple and isinstance(value, list | tuple):
        kinds = [inner[0]] * len(value) if inner[1:] == (...,) else inner
        if len(kinds) == len(value):
            return tuple(fitting(v, k, name) for v, k in zip(value, kinds, strict=True))
    elif origin in (dict, Mapping) and isinstance(value, dict):
        key, below = inner
        return {fitting(k, key, name): fitting(v, below, name) for k, v in value.items()}
    elif origin in (list, Sequence) and isinstance(value, list):
        return [fitting(each, inner[0], name) for each in value]
    elif _is(value, hint, origin, inner):
        return value
    raise TypeError(f"{name} is {shown(value)}, expected {getattr(hint, '__name__', hint)}")


def _fits(value: object, hint: object, name: str) -> bool:
    try:
        fitting(value, hint, name)
    except TypeError:
        return False
    return True


def _is(value: object, hint: Any, origin: object, inner: tuple[object, ...]) -> bool:  # noqa: ANN401
    """Return whether a value that holds no others is of a type; True is no number."""
    if origin is Literal:
        return value in inner
    if hint in (bool, int):
        return type(value) is hint
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return hint is Any or (isinstance(hint, type) and isinstance(value, hint))


def shown(value: object) -> str:
    """Return a value if it is short and plain, else what it is."""
    text = repr(value) if isinstance(value, str | int | float | NoneType) else type(value).__name__
    return shortened(text, _GLANCE)


def sealed(fields: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return the fields of a file with the number of its format and a digest of everything."""
    plain = {"format": number, **fields}
    return {**plain, "checksum": digest_of(plain)}


def unsealed(
    fields: Any,  # noqa: ANN401  (whatever the file holds)
    number: int,
    earlier: Sequence[int | None] = (None,),
) -> tuple[dict[str, Any], bool]:
    """Return the fields that :func:`sealed` was given, and whether they were checked.

    Those of earlier versions cannot be: they have neither a digest nor the number of this format.
    One changed bit makes no such file of a newer one, as it changes but one of the two.

    Args:
        fields: what the file holds.
        number: of the format of this version.
        earlier: numbers of formats without a digest; None for files without a number.

    Raises:
        ValueError: if they are not what was written.
    """
    if not isinstance(fields, dict):
        raise ValueError(f"it holds {shown(fields)}")  # noqa: TRY004  (of a file)
    plain = dict(fields)
    checksum, found = plain.pop("checksum", None), plain.get("format")
    checked = checksum is not None or found not in earlier
    if checked and found != number:
        raise ValueError(f"format {shown(found)}, this version reads {number}")
    if checked and checksum != digest_of(plain):
        raise ValueError("its checksum is wrong: it was changed after it was written")
    plain.pop("format", None)
    return plain, checked


def digest_of(plain: Any) -> str:  # noqa: ANN401  (any plain value)
    """Return a digest of plain values, however they are laid out in a file."""
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return a digest of the content of a file, whatever it is called and where it lies.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

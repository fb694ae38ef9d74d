"""The configuration of a training run as a file: readable, and with checksums of what it holds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from warnings import warn

import yaml

from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.files import replacing
from edgescope.lib.input_files import reading
from edgescope.lib.typed_fields import digest_of, fitting
from edgescope.lib.yaml_files import yaml_in, yaml_of

UNCHECKED = "{} is of an earlier version, which has no checksum and cannot be checked for damage"
"""Said of a file without a digest."""

_HEADER = """\
# A training run of edgescope. What was trained on what; `edgescope train` with the same recipe,
# data and output folder goes on where an interrupted run has stopped.
"""

_KEYS = {
    "recipe": dict[str, Any],
    "data": dict[str, Any] | None,
    "splits": dict[str, Any],
    "vocabulary": list[str],
    "edge_types": list[str],
    "targets": list[str],
}
"""What every configuration holds."""

_SUMS = ("checksum", "data_checksum")


def read_config(file: Path) -> dict[str, Any]:
    """Read the ``config.yaml`` of a run, without its checksums.

    Raises:
        InputError: if it is none, lacks something, or was changed after it was written.
    """
    what = "the config.yaml of a training run"
    config = yaml_of(file, what, "restore it")
    missing = [key for key in _KEYS if not isinstance(config, dict) or key not in config]
    if missing:
        raise InputError(
            f"{file} lacks {', '.join(missing)}, expected {what}; check the path of the run folder"
        )
    found = _checked(file, config)
    with reading(f"{file}", "restore it"):
        for key, kind in _KEYS.items():
            fitting(found[key], kind, key)
    return found


def write_config(file: Path, config: Mapping[str, Any]) -> None:
    """Write the ``config.yaml`` of a run, with checksums.

    Raises:
        InputError: if it holds what YAML cannot.
    """
    text = _yaml(config)
    # Of what the text holds when it is read again, as YAML knows no tuples.
    text += _yaml(_sums(yaml_in(text, f"{file.parent}", "give other values")))
    with replacing(file) as temporary:
        temporary.write_text(_HEADER + text, encoding="utf-8")


def _checked(file: Path, config: dict[str, Any]) -> dict[str, Any]:
    """Return what a run was made of, without the checksums.

    Raises:
        InputError: if it was changed after it was written, other than where the data lie.
    """
    plain = dict(config)
    sums = {name: plain.pop(name, None) for name in _SUMS}
    if not any(sums.values()):
        warn(UNCHECKED.format(file), EdgescopeWarning, stacklevel=4)
        return plain
    with reading(f"{file}", "restore it, or train again in another folder"):
        known = _sums(plain)
        if sums["checksum"] != known["checksum"]:
            raise ValueError("its checksum is wrong: it was changed after it was written")
    if sums["data_checksum"] != known["data_checksum"]:
        warn(
            f"the data of {file} were changed by hand since the run started; if they only moved, "
            "give their new folder with --root or root=",
            EdgescopeWarning,
            stacklevel=4,
        )
    return plain


def _sums(config: Mapping[str, Any]) -> dict[str, str]:
    """Return digests of a configuration: of its data, which people move, and of all else."""
    rest = {name: value for name, value in config.items() if name != "data"}
    return dict(zip(_SUMS, (digest_of(rest), digest_of(config.get("data"))), strict=True))


def _yaml(config: Mapping[str, Any]) -> str:
    text: str = yaml.dump(dict(config), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return text


class _Dumper(yaml.SafeDumper):
    """Plain YAML with lists on one line."""


_Dumper.add_representer(
    list,
    lambda dumper, items: dumper.represent_sequence(
        "tag:yaml.org,2002:seq", items, flow_style=True
    ),
)

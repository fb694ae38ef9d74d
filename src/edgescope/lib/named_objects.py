"""Objects that the user names: ``package.module:name``, or ``path/to/file.py:name``.

Their code is run, so a name is only ever taken from the user's own words, never from a file.
"""

import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from inspect import isroutine, signature
from pathlib import Path
from types import ModuleType
from typing import Any

from edgescope.lib.errors import InputError, did_you_mean

FORM = "package.module:name or path/to/file.py:name"
"""What a name looks like."""

_NAME = re.compile(r"(?P<module>.+):(?P<name>[^\W\d]\w*(\.[^\W\d]\w*)*)")
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")

_GUARD = '; what a script does, such as training, belongs below if __name__ == "__main__":'

_MISSING = "{} imports {}, which is not installed; install it in this environment"

_FILES: dict[Path, ModuleType] = {}
"""Modules of files by their path: two objects of one file share it."""


def is_object_name(word: str) -> bool:
    """Say whether a word has the form of a name of an object.

    Example:
        >>> [is_object_name(word) for word in ("run", "model.py:build", "my.models:Net", "C:/run")]
        [False, True, True, False]
    """
    found = _NAME.fullmatch(word)
    module = found["module"] if found else ""
    return module.endswith(".py") or _MODULE.fullmatch(module) is not None


def named_object(word: str) -> Any:  # noqa: ANN401  (whatever the user names)
    """Import what a word names.

    Modules are found as Python finds them, in the working folder first; of a file, beside it.

    Raises:
        InputError: if the word has another form, there is no such module or name, or the module
            raises when it is imported.

    Example:
        >>> named_object("math:sqrt")(9.0)
        3.0
    """
    found = _NAME.fullmatch(word)
    if found is None or not is_object_name(word):
        raise InputError(f"received {word!r}, expected {FORM}")
    module = _module(found["module"], word)
    thing: Any = module
    for part in found["name"].split("."):
        if not hasattr(thing, part):
            known = [name for name in vars(thing) if not name.startswith("_")]
            raise InputError(
                f"{found['module']} has no {part!r}; "
                f"{did_you_mean(part, known, 'check the name behind the colon')}"
            )
        thing = getattr(thing, part)
    return thing


def made(thing: Any, word: str, arguments: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
    """Return what a named function or class makes; something else as it is.

    Args:
        thing: what was named.
        word: its name.
        arguments: what it is called with.

    Raises:
        InputError: if it takes other arguments, or raises.
    """
    given = dict(arguments or {})
    if not (isroutine(thing) or isinstance(thing, type)):
        if given:
            raise InputError(
                f"received --arg {next(iter(given))} for {word}, which is no function or class; "
                "leave it out"
            )
        return thing
    try:
        signature(thing).bind(**given)
    except TypeError as error:
        raise InputError(
            f"{word} cannot be called so: {error}; give its arguments as --arg NAME=VALUE"
        ) from error
    return _running(lambda: thing(**given), f"{word} raised")


def _module(name: str, word: str) -> ModuleType:
    if not name.endswith(".py"):
        if not {"", str(Path.cwd())} & set(sys.path):
            sys.path.insert(0, str(Path.cwd()))
        try:
            _running(lambda: importlib.import_module(name), f"importing {name} raised", _GUARD)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):
                raise InputError(_MISSING.format(name, error.name)) from error
            raise InputError(
                f"there is no module {name} for {word}, in {Path.cwd()} or installed; name a file "
                "as path/to/file.py:name"
            ) from error
        return sys.modules[name]
    path = Path(name).resolve()
    if not path.is_file():
        raise InputError(f"expected a Python file at {name}, found nothing there; check the path")
    if path not in _FILES:
        _FILES[path] = _imported(path)
    return _FILES[path]


def _imported(path: Path) -> ModuleType:
    """Import a file under its own name, if that is free, with its folder to import from."""
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = path.stem if path.stem not in sys.modules else f"edgescope_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    load = spec.loader.exec_module
    try:
        _running(lambda: load(module), f"importing {path.name} raised", _GUARD)
    except BaseException as error:
        sys.modules.pop(name, None)
        if isinstance(error, ModuleNotFoundError):
            raise InputError(_MISSING.format(path.name, error.name)) from error
        raise
    return module


def _running(call: Callable[[], Any], what: str, hint: str = "") -> Any:  # noqa: ANN401
    """Run code of the user's; say in one line what it raised, and where.

    Raises:
        InputError: if it raises anything but that a module is missing.
    """
    try:
        return call()
    except (InputError, ModuleNotFoundError):
        raise
    except (Exception, SystemExit) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())
        raise InputError(
            f"{what} {type(error).__name__}: {text} ({Path(last.filename).name}, line "
            f"{last.lineno}){hint}; edgescope --debug shows the whole traceback"
        ) from error

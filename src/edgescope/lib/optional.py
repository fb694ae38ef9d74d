"""Optional dependencies, imported at first use."""

import importlib
import sys
from types import ModuleType

from edgescope.lib.errors import MissingExtraError


def require(module: str, extra: str) -> ModuleType:
    """Import ``module`` or say how to install the extra that brings it.

    Args:
        module: dotted name, such as ``"rdkit.Chem"``.
        extra: name of the extra in ``pyproject.toml``, such as ``"chem"``.

    Raises:
        MissingExtraError: if the package is not installed.
    """
    return needed(module, f"pip install 'edgescope[{extra}]'")


def needed(module: str, install: str) -> ModuleType:
    """Import ``module`` or say by which command it is installed; for packages that no extra brings.

    Args:
        module: dotted name, such as ``"mlflow"``.
        install: the command that installs its package.

    Raises:
        MissingExtraError: if the package is not installed.
    """
    known = sys.modules.get(module)
    if known is not None:  # asked for each time, as per atom of a molecule
        return known
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A package that is there but broken inside must show its own error.
        if (error.name or "").partition(".")[0] != package:
            raise
        raise MissingExtraError(
            f"{package} is not installed and is needed here: {install}"
        ) from error

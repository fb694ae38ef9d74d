"""Versions of what decides the result of a training."""

import platform
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("torch", "torch_geometric", "lightning", "numpy", "polars", "rdkit")


def versions() -> dict[str, str | int | None]:
    """Return the versions of edgescope, Python and packages; None of one that is not installed.

    ``featuriser`` counts the changes of how molecules become graphs.
    """
    from edgescope import __version__
    from edgescope.data.chemistry.atoms_and_bonds import FEATURISER_VERSION

    return {
        "edgescope": __version__,
        "featuriser": FEATURISER_VERSION,
        "python": platform.python_version(),
        **{package: _installed(package) for package in _PACKAGES},
    }


@lru_cache
def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None

"""Versions of what decides the result of a training."""

from edgescope.lib import version

_PACKAGES = ("torch", "torch_geometric", "lightning", "numpy", "polars", "rdkit")


def versions() -> dict[str, str | int | None]:
    """Return the versions of edgescope, Python and packages; None of one that is not installed.

    ``featuriser`` counts the changes of how molecules become graphs.
    """
    from edgescope.data.chemistry.atoms_and_bonds import FEATURISER_VERSION

    found = version.versions(_PACKAGES)
    return {
        "edgescope": found["edgescope"],
        "featuriser": FEATURISER_VERSION,
        "python": found["python"],
        **{package: found.get(package) for package in _PACKAGES},
    }

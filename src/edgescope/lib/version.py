"""The versions of edgescope and of what its results depend on, and the machine they come from."""

import platform
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__version__ = "0.1.0"
"""Version of the package.

Example:
    >>> import edgescope as es
    >>> es.__version__.count(".")
    2
"""


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of edgescope, Python and packages, as far as these are installed.

    Example:
        >>> sorted(versions(["torch", "no_such_package"]))
        ['edgescope', 'python', 'torch']
    """
    found = {"edgescope": __version__, "python": platform.python_version()}
    for package in packages:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def hardware() -> str:
    """Return the name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []  # another system
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

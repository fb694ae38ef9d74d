"""Studies: a grid of models, data sets, states and seeds, run cell by cell, and its results."""

from edgescope._optional import require

for _package in ("pydantic", "yaml", "filelock"):
    require(_package, "train")

from edgescope.study.cells import Cell, plan  # noqa: E402
from edgescope.study.reading import read, study_names  # noqa: E402
from edgescope.study.results import Study, load  # noqa: E402
from edgescope.study.run import run  # noqa: E402
from edgescope.study.spec import StudySpec  # noqa: E402

__all__ = ["Cell", "Study", "StudySpec", "load", "plan", "read", "run", "study_names"]

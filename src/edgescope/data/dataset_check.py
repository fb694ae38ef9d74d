"""Whether what was passed is a data set of edgescope."""

from edgescope.data.graphs import GraphDataset
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import is_splits, said


def check_dataset(dataset: object, name: str = "dataset") -> GraphDataset:
    """Return what was passed as a data set, refusing anything else.

    Raises:
        InputError: saying what was passed, and what to pass.
    """
    if isinstance(dataset, GraphDataset):
        return dataset
    own = getattr(dataset, "dataset", None)
    if isinstance(own, GraphDataset):
        remedy = f"pass its data set, loader.dataset ({own.name})"
    elif is_splits(dataset):
        remedy = "pass one of its parts, such as splits.test"
    else:
        remedy = "es.data.load and es.data.planted make one"
    raise InputError(
        f"received {said(dataset)} as {name}, expected a data set of edgescope, which knows all "
        f"its graphs; {remedy}"
    )

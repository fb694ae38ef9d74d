"""When massive activations appeared in training."""

import polars as pl

from edgescope.scanning.monitoring.training_record import TrainingRecord
from edgescope.study.measures.measured_cell import MeasuredCell
from edgescope.study.measures.score_sites import score_sites


def emergence(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return the step at which the largest ratio of every score site rose, with its interval.

    Null where it did not rise, or a drift has no step; no table if the training was not watched.
    """
    if of.run is None or not of.run.monitor.is_file():
        return {}
    record = TrainingRecord.load(of.run.monitor).emergence()
    risen = {row["site"]: row for row in record.filter(shape="rise").iter_rows(named=True)}
    rows = [
        {"site": site, "layer": layer}
        | {name: risen[site][name] if site in risen else None for name in ("step", "low", "high")}
        for site, layer in score_sites(of.scan).items()
        if site in record["site"]
    ]
    numbers = dict.fromkeys(("layer", "step", "low", "high"), pl.Int64)
    return {"emergence": pl.DataFrame(rows, {"site": pl.String, **numbers})}

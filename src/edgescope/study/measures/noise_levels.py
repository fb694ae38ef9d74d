"""How well a model does with noise on its embeddings, at random and found by gradient ascent."""

import polars as pl

from edgescope.data.batch_loaders import loader
from edgescope.intervene.noise import noise_attack
from edgescope.lib.task_metrics import metric_of_loss
from edgescope.study.measures.edge_crossings import drawn_graphs, graphs_of
from edgescope.study.measures.measured_cell import MeasuredCell

NOISES = (0.1, 0.5)
"""Standard deviations of the noise, in the unit of the embeddings, whose entries begin with 1."""

RESTARTS = 3
STEPS = 5

GRAPHS = 250
"""Graphs that are attacked, the same in all cells of a data set."""

_SCHEMA = {
    "noise": pl.Float64,
    "restart": pl.Int64,
    "kind": pl.String,
    "metric": pl.String,
    "metric_clean": pl.Float64,
    "metric_noisy": pl.Float64,
    "loss_clean": pl.Float64,
    "loss_noisy": pl.Float64,
    "graphs": pl.Int64,
}


def attack(of: MeasuredCell) -> dict[str, pl.DataFrame]:
    """Return metric and loss under noise, a row per size, restart and kind.

    ``kind`` is ``random``, or ``ascent`` for noise of the same size that gradient ascent on the
    loss has made of it; see :func:`edgescope.noise_attack`. The metric is the one that the recipe
    is judged by, of the same graphs with and without noise; null where it is not defined for them.
    """
    dataset = graphs_of(of)
    if dataset is None or bool(dataset.y.isnan().all()):
        return {}
    some = dataset.subset(drawn_graphs(dataset, GRAPHS))
    if bool(some.y.isnan().all()):
        return {}
    loss = of.cell.recipe.loss
    rows = []
    for noise in NOISES:
        found = noise_attack(
            of.model,
            loader(some, batch_size=of.cell.scan.batch_size),
            std=noise,
            loss=loss,
            steps=STEPS,
            restarts=RESTARTS,
            seed=of.cell.seed,
            metric=metric_of_loss(loss).name,
            progress=False,
        )
        rows += [
            {
                "noise": noise,
                "restart": restart,
                "kind": kind,
                "metric": found.metric,
                "metric_clean": found.scores["none"][0],
                "metric_noisy": found.scores[kind][restart],
                "loss_clean": found.losses["none"][0],
                "loss_noisy": found.losses[kind][restart],
                "graphs": len(some),
            }
            for kind in ("random", "ascent")
            for restart in range(RESTARTS)
        ]
    table = pl.DataFrame(rows, schema=_SCHEMA)
    return {"attack": table.with_columns(pl.col(pl.Float64).fill_nan(None))}

"""Do the judges find what is known? Attribution methods on planted graphs, with trained models.

    python benchmarks/attribution.py [--graphs 3000] [--epochs 12] [--seeds 1] [--all]

A small GraphTransformer is trained for each task: on ``marked``, where a number is decided by a few
marked edges alone, and on ``edge_type``, where a label is decided by the type of one edge. The
methods are then judged on the test part. Expected on ``marked``: occlusion and integrated gradients
at an AUROC of at least 0.95, importances at random at 0.50 within 0.02.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

import edgescope as es
from edgescope.attribute import METHODS, Subject, leaderboard

TASKS = {"marked": "demo", "edge_type": "graphtransformer-motif"}
"""What is planted, and the recipe that learns it."""

ENOUGH = 0.95
CHANCE = 0.02


def trainings(task: str, options: argparse.Namespace, folder: Path) -> Subject:
    """Train a model for ``task`` with several seeds and return them with the test part."""
    splits = es.data.planted(task, options.graphs, seed=0, split=(0.6, 0.1, 0.3))
    changes = {"num_layers": 3, "hidden_dim": 32, "num_heads": 4, "learning_rate": 0.003}
    models = []
    for seed in range(options.seeds):
        recipe = es.train.recipe(TASKS[task], seed=seed, max_epochs=options.epochs, **changes)
        run = es.train.fit(recipe, splits, folder / f"{task}{seed}", progress=False)
        models.append(run.model())
    return Subject(splits.test.name, models, splits.test)


def main() -> int:
    """Train, judge and print; return 1 if a method does not find what it should."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--graphs", type=int, default=3000, help="of all parts")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=1, help="trainings per task")
    parser.add_argument("--all", action="store_true", help="also gnnexplainer, which is slow")
    options = parser.parse_args()
    methods = [name for name in METHODS if options.all or name != "gnnexplainer"]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        subjects = [trainings(task, options, Path(folder)) for task in TASKS]
    print(f"trained in {time.perf_counter() - start:.0f} s")
    board = leaderboard(subjects, methods)
    table = board.table()
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=120, fmt_str_lengths=40):
        print(table.select("data", "metric", "score", "graphs_with_truth").unique("data"))
        print(table.select("data", "method", "auroc", "auroc_low", "auroc_high", "plus", "minus"))
    print(board.sentence())
    marked = table.filter(pl.col("data").str.contains("marked"))
    auroc = dict(marked.select("method", "auroc").iter_rows())
    found = min(auroc["occlusion"], auroc["integrated_gradients"])
    good = found >= ENOUGH and abs(auroc["random"] - 0.5) <= CHANCE
    print(
        f"marked edges: occlusion {auroc['occlusion']:.3f}, integrated gradients "
        f"{auroc['integrated_gradients']:.3f} (expected {ENOUGH} or more), random "
        f"{auroc['random']:.3f} (expected 0.50 +- {CHANCE}): {'as expected' if good else 'NOT SO'}"
    )
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())

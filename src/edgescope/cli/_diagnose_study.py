"""`edgescope diagnose --study`: the experiments on why GAT ties nodes with the same neighbours."""

from enum import StrEnum
from typing import TYPE_CHECKING

import typer

import edgescope as es
from edgescope.cli._steps import show

if TYPE_CHECKING:
    from collections.abc import Callable


class Study(StrEnum):
    """Which experiment."""

    a = "a"
    b = "b"
    c = "c"
    d = "d"
    all = "all"


def run_study(which: Study, *, draws: int, starts: int, steps: int, seed: int) -> None:
    """Run one experiment, or all of them, and print their tables.

    Args:
        which: which experiment.
        draws: random layers per setting, of (b) and (d).
        starts: starts of each kind, of (c).
        steps: steps of training, of (c).
        seed: decides all that is random.
    """
    experiments: dict[str, Callable[[], None]] = {
        "a": _tutorial,
        "b": lambda: _ties(draws, seed),
        "c": lambda: _training(starts, steps, seed),
        "d": lambda: _heads(draws, seed),
    }
    chosen = list(experiments) if which is Study.all else [which.value]
    for number, name in enumerate(chosen):
        if number:
            typer.echo()
        experiments[name]()


def _tutorial() -> None:
    typer.echo("(a) the tutorial's four nodes; the third and the fourth have the same neighbours")
    show(es.diagnose.tutorial_example().table())


def _ties(draws: int, seed: int) -> None:
    found = es.diagnose.tie_frequencies(draws, seed=seed)
    typer.echo(
        f"(b) how often {draws:,} random layers give two nodes with the same neighbours the same "
        f"output, seed {seed};\n    explained: share of the ties that the certificate explains, "
        "uniform: by uniform attention;\n    earlier: measured before by other code, for PyG with "
        "sizes that were not recorded"
    )
    show(
        found.table().select(
            "factor",
            "value",
            "layer",
            "tied",
            "tied_low",
            "tied_high",
            "certified",
            "explained",
            "uniform",
            "earlier",
            "earlier_certified",
        )
    )


def _training(starts: int, steps: int, seed: int) -> None:
    found = es.diagnose.escapes(starts, steps, seed=seed)
    typer.echo(
        f"(c) training from up to {starts} starts of each kind, {steps} steps, seed {seed};\n"
        "    start: all logits above zero, all below, of each node on one side but not the same, "
        "or on both;\n    outside: share that tells twins apart at the end; own_gradient: that of "
        "a_t at the start"
    )
    show(
        found.table().select(
            "task",
            "layer",
            "start",
            "starts",
            "outside",
            "escape_step",
            "solved",
            "solved_low",
            "solved_high",
            "loss",
            "loss_min",
            "loss_max",
            "own_gradient",
            "final_gradient",
        )
    )


def _heads(draws: int, seed: int) -> None:
    found = es.diagnose.many_heads(draws=draws, seed=seed)
    typer.echo(
        f"(d) how often all heads of {draws:,} random GAT layers are degenerate, seed {seed};\n"
        "    predicted: one to the power of the number of heads"
    )
    show(
        found.table().select(
            "features",
            "heads",
            "one",
            "predicted",
            "predicted_low",
            "predicted_high",
            "every",
            "every_low",
            "every_high",
            "independent",
        )
    )

"""`edgescope study twins`: the experiments on why GAT ties nodes with the same neighbours."""

from enum import StrEnum
from typing import Annotated, Any
from warnings import warn

import polars as pl
import typer

import edgescope as es
from edgescope.cli._modes import Choice
from edgescope.cli._tables import show
from edgescope.lib.errors import EdgescopeWarning


class Experiment(StrEnum):
    """One experiment on nodes with the same neighbours."""

    a = "a"
    b = "b"
    c = "c"
    d = "d"
    all = "all"


TWINS_CHOICES = (
    Choice(
        {
            "in experiment a": (),
            "in experiment b": ("draws", "seed"),
            "in experiment c": ("starts", "steps", "seed"),
            "in experiment d": ("draws", "seed"),
            "in all experiments": ("draws", "starts", "steps", "seed"),
        },
        lambda given: (
            "in all experiments"
            if given["experiment"] == Experiment.all
            else f"in experiment {Experiment(given['experiment'])}"
        ),
    ),
)
"""What has an effect in which experiment."""


def twins(
    experiment: Annotated[
        Experiment,
        typer.Argument(
            help="a: an example; b: how often random layers do it; c: what training changes; d: "
            "several heads."
        ),
    ] = Experiment.all,
    draws: Annotated[
        int, typer.Option("--draws", min=1, help="For b and d: random layers per setting.")
    ] = 20_000,
    starts: Annotated[
        int, typer.Option("--starts", min=1, help="For c: number of starts of each kind.")
    ] = 40,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="For c: number of training steps.")
    ] = 500,
    seed: Annotated[int, typer.Option("--seed", help="Random seed.")] = 0,
) -> None:
    """Study why GAT gives the same output to nodes with the same neighbours.

    \b
    Examples:
      edgescope study twins
      edgescope study twins b --draws 5000
    """  # noqa: D301  (the backslash is click's mark for lines to leave as they are)
    chosen = "abcd" if experiment is Experiment.all else experiment.value
    for number, name in enumerate(chosen):
        if number:
            typer.echo()
        if name == "a":
            found: Any = es.study.twins.tutorial_example()
        elif name == "b":
            found = es.study.twins.tie_frequencies(draws, seed=seed)
        elif name == "c":
            found = es.study.twins.escapes(starts, steps, seed=seed)
        else:
            found = es.study.twins.many_heads(draws=draws, seed=seed)
        said, columns = _TWINS[name]
        words = said.format(draws=draws, starts=starts, steps=steps, seed=seed)
        typer.echo(f"({name}) {words}")
        show(found.table().select(columns or pl.all()), f"experiment {name}")


_TWINS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a": ("the tutorial's four nodes; the third and the fourth have the same neighbours", ()),
    "b": (
        (
            "how often {draws:,} random layers give two nodes with the same neighbours the same "
            "output, seed {seed};\n    explained: share of the ties that the certificate explains, "
            "uniform: by uniform attention;\n    earlier: measured before with other code, for PyG "
            "with unrecorded sizes"
        ),
        (
            *("factor", "value", "layer", "tied", "tied_low", "tied_high"),
            *("certified", "explained", "uniform", "earlier", "earlier_certified"),
        ),
    ),
    "c": (
        (
            "training from up to {starts} starts of each kind, {steps} steps, seed {seed};\n"
            "    start: all logits above zero, all below, those of each node on one side but not "
            "the same, or on both;\n    outside: share that tells twins apart at the end; "
            "own_gradient: that of a_t at the start"
        ),
        (
            *("task", "layer", "start", "starts", "outside", "escape_step", "solved"),
            *("solved_low", "solved_high", "loss", "loss_min", "loss_max"),
            *("own_gradient", "final_gradient"),
        ),
    ),
    "d": (
        (
            "how often all heads of {draws:,} random GAT layers are degenerate, seed {seed};\n"
            "    predicted: the share of one head to the power of the number of heads"
        ),
        (
            *("features", "heads", "one", "predicted", "predicted_low", "predicted_high"),
            *("every", "every_low", "every_high", "independent"),
        ),
    ),
}
"""What is said above the table of every experiment, and its columns; all where none are named."""


def in_todays_words(words: list[str]) -> list[str]:
    """Return a command line in which ``diagnose --study X`` is ``study twins X``."""
    spelled = [part for word in words for part in _divided(word)]
    if "diagnose" not in words[:2] or "--study" not in spelled[:-1]:
        return words
    warn(
        "`edgescope diagnose --study` is now `edgescope study twins`",
        EdgescopeWarning,
        stacklevel=2,
    )
    spelled.remove("--study")
    command = spelled.index("diagnose")
    return [*spelled[:command], "study", "twins", *spelled[command + 1 :]]


def _divided(word: str) -> list[str]:
    return ["--study", word.removeprefix("--study=")] if word.startswith("--study=") else [word]

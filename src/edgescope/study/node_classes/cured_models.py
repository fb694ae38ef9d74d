"""Do models that diagnosis flags do worse than the same models cured? Trained on real data."""

import warnings
from typing import Any

import polars as pl
from torch import nn

from edgescope.data import loader
from edgescope.diagnosis import diagnose
from edgescope.diagnosis.finding import Finding
from edgescope.diagnosis.remedies import try_remedy
from edgescope.lib.errors import EdgescopeWarning
from edgescope.study.node_classes.class_task import ClassTask
from edgescope.study.node_classes.conv_stack import initial_stack
from edgescope.study.node_classes.early_stop import Learned, learn_classes
from edgescope.study.node_classes.state_tables import state_table

RULES = ("identical-outputs", "static-attention", "uniform-attention")
"""Rules of diagnosis that say that attention cannot tell nodes or neighbours apart."""

REMEDY = "gatv2"
"""What the first two rules have as their remedy, and what the page of the third advises first."""

Tables = dict[str, pl.DataFrame]


def cured_models(task: ClassTask, seed: int, heads: int, max_epochs: int) -> Tables:
    """Train a GAT, diagnose it, and train it again from the same start with the remedy.

    What the remedy does not change starts from the same weights, and both see the same division
    and the same dropout seed. The layers that are changed are those of the findings of
    :data:`RULES`; a model without any is ``"unflagged"``, and not trained again.

    Args:
        task: a division of the data.
        seed: of weights and dropout.
        heads: heads of the GAT, of 8 channels.
        max_epochs: as in :func:`~edgescope.study.node_classes.early_stop.learn_classes`.

    Returns:
        ``cured``: a row per trained model; ``node_findings``: a row per finding of a trained
        model; with eight heads ``node_sites``: its states and logits beside those of its start.
    """
    start = initial_stack("GAT", task.sizes, seed, heads)
    learned = learn_classes(start, task, seed, max_epochs)
    found = _diagnosed(learned.model, task)
    of_rules = [each for each in found if each.rule in RULES]
    variant = "flagged" if of_rules else "unflagged"
    rows, findings = [_row(variant, found, learned)], _findings(variant, found)
    if of_rules:
        changed = learn_classes(_cured(start, of_rules, seed), task, seed, max_epochs)
        after = _diagnosed(changed.model, task)
        rows.append(_row("cured", found, changed) | {"remedy": REMEDY})
        findings += _findings("cured", after)
    known = {
        "data": task.name,
        "seed": seed,
        "split": task.split,
        "heads": heads,
        "guess": task.guess,
    }
    tables = {
        "cured": pl.DataFrame([known | row for row in rows], schema=_CURED),
        "node_findings": pl.DataFrame([known | row for row in findings], schema=_FINDINGS),
    }
    if heads > 1:
        tables["node_sites"] = state_table(start, learned.model, task, seed)
    return tables


def _diagnosed(model: nn.Module, task: ClassTask) -> list[Finding]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)
        batches = loader(task.parts.train, batch_size=max(len(task.parts.train), 1))
        return list(diagnose(model, batches, progress=False))


def _cured(start: nn.Module, found: list[Finding], seed: int) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)  # of what was changed already
        return try_remedy(start, found, remedy=REMEDY, seed=seed)


def _row(variant: str, found: list[Finding], learned: Learned) -> dict[str, Any]:
    return {
        "variant": variant,
        "remedy": None,
        "findings": ", ".join(sorted({each.rule for each in found})),
        "metric": "accuracy",
        "value": learned.test,
        "val": learned.val,
        "epoch": learned.epoch,
        "epochs": learned.epochs,
        "seconds": learned.seconds,
    }


def _findings(variant: str, found: list[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "variant": variant,
            "rule": each.rule,
            "severity": each.severity,
            "layer": each.layer,
            "heads_found": _number_of(each.evidence.get("heads")),
            "pairs": each.evidence.get("pairs") if each.rule == RULES[0] else None,
            "tied": each.evidence.get("tied"),
        }
        for each in found
    ]


def _number_of(heads: object) -> int | None:
    return len(heads) if isinstance(heads, list) else None


_KNOWN = {"data": pl.String, "seed": pl.Int64, "split": pl.Int64, "heads": pl.Int64}
_CURED = _KNOWN | {
    "variant": pl.String,
    "remedy": pl.String,
    "findings": pl.String,
    "metric": pl.String,
    "value": pl.Float64,
    "guess": pl.Float64,
    "val": pl.Float64,
    "epoch": pl.Int64,
    "epochs": pl.Int64,
    "seconds": pl.Float64,
}
_FINDINGS = _KNOWN | {
    "variant": pl.String,
    "rule": pl.String,
    "severity": pl.String,
    "layer": pl.String,
    "heads_found": pl.Int64,
    "pairs": pl.Int64,
    "tied": pl.Int64,
}

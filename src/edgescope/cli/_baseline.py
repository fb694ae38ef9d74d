"""What `edgescope scan` compares with, and by which criterion: from words to objects."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edgescope as es
from edgescope.cli._modes import Choice
from edgescope.cli._tables import note
from edgescope.lib.errors import InputError
from edgescope.lib.typed_fields import fields_of

if TYPE_CHECKING:
    from torch import nn

UNTRAINED = "untrained"
"""The word for an untrained ensemble; a folder of that name is `./untrained`."""


def _criterion_mode(given: Mapping[str, Any]) -> str | None:
    mode = f"with --criterion {given['criterion']}"
    return mode if mode in CRITERION_CHOICE.modes else None


def _rates(rule: "es.Rule") -> tuple[str, ...]:
    """Return which of the options ``--rate`` and ``--fdr`` a rule has."""
    return tuple(field.name for field in fields_of(rule) if field.name in {"rate", "fdr"})


class _ByCriterion(Mapping[str, tuple[str, ...]]):
    """The modes of every preset; they are looked up when words are checked, as that needs torch."""

    def __getitem__(self, mode: str) -> tuple[str, ...]:
        return _rates(es.PRESETS[mode.removeprefix("with --criterion ")])

    def __iter__(self) -> Iterator[str]:
        return (f"with --criterion {name}" for name in es.PRESETS)

    def __len__(self) -> int:
        return len(es.PRESETS)


CRITERION_CHOICE = Choice(_ByCriterion(), _criterion_mode)
"""What has an effect with which criterion."""

_ENSEMBLE, _OWN = "with --baseline untrained", "with the run's own weights before training"
_PATH = "with a path as --baseline"


def _baseline_mode(given: Mapping[str, Any]) -> str | None:
    rule = _known(str(given["criterion"]))
    if given["baseline"] is not None:
        return _ENSEMBLE if given["baseline"] == UNTRAINED else _PATH
    if rule is None:
        return None
    return _ENSEMBLE if rule.members_needed else _OWN


BASELINE_CHOICE = Choice(
    {_ENSEMBLE: ("members", "seed"), _OWN: (), _PATH: ()},
    _baseline_mode,
)
"""What has an effect with which baseline."""


def _known(name: str) -> "es.Rule | None":
    """Return the criterion of a name; None if there is none, which is refused later."""
    try:
        return es.criterion(name)
    except InputError:
        return None


def choose_criterion(name: str, rate: float | None, fdr: float | None) -> "es.Rule":
    """Return the criterion of a name, with the rates that were given for it.

    Raises:
        InputError: if there is none of that name, if they are no rates, or if it has none.
    """
    rule = es.criterion(name)
    given = {key: value for key, value in (("rate", rate), ("fdr", fdr)) if value is not None}
    for key in given.keys() - _rates(rule):
        raise InputError(
            f"received --{key} {given[key]}, which has no effect with --criterion {name}; leave "
            "it out"
        )
    own: Any = rule  # a dataclass, as it has fields of these names
    return replace(own, **given) if given else rule


def choose_baseline(
    run: "es.train.RunFolder | es.train.ModelRun",
    rule: "es.Rule",
    given: str | None,
    members: int | None,
    seed: int | None,
) -> "es.Untrained | es.Scan | nn.Module | None":
    """Return what to compare with; say so if the criterion decides it.

    Args:
        run: the run that is scanned.
        rule: the criterion.
        given: ``"untrained"``, a path, or None: the run's own weights before training, or an
            untrained ensemble if the criterion needs one.
        members: size of the untrained ensemble.
        seed: seed of its first member.

    Raises:
        InputError: if the path holds nothing to compare with, or if the criterion needs a larger
            ensemble.
    """
    needed = rule.members_needed
    if given == UNTRAINED or (given is None and needed):
        default = es.Untrained()
        ensemble = es.Untrained(
            default.members if members is None else members,
            default.seed if seed is None else seed,
        )
        if ensemble.members < needed:
            raise InputError(
                f"the criterion {rule.name} needs at least {needed} untrained models, received "
                f"--members {members}; the default is {default.members}"
            )
        if given is None:
            note(
                f"the criterion {rule.name} takes its thresholds from untrained models; comparing "
                f"with {ensemble.members} of them (--baseline untrained)"
            )
        return ensemble
    if given is None:
        if isinstance(run, es.train.ModelRun) and not run.has_untrained:
            note(
                "compared with nothing, as the model is made with its weights; --baseline "
                "untrained compares with re-initialised copies, --checkpoint with the model "
                "before it"
            )
            return None
        return run.model("untrained")
    return _open(Path(given), rule, run)


def _open(
    path: Path, rule: "es.Rule", run: "es.train.RunFolder | es.train.ModelRun"
) -> "es.Scan | nn.Module":
    """Return what a path holds: a scan, or the model of a run or of a weights file."""
    needed = rule.members_needed
    if es.has_scan(path):
        scan = es.load_scan(path)
        size = max(len(scan.members), 1)
        if size < needed:
            inside = scan.baseline
            hint = (
                f"its own baseline has enough: --baseline {path / 'baseline'}"
                if inside is not None and len(inside.members) >= needed
                else "use --baseline untrained"
            )
            raise InputError(
                f"the criterion {rule.name} needs at least {needed} untrained models, the scan "
                f"in {path} is of {size}; {hint}"
            )
        return scan
    if needed:
        raise InputError(
            f"the criterion {rule.name} needs at least {needed} untrained models, {path} holds no "
            "scan of them; use --baseline untrained"
        )
    if (path / "config.yaml").is_file():
        return es.train.RunFolder(path).model("trained")
    if isinstance(run, es.train.ModelRun) and path.is_file():
        return run.with_weights(path)
    if path.is_dir() or not path.exists():
        what = "is none of these" if path.exists() else "does not exist"
        raise InputError(
            "expected 'untrained', a saved scan, a run folder or weights (.safetensors) as "
            f"--baseline, received {path}, which {what}"
        )
    return es.models.load(path)

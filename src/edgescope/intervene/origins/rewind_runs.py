"""Passes of a model some of whose tensors are put back, and what each gives beside the others."""

from collections.abc import Collection, Sequence
from typing import Any, Literal, get_args

import numpy as np

from edgescope.intervene.metric_resamples import Scorer
from edgescope.intervene.origins.massive_counts import Counted
from edgescope.intervene.origins.rewind_rows import RowMaker
from edgescope.intervene.origins.smallest_sets import Found, Outcome, OutOfPasses, Search
from edgescope.intervene.origins.two_models import TwoModels

Direction = Literal["rewound", "restored"]
"""``"rewound"``: put back to the initial values, in the trained model; ``"restored"``: the trained
values, put into the untrained model."""

DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

DOES = {"rewound": "removes", "restored": "creates"}
"""What a set in each direction is looked for to do."""

RANDOM_SETS = 3
"""Random sets of as many units, beside each set that was found."""

JOIN = "; "
"""Between the units of a set."""


class Rewinds:
    """Runs mixtures of the trained and the untrained model, each once.

    Args:
        models: the two models, which have run.
        scorer: of the predictions of the trained model.
        share: of what the trained model has more, which a set must take away, or make.
        most: how many passes the working copy may have made in the end.

    Attributes:
        rows: of single units, of the columns ``REWINDS``.
        of_sites: of the sites of each, ``SITES``.
        sets: of the sets that were found, ``SETS``.
        stopped: whether there were no passes left.
    """

    def __init__(self, models: TwoModels, scorer: Scorer, share: float, most: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self.of_sites: list[dict[str, Any]] = []
        self.sets: list[dict[str, Any]] = []
        self.stopped = False
        self._exchange, self._passes, self._counter = models.exchange, models.passes, models.counter
        self._sites, self._ends = models.traced.names, models.ends
        self._make = RowMaker(models.ends, scorer)
        self._share, self._most = share, most
        self._all = frozenset(models.exchange.changed)
        trained, untrained = models.ends
        self._known: dict[frozenset[str], Counted] = {self._all: untrained, frozenset(): trained}
        self._bases: dict[str, Counted] = {"rewound": trained, "restored": untrained}

    def trace(self, levels: Sequence[str], seed: int) -> None:
        """Measure units alone and look for the smallest sets, from coarse to fine.

        Args:
            levels: of the units, from coarse to fine.
            seed: decides the random sets.
        """
        self._note_ends()
        generator = np.random.default_rng(seed)
        for direction in DIRECTIONS:
            scope = self._all
            for number, level in enumerate(levels):
                if number and self._ends.gap <= 0:
                    break  # there is nothing to look for
                self._singly(level, direction, scope)
                if self._ends.gap > 0:
                    scope = self._smallest(level, direction, scope, generator)

    def _note_ends(self) -> None:
        """Note the rows of the two models themselves."""
        for name, counted in self._ends._asdict().items():
            row = {"level": "model", "unit": name, "direction": name, "tensors": len(self._all)}
            self.rows.append(row | self._make.numbers(counted, self._ends.trained))
            self._note_sites("model", name, name, counted, self._ends.trained)

    def _singly(self, level: str, direction: Direction, scope: Collection[str]) -> None:
        """Measure every unit of a level alone.

        Args:
            level: of the units.
            direction: which way tensors are exchanged.
            scope: the tensors that they divide.
        """
        base = self._bases[direction]
        measured: list[tuple[Outcome, dict[str, Any]]] = []
        for unit, names in self._exchange.units(level, sorted(scope, key=self._place)).items():
            try:
                counted = self._counted(direction, names)
            except OutOfPasses:
                self.stopped = True
                break
            row = {"level": level, "unit": unit, "direction": direction, "tensors": len(names)}
            measured.append(
                (self.outcome(counted, direction), row | self._make.numbers(counted, base))
            )
            self._note_sites(level, unit, direction, counted, base)
        measured.sort(key=lambda pair: pair[0].loss)
        self.rows += [row | {"rank": rank} for rank, (_, row) in enumerate(measured, 1)]

    def _smallest(
        self,
        level: str,
        direction: Direction,
        scope: Collection[str],
        generator: np.random.Generator,
    ) -> frozenset[str]:
        """Look for the smallest set of units of a level; return the tensors to look among next.

        These are its own, and those of other single units that do it as well.

        Args:
            level: of the units.
            direction: which way tensors are exchanged.
            scope: the tensors that they divide, all of which together do it.
            generator: draws random sets.
        """
        units = self._exchange.units(level, sorted(scope, key=self._place))

        def outcome(chosen: tuple[str, ...]) -> Outcome:
            counted = self._counted(direction, [name for unit in chosen for name in units[unit]])
            return self.outcome(counted, direction)

        found = Search(tuple(units), outcome).run()
        self.stopped |= found.proof == "stopped"
        names = frozenset(name for unit in found.units for name in units[unit])
        counted = self._known.get(self._rewound(direction, names))
        row = {"does": DOES[direction], "level": level, **_set_words(found), "among": len(units)}
        if counted is not None:
            row |= self._make.numbers(counted, self._bases[direction])
        row["random_share"] = self._random(level, direction, len(found.units), generator)
        self.sets.append(row)
        others = frozenset(name for unit in found.others for name in units[unit])
        return self._wider(direction, names, others)

    def _wider(
        self, direction: Direction, names: frozenset[str], others: frozenset[str]
    ) -> frozenset[str]:
        """Return the tensors of a set with those of others that do it alone, if all do it."""
        try:
            done = others and self.outcome(self._counted(direction, names | others), direction).done
        except OutOfPasses:
            done = False
        return names | others if done else names

    def _random(
        self, level: str, direction: Direction, size: int, generator: np.random.Generator
    ) -> float | None:
        """Return the mean share of random sets of as many units of the whole model."""
        units = self._exchange.units(level)
        base, shares = self._bases[direction], []
        for _ in range(RANDOM_SETS):
            chosen = generator.choice(len(units), size, replace=False)
            names = [name for at in chosen for name in list(units.values())[at]]
            try:
                change = self._counted(direction, names).massive - base.massive
            except OutOfPasses:
                return None
            shares.append(change / self._ends.gap)
        return float(np.mean(shares)) * (-1 if direction == "rewound" else 1) + 0.0  # no -0

    def outcome(self, counted: Counted, direction: Direction) -> Outcome:
        """Say whether a mixture does it, and how far it is from that.

        A number that is not finite is not judged by a criterion: where there are more of them
        than in either model, massive activations were not removed.
        """
        before, after = self._ends.untrained.massive, self._ends.trained.massive
        wanted = self._share * (after - before)
        if direction == "restored":
            done = counted.massive >= before + wanted
            return Outcome((-counted.massive, -counted.largest), done)
        usual = max(self._ends.trained.nonfinite, self._ends.untrained.nonfinite)
        left = counted.massive + max(0, counted.nonfinite - usual)
        return Outcome((left, counted.largest), left <= after - wanted)

    def _counted(self, direction: Direction, names: Collection[str]) -> Counted:
        rewound = self._rewound(direction, names)
        if rewound not in self._known:
            if self._passes.done >= self._most:
                raise OutOfPasses
            self._exchange.rewind(rewound)
            self._known[rewound], _ = self._counter.run(self._passes, self._sites)
        return self._known[rewound]

    def _rewound(self, direction: Direction, names: Collection[str]) -> frozenset[str]:
        return frozenset(names) if direction == "rewound" else self._all - frozenset(names)

    def _place(self, name: str) -> int:
        return self._exchange.changed.index(name)

    def _note_sites(
        self, level: str, unit: str, direction: str, counted: Counted, base: Counted
    ) -> None:
        row = {"level": level, "unit": unit, "direction": direction}
        self.of_sites += [row | each for each in self._make.of_sites(counted, base)]


def _set_words(found: Found) -> dict[str, Any]:
    """Return a set as columns of a table."""
    return {
        "size": len(found.units),
        "units": JOIN.join(found.units),
        "others": JOIN.join(found.others),
        "proof": found.proof,
        "tried": found.tried,
    }

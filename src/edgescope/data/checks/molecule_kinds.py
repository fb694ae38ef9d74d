"""What kinds of molecules there are: salts, mixtures, metals, marks that are not seen, sizes."""

from collections import Counter
from typing import NamedTuple

import numpy as np
import polars as pl

from edgescope.data.checks.molecule_facts import Facts
from edgescope.data.checks.table_findings import SHOWN, Severity, Subject, TableFinding
from edgescope.lib.plurals import plural

FAR_OUT = 3.0
"""Interquartile ranges above the upper quartile from which a size is far out (Tukey, Exploratory
Data Analysis, 1977); taken on logarithms, as sizes are skewed."""

AT_LEAST = 2.0
"""Times the upper quartile that a molecule is large at least, where all are of much one size."""


class _Kind(NamedTuple):
    """A kind of molecules that is listed whatever the labels are."""

    kind: str
    severity: Severity
    sentence: str
    why: str
    remedy: str


def check_molecules(subject: Subject) -> list[TableFinding]:
    """Look for molecules of the kinds that tables are usually cleaned of."""
    facts = subject.facts
    stereo = bool(subject.molecules.node_columns)
    unseen = "ignore" if not stereo else "keep"
    has = facts.has
    kinds: list[tuple[_Kind, np.ndarray]] = [
        (
            _Kind(
                "mixtures",
                "look",
                "several fragments of comparable size",
                "One label of two molecules belongs to neither.",
                "Leave them out, or keep the fragment that was measured.",
            ),
            has["mixture"],
        ),
        (
            _Kind(
                "salts and solvates",
                "look",
                "counter-ions or solvents beside the molecule",
                "The ion counts in every mean over atoms, and one drug may occur twice.",
                "Strip salts from all molecules or from none, depending on the label.",
            ),
            has["several fragments"] & ~has["mixture"],
        ),
        (
            _Kind(
                "metals",
                "look",
                "a bound metal atom",
                "Its bonds can be written in many ways, and there are few examples.",
                "Leave them out, unless the table is about metal compounds.",
            ),
            has["bound metal"],
        ),
        (
            _Kind(
                "no carbon",
                "look",
                "no carbon",
                "Inorganic molecules seldom follow what organic ones do.",
                "Leave them out, unless the table is about these.",
            ),
            ~has["carbon"] & ~has["wildcard"],
        ),
        (
            _Kind(
                "wildcard atoms",
                "look",
                "an atom * (an R group or a point of attachment)",
                "This is a part of a molecule, and * becomes an atom type of its own.",
                "Write out the group, or leave them out.",
            ),
            has["wildcard"],
        ),
        (
            _Kind(
                "radicals",
                "look",
                "unpaired electrons",
                "A missing hydrogen in brackets looks like this, such as [C] for C.",
                "Check how they are written.",
            ),
            has["radical"],
        ),
        (
            _Kind(
                "single atoms",
                "look",
                "a single heavy atom",
                "There is no bond to pass messages along.",
                "Leave them out.",
            ),
            facts.heavy == 1,
        ),
        (
            _Kind(
                "charged molecules",
                "note",
                "a net charge",
                "Charged and neutral forms have different atom types.",
                "Write all molecules as at one pH, or all neutral.",
            ),
            facts.charge != 0,
        ),
        (
            _Kind(
                "stereo marks",
                "note",
                f"stereo marks, which these features {unseen}",
                "Stereoisomers are one graph unless features='ogb'." if not stereo else "None.",
                "Use features='ogb' (--features ogb) if the label depends on them."
                if not stereo
                else "Nothing to do.",
            ),
            has["stereo"],
        ),
        (
            _Kind(
                "isotopes",
                "note",
                "isotope labels, which are ignored",
                "A labelled molecule and the unlabelled one are the same graph.",
                "Nothing to do, unless the label is about isotopes.",
            ),
            has["isotope"],
        ),
        (
            _Kind(
                "explicit hydrogens",
                "note",
                "hydrogens written as atoms",
                "They are merged into the heavy atom, so the notation does not matter.",
                "Nothing to do.",
            ),
            has["hydrogen"],
        ),
        (
            _Kind(
                "atom maps",
                "note",
                "atom maps such as [CH3:1]",
                "They are removed, so the notation does not matter.",
                "Nothing to do.",
            ),
            has["map"],
        ),
    ]
    found = [_finding(subject, kind, mask) for kind, mask in kinds if mask.any()]
    return [*found, *_large(subject, facts), *_rare_types(subject)]


def _finding(subject: Subject, kind: _Kind, mask: np.ndarray) -> TableFinding:
    positions = mask.nonzero()[0]
    return TableFinding(
        kind.kind,
        kind.severity,
        len(positions),
        f"{plural(len(positions), 'molecule has', 'molecules have')} {kind.sentence}",
        kind.why,
        kind.remedy,
        rows=subject.rows_of(positions),
        examples=subject.examples(positions),
    )


def _large(subject: Subject, facts: Facts) -> list[TableFinding]:
    low, high = np.quantile(np.log(np.maximum(facts.heavy, 1)), (0.25, 0.75))
    limit = float(np.exp(max(high + FAR_OUT * (high - low), high + np.log(AT_LEAST))))
    large = np.flatnonzero(facts.heavy > limit + 1e-9)
    if not len(large):
        return []
    large = large[np.argsort(-facts.heavy[large], kind="stable")]
    return [
        TableFinding(
            "large molecules",
            "look",
            len(large),
            f"{plural(len(large), 'molecule has', 'molecules have')} more than {limit:.0f} heavy "
            f"atoms; half of all have {np.exp(low):.0f} to {np.exp(high):.0f}",
            "They are unlike the rest, and the largest one sets the memory of a batch.",
            "Leave out what the model is not meant for, such as polymers and peptides.",
            rows=subject.rows_of(np.sort(large)),
            examples=subject.examples(large, more={"heavy atoms": facts.heavy[large].tolist()}),
        )
    ]


def _rare_types(subject: Subject) -> list[TableFinding]:
    """Find atom types that a model is tested on without having seen one."""
    molecules = subject.molecules
    types = molecules.node_types.numpy()
    owner = np.repeat(np.arange(len(molecules)), molecules.node_ptr.diff().numpy())
    pairs = np.unique(np.stack([types, owner]), axis=1)
    found = []
    once = [
        (molecules.vocabulary[kind], int(pairs[1][pairs[0] == kind][0]))
        for kind, count in Counter(pairs[0].tolist()).items()
        if count == 1
    ]
    divided = (subject.part >= 0).all() and 0 in subject.wanted
    seen = set(pairs[0][subject.part[pairs[1]] == 0].tolist()) if divided else set(types.tolist())
    new = [(kind, place) for kind, place in pairs.T.tolist() if kind not in seen]
    if new:
        positions = sorted({place for _, place in new})
        names: dict[int, list[str]] = {place: [] for place in positions}
        for kind, place in new:
            names[place].append(molecules.vocabulary[kind])
        found.append(
            TableFinding(
                "atom types unknown in training",
                "look",
                len(positions),
                f"{plural(len(positions), 'molecule')} outside the training part, with an atom "
                f"type that no training molecule has; split: {subject.how}",
                "The embedding of such an atom is never trained.",
                "Move one of them into the training part, or leave them out.",
                rows=subject.rows_of(positions),
                examples=subject.examples(
                    positions, more={"type": [", ".join(names[place]) for place in positions]}
                ),
            )
        )
    if once:
        places = [place for _, place in once]
        found.append(
            TableFinding(
                "rare atom types",
                "note",
                len(once),
                f"{plural(len(once), 'atom type occurs', 'atom types occur')} in one molecule only",
                "A model learns nothing general about it.",
                "Nothing to do, or leave the molecules out.",
                rows=subject.rows_of(sorted(set(places))),
                examples=pl.DataFrame({"type": [name for name, _ in once][:SHOWN]}).hstack(
                    subject.examples(places)
                ),
            )
        )
    return found

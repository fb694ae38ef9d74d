"""What became of many programs, in numbers."""

from collections import Counter
from dataclasses import dataclass, field

from support.identity.programs import Outcome, Program, is_certain
from support.identity.scans import ScanOutcome, ScanProgram


@dataclass
class Tally:
    """Counts over programs."""

    programs: int = 0
    right: int = 0
    wrong: int = 0
    """Rows of which something is wrong."""
    answered: int = 0
    """Calls of layers that were captured."""
    refused: int = 0
    """Calls of layers that were refused."""
    crashed: int = 0
    """Programs that end in another error than a refusal, though they run without a capture."""
    scans: int = 0
    scans_refused: int = 0
    """Scans refused, or answered with a warning."""
    with_refusal: int = 0
    """Programs with at least one layer refused."""
    with_needless: int = 0
    """Of these, programs with a layer that need not have been refused."""
    needless: Counter[str] = field(default_factory=Counter)
    """Such layers, by operation."""
    plain: Counter[str] = field(default_factory=Counter)
    """Layers captured, by operation, where nothing but that was done to the edges."""
    fields: Counter[str] = field(default_factory=Counter)
    examples: dict[str, Program | ScanProgram] = field(default_factory=dict)

    def add(self, program: Program, found: Outcome) -> None:
        """Count one program in."""
        self.programs += 1
        self.right += found.right
        self.wrong += found.wrong_rows
        self.answered += len(found.answered)
        self.refused += len(found.refused)
        self.crashed += len(found.crashed)
        self.fields.update(found.wrong)
        for what in [*found.wrong, *(f"crash: {each[:70]}" for each in found.crashed)]:
            known = self.examples.get(what)
            if not isinstance(known, Program) or len(program.steps) < len(known.steps):
                self.examples[what] = program
        needless = [ran for ran, _ in found.refused if is_certain(program, ran)]
        self.with_refusal += bool(found.refused)
        self.with_needless += bool(needless)
        for ran in needless:
            for name in ran.history or (f"nothing ({program.form})",):
                self.needless[name] += 1
        for ran in found.answered:
            if len(ran.history) <= 1:
                self.plain[ran.history[0] if ran.history else f"nothing ({program.form})"] += 1

    def add_scan(self, program: ScanProgram, found: ScanOutcome) -> None:
        """Count one scan in."""
        self.scans += 1
        self.scans_refused += bool(found.refused)
        self.crashed += bool(found.crashed)
        if found.crashed:
            self.examples.setdefault(f"crash: {found.crashed[:70]}", program)
        self.right += found.right
        self.wrong += found.wrong_rows
        self.fields.update({f"{name} of a scan": rows for name, rows in found.wrong.items()})
        for name in found.wrong:
            self.examples.setdefault(f"{name} of a scan", program)

    def text(self, seconds: float) -> str:
        """Return the counts in lines, with the shortest program of every kind that is wrong."""
        lines = [
            f"programs                            {self.programs:>12,}",
            f"rows right                          {self.right:>12,}",
            f"rows wrong                          {self.wrong:>12,}",
            f"programs with another error         {self.crashed:>12,}",
            f"layers captured                     {self.answered:>12,}",
            f"layers refused                      {self.refused:>12,}",
            f"programs with a layer refused       {self.with_refusal:>12,}",
            f"  of these, need not have been      {self.with_needless:>12,}",
            f"scans                               {self.scans:>12,}",
            f"  of these, refused or with warning {self.scans_refused:>12,}",
            f"seconds                             {seconds:>12,.0f}",
        ]
        if self.needless:
            lines.append("refused without need, by operation: layers refused, captured alone")
            lines += [
                f"  {name:<40}{count:>8,}{self.plain[name]:>8,}"
                for name, count in self.needless.most_common()
            ]
        for name, count in self.fields.most_common():
            lines.append(f"WRONG {name}: {count:,} rows")
        for what, program in self.examples.items():
            lines.append(f"shortest program for {what!r}:\n  {program}")
        return "\n".join(lines)

"""Damage stored results at random, and count what their readers make of it.

``PYTHONPATH=tests python -m scripts.fuzz_stored --flips 1000 --damages 200 --seed 0``
"""

import argparse
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

from edgescope.lib.errors import EdgescopeWarning, InputError
from support.damages import damage, flip
from support.stored_things import THINGS, content

REFUSED, EQUAL, ABSENT, TOLD = "refused", "equal", "absent", "told"
"""What may become of a damaged result: an error in one line; what was written; a part that is
written last and is gone, so that the work is done again; other content with a warning that says
that it was changed."""

OTHER, UNCAUGHT = "OTHER CONTENT", "UNCAUGHT"
"""What may not."""


class Original:
    """A stored result, and what it holds."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.thing = name, THINGS[name]
        self.folder = root / name / "original"
        self.folder.mkdir(parents=True)
        self.thing.write(self.folder, 0)
        self.content = content(self.thing.read(self.folder))

    def fate(self, harm, rng: random.Random) -> tuple[str, str]:
        """Damage a copy, and say what reading it gives."""
        copy = self.folder.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder, copy)
        what = f"{self.name}: {harm(copy, rng)}"
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                found = content(self.thing.read(copy))
            except InputError as error:
                lines = str(error).count("\n")
                return (f"{UNCAUGHT} (several lines)" if lines else REFUSED), f"{what}: {error}"
            except BaseException as error:  # noqa: BLE001  (whatever it is, it is counted)
                return UNCAUGHT, f"{what}: {type(error).__name__}: {error}"
        if found == self.content:
            return EQUAL, what
        words = [str(each.message) for each in told if each.category is EdgescopeWarning]
        if any("were changed by hand" in word for word in words):
            return TOLD, what
        if self.name in ("run", "study") and _gone(copy, self.folder):
            return ABSENT, what
        return OTHER, f"{what}: {words}"


def _gone(copy: Path, original: Path) -> bool:
    """Say whether files that are written last are gone, and all others as they were."""
    last = ("metrics.json", "result.json")
    for path in (each for each in original.rglob("*") if each.is_file()):
        other = copy / path.relative_to(original)
        if path.name in last and not other.exists():
            continue
        if not other.is_file() or other.read_bytes() != path.read_bytes():
            return False
    return True


def tally(flips: int, damages: int, seed: int, root: Path) -> Counter[str]:
    """Return how often each fate befell a result; what may not be is printed."""
    rng = random.Random(seed)
    originals = [Original(name, root) for name in THINGS]
    counts: Counter[str] = Counter()
    for number in range(flips + damages):
        original = originals[number % len(originals)]
        kind = "flips" if number < flips else "damages"
        fate, what = original.fate(flip if number < flips else damage, rng)
        counts[f"{kind}: {fate}"] += 1
        counts[fate] += 1
        if fate not in (REFUSED, EQUAL, ABSENT, TOLD):
            sys.stderr.write(f"{fate}: {what}\n")
    return counts


def main() -> None:
    """Print the tally; end with 1 if something was accepted or raised that may not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=1000)
    parser.add_argument("--damages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        counts = tally(asked.flips, asked.damages, asked.seed, Path(root))
    for fate, count in sorted(counts.items()):
        sys.stdout.write(f"{count:6} {fate}\n")
    sys.exit(any(OTHER in fate or UNCAUGHT in fate for fate in counts))


if __name__ == "__main__":
    main()

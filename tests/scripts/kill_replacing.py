"""Kill processes while they replace a stored result, and see what is there then.

``PYTHONPATH=tests python -m scripts.kill_replacing --kills 120 --seed 0``

A child is forked for every kill. It replaces a result by another one and is killed by SIGKILL at a
call of a function drawn at random among all that replacing makes, or by the system when a file
reaches a size drawn at random, in the middle of writing it. Nothing depends on how fast it is.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from edgescope.lib import files as _files
from edgescope.study.cell_work import read_result
from edgescope.study.cells import write_stored
from edgescope.train import RunFolder
from support.scan_equality import small_model
from support.stored_things import THINGS, Thing, configured, content

KINDS = {
    **{name: THINGS[name] for name in ("scan", "leaderboard", "ablation", "interpretation")},
    "checkpoint": THINGS["checkpoint"],
    "metrics": Thing(
        lambda folder, number: configured(folder, 0).write_metrics({"epochs": 1 + number}),
        lambda folder: RunFolder(folder / "run").metrics,
    ),
    "weights": Thing(
        lambda folder, number: configured(folder, 0).write_weights(small_model(number), "trained"),
        lambda folder: RunFolder(folder / "run").model("trained"),
    ),
    "result of a cell": Thing(
        lambda folder, number: write_stored(folder / "result.json", {"seconds": number}),
        read_result,
    ),
}
"""What is replaced; of results of several files that are written one by one, each is by itself."""

RESAVED = {
    "scan": "scan",
    "leaderboard": "explain",
    "ablation": "ablation",
    "interpretation": "interpret",
}
"""Results that are read and saved again, with the folder: making them anew takes another time."""

LAST = 120
"""Calls before the end among which every other kill is."""

LARGEST = 2**16
"""Bytes at which a file that is being written may end a process."""


def in_child(work: Callable[[], object]) -> int:
    """Do something in a child, and return its exit code, or minus the signal that ended it."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:  # noqa: BLE001  (it must not go on as its parent)
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def count_calls(work: Callable[[], object], file: Path, deadly: int | None = None) -> None:
    """Write down how many calls ``work`` makes; or end the process at one of them."""
    calls = 0

    def called(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1
        if calls == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(called)
    try:
        work()
    finally:
        sys.setprofile(None)
    file.write_text(str(calls))


class Target:
    """A stored result that is replaced by one of two others again and again."""

    def __init__(self, name: str, root: Path) -> None:
        self.name, self.thing, self.root = name, KINDS[name], root / name
        self.place = self.root / "place"
        self.root.mkdir()
        self.held = 0
        self.expected = [self.root / f"expected {number}" for number in (0, 1)]
        for number, folder in enumerate(self.expected):
            folder.mkdir()
            in_child(lambda folder=folder, number=number: self.thing.write(folder, number))
        shutil.copytree(self.expected[0], self.place)
        shutil.copytree(self.place, self.root / "copy")
        in_child(lambda: self._replaced(self.root / "copy", None))
        self.calls = int((self.root / "calls").read_text())

    def _replaced(self, place: Path, deadly: int | None) -> None:
        """Replace the result by the other one, which is read before calls are counted."""
        number = 1 - self.held
        if self.name in RESAVED:
            found = self.thing.read(self.expected[number])
            (self.root / "warm").mkdir(exist_ok=True)
            found.save(self.root / "warm" / "up")  # what is only done the first time in a process
            count_calls(lambda: found.save(place / RESAVED[self.name]), self.root / "calls", deadly)
        else:
            write = self.thing.write
            count_calls(lambda: write(place, number), self.root / "calls", deadly)

    def kill(self, rng: random.Random) -> str:
        """Kill a child that replaces the result; return how it ended."""
        # Half of them near the end, where the new takes the place of the old.
        first = 1 if rng.random() < 0.5 else max(1, self.calls - LAST)
        deadly = rng.randint(first, self.calls)
        limit = rng.randint(1, LARGEST) if rng.random() < 0.25 else None
        step_by_step = rng.random() < 0.5

        def replace() -> None:
            if step_by_step:
                _files._swapped = lambda *_: False
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            self._replaced(self.place, None if limit else deadly)

        code = in_child(replace)
        self.held = self.found()
        return "killed" if code < 0 else "ended by itself" if code == 0 else f"failed with {code}"

    def found(self) -> int:
        """Return which of the two is there, in a process of its own; 2 if it is neither."""

        def look() -> None:
            here = content(self.thing.read(self.place))
            there = [content(self.thing.read(folder)) for folder in self.expected]
            (self.root / "found").write_text(str(there.index(here)))

        (self.root / "found").unlink(missing_ok=True)
        in_child(look)
        try:
            return int((self.root / "found").read_text())
        except FileNotFoundError:
            return 2


def tally(kills: int, seed: int, root: Path, names: Sequence[str] = tuple(KINDS)) -> Counter[str]:
    """Kill so many processes; return how they ended and what was there then."""
    rng = random.Random(seed)
    targets = [Target(name, root) for name in names]
    counts: Counter[str] = Counter()
    while sum(count for ended, count in counts.items() if ended.startswith("killed")) < kills:
        target = targets[sum(counts.values()) % len(targets)]
        before = target.held
        ended = target.kill(rng)
        what = "NEITHER" if target.held == 2 else "old" if target.held == before else "new"
        counts[f"{ended}, {what}"] += 1
        if target.held == 2:
            sys.stderr.write(f"{target.name}: {ended}; {sorted(target.place.rglob('*'))}\n")
            break
    for target in targets:  # the next writer cleans up
        in_child(lambda target=target: target._replaced(target.place, None))
        left = [path for path in target.place.rglob(".*") if path.is_file() or path.is_dir()]
        counts["left over"] += len(left)
        for path in left:
            sys.stderr.write(f"{target.name}: {path} is left over\n")
    return counts


def main() -> None:
    """Print the tally; end with 1 if a result was lost or something was left over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", nargs="+", choices=list(KINDS), default=list(KINDS))
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        counts = tally(asked.kills, asked.seed, Path(root), asked.of)
    for ended, count in sorted(counts.items()):
        sys.stdout.write(f"{count:6} {ended}\n")
    sys.exit(any("NEITHER" in ended for ended in counts) or counts["left over"] > 0)


if __name__ == "__main__":
    main()

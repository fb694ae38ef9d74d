"""How long it takes until something happens, in seconds of CPU time.

    python benchmarks/startup.py

Each line is a process of its own, the median of several, in turn. "beyond torch" is without what
`import torch` takes in a process of its own. The limits are those that the project has set itself.
The study is of twelve cells: three architectures, two seeds, trained and untrained.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROUNDS = 5

STUDY = """
models: [GraphTransformer, SAN, GraphiT]
data: [zinc12k]
states: [untrained, trained]
seeds: [1, 2]
"""

PROCESSES = {
    "import torch": ("-c", "import torch"),
    "import torch, edgescope": ("-c", "import torch, edgescope"),
    "import edgescope": ("-c", "import edgescope"),
    "edgescope --help": ("-m", "edgescope", "--help"),
    "edgescope scan --help": ("-m", "edgescope", "scan", "--help"),
    "edgescope study run --dry-run, 12 cells": ("-m", "edgescope", "study", "run", "--dry-run"),
}

LIMITS = {
    "import edgescope": 0.15,
    "edgescope --help": 0.5,
    "edgescope study run --dry-run, 12 cells": 2.0,
}


def seconds(words: tuple[str, ...]) -> float:
    """Run a process; return the CPU time that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words], check=True, capture_output=True)  # noqa: S603
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Time every process."""
    taken: dict[str, list[float]] = {name: [] for name in PROCESSES}
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.yaml"
        study.write_text(STUDY, encoding="utf-8")
        for _ in range(ROUNDS):
            for name, words in PROCESSES.items():
                more = (str(study),) if "study" in words else ()
                taken[name].append(seconds((*words, *more)))
    print(f"{'seconds of CPU, median of ' + str(ROUNDS):42} {'taken':>6} {'limit':>6}")
    for name, each in taken.items():
        limit = f"{LIMITS[name]:6.2f}" if name in LIMITS else ""
        print(f"{name:42} {median(each):6.2f} {limit}")
    beyond = median(taken["import torch, edgescope"]) - median(taken["import torch"])
    print(f"{'import edgescope beyond torch':42} {beyond:6.2f}   0.15")


if __name__ == "__main__":
    main()

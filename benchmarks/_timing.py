"""Timing of two things in turn, so that a machine that slows down slows both."""

import time
from collections.abc import Callable
from statistics import median

ROUNDS = 9
WARM_UP = 2


def alternate(*actions: Callable[[], object], rounds: int = ROUNDS) -> list[float]:
    """Return the median seconds of each action over ``rounds``, run A B A B ..."""
    times: list[list[float]] = [[] for _ in actions]
    for number in range(WARM_UP + rounds):
        for action, kept in zip(actions, times, strict=True):
            start = time.perf_counter()
            action()
            if number >= WARM_UP:
                kept.append(time.perf_counter() - start)
    return [median(kept) for kept in times]

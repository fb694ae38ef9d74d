"""No test may fail because a machine is slow: they wait for progress, and count work."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent

CLOCKS = {"monotonic", "perf_counter", "process_time", "thread_time", "time", "time_ns"}
CLOCKS |= {"perf_counter_ns", "monotonic_ns", "process_time_ns", "now", "utcnow", "alarm", "sleep"}
"""Functions that read a clock or wait by one."""

MODULES = {"time", "datetime", "signal", "timeit", "asyncio"}
"""Whose functions these are."""

BOUNDS = {"timeout", "deadline", "timer", "timeout_seconds"}
"""Keywords that bound a wait; ``None`` says that there is no bound."""

WAITS = {"wait", "wait_for", "join", "result", "communicate", "acquire", "get"}
"""Methods whose only argument, if it is a number, is a bound in seconds."""

ALLOWED = {
    "support/waiting.py": "sleeps between two looks, for as long as the other process lives",
    "scripts/fuzz_identity.py": "says at the end how long it took; it is no test",
    "test_no_clock.py": "holds what it looks for, as examples",
}


def waits_by_the_clock(source: str) -> list[str]:
    """Return the places of a file that read a clock, sleep, or bound a wait."""
    tree, found = ast.parse(source), []
    bare = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
        for alias in node.names
        if alias.name in CLOCKS
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        of = node.func
        owner = (
            of.value.id if isinstance(of, ast.Attribute) and isinstance(of.value, ast.Name) else ""
        )
        name = of.attr if isinstance(of, ast.Attribute) else getattr(of, "id", "")
        clock = (owner in MODULES and name in CLOCKS) or (not owner and name in bare)
        bound = any(
            keyword.arg in BOUNDS
            and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
            for keyword in node.keywords
        )
        only = node.args[0] if len(node.args) == 1 else None
        number = isinstance(only, ast.Constant) and isinstance(only.value, int | float)
        seconds = isinstance(of, ast.Attribute) and name in WAITS and number
        checks = [each.value for each in node.keywords if each.arg == "suppress_health_check"]
        speed = any(
            isinstance(each, ast.List) and "too_slow" not in ast.unparse(each) for each in checks
        )
        if clock or bound or seconds or speed:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


def test_no_test_waits_by_the_clock_or_measures_how_long_something_takes():
    found = {
        str(path.relative_to(TESTS)): places
        for path in sorted(TESTS.rglob("*.py"))
        if (places := waits_by_the_clock(path.read_text(encoding="utf-8")))
    }
    assert {name: places for name, places in found.items() if name not in ALLOWED} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import time\ntime.sleep(1)",
        "from time import perf_counter as now\nnow()",
        "process.communicate(timeout=60)",
        "thread.join(5)",
        "event.wait(0.5)",
        "Barrier(2, timeout=20)",
        "@settings(deadline=200)\ndef test(): ...",
        "import signal\nsignal.alarm(10)",
        "@settings(suppress_health_check=[HealthCheck.filter_too_much])\ndef test(): ...",
    ],
)
def test_a_wait_is_found(line):
    assert waits_by_the_clock(line)


@pytest.mark.parametrize(
    "line",
    [
        "thread.join()",
        "@settings(deadline=None)\ndef test(): ...",
        "', '.join(words)",
        "table.get(name)",
    ],
)
def test_what_is_no_wait_is_not(line):
    assert not waits_by_the_clock(line)

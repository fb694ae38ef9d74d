"""Waiting for what another process or thread does, however slow the machine is."""

import signal
import time
from collections.abc import Callable
from subprocess import Popen
from threading import Event

LOOK_EVERY = 0.002
"""Seconds between two looks; it bounds nothing."""

TRIES = 5
"""Processes that may be done before they are interrupted; more are no accident."""


def wait_for(found: Callable[[], bool], who: Popen | Event) -> None:
    """Wait until something is there, for as long as somebody may still bring it.

    Args:
        found: says whether it is there.
        who: the process that is to bring it; or an event that is set once nobody will any more.

    Raises:
        AssertionError: if the process has ended, or the event was set, and it is not there.
    """
    while not found():
        over = who.is_set() if isinstance(who, Event) else who.poll() is not None
        if over and not found():  # it may have been brought at the very end
            left = "" if isinstance(who, Event) else f": {who.communicate()}"
            raise AssertionError(f"nobody is left to wait for{left}")
        time.sleep(LOOK_EVERY)


def interrupted(
    begin: Callable[[], Popen],
    found: Callable[[], bool],
    undo: Callable[[], None],
    by: signal.Signals = signal.SIGINT,
) -> tuple[Popen, str]:
    """Start a process and send it a signal once something is there.

    If this process was kept from looking for so long that the other is done, all is undone and
    tried again.

    Returns:
        The process, which has ended, and what it wrote to standard error.
    """
    for _ in range(TRIES):
        process = begin()
        wait_for(lambda process=process: found() or process.poll() == 0, process)
        process.send_signal(by)
        _, err = process.communicate()
        if process.returncode:
            return process, err
        undo()
    raise AssertionError(f"{TRIES} processes in a row did their work and were not interrupted")

"""Lightning without its talk, and with signals that mean what they mean everywhere else."""

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lightning.pytorch.utilities.exceptions import SIGTERMException

# What is known, meant and of no use to a reader; any other warning is shown.
_KNOWN = (
    # Inside Lightning's own tree traversal.
    r".*isinstance\(treespec, LeafSpec\).*",
    # Of several processes: the metrics have reduced what is logged.
    r".*recommended to use `self\.log\(.*sync_dist=True",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back Lightning's informational log lines and the warnings known to be of no use."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(max(logger.level, logging.WARNING))
        with warnings.catch_warnings():
            for message in _KNOWN:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C be a ``KeyboardInterrupt`` again, and SIGTERM end the process with status 143.

    Lightning turns Ctrl-C into ``SystemExit(1)`` and leaves the process deaf to further ones; on
    SIGTERM it exits with status 0, as if training were finished.
    """
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException as error:
        raise SystemExit(128 + signal.SIGTERM) from error
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error.__context__
        raise
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)

"""Errors a user can act on: each says what was received, what was expected and what to do."""

import difflib
from collections.abc import Iterable


class EdgescopeError(Exception):
    """Base of every error that edgescope raises on purpose; the message is one line.

    The command line prints the message and ends with exit code 2.
    """


class InputError(EdgescopeError, ValueError):
    """A file, a table, a checkpoint or an option that edgescope cannot use as given."""


class MissingExtraError(EdgescopeError, ImportError):
    """An optional dependency is not installed; the message names the command that installs it."""


class EdgescopeWarning(UserWarning):
    """A result lacks something or may differ a little; the message says what and what to do."""


class UntrainedWarning(EdgescopeWarning):
    """A model was trained and predicts no better than guessing; what it shows is not learnt."""


def shortened(text: str, most: int = 60) -> str:
    """Return a text that fits a message: its beginning and three dots if it is longer.

    Args:
        text: the text.
        most: how many characters it may have, the dots among them.

    Example:
        >>> shortened("a long text", 7), shortened("short")
        ('a lo...', 'short')
    """
    return text if len(text) <= most else f"{text[: most - 3]}..."


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Ask for the known name that is nearest to ``name``, or say ``otherwise`` if none is near."""
    folded = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), folded, n=1)
    return f"did you mean {folded[close[0]]!r}?" if close else otherwise

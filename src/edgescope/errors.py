"""Errors a user can act on: each says what was received, what was expected and what to do."""


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

"""Text from a user's table as it may be shown: short, and without what cannot be seen."""

import unicodedata

from edgescope.lib.errors import shortened

LONGEST = 60
"""Characters of identifiers that a caption or a message shows."""


_UNSEEN = {"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"}
"""Categories of characters that cannot be seen, or turn the text beside them round."""


def short(text: str) -> str:
    """Return a text that fits a caption, with every character to be seen."""
    return shortened(visible(text[: LONGEST + 1]), LONGEST)


def visible(text: str) -> str:
    r"""Return a text with escapes, such as ``\x00``, for characters that cannot be seen.

    Among them are those that would change how the text around them is shown, such as the codes of
    terminals and marks of right-to-left writing.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSEEN else char
        for char in text
    )

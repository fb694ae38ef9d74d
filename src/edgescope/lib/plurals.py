"""Numbers before what they count."""


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Write a number before what it counts.

    Args:
        count: the number.
        noun: what one of it is called, with its verb if there is one.
        many: what several are called; ``noun`` with an ``s`` by default.

    Example:
        >>> plural(1, "row"), plural(1204, "row"), plural(2, "task has", "tasks have")
        ('1 row', '1,204 rows', '2 tasks have')
    """
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"

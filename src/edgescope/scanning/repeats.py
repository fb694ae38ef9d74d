"""Calls of a model on one batch, where it is called several times."""

from collections import Counter

from edgescope.capture import EdgeIdentity


class Repeats:
    """Tells apart what the calls of a model on one batch computed.

    A layer that runs several times within a call has a site for each; what comes twice under one
    name comes from two calls, perhaps on different graphs.
    """

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def count(self, site: str) -> int:
        """Return which call this is, from 1; to be asked once for each, also without rows."""
        self._seen[site] += 1
        return self._seen[site]


def of_call(identity: EdgeIdentity, number: int) -> EdgeIdentity:
    """Return the same rows with the call as part of their ``input``, after the first call."""
    if number == 1:
        return identity
    call = f"call {number}"
    return identity._replace(input=f"{identity.input}, {call}" if identity.input else call)

"""The sites at which massive activations are counted, and what is called massive in any model."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import nn

from edgescope.capturing.call_stack import layer_at_fault, reason_of
from edgescope.capturing.site_choice import Sites
from edgescope.intervene.activation_choice import Selector, Where, selector
from edgescope.intervene.origins.massive_counts import Counted, Counter
from edgescope.intervene.replacement import ONE_NUMBER
from edgescope.intervene.replay import Outputs, Passes, first_call
from edgescope.lib.errors import InputError
from edgescope.scanning.result import Scan
from edgescope.scanning.scan_sites import choose_sites

if TYPE_CHECKING:
    from edgescope.capturing import Site


def massive_rule(where: Where) -> Selector:
    """Return what says of any model's activations which are massive.

    A scan stands for its criterion, as its rows are those of one model.

    Args:
        where: as for :func:`edgescope.ablate`.

    Raises:
        InputError: as there.
    """
    return selector(where.info.criterion if isinstance(where, Scan) else where)


class TracedSites:
    """Chooses the sites of a model, and leaves out those that cannot be captured.

    Args:
        model: the model.
        wanted: names or patterns, or a function; by default those that a scan would take.

    Attributes:
        sites: the sites.
        left_out: those that nobody asked for by name and that are left out, each with the reason.
    """

    def __init__(self, model: nn.Module, wanted: Sites) -> None:
        chosen = choose_sites(model, wanted)
        self.sites: list[Site] = chosen.sites
        self.left_out: dict[str, str] = dict.fromkeys(chosen.left_out, ONE_NUMBER)
        self._by_default = wanted is None

    @property
    def names(self) -> list[str]:
        """Names of the sites."""
        return [site.name for site in self.sites]

    def run(self, counter: Counter, passes: Passes) -> tuple[Counted, Outputs]:
        """Count what is massive in a first pass, without what turns out not to be captured.

        Raises:
            InputError: if a site that was asked for cannot be captured or did not run, or none is
                left.
        """
        while True:
            try:
                counted, outputs = counter.run(passes, self.names)
                break
            except InputError as error:
                path = layer_at_fault(error, self.sites) if self._by_default else None
                if path is None:
                    raise
                self._drop(
                    {site.name: reason_of(error) for site in self.sites if site.path == path}
                )
        ran = {first_call(name) for name in counted.sites}
        for site in self.names:
            if site not in ran and site not in counter.skipped and not self._by_default:
                raise InputError(f"the model did not run {site}; leave it out with sites=")
        gone = {site: ONE_NUMBER for site in self.names if site in map(first_call, counter.skipped)}
        gone |= {
            s: "the model did not run it" for s in self.names if s not in ran and s not in gone
        }
        self._drop(gone)
        return counted, outputs

    def words(self) -> str:
        """Say which sites are left out, and why."""
        return _words(self.left_out)

    def _drop(self, gone: Mapping[str, str]) -> None:
        self.left_out |= gone
        self.sites = [site for site in self.sites if site.name not in gone]
        if not self.sites:
            raise InputError(f"no site is left to count at; {_words(self.left_out)}")


def _words(left_out: Mapping[str, str]) -> str:
    reasons = "; ".join(f"{site}: {reason}" for site, reason in left_out.items())
    return f"{len(left_out)} of the sites are left out ({reasons})"

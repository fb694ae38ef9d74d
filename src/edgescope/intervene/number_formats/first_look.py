"""The pass in float32 that comes before all others: magnitudes, choices and predictions."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from torch import nn

from edgescope.capturing import EdgeActivations, Site
from edgescope.capturing.call_stack import layer_at_fault, reason_of
from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.refusals import ATTENTION, PERHAPS
from edgescope.capturing.site_choice import Sites, select_sites
from edgescope.capturing.sites import Refused, find_sites
from edgescope.capturing.state_sites import is_state
from edgescope.intervene.activation_choice import Selector, Where
from edgescope.intervene.number_formats.format_watch import Recorder
from edgescope.intervene.number_formats.model_formats import KNOWN, copied
from edgescope.intervene.number_formats.place_record import Records
from edgescope.intervene.number_formats.site_choice_record import Choices
from edgescope.intervene.replacement import ONE_NUMBER, choose_places
from edgescope.intervene.replay import Outputs, Passes, Place
from edgescope.lib.errors import InputError
from edgescope.lib.model_call import Call


class FirstLook:
    """Looks at all places of a model in float32, and chooses what remedies replace.

    Args:
        model: the model.
        where: what chooses.
        sites: the sites to look at; all of edges by default.
        choose: what ``where`` means.

    Attributes:
        model: a copy in float32.
        sites: names of the sites that are looked at.
        unseen: layers with attention that could not be looked at, each with the reason.
        fixed: sites at which no remedy can be tried, each with the reason.
        records: of all places, once it has run.
        choices: what was chosen.
    """

    def __init__(self, model: nn.Module, where: Where, sites: Sites, choose: Selector) -> None:
        self.model = copied(model)
        self.unseen: dict[str, str] = {}
        self.fixed: dict[str, str] = {}
        self.records = Records()
        self._by_default = sites is None
        self._choose = choose
        every = find_sites(self.model)
        if sites is None:
            self._sites = [each for each in every if isinstance(each, Site)]
            refused = [each for each in every if isinstance(each, Refused)]
            self.unseen = {e.path: e.reason for e in refused if e.kind in {ATTENTION, PERHAPS}}
        else:
            self._sites = select_sites(self.model, sites)
        self._editable, self._why_not = self._places(self.model, where)
        self.choices = self._new_choices()

    @property
    def sites(self) -> list[str]:
        """Names of the sites that are looked at."""
        return [site.name for site in self._sites]

    def nothing(self, rule: str) -> str:
        """Say why there is nothing to replace; empty if there is something."""
        if self._why_not or self.choices.number:
            return self._why_not
        return f"nothing was chosen by {rule}"

    def run(
        self,
        batches: Sequence[Any],
        call: Call,
        inputs: Mapping[str, str] | None,
        trust: Trust,
        progress: bool,
    ) -> tuple[Outputs, int]:
        """Run the model over all batches.

        Returns:
            What it predicts, and how many passes that took.

        Raises:
            InputError: if a site that was asked for cannot be captured or did not run.
        """
        title = f"recording {type(self.model).__name__} in float32"
        while True:
            recorder = Recorder(call, KNOWN["float32"])
            passes = Passes(self.model, batches, recorder, inputs, trust)
            choices = self._new_choices()

            def see(
                found: EdgeActivations,
                place: Place,
                recorder: Recorder = recorder,
                choices: Choices = choices,
            ) -> None:
                once = cache(place)
                choices.take(found, once)
                recorder.site(found, once)

            try:
                outputs = passes.observed(self.sites, see, title, progress)
                break
            except InputError as error:
                path = layer_at_fault(error, self._sites) if self._by_default else None
                if path is None:
                    raise
                self.unseen[path] = reason_of(error)
                self._sites = [site for site in self._sites if site.path != path]
        self.records, self.choices = recorder.records, choices
        for site in self.sites:
            if not self._by_default and not self.records.has(site):
                raise InputError(f"the model did not run {site}; leave it out with sites=")
        choices.check()
        self.fixed |= dict.fromkeys(choices.skipped, f"no remedy is tried there, as {ONE_NUMBER}")
        return outputs, passes.done

    def _new_choices(self) -> Choices:
        here = set(self.sites)
        editable = [site for site in self._editable if site in here]
        return Choices(self._choose, editable, skip_scalars=self._choose.needs_vectors)

    def _places(self, model: nn.Module, where: Where) -> tuple[list[str], str]:
        """Return the sites at which activations are replaced, and why there is none."""
        wanted: Sites = None
        if not self._by_default:
            several = not self._choose.needs_vectors
            wanted = [
                site.name
                for site in self._sites
                if not is_state(site) and site.editable and (several or site.has_vectors)
            ]
            if not wanted:
                return [], "none of the sites that were asked for can be edited and holds vectors"
        try:
            places = choose_places(model, where, wanted, None)
        except InputError as error:
            return [], str(error)
        for site, reason in places.left_out.items():
            self.fixed[site] = f"no remedy is tried there, as {reason}"
        return [site.name for site in places.sites], ""


def unseen_words(unseen: Mapping[str, str]) -> str:
    """Say at which layers only the outputs of modules are looked at, and why."""
    named = "; ".join(f"{path or 'the model'}: {reason}" for path, reason in unseen.items())
    return f"edges are not looked at in {len(unseen)} of the layers, only outputs ({named})"

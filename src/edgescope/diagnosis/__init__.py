"""Diagnose: a short list of what is wrong with the attention of a model, with causes and remedies.

``es.diagnose(model, loader)`` is to attention what a linter is to code.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from warnings import warn

from torch import nn

from edgescope.capturing.forward_pass import Trust
from edgescope.capturing.site_choice import Sites
from edgescope.diagnosis.accepted_findings import Accepted, Baseline
from edgescope.diagnosis.finding import Finding, Severity
from edgescope.diagnosis.findings import Findings
from edgescope.diagnosis.model_sources import SourceLine, source_lines
from edgescope.diagnosis.observation import (
    EVERY,
    coverage_of,
    layers_of,
    left_out_message,
    observe_what_can_be,
)
from edgescope.diagnosis.project_settings import DiagnosisSettings, diagnosis_settings
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, LayerSeen, Rule, Sample, StateSeen
from edgescope.lib.compiled_parts import compiled_parts
from edgescope.lib.eager_twin import eager_twin
from edgescope.lib.errors import EdgescopeWarning, InputError
from edgescope.lib.mistakes import check_inputs, check_number
from edgescope.lib.model_call import Call, NotedCall, call_model
from edgescope.scanning.scan_check import check_scan, refuse_nodes

if TYPE_CHECKING:
    import polars as pl

    from edgescope.scanning.result import Scan

__all__ = [
    "EVERY",
    "Accepted",
    "Baseline",
    "DiagnosisSettings",
    "Finding",
    "Findings",
    "LayerInfo",
    "LayerSeen",
    "Rule",
    "Sample",
    "Severity",
    "SourceLine",
    "StateSeen",
    "diagnose",
    "diagnosis_settings",
]


class _Diagnose:
    """Find what is wrong with a model's attention; call it as ``es.diagnose(model, loader)``."""

    def __call__(
        self,
        model: nn.Module,
        loader: Iterable[Any],
        *,
        rules: Sequence[Rule] | None = None,
        select: Sequence[str] | str = (),
        ignore: Sequence[str] | str = (),
        scan: "Scan | None" = None,
        sites: Sites = None,
        call: Call = call_model,
        inputs: Mapping[str, str] | None = None,
        trust: Trust = (),
        every: int = EVERY,
        max_batches: int | None = None,
        seed: int = 0,
        discover: bool = True,
        progress: bool = True,
    ) -> Findings:
        """Find out what is wrong with the attention of a model, and what can be done.

        The model runs over one batch in six of the loader, in eval mode without gradients, on
        the device that it is on, and is left as it was. Of a loader of fewer batches it is that
        part of the graphs of the first one, at least 32. Rules that need it to run again do so on
        a sample of these: one batch in ten of the loader, at least one and at most four.

        Args:
            model: the model, whose attention layers ``es.capture`` knows or discovers.
            loader: yields batches of graphs, as in :func:`edgescope.scan`.
            rules: the rules that look, with their thresholds; all of them by default, with the
                default ones. A rule given here stands for the default rule of its identifier only
                if ``select`` is given too; else exactly these rules look.
            select: identifiers of the rules to use, or shell-style patterns; all by default.
            ignore: identifiers or patterns of rules to leave out.
            scan: a scan of the model, whose massive activations are reported; without one, ratios
                above 1000 are looked for on the way.
            sites: names or patterns of sites, or a function, as in :func:`edgescope.scan`: layers
                with such a site are looked at, in all their stages, as rules need several. By
                default all layers; one that cannot be captured when the model runs, because its
                edges cannot be told apart for example, is then left out with a warning.
            call: how to call the model on a batch, as in :func:`edgescope.scan`.
            inputs: what the model calls ``edge_index`` and so on, as in :func:`edgescope.capture`.
            trust: sites whose edges you vouch for, as in :func:`edgescope.capture`.
            every: the first batch and each ``every``-th after it are looked at, the others are
                skipped: to look costs two to seven times what running the model does. 1 looks at
                all of them.
            max_batches: how many batches to take from the loader, at most.
            seed: decides what rules draw at random.
            discover: whether to look for attention that no adapter knows, as in
                :func:`edgescope.scan`. Rules that need no more than logits and weights judge what
                is found; what needs a layer's options is not said of it.
            progress: whether to show a progress bar.

        Returns:
            The findings, most severe first; an empty list if there is nothing to say. Their
            ``coverage`` says which attention of the model was looked at, and which not and why.

        Raises:
            InputError: if the model has no layer that can be captured or runs none, one that was
                asked for cannot be, the loader is empty or can be gone through only once, or no
                rule has the identifier that was asked for.

        Example:
            >>> import torch
            >>> import edgescope as es
            >>> graphs = es.data.load("solubility").test[:64]
            >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=2)
            >>> with torch.no_grad():
            ...     model.layers[1].conv.att_src[0, 0] = 0  # head 0 forgets whom it attends to
            ...     model.layers[1].conv.att_edge[0, 0] = 0
            >>> found = es.diagnose(model, es.data.loader(graphs), select="uniform-attention")
            >>> found[0].where
            'layers.1.conv, head 0 of 2'
        """
        from edgescope.diagnosis.rule_choice import choose_rules
        from edgescope.scanning.first_batch import discover_at_start
        from edgescope.scanning.loaders import graph_loader

        given, model = model, eager_twin(model)
        loader = graph_loader(loader)
        noted = NotedCall(call)
        check_inputs(inputs)
        if scan is not None:
            check_scan(scan)
            refuse_nodes(scan)
        for name, number in (("every", every), ("max_batches", max_batches)):
            if number is not None:
                check_number(number, name)
            if number is not None and number < 1:
                raise InputError(f"received {name}={number}, expected 1 or more")
        chosen = choose_rules(rules, select, ignore, scan)
        discover_at_start(model, loader, noted, inputs, wanted=discover)
        layers = layers_of(model, sites)
        seen, layers, refused = observe_what_can_be(
            model,
            loader,
            chosen,
            layers,
            by_default=sites is None,
            call=noted,
            inputs=inputs,
            trust=trust,
            every=every,
            max_batches=max_batches,
            seed=seed,
            progress=progress,
        )
        if refused:
            gone = "; ".join(left_out_message(path, why) for path, why in refused.items())
            warn(gone, EdgescopeWarning, stacklevel=2)
        found = [
            finding for rule in chosen for finding in [*rule.check(model, layers), *rule.judged()]
        ]
        coverage = replace(
            coverage_of(model, layers, seen, refused), eager=tuple(compiled_parts(given))
        )
        places = [*(each.layer for each in found), *(each.path for each in coverage.unseen)]
        return Findings(
            found,
            sources=source_lines(model, ["", *places, *(each.path for each in coverage.empty)]),
            model=type(model).__name__,
            rules=[rule.id for rule in chosen],
            batches=seen.batches,
            graphs=seen.graphs,
            arguments=noted.arguments,
            unjudged={rule.id: rule.unjudged for rule in chosen if rule.unjudged},
            coverage=coverage,
        )

    def load(self, path: str | Path) -> Findings:
        """Return findings that were written as JSON, as by ``edgescope diagnose RUN``.

        See :meth:`Findings.json`.

        Raises:
            InputError: if the file cannot be read, or holds something else.
        """
        from edgescope.diagnosis.findings import load_findings

        return load_findings(Path(path))

    def rules(self) -> "pl.DataFrame":
        """Return every rule, one per row: identifier, severity, title and thresholds."""
        from edgescope.diagnosis.rule_choice import rule_table

        return rule_table()

    def explain(self, rule: str) -> str:
        """Return the page of a rule as Markdown.

        Raises:
            InputError: if there is no rule of that identifier.
        """
        from edgescope.diagnosis.rule_choice import find_rule, page

        return page(find_rule(rule))

    def try_remedy(
        self, model: nn.Module, finding: Finding | Sequence[Finding], **options: Any
    ) -> nn.Module:
        """Return a copy of a model with the remedy of a finding applied, or of several.

        See :func:`edgescope.diagnosis.remedies.try_remedy`.
        """
        from edgescope.diagnosis.remedies import try_remedy

        return try_remedy(model, finding, **options)


diagnose = _Diagnose()

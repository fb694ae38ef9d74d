"""Rule: HGTConv given its relations in another order than its metadata."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from edgescope.diagnosis.finding import Finding, Severity, place
from edgescope.diagnosis.rules.diagnosis_rule import LayerInfo, LayerSeen, Rule, Sample
from edgescope.diagnosis.rules.edge_features_ignored import SAME, relative_change

if TYPE_CHECKING:
    from torch import nn


@dataclass
class HGTRelationOrder(Rule):
    """HGTConv layers that take the matrices of one relation for another.

    Attributes:
        same: largest difference between the outputs in either order, relative to the largest
            output, up to which they are the same.
    """

    id: ClassVar[str] = "hgt-relation-order"
    title: ClassVar[str] = "HGTConv takes the matrices of one relation for another"
    severity: ClassVar[Severity] = "error"
    needs: ClassVar[frozenset[str]] = frozenset({"rows"})
    finite: ClassVar[bool] = False
    samples: ClassVar[bool] = True
    explanation: ClassVar[str] = """\
HGTConv has a key and a value matrix for every relation. PyG (2.8 and before) joins the relations
in the order of `edge_index_dict`, but multiplies with the matrices as if that were the order of
the layer's `metadata`. Called in another order, it silently takes the matrices of other relations:
its output depends on the order of a dictionary.

The order is compared in every call; before it is reported, the layer is run on one batch in both
orders, and the finding gives how far apart the outputs are.

**Threshold.** `same` = 1e-5, relative to the largest output.

**What to do.** Hand the relations over in the order of the metadata: `{r: edge_index_dict[r] for r
in metadata[1] if r in edge_index_dict}`.

**False alarm?** None is known. A model that was trained in the wrong order has learnt with it, and
must go on in that order, in every batch.
"""

    same: float = SAME

    def begin(self, layers: Sequence[LayerInfo]) -> None:
        """Forget what was seen."""
        del layers
        self._calls: dict[str, tuple[nn.Module, dict[str, Any], list[Any]]] = {}
        self._apart: dict[str, tuple[float, list[str]]] = {}

    def observe(self, seen: LayerSeen) -> None:
        """Keep the arguments of the first call that is out of order, of every layer."""
        path = seen.path.partition("@")[0]
        given = (seen.arguments or {}).get("edge_index_dict")
        order = seen.adapter.relation_order(seen.layer)
        if order is None or not isinstance(given, Mapping) or path in self._calls:
            return
        ordered = [relation for relation in order if relation in given]
        if list(given) != ordered:
            self._calls[path] = (seen.layer, dict(seen.arguments or {}), ordered)

    def probe(self, sample: Sample) -> None:
        """Run the layers in both orders."""
        del sample
        for path, (layer, arguments, order) in self._calls.items():
            given = arguments["edge_index_dict"]
            ordered = {relation: given[relation] for relation in order}
            before = layer(arguments["x_dict"], given)
            after = layer(arguments["x_dict"], ordered)
            change = relative_change(before, {kind: after[kind] for kind in before})
            if change is None:
                self.leave_out(path)
            else:
                self._apart[path] = (change, [" ".join(relation) for relation in given])
        self._calls = {}

    def findings(self) -> list[Finding]:
        """Report the layers whose output depends on the order."""
        return [
            Finding(
                self.id,
                self.severity,
                place(path),
                f"with the relations in the order of the metadata its output differs by "
                f"{change:.0%} of its largest value",
                {"largest_change": change, "order": order},
                f"edge_index_dict has the order {', '.join(order)}, and the layer relies on that "
                "of its metadata",
                "pass {r: edge_index_dict[r] for r in metadata[1] if r in edge_index_dict}",
            )
            for path, (change, order) in self._apart.items()
            if change > self.same
        ]

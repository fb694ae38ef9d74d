"""Another scan, to be shown beside the one that is reported."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgescope.scanning.result import Scan


@dataclass(frozen=True)
class Beside:
    """Another scan: after a remedy, of another seed, or of another model.

    Attributes:
        scan: the other scan.
        name: what the page calls it.
        own: what the page calls the scan that is reported.
        run: facts about the training run of the other.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> options = {"hidden_dim": 8, "num_heads": 2, "num_layers": 1}
        >>> models = [es.models.GAT(**graphs.model_sizes, **options) for _ in range(2)]
        >>> first, second = (es.scan(model, es.data.loader(graphs)) for model in models)
        >>> beside = es.report.Beside(second, name="seed 1", own="seed 0")
        >>> first.report("both.html", beside=beside)  # doctest: +SKIP
    """

    scan: Scan
    name: str = "the other"
    own: str = "this scan"
    run: Mapping[str, Any] = field(default_factory=dict)

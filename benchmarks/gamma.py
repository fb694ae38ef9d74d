"""The gamma fit and its KS distance from a sketch, beside scipy on the values themselves.

    python benchmarks/gamma.py [--data zinc12k --root FOLDER]

The values are the scores of one layer of the published GraphTransformer (10 layers, width 64,
8 heads) on every edge of the test split, about 3.2 million for ZINC-12k. scipy's side is what
the published detection does: ``gamma.fit`` and ``kstest`` of -log10 of the ratios.
"""

from statistics import median

import numpy as np
import torch
from _common import alternating_times, load_data, published_model
from scipy.stats import gamma, kstest

import edgescope as es
from edgescope.statistics import edge_ratios, fit_gamma
from edgescope.statistics.gamma import EPSILON

SITE = "layers.5.attention:score"
ROUNDS = 5


def main() -> None:
    """Fit in both ways in turn, and print times and differences."""
    test = load_data(__doc__).test
    model = published_model(test).eval()
    loader = es.data.loader(test, batch_size=128)
    scores: list[torch.Tensor] = []
    with torch.no_grad(), es.capture(model, [SITE], reduce=lambda a: scores.append(a.values)):
        for batch in loader:
            model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
    ratios = edge_ratios(torch.cat(scores))
    y = -np.log10(ratios.ratio[ratios.defined].flatten().double().numpy() + EPSILON)
    sketch = es.scan(model, loader, sites=[SITE], progress=False)[SITE]
    found = {}

    def with_scipy() -> None:
        fitted = gamma.fit(y)
        found["scipy"] = (*fitted, kstest(y, gamma(*fitted).cdf).statistic)

    def with_sketch() -> None:
        fit = fit_gamma(sketch)
        found["sketch"] = (fit.shape, fit.loc, fit.scale, fit.ks)

    raw, ours = (median(t) for t in alternating_times(with_scipy, with_sketch, rounds=ROUNDS))
    print(f"{test.name}, {SITE}: {y.size:,} values, median of {ROUNDS} rounds")
    print(f"scipy {raw:.2f} s, sketch {ours * 1e3:.2f} ms: {raw / ours:,.0f} times faster")
    names = ("shape", "location", "scale", "KS")
    for name, theirs, our in zip(names, found["scipy"], found["sketch"], strict=True):
        print(f"{name:9s} {theirs:10.6f} {our:10.6f}  {100 * (our / theirs - 1):+.3f} %")


if __name__ == "__main__":
    main()

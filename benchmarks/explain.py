"""What explaining 100 molecules costs, method by method, over one forward pass of the model.

    python benchmarks/explain.py [--data zinc12k --root FOLDER]

The GraphTransformer of the published ZINC recipe, untrained, in one batch on one thread. Each
figure is the median over rounds in which the forward pass and the method take turns. Passes are
those that the method makes per molecule. GNNExplainer learns 5 epochs; it takes 100 by default.
"""

import time
from statistics import median

import torch
from _common import alternating_times, load_data, published_model

from edgescope.attribute import METHODS, Method, Settings, importances, make
from edgescope.lib.model_call import call_model

GRAPHS = 100
EPOCHS = 5
ROUNDS = {"integrated_gradients": 3, "occlusion": 3, "occlusion_features": 3}
SLOW = ("gnnexplainer",)


def main() -> None:
    """Time every method and print one table."""
    dataset = load_data(__doc__).test[:GRAPHS]
    torch.set_num_threads(1)
    model = published_model(dataset).eval()
    batch = dataset.batch(slice(None))

    def forward() -> None:
        with torch.no_grad():
            call_model(model, batch)

    print(f"{'method':24s} {'forward':>8s} {'backward':>9s} {'seconds':>9s} {'x forward':>10s}")
    for name in METHODS:
        method = make(name, Settings(epochs=EPOCHS))
        start = time.perf_counter()
        found = importances(model, dataset, method, batch_size=GRAPHS, progress=False)[name]
        seconds = time.perf_counter() - start
        times = alternating_times(forward, rounds=ROUNDS.get(name, 9))
        ratio = seconds / median(times[0])
        if name not in SLOW:

            def run(method: Method = method) -> None:
                method.attribute(model, batch)

            plain, taken = alternating_times(forward, run, rounds=ROUNDS.get(name, 9))
            ratio = median(b / a for a, b in zip(plain, taken, strict=True))
            seconds = median(taken)
        passes = f"{found.forward_passes:8.1f} {found.backward_passes:9.1f}"
        print(f"{name:24s} {passes} {seconds:9.3f} {ratio:10.2f}", flush=True)


if __name__ == "__main__":
    main()

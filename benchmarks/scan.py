"""A scan over the plain forward passes on the same batches.

    python benchmarks/scan.py [--data zinc12k --root FOLDER]

The model is the published GraphTransformer (10 layers, width 64, 8 heads), the batch size 128,
the split the test split. The scan includes capture at all ten sites, ratios, histograms by type
and channel, maxima and kept rows; the table adds the ten gamma fits.
"""

import torch
from _common import alternate, load_data, published_model

import edgescope as es


def main() -> None:
    """Time forward passes, the scan and its table, and print the ratios."""
    test = load_data(__doc__).test
    model = published_model(test).eval()
    loader = es.data.loader(test, batch_size=128)

    def forward() -> None:
        with torch.no_grad():
            for batch in loader:
                model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)

    def scan() -> es.Scan:
        return es.scan(model, loader, progress=False)

    plain, scanned, with_fits = alternate(forward, scan, lambda: scan().table(), rounds=7)
    print(
        f"{test.name}: {len(test)} graphs, {torch.get_num_threads()} threads\n"
        f"forward {plain:.3f} s, scan {scanned:.3f} s (ratio {scanned / plain:.2f}), "
        f"scan and table with fits {with_fits:.3f} s (ratio {with_fits / plain:.2f})"
    )


if __name__ == "__main__":
    main()

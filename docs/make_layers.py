"""Write docs/layers.md from the table of adapters and the benchmark's figures.

    python docs/make_layers.py

The figures come from ``python benchmarks/capture.py --write``.
"""

import json
from pathlib import Path

import edgescope as es

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "layers.md"
FIGURES = DOCS / "layers.json"

HEAD = """# Layers

<!-- written by docs/make_layers.py from the adapters; edit those, or the script -->

What `es.capture` records for every layer class. `es.capture.layers()` gives this table, and
`es.capture.sites(model)` the part of it that a model of yours has.

| stage | what it is |
| --- | --- |
| `score` | a vector per edge and head, whose sum is the logit before any non-linearity |
| `logit` | what the softmax is taken of, one number per edge and head |
| `weight` | what the softmax gives |
| `message` | what is summed, or otherwise aggregated, at the target node |

`E` edges (or pairs of nodes), `H` heads, `D` channels per head; a layer without heads has `H` = 1.
Where logits and weights have several channels per head, each channel has a softmax of its own:
GENConv attends by channel, and RGATConv has `dim` of them. A channel is no head.

A scan takes the score of each layer by default, or its message if it has no score: the ratio within
an edge needs a vector. *Dropout* says whether the values are those before or after the layer's
dropout of attention weights; in eval mode there is no difference.
"""

SITES = """
## Sites

| layer | stage | formula | shape | dropout |
| --- | --- | --- | --- | --- |
"""

COSTS = """
## Self-loops, cost and limits

Cost is a forward pass with capture over one without, the activations reduced inside the hook:
*vectors* captures what a scan takes by default, *all* every stage; medians and quartiles. Measured
by `benchmarks/capture.py` on {setting}.

| layer | self-loops | vectors | all | refused |
| --- | --- | --- | --- | --- |
"""

TAIL = """
A row that is no edge of the input, such as a self-loop that the layer added, has `input_edge` -1.
Pairs of global attention come without padding, one row per pair of nodes of a graph; where the
input has an edge from the one to the other, the row carries its number and type.

These are refused for every layer, with the reason and what to do: TorchScript, exported
programs and what is compiled ahead of time, in which no layer calls a hook; sparse adjacency
matrices, whose edges have no position; paths that fuse messages with their aggregation; layers
marked `explain = False`; subclasses that override a method on which a formula relies; PyG's
`decomposed_layers`. So is any row of which it is
not certain which edge it is.

A formula holds for the options of the layer's constructor, and for the arguments of its `forward`,
that edgescope knows. An option that a later version of PyG or torch adds is taken to change nothing
at its default; a layer that is built or called with another value is refused, and if its value
cannot be read off the layer, there is a warning. Weights that a layer hands out itself (GATConv,
GATv2Conv, TransformerConv) are compared with what the formula gives, and so is what an edit of
scores, logits or weights starts from; if they differ by more than rounding, the layer is refused.

`flow="target_to_source"` turns around which end of an edge attends, and every captured row says
which (`activations.target`). With it, a layer is refused that is called with two sets of nodes
(`(x_s, x_t)`, or two node types): PyG 2.8 does not say which end of an edge is in which set.
"""


def page() -> str:
    """Return the text of the page."""
    layers = es.capture.layers()
    measured = json.loads(FIGURES.read_text())
    lines = [
        f"| {row['layer']} | `{row['stage']}` | `{row['formula']}` | `{row['shape']}` | "
        f"{row['dropout'] or ''} |\n"
        for row in layers.iter_rows(named=True)
    ]
    costs = []
    for row in layers.unique("layer", maintain_order=True).iter_rows(named=True):
        ratios = measured["ratios"].get(row["layer"])
        times = f"{ratios['vectors']} | {ratios['all']}" if ratios else "not measured |"
        costs.append(f"| {row['layer']} | {row['loops']} | {times} | {row['refuses'] or ''} |\n")
    return "".join([HEAD, SITES, *lines, COSTS.format(setting=measured["setting"]), *costs, TAIL])


if __name__ == "__main__":
    PAGE.write_text(page())

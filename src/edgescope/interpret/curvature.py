r"""Balanced Forman curvature of the edges of a graph (Topping et al., arXiv 2111.14522, def. 1).

For a link :math:`i \sim j` of a simple graph with degrees :math:`d_i, d_j`, it is 0 if one of them
is 1, and otherwise

.. math::
    \frac{2}{d_i} + \frac{2}{d_j} - 2
    + 2 \frac{|\triangle|}{\max(d_i, d_j)} + \frac{|\triangle|}{\min(d_i, d_j)}
    + \frac{|\square^i| + |\square^j|}{\gamma \max(d_i, d_j)}

with :math:`\triangle` the common neighbours of both, :math:`\square^i` the neighbours of
:math:`i` that lie on a 4-cycle over the link without diagonals, and :math:`\gamma` the largest
number of these cycles through one node of :math:`\square^i` or :math:`\square^j`; the last term is
0 if there is none.
"""

import numpy as np
from numpy.typing import NDArray

from edgescope._progress import track
from edgescope.interpret.simple import Ints, SimpleGraphs

Array = NDArray[np.float64]

BLOCK = 2**21
"""Pairs of neighbours that are looked at together."""


def balanced_forman(graphs: SimpleGraphs, *, progress: bool = True) -> Array:
    """Return the balanced Forman curvature of every link ``[M]``."""
    degree = graphs.degree[graphs.ends]
    work = (degree[0] * degree[1]).cumsum()
    blocks = np.split(
        np.arange(graphs.num_links),
        np.searchsorted(work, np.arange(BLOCK, work[-1] if len(work) else 0, BLOCK)),
    )
    parts = track(blocks, "measuring curvature", len(blocks), progress)
    return np.concatenate([_of_links(graphs, links) for links in parts])


def _of_links(graphs: SimpleGraphs, links: Ints) -> Array:
    """Return the curvature of some links."""
    first, second = graphs.ends[:, links]
    degrees = graphs.degree[graphs.ends[:, links]]
    high, low = degrees.max(axis=0), degrees.min(axis=0)

    near, of_near = graphs.neighbours(first)  # k, by its link
    common = graphs.linked(near, second[of_near])
    triangles = np.bincount(of_near[common], minlength=len(links))
    own = ~common & (near != second[of_near])
    near, of_near = near[own], of_near[own]

    far, place = graphs.neighbours(second[of_near])  # w, by its k
    owner = of_near[place]
    square = far != first[owner]
    square &= ~graphs.linked(far, first[owner])
    square &= graphs.linked(far, near[place])
    owner, k, w = owner[square], near[place][square], far[square]
    corners = np.zeros(len(links), dtype=np.int64)
    most = np.zeros(len(links), dtype=np.int64)
    for corner in (k, w):
        keys, cycles = np.unique(owner * graphs.num_nodes + corner, return_counts=True)
        link = keys // max(graphs.num_nodes, 1)
        corners += np.bincount(link, minlength=len(links))
        np.maximum.at(most, link, cycles)
    curvature = 2 / degrees[0] + 2 / degrees[1] - 2
    curvature += 2 * triangles / high + triangles / low
    curvature += corners / (np.maximum(most, 1) * high)
    return np.where(low == 1, 0.0, curvature)

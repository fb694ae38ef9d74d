"""Which edges of MUTAG's mutagenic molecules make them so: nitro and amine groups.

Debnath et al., J. Med. Chem. 34 (1991) 786, name them; GNNExplainer (Ying et al., NeurIPS 2019) and
PGExplainer (Luo et al., NeurIPS 2020, section 5) take them as the truth of the mutagenic class.
"""

import torch
from torch import Tensor

from edgescope.data.directions import batched_edges, edge_graphs
from edgescope.data.graphs import GraphDataset

NITRO_OXYGENS = 2
"""Oxygens of a nitro group, each bonded to nothing but the nitrogen."""


def nitro_and_amine(dataset: GraphDataset) -> Tensor:
    """Find the edges of nitro and amine groups.

    A nitro group is a nitrogen with two oxygens that have no other neighbour; its edges are the two
    N-O bonds. An amine is a nitrogen whose only edge is one single bond. MUTAG has no hydrogens, so
    that bond stands for the N-H bonds that the two papers count. A molecule with several groups has
    one truth, all of them, as in the papers.

    Args:
        dataset: MUTAG, with ``"N"`` and ``"O"`` in its vocabulary and an edge type ``"single"``.

    Returns:
        ``[E, 1]`` float32, 1 on the edges of the groups, both directions, and 0 on the others; NaN
        in molecules that are not mutagenic (``y`` is not 1) or have neither group.
    """
    edge_graph = edge_graphs(dataset)
    source, target = batched_edges(dataset)
    atoms = [dataset.vocabulary[kind] for kind in dataset.node_types.tolist()]
    nitrogen = torch.tensor([atom == "N" for atom in atoms], dtype=torch.bool)
    oxygen = torch.tensor([atom == "O" for atom in atoms], dtype=torch.bool)
    degree = torch.bincount(target, minlength=len(atoms))
    end_oxygen = oxygen[source] & (degree[source] == 1) & nitrogen[target]
    oxygens = torch.bincount(target[end_oxygen], minlength=len(atoms))
    single = dataset.edge_types == dataset.edge_type_names.index("single")
    nitro = end_oxygen & (oxygens[target] == NITRO_OXYGENS)
    amine = single & nitrogen[source] & (degree[source] == 1)
    # A true edge is so in both directions: mark nodes O of nitro and N of amines by their edge.
    outward = nitro | amine
    marked = torch.zeros(len(atoms), dtype=torch.bool)
    marked[source[outward]] = True  # nodes of degree 1: their edge is the only one
    true = marked[source] | marked[target]
    has = torch.zeros(len(dataset), dtype=torch.bool)
    has[edge_graph[true]] = True
    known = (has & (dataset.y[:, 0] == 1))[edge_graph]
    return true.float().where(known, torch.nan).unsqueeze(1)

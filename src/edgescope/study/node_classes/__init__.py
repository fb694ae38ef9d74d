"""GAT on classes of nodes and graphs, on real data.

States and logits before and after training, nodes with the same neighbours and the same output, and
what a remedy does for models that diagnosis flags. Other than the grids of recipes, models here are
the small ones of the literature on such data, trained on the whole graph at once.
"""

from edgescope.study.node_classes.node_study import run_nodes
from edgescope.study.node_classes.seed_pairs import paired_accuracy

__all__ = ["paired_accuracy", "run_nodes"]

"""A small graph with classes of nodes, with twins in it, in the layout of the published files."""

import numpy as np
import pytest

NODES = 40


def edges():
    """Nodes 0 to 4 look at each other; 5 and 6, 7 and 8 and so on look at the same three."""
    of_five = [(j, i) for i in range(5) for j in range(5) if i != j]
    random = np.random.default_rng(1)
    twins = []
    for first in range(5, NODES - 1, 2):
        seen = random.choice(5, 3, replace=False)
        twins += [(j, i) for i in (first, first + 1) for j in seen]
    return np.array(of_five + twins)


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wikipedia")
    random = np.random.default_rng(0)
    part = np.stack([random.permutation(NODES) % 3 for _ in range(10)])
    np.savez(
        folder / "chameleon_directed.npz",
        node_features=random.normal(size=(NODES, 6)).astype(np.float32),
        node_labels=np.arange(NODES) % 5,
        edges=edges(),
        train_masks=part == 0,
        val_masks=part == 1,
        test_masks=part == 2,
    )
    return folder

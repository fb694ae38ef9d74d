"""Noise on a cell's embeddings: the rows, the clean metric, and what ascent adds."""

from dataclasses import replace

import numpy as np
import torch

import edgescope as es
from edgescope.study.measures.noise_levels import NOISES, RESTARTS, attack


def test_every_size_restart_and_kind_has_a_row_beside_the_clean_metric(cell_on):
    of = cell_on(graphs=12)
    table = attack(of)["attack"]
    keys = table.select("noise", "restart", "kind").unique()
    assert keys.height == table.height == len(NOISES) * RESTARTS * 2
    batch = next(iter(es.data.loader(of.part, batch_size=12)))
    with torch.no_grad():
        predicted = of.model(batch.x, batch.edge_index, batch.edge_attr, batch=batch.batch)
    clean = float((predicted - batch.y).abs().mean())
    np.testing.assert_allclose(table["metric_clean"], clean, rtol=1e-5)
    # The mean absolute error is the loss that the noise was chosen by.
    np.testing.assert_allclose(table["metric_noisy"], table["loss_noisy"], rtol=1e-5)
    both = table.pivot("kind", index=["noise", "restart"], values="loss_noisy")
    assert (both["ascent"] >= both["random"]).all()
    assert attack(of)["attack"].equals(table)


def test_without_a_target_there_is_nothing_to_attack(cell_on):

    of = cell_on(graphs=2)
    unknown = replace(of.part, y=of.part.y * float("nan"))
    assert attack(replace(of, part=unknown)) == {}

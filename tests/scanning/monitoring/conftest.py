"""Trainings of a few steps, with and without a monitor."""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn
from torch_geometric.loader import DataLoader

import edgescope as es
from support import hand_written
from support.example_models import GATv2
from support.scan_equality import numbered_graphs


class Trained(NamedTuple):
    """What a training came to."""

    model: nn.Module
    outputs: list[torch.Tensor]
    gradients: list[torch.Tensor]
    random: torch.Tensor
    monitor: es.Monitor | None


def own():
    return es.models.GraphTransformer(
        num_atom_types=5, num_bond_types=4, hidden_dim=12, num_heads=3, num_layers=2, dropout=0.2
    )


MODELS = {
    "own": (own, ("x", "edge_index", "edge_attr", "batch"), numbered_graphs(24)),
    "PyG": (GATv2, ("x", "edge_index", "edge_attr", "batch"), numbered_graphs(24)),
    "discovered": (hand_written.TwoOfThem, ("x", "edge_index", "batch"), hand_written.graphs(24)),
}


@pytest.fixture(scope="session")
def batches() -> Callable[[str], list[Any]]:
    """The batches of a model: six of four graphs."""
    made = {name: list(DataLoader(of, batch_size=4)) for name, (_, _, of) in MODELS.items()}
    return made.__getitem__


@pytest.fixture(scope="session")
def train(batches) -> Callable[..., Trained]:
    """Train a model of :data:`MODELS` for some epochs, watched if options of a monitor are given.

    ``each`` is called before every step with its number and the monitor. With a ``state`` the
    monitor goes on from that, and watches from step ``first`` on.
    """

    def run(name: str, epochs: int = 2, *, each=None, options=None, state=None, first=0) -> Trained:
        build, arguments, _ = MODELS[name]
        torch.manual_seed(7)
        model = build().train()
        optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
        outputs = []
        watch = nullcontext() if options is None else es.monitor(model, **options)
        if state is not None:
            watch.load_state_dict(state)
        monitor = None
        with ExitStack() as watched:
            for step, batch in enumerate(batches(name) * epochs):
                if step == first:
                    monitor = watched.enter_context(watch)
                if each is not None:
                    each(step, monitor)
                optimiser.zero_grad()
                predicted = model(*(getattr(batch, field) for field in arguments))
                outputs.append(predicted.detach().clone())
                (predicted**2).mean().backward()
                optimiser.step()
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        return Trained(model, outputs, gradients, torch.get_rng_state(), monitor)

    return run

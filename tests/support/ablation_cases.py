"""Graphs with targets, and an ablation of a small model on them."""

import copy

import torch
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.lib.model_call import call_model
from support.scan_equality import numbered_graphs, small_model


def graphs_with_targets(number=12, seed=0):
    graphs = numbered_graphs(number, seed)
    for position, graph in enumerate(graphs):
        graphs[position] = copy.copy(graph)
        graphs[position].y = torch.tensor([[float(position % 4)]])
    return graphs


def loader(number=12, batch_size=5):
    return DataLoader(graphs_with_targets(number), batch_size=batch_size)


def nothing(found):
    return torch.zeros_like(found.values, dtype=torch.bool)


def everything(found):
    return torch.ones_like(found.values, dtype=torch.bool)


def ablated(model=None, batches=None, **options):
    batches = loader() if batches is None else batches
    options = {"metric": "mae", "repeats": 2} | options
    return es.ablate(small_model() if model is None else model, batches, **options)


def predictions(model, batches):
    with torch.no_grad():
        return torch.cat([call_model(model, batch) for batch in batches])


def mae(prediction, batches):
    target = torch.cat([batch.y for batch in batches])
    return (prediction.double() - target).abs().mean().item()

"""What layers of TransformerConv compute, edge by edge in numpy, whatever their flow."""

import numpy as np

from support.flow_cases import BACK


def numpy_of(linear, values):
    found = values @ linear.weight.detach().double().numpy().T
    return found if linear.bias is None else found + linear.bias.detach().double().numpy()


def ends_by_meaning(conv, edge_index):
    """The node attended to and the node that attends, of every edge."""
    first, second = edge_index.numpy()
    return (second, first) if conv.flow == BACK else (first, second)


def scores_and_weights(model, batch):
    """Scores ``[E, H, D]`` and weights ``[E, H]`` of every layer, and the ends of its edges."""
    found = []
    states = model.states(batch.x, batch.edge_index, batch.edge_attr)
    bond = model.bond(batch.edge_attr).detach().double().numpy()
    for conv, given in zip(model.convs, states, strict=False):
        state = given.detach().double().numpy()
        source, target = ends_by_meaning(conv, batch.edge_index)
        shape = (-1, conv.heads, conv.out_channels)
        query = numpy_of(conv.lin_query, state).reshape(shape)
        key = numpy_of(conv.lin_key, state).reshape(shape)
        edge = numpy_of(conv.lin_edge, bond).reshape(shape)
        score = query[target] * (key[source] + edge) / np.sqrt(conv.out_channels)
        logit = score.sum(-1)
        weight = np.zeros_like(logit)
        for node in set(target.tolist()):
            mine = target == node
            power = np.exp(logit[mine] - logit[mine].max(0))
            weight[mine] = power / power.sum(0)
        found.append((score, weight, source, target))
    return found


def rollout_by_hand(model, batch, residual):
    """Importance of every edge ``[E]`` from dense matrices of every layer and their products."""
    layers = scores_and_weights(model, batch)
    nodes = len(batch.x)
    steps, shares = [], []
    for _, weight, source, target in layers:
        mean = weight.mean(1)
        matrix = np.zeros((nodes, nodes))
        np.add.at(matrix, (target, source), mean)
        step = (1 - residual) * matrix + residual * np.eye(nodes)
        total = step.sum(1)
        steps.append(step / total[:, None])
        shares.append((1 - residual) * mean / total[target])
    importance = np.zeros(batch.edge_index.size(1))
    for number, (share, (_, _, _, target)) in enumerate(zip(shares, layers, strict=True)):
        relevance = np.ones(nodes)
        for step in reversed(steps[number + 1 :]):
            relevance = relevance @ step
        importance += relevance[target] * share
    return importance

"""The published architectures in numpy: dense matrices, one pair of nodes after the other.

Independent of edgescope's code; from the equations alone (Bini et al., arXiv 2409.03463, and the
layers of their repository). Everything is computed for every pair and then kept where edges are.
"""

import numpy as np

FLOOR, EPS, QK_EPS = 1e-6, 1e-5, 1e-6


def predict(model, x, edge_index, edge_attr, batch):
    """Return predictions and the edge scores of every layer, from a model's weights in eval mode.

    For SAN and GraphiT on the full graph the scores are those of the edges as given.
    """
    state = {name: value.double().numpy() for name, value in model.state_dict().items()}
    config, name = model.config, type(model).__name__
    node = _embed(state, "node_embedding", x.numpy())
    edge = _embed(state, "edge_embedding", edge_attr.numpy())
    scores = []
    for number in range(config["num_layers"]):
        part = _part(state, f"layers.{number}")
        attention = _part(part, "attention")
        states = (("node", node), ("edge", edge))
        before = [_before(_part(part, which), config, values) for which, values in states]
        attended, score = _attend(
            attention,
            config,
            name,
            state,
            *before,
            edge_index.numpy(),
            batch.numpy(),
        )
        if config["gated_output"]:
            attended = attended / (1 + np.exp(-_linear(attention, "gate", before[0])))
        scores.append(score)
        node = _block(_part(part, "node"), config, node, attended)
        if name == "GraphTransformer" and number < config["num_layers"] - 1:
            edge = _block(
                _part(part, "edge"), config, edge, score.reshape(len(edge), node.shape[1])
            )
    if config["norm_first"]:
        node = _norm(state, "last_norm", config, node)
    return _read_out(_part(state, "readout"), config, node, batch.numpy()), scores


def _attend(weights, config, name, state, node, edge, edge_index, batch):
    heads = config["num_heads"]
    channels = node.shape[1] // heads

    def project(which, values):
        found = _linear(weights, which, values).reshape(len(values), heads, channels)
        return _unit(weights, f"{which}_norm.weight", found)

    query, key, value = (project(which, node) for which in ("query", "key", "value"))
    full = config.get("full_graph", False)
    rows = [
        (j, i, 1.0, key[j], query[i], w)
        for (j, i), w in zip(edge_index.T, project("edge", edge), strict=True)
    ]
    if full:
        rows = [
            (j, i, _factor(name, config, state, True, j, i, edge_index, batch), *rest)
            for j, i, _, *rest in rows
        ]
        have = set(map(tuple, edge_index.T.tolist()))
        key2, query2 = project("added_key", node), project("added_query", node)
        blank = _embed(state, "edge_embedding", np.zeros((1, *config["blank"]), np.int64))
        edge2 = project("added_edge", blank)[0]
        for i in range(len(node)):
            for j in range(len(node)):
                if batch[i] == batch[j] and i != j and (j, i) not in have:
                    factor = _factor(name, config, state, False, j, i, edge_index, batch)
                    rows.append((j, i, factor, key2[j], query2[i], edge2))
    variant = config["explicit_bias"]
    if name == "GraphTransformer" and variant:
        variant = "described"
    into = [[] for _ in node]
    scores = np.zeros((edge_index.shape[1], heads, channels))
    for place, (j, i, factor, k, q, w) in enumerate(rows):
        score, v = k * q / np.sqrt(channels) * w, value[j]
        logit = score.sum(-1)
        if variant:
            bias = (query[i] * weights["bias_term.key"]).sum(-1) / np.sqrt(channels)
            score = score + bias[:, None] * weights["bias_term.edge"]
            v = v + weights["bias_term.value"]
            logit = bias if variant == "released" else score.sum(-1)
        into[i].append((_bounded(logit, config), v, factor))
        if place < len(scores):
            scores[place] = score
    return _averages(into, value, weights, config).reshape(node.shape), scores


def _averages(into, value, weights, config):
    floor = FLOOR if config["logit_limit"] is not None else 0.0
    absent = 0.0 if config["sink"] == "fixed" else -np.inf
    sink = weights.get("sink.logit", np.full(value.shape[1], absent))
    averages = [_average(edges, sink, floor) if edges else 0 * value[0] for edges in into]
    return np.array(averages)


def _unit(weights, gain, values):
    if gain not in weights:
        return values
    return values / np.sqrt((values**2).mean(-1, keepdims=True) + QK_EPS) * weights[gain]


def _average(edges, sink, floor):
    """Return the values ``[H, D]`` weighed by a softmax over the edges into one node."""
    logits, values, factors = zip(*edges, strict=True)
    logits = [np.where(f == 0, -np.inf, logit) for logit, f in zip(logits, factors, strict=True)]
    top = np.maximum(np.max(logits, axis=0), sink) if floor == 0 else np.zeros_like(sink)
    top[np.isneginf(top)] = 0
    powers = [np.exp(logit - top) * f for logit, f in zip(logits, factors, strict=True)]
    total = sum(power[:, None] * value for power, value in zip(powers, values, strict=True))
    norm = sum(powers) + np.exp(sink - top) + floor
    return total / np.where(norm == 0, 1, norm)[:, None]


def _bounded(logit, config):
    if config["logit_limit"] is not None:
        return np.clip(logit, -config["logit_limit"], config["logit_limit"])
    cap = config["logit_cap"]
    return logit if cap is None else cap * np.tanh(logit / cap)


def _factor(name, config, state, is_edge, j, i, edge_index, batch):
    if name == "SAN":
        gamma = state["gamma"][0] if config["learned_gamma"] else config["gamma"]
        gamma = np.clip(gamma, 0, 1)
        return 1 / (1 + gamma) if is_edge else gamma / (1 + gamma)
    return kernel(edge_index, len(batch), config["gamma"], config["kernel_steps"])[i, j]


def kernel(edge_index, nodes, gamma, steps):
    """Return the random-walk kernel of all nodes; a step never leaves a graph."""
    adjacency = np.zeros((nodes, nodes))
    for j, i in edge_index.T:
        adjacency[i, j] += 0.5
        adjacency[j, i] += 0.5
    scale = np.maximum(adjacency.sum(1), 1) ** -0.5
    laplacian = np.eye(nodes) - scale[:, None] * adjacency * scale
    walked = np.eye(nodes)
    for _ in range(steps):
        walked = walked @ (np.eye(nodes) - gamma * laplacian)
    return walked


def _before(weights, config, state):
    first = config["norm_first"] and weights  # SAN and GraphiT have no block of edges
    return _norm(weights, "norm1", config, state) if first else state


def _block(weights, config, state, update):
    mixed = _linear(weights, "output", update)
    if config["norm_first"]:
        state = state + mixed
        hidden = _linear(weights, "expand", _norm(weights, "norm2", config, state))
        return state + _linear(weights, "contract", np.maximum(hidden, 0))
    state = _norm(weights, "norm1", config, state + mixed if config["residual"] else mixed)
    mixed = _linear(weights, "contract", np.maximum(_linear(weights, "expand", state), 0))
    return _norm(weights, "norm2", config, state + mixed if config["residual"] else mixed)


def _norm(weights, which, config, values):
    if config["batch_norm"]:
        mean, var = weights[f"{which}.running_mean"], weights[f"{which}.running_var"]
    elif config["layer_norm"]:
        mean, var = values.mean(1, keepdims=True), values.var(1, keepdims=True)
    else:
        return values
    scaled = (values - mean) / np.sqrt(var + EPS)
    return scaled * weights[f"{which}.weight"] + weights[f"{which}.bias"]


def _read_out(weights, config, node, batch):
    state = node
    if config["readout"] != "node":
        graphs = range(batch.max() + 1 if len(batch) else 0)
        pool = np.sum if config["readout"] == "sum" else np.mean
        state = np.array([pool(node[batch == g], axis=0) for g in graphs]).reshape(
            -1, node.shape[1]
        )
    for number in (0, 1):
        state = np.maximum(_linear(weights, f"layers.{number}", state), 0)
    return _linear(weights, "layers.2", state)


def _embed(state, which, values):
    weights = _part(state, which)
    if "bias" in weights:
        return values @ weights["weight"].T + weights["bias"]
    if "weight" in weights:
        return weights["weight"][values.reshape(len(values))]
    return sum(weights[f"columns.{c}.weight"][values[:, c]] for c in range(values.shape[1]))


def _linear(weights, which, values):
    return values @ weights[f"{which}.weight"].T + weights.get(f"{which}.bias", 0)


def _part(state, prefix):
    start = f"{prefix}."
    return {name[len(start) :]: value for name, value in state.items() if name.startswith(start)}

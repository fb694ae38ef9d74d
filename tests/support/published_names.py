"""Weights of edgescope's models under the parameter names of the published code."""

PUBLISHED_NAMES = {
    "node_embedding.columns": "embedding_h.atom_embedding_list",
    "edge_embedding.columns": "embedding_e.bond_embedding_list",
    "node_embedding": "embedding_h",
    "edge_embedding": "embedding_e",
    "attention.added_query": "attention_h.Q_2",
    "attention.added_key": "attention_h.K_2",
    "attention.added_edge": "attention_h.E_2",
    "attention.query": "attention_h.Q",
    "attention.key": "attention_h.K",
    "attention.value": "attention_h.V",
    "attention.edge": "attention_h.E",
    "attention.bias_term.key": "attention_h.k_bias",
    "attention.bias_term.edge": "attention_h.e_bias",
    "attention.bias_term.value": "attention_h.v_bias",
    "node.output": "O_h",
    "node.expand": "FFN_h_layer1",
    "node.contract": "FFN_h_layer2",
    "readout.layers": "MLP_layer.FC_layers",
    "positions.project": "linear_A",
    "positions.encoder": "PE_Transformer",
}


def published_state(model, norm="batch"):
    """Return the weights of a SAN or GraphiT under the published names and in their shapes."""
    state = {}
    names = PUBLISHED_NAMES | {f"node.norm{n}": f"{norm}_norm{n}_h" for n in (1, 2)}
    for name, value in model.state_dict().items():
        published = name
        for ours, theirs in names.items():
            published = published.replace(ours, theirs)
        if published.endswith("k_bias"):
            value = value.unsqueeze(2)  # noqa: PLW2901  (the published shape)
        elif published.endswith(("e_bias", "v_bias")):
            value = value.unsqueeze(1)  # noqa: PLW2901
        state[published] = value
    return state

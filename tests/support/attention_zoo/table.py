"""The zoo of attention: models in other people's styles, with their attention worked out."""

from support.attention_zoo import (
    dense_masks,
    dense_tables,
    dgl_like,
    functional,
    handmade_gat,
    joined_edges,
    linear,
    mixed_pairs,
    neighbours,
    padded_tables,
    pair_bias,
    pyg_layers,
    pyg_models,
    scattered,
    segments,
    sparse_matrices,
    temporal,
    two_sides,
    unusual,
    without,
)
from support.attention_zoo.case import Case

FILES = (
    *(scattered, dgl_like, segments, handmade_gat, neighbours, unusual),
    *(padded_tables, dense_tables, sparse_matrices, joined_edges),
    *(pair_bias, dense_masks, mixed_pairs, functional),
    *(linear, temporal, two_sides, pyg_layers, pyg_models, without),
)

CASES: list[Case] = [case for file in FILES for case in file.CASES]

"""The zoo of attention: models in other people's styles, with their attention worked out."""

from support.attention_zoo import (
    dense_masks,
    dgl_like,
    functional,
    handmade_gat,
    linear,
    pair_bias,
    scattered,
    segments,
    temporal,
    two_sides,
)
from support.attention_zoo.case import Case

FILES = (
    *(scattered, dgl_like, segments, handmade_gat),
    *(pair_bias, dense_masks, functional),
    *(linear, temporal, two_sides),
)

CASES: list[Case] = [case for file in FILES for case in file.CASES]

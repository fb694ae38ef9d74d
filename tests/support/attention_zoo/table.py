"""The zoo of attention: models in other people's styles, with their attention worked out."""

from support.attention_zoo import dgl_like, handmade_gat, scattered, segments
from support.attention_zoo.case import Case

CASES: list[Case] = [
    *scattered.CASES,
    *dgl_like.CASES,
    *segments.CASES,
    *handmade_gat.CASES,
]

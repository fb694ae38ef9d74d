"""For every rule a minimal model that triggers it, and one beside it that does not.

The tests of diagnosis go through this table, so a new rule is tested by adding a case here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from support.diagnose_models import (
    Hetero,
    Stack,
    averaging,
    blind,
    changed,
    edge_transformer,
    first_head_to_zero,
    first_to_nan,
    gat,
    gatv2,
    graphs,
    heads_alike,
    hetero,
    looped,
    one_channel_large,
    onto_one_direction,
    scaled,
    sink,
    sinking,
    transformer,
    typed,
)


@dataclass(frozen=True)
class Case:
    """What triggers a rule, and what does not.

    Attributes:
        rule: identifier of the rule.
        what: what is special about the case.
        bad: makes the model that triggers the rule.
        good: makes one that does not.
        where: where it is found.
        batch: the batch of both; of the bad one only, if ``good_batch`` is given.
        good_batch: the batch of the good one.
    """

    rule: str
    what: str
    bad: Callable[[], nn.Module]
    good: Callable[[], nn.Module]
    where: str
    batch: Callable[[], Any] = graphs
    good_batch: Callable[[], Any] | None = None


CASES = [
    Case(
        "non-finite",
        "a parameter",
        lambda: Stack(changed(gatv2(), att=first_to_nan)),
        lambda: Stack(gatv2()),
        "layers.0",
    ),
    Case(
        "hgt-relation-order",
        "relations in another order",
        lambda: Hetero([0, 2, 1]),
        lambda: Hetero([0, 1, 2]),
        "conv",
        hetero,
    ),
    Case(
        "hgt-relation-order",
        "a relation is left out",
        lambda: Hetero([2, 1]),
        lambda: Hetero([1, 2]),
        "conv",
        hetero,
    ),
    Case(
        "self-loops",
        "missing",
        lambda: Stack(gatv2(add_self_loops=False), gatv2()),
        lambda: Stack(gatv2(add_self_loops=False), gatv2(), residual=True),
        "layers.0",
    ),
    Case(
        "self-loops",
        "missing, the layer's own residual",
        lambda: Stack(gatv2(add_self_loops=False)),
        lambda: Stack(gatv2(add_self_loops=False, residual=True)),
        "layers.0",
    ),
    Case(
        "self-loops",
        "doubled",
        lambda: Stack(transformer()),
        lambda: Stack(gatv2()),
        "layers.0",
        lambda: looped(graphs()),
    ),
    Case(
        "edge-features-ignored",
        "no layer has edge_dim",
        lambda: Stack(gatv2(), gatv2()),
        lambda: Stack(gatv2(edge_dim=3), gatv2(edge_dim=3), edges=True),
        "model",
    ),
    Case(
        "edge-features-ignored",
        "a layer drops them",
        lambda: Stack(gatv2(edge_dim=3), gat(), edges=True),
        lambda: Stack(gatv2(edge_dim=3), gat(edge_dim=3), edges=True),
        "layers.1",
    ),
    Case(
        "edge-features-ignored",
        "weights of zero",
        lambda: Stack(changed(gatv2(edge_dim=3), lin_edge__weight=scaled(0)), edges=True),
        lambda: Stack(gatv2(edge_dim=3), edges=True),
        "model",
    ),
    Case(
        "uniform-attention",
        "all heads",
        lambda: Stack(changed(gatv2(), att=scaled(1e-4))),
        lambda: Stack(gatv2()),
        "layers.0, all 2 heads",
    ),
    Case(
        "uniform-attention",
        "one head",
        lambda: Stack(changed(gatv2(), att=first_head_to_zero)),
        lambda: Stack(gatv2()),
        "layers.0, head 0 of 2",
    ),
    Case(
        "saturated-logits",
        "softmax",
        lambda: Stack(changed(gatv2(), att=scaled(1e3))),
        lambda: Stack(gatv2()),
        "layers.0, all 2 heads",
    ),
    Case(
        "saturated-logits",
        "clamp",
        lambda: changed(
            edge_transformer(),
            layers__0__attention__query__weight=scaled(100),
            layers__0__attention__key__weight=scaled(100),
        ),
        edge_transformer,
        "layers.0.attention, all 2 heads",
        lambda: typed(graphs()),
    ),
    Case(
        "dead-head",
        "no values",
        lambda: Stack(changed(transformer(bias=False), lin_value__weight=first_head_to_zero)),
        lambda: Stack(transformer(bias=False)),
        "layers.0, head 0 of 2",
    ),
    Case(
        "dead-head",
        "values that do not depend on the node",
        lambda: Stack(blind()),
        lambda: Stack(transformer()),
        "layers.0, all 2 heads",
    ),
    Case(
        "duplicate-heads",
        "same projections and vector",
        lambda: Stack(
            changed(
                gatv2(),
                att=heads_alike,
                lin_l__weight=heads_alike,
                lin_r__weight=heads_alike,
                lin_l__bias=heads_alike,
                lin_r__bias=heads_alike,
            )
        ),
        lambda: Stack(gatv2()),
        "layers.0, all 2 heads",
    ),
    Case(
        "over-smoothing",
        "means of means",
        lambda: Stack(*(averaging() for _ in range(16))),
        lambda: Stack(*(averaging() for _ in range(16)), residual=True),
        "layers.12",
    ),
    Case(
        "rank-collapse",
        "values along one direction",
        lambda: Stack(onto_one_direction(transformer(root_weight=False))),
        lambda: Stack(transformer(root_weight=False)),
        "layers.0",
    ),
    Case(
        "attention-sinks",
        "one node draws all",
        lambda: Stack(sinking()),
        lambda: Stack(averaging()),
        "layers.0, all 2 heads",
        lambda: sink(graphs()),
    ),
    Case(
        "massive-activations",
        "a channel a million times larger",
        lambda: Stack(changed(transformer(bias=False), lin_query__weight=one_channel_large)),
        lambda: Stack(gatv2()),
        "layers.0:score",
    ),
]

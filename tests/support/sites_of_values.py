"""Random activations of a site, some of them chosen."""

import torch

from edgescope.intervene.replay import SiteValues


def random_site(seed=0, edges=40, heads=2, channels=3, share=0.1, types=3, ties=False):
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(edges, heads, channels, generator=random)
    if ties:
        values = values.round()
    chosen = torch.rand(values.shape, generator=random) < share
    kind = torch.randint(0, types, (edges,), generator=random)
    return SiteValues("conv:score", values, chosen, kind)

"""What each process of a torch.distributed job does; in a module of its own, as spawn needs."""

import torch
from torch import distributed

from edgescope import MassiveActivations
from edgescope.scanning.merge import gather_scans
from support.scan_equality import numbered_graphs, small_model, small_scan

LAYOUT = {"heads": 2, "channels": 5, "edge_types": 3}


def batches(number=6):
    """Activations with their edge types and graphs; the first graph holds a NaN, the second 0."""
    random = torch.Generator().manual_seed(0)
    found = []
    for graph in range(number):
        edges = 10 + 3 * graph
        values = torch.randn(edges, 2, 5, generator=random).exp()
        found.append(
            (
                values**5,
                torch.randint(0, 3, (edges,), generator=random),
                torch.full((edges,), graph),
            )
        )
    found[0][0][2, 1, 1] = torch.nan
    found[1][0][4] = 0
    return found


def job(rank, folder, shares):
    """Count and scan as one of several processes; ``shares`` are the graphs of each."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/init", rank=rank, world_size=len(shares)
    )
    try:
        count(folder / f"metric {rank}", shares[rank])
        scan(folder / f"scan {rank}", shares[rank])
    finally:
        distributed.destroy_process_group()


def count(path, share):
    """Update a metric with this process's batches, and write what all processes counted."""
    metric = MassiveActivations(**LAYOUT)
    for number in share:
        metric.update(*batches()[number])
    sketch = metric.compute()
    torch.save(sketch.counts | {"maxima": sketch.maxima}, path)


def scan(path, share):
    """Scan this process's graphs against a baseline, and write the scan of all processes."""
    graphs = [numbered_graphs(6)[number] for number in share]
    mine = (
        small_scan(small_model(factor=3000.0), graphs, baseline=small_model(1)) if graphs else None
    )
    gather_scans(mine).save(path)

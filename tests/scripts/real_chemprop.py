"""Hold captures of a real chemprop model against its equations, where the package is installed."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from chemprop import __version__, data, models, nn
from torch_geometric.loader import DataLoader

import edgescope as es
from edgescope.integrations import chemprop_graphs, chemprop_model
from support.chemprop_like import by_hand

SMILES = ("CCO", "CC(=O)O", "c1ccccc1", "CC#N", "C", "CCN(CC)CC", "C=CC=C", "c1ccncc1O")


def check(block, folder, *, atoms):
    """Check predictions, messages, states and a scan of a model that chemprop has saved."""
    mpnn = models.MPNN(block, nn.MeanAggregation(), nn.RegressionFFN(input_dim=16)).eval()
    models.save_model(folder / "model.pt", mpnn)
    model = chemprop_model(folder / "model.pt")
    points = [data.MoleculeDatapoint.from_smi(each, y=np.array([1.0])) for each in SMILES]
    dataset = data.MoleculeDataset(points)
    loader = DataLoader(chemprop_graphs(dataset), batch_size=4)
    own = data.build_dataloader(dataset, batch_size=4, shuffle=False)
    for batch, given in zip(own, loader, strict=True):
        args = given.x, given.edge_index, given.edge_attr
        with torch.no_grad(), es.capture(model) as tape:
            found = model(*args, given.batch)
            assert torch.equal(found, mpnn(batch.bmg, batch.V_d, batch.X_d))
        with torch.no_grad(), es.capture(model, "*:state") as states:
            model(*args, given.batch)
            expected, nodes = by_hand(block, *args, atoms=atoms)
        assert len(tape.sites) == len(expected) == block.depth
        for site, values in zip(tape.sites, expected, strict=True):
            torch.testing.assert_close(tape[site].values, values.unsqueeze(1))
        torch.testing.assert_close(states[states.sites[1]].values, nodes.unsqueeze(1))
    untrained = es.Untrained(2, keep=("*.task_weights",))
    scan = es.scan(model, loader, baseline=untrained, progress=False)
    print(type(block).__name__, scan.table().select("site", "edges", "max_ratio"))  # noqa: T201


if __name__ == "__main__":
    print("chemprop", __version__)  # noqa: T201  (what it is for)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        check(nn.BondMessagePassing(d_h=16, depth=4, dropout=0.2), Path(name), atoms=False)
        check(nn.BondMessagePassing(d_h=16, depth=1), Path(name), atoms=False)
        check(nn.AtomMessagePassing(d_h=16, depth=3), Path(name), atoms=True)

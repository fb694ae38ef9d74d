"""Cells to measure: chains of a few molecules, and models whose massive edges are planted."""

import pytest
import torch

import edgescope as es
from edgescope.study.measures.measured_cell import MeasuredCell

SMILES = ("CC#N", "CCN", "CC(C)O", "C=CC#N", "NCC#N", "CC=O", "OCCN", "C=CN", "CC", "C#CCO")
"""Molecules with single, double and triple bonds of the same two elements."""


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A table of 40 molecules, all of which are the test part."""
    path = tmp_path_factory.mktemp("tables") / "few.csv"
    rows = [f"{smiles},{len(smiles) + copy / 7},test" for copy in range(4) for smiles in SMILES]
    rows += ["CCC,1,train", "CCO,2,train", "CCCC,1,val"]
    path.write_text("\n".join(["smiles,target,part", *rows]))
    return path


@pytest.fixture(scope="session")
def cell_on(table):
    """Make a measured cell: of rewired data or not, its massive edges those of a planted type."""

    def make(planted=None, rewire=None, graphs=40, dataset=None):
        data = {"source": str(table), "target_columns": ["target"], "split": "part"}
        if rewire:
            data["rewire"] = rewire
        sizes = {"num_layers": 2, "hidden_dim": 8, "num_heads": 2}
        spec = es.study.StudySpec(
            models=["GraphTransformer"],
            recipe="demo",
            data=[data],
            states=["trained"],
            seeds=[1],
            overrides=sizes,
        )
        cell = es.study.plan(spec)[0]
        splits = es.data.load(**cell.source, progress=False)
        part = splits.test[:graphs] if dataset is None else dataset(splits.test)
        models = []
        for seed in range(2):
            torch.manual_seed(seed)
            model = es.models.GraphTransformer(**splits.test.model_sizes, **sizes).eval()
            models.append(_planted(model, part, planted))
        scan = es.scan(models[0], es.data.loader(part), baseline=models[1], progress=False)
        return MeasuredCell(cell, *models, scan, splits, part, None)

    return make


def _planted(model, part, kind):
    """Make one channel of the scores of a type of edges huge at layer 0, and of no other edge."""
    with torch.no_grad():
        scale = torch.ones(model.edge_embedding.weight.shape)
        if kind is not None:
            scale[part.edge_type_names.index(kind), 3] = 1e7
        model.edge_embedding.weight.copy_(scale)
        project = model.layers[0].attention.edge
        project.weight.copy_(torch.eye(8))
    return model

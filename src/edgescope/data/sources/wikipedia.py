"""Chameleon and Squirrel: pages of Wikipedia that link to each other."""

import numpy as np
import torch

from edgescope.data.node_dataset import Incoming, NodeDataset
from edgescope.data.sources.source import Request
from edgescope.data.sources.tu import SINGLE_EDGE_TYPE
from edgescope.data.splits import PARTS, Splits
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import DAMAGED, arrays_of, reading, reason

FOLDS = 10
"""Published divisions of the pages."""

_FIELDS = ("node_features", "node_labels", "edges", "train_masks", "val_masks", "test_masks")


def chameleon(request: Request) -> Splits:
    """Load Chameleon: 2,277 pages on chameleons, in five classes by their traffic.

    ``root`` holds ``chameleon_directed.npz`` (or a folder ``wikipedia`` with it) of the repository
    heterophilous-graphs (Platonov et al., ICLR 2023); the graph is that of Rozemberczki et al.,
    "Multi-scale attributed node embedding" (2021), and the ten divisions those of Pei et al.,
    "Geom-GCN" (2020). Edges are links, in their direction. ``split`` is the number of the division,
    0 to 9. Some pages stand in it twice (Platonov et al.); that is how it is published.

    Raises:
        InputError: if ``root`` is not given, or the file is missing or damaged.
    """
    return _wikipedia(request, "chameleon")


def squirrel(request: Request) -> Splits:
    """Load Squirrel: 5,201 pages on squirrels; all else as for Chameleon.

    Raises:
        InputError: as for Chameleon.
    """
    return _wikipedia(request, "squirrel")


def _wikipedia(request: Request, name: str) -> Splits:
    file = f"{name}_directed.npz"
    folder = request.folder(name, f"the folder that holds {file}", [file], "wikipedia")
    try:
        found = arrays_of(folder / file, _FIELDS)
    except DAMAGED as error:
        raise InputError(
            f"cannot read {folder / file} ({reason(error)}), expected the arrays "
            f"{', '.join(_FIELDS)}; get the file again"
        ) from error
    with reading(f"{folder / file}", "get the file again", told=InputError):
        fold = int(request.split or 0)
        nodes = len(found["node_features"])
        edge_index = torch.from_numpy(found["edges"].T.astype(np.int64)).contiguous()
        masks = [torch.from_numpy(found[f"{part}_masks"][fold]).bool() for part in PARTS]
        labels = torch.from_numpy(found["node_labels"].astype(np.int64))
        if edge_index.numel() and not 0 <= int(edge_index.min()) <= int(edge_index.max()) < nodes:
            raise InputError(f"{folder / file} has an edge outside its {nodes} nodes; get it again")
    incoming = Incoming(edge_index, nodes)
    return Splits(
        *(
            NodeDataset(
                node_ptr=torch.tensor([0, nodes]),
                edge_ptr=torch.tensor([0, edge_index.size(1)]),
                x=torch.from_numpy(found["node_features"]).float(),
                edge_index=edge_index,
                edge_attr=torch.zeros(edge_index.size(1), dtype=torch.long),
                y=labels.where(mask, -1),
                vocabulary=(),
                edge_type_names=SINGLE_EDGE_TYPE,
                target_names=("class",),
                class_names=tuple(f"traffic {number}" for number in range(int(labels.max()) + 1)),
                name=f"{name}/{part}",
                task="classes",
                split=f"published division {fold} of {FOLDS}",
                mask=mask,
                incoming=incoming,
            )
            for part, mask in zip(PARTS, masks, strict=True)
        )
    )

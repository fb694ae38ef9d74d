"""What massive activations sit on: groups of edges, enrichment, heat maps, importance."""

from edgescope.interpret.commonness import GroupImportance, importance
from edgescope.interpret.group_enrichment import ANY, enrichment, enrichment_of
from edgescope.interpret.groups import CHEMISTRY, GENERAL, EdgeGroups, edge_groups
from edgescope.interpret.interpretation import Interpretation, interpret
from edgescope.interpret.interpretation_pictures import FDR
from edgescope.interpret.kinds import Kind
from edgescope.interpret.maps import HeatMaps, heat_maps
from edgescope.interpret.scan_edges import MassiveEdges, massive_edges

__all__ = [
    "ANY",
    "CHEMISTRY",
    "FDR",
    "GENERAL",
    "EdgeGroups",
    "GroupImportance",
    "HeatMaps",
    "Interpretation",
    "Kind",
    "MassiveEdges",
    "edge_groups",
    "enrichment",
    "enrichment_of",
    "heat_maps",
    "importance",
    "interpret",
    "massive_edges",
]

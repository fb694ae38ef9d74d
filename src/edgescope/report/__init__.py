"""One offline HTML file that says what a scan found, and what it did not find.

The page, its JSON file and its table of contents are made of sections (:class:`Section`), which
know what they need, their numbers, their figures and their template.
"""

from edgescope.report.attention_pass import attention_maps
from edgescope.report.beside import Beside
from edgescope.report.drawn_attention import AttentionMaps
from edgescope.report.scanned_model import Scanned
from edgescope.report.section_protocol import Material, Need, Section
from edgescope.report.section_registry import all_needs, section, stored_results
from edgescope.report.write import write_report

__all__ = [
    "AttentionMaps",
    "Beside",
    "Material",
    "Need",
    "Scanned",
    "Section",
    "all_needs",
    "attention_maps",
    "section",
    "stored_results",
    "write_report",
]

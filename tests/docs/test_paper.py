"""The study on the page about the paper is the published grid."""

import re
from pathlib import Path

import edgescope as es

PAGE = Path(__file__).resolve().parents[2] / "docs" / "paper.md"


def test_the_study_of_the_paper_can_be_planned(tmp_path):
    (text,) = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "paper.yaml").write_text(text)
    cells = es.study.plan(es.study.read(tmp_path / "paper.yaml"))
    assert {cell.model for cell in cells} == {"GraphTransformer", "SAN", "GraphiT"}
    assert {cell.state for cell in cells} >= {"untrained", "trained", "ebt-released"}
    assert len({cell.data for cell in cells}) == len({cell.seed for cell in cells}) == 3

"""Settings of a diagnosis in pyproject.toml."""

import pytest

from edgescope.diagnosis import DiagnosisSettings, diagnosis_settings
from edgescope.lib.errors import InputError

WHOLE = """
[tool.edgescope.diagnose]
select = ["*-attention", "dead-head"]
ignore = "static-*"
fail-on = "warning"
baseline = "accepted.json"
[tool.edgescope.diagnose.thresholds.uniform-attention]
entropy = 0.95
few = 20
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "src" / "package"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return tmp_path


def test_the_nearest_file_with_the_table_is_read(project):
    (project / "pyproject.toml").write_text(WHOLE)
    (project / "src" / "pyproject.toml").write_text('[project]\nname = "edgescope-user"\n')
    found = diagnosis_settings()
    assert found == diagnosis_settings(project / "pyproject.toml")
    assert found.select == ("*-attention", "dead-head")
    assert found.ignore == ("static-*",)
    assert found.fail_on == "warning"
    assert found.baseline == project / "accepted.json"
    (rule,) = found.rules()
    assert (rule.id, rule.entropy, rule.few) == ("uniform-attention", 0.95, 20)


def test_without_a_file_the_defaults_hold(project):
    assert diagnosis_settings() == DiagnosisSettings()
    (project / "pyproject.toml").write_text("not toml, and not about us")
    assert diagnosis_settings() == DiagnosisSettings()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[tool.edgescope.diagnose]\nselct = ["a"]', "unknown key 'selct'; did you mean 'select'"),
        ('[tool.edgescope.diagnose]\nfail_on = "note"', "did you mean 'fail-on'"),
        ("[tool.edgescope.diagnoze]", "unknown key 'diagnoze'; did you mean 'diagnose'"),
        ("[tool.edgescope]\ndiagnose = 3", r"expected a table \[tool.edgescope.diagnose\]"),
        ('[tool.edgescope.diagnose]\nfail-on = "warnings"', "did you mean 'warning'"),
        ("[tool.edgescope.diagnose]\nfail-on = 1", "fail-on is 1, expected str"),
        ("[tool.edgescope.diagnose]\nselect = [1]", "expected a list"),
        (
            "[tool.edgescope.diagnose.thresholds]\nuniform-atention = {}",
            "did you mean 'uniform-attention'",
        ),
        (
            "[tool.edgescope.diagnose.thresholds.uniform-attention]\nentropi = 0.9",
            "did you mean 'entropy'",
        ),
        (
            '[tool.edgescope.diagnose.thresholds.uniform-attention]\nentropy = "high"',
            "uniform-attention.entropy is 'high', expected float",
        ),
        (
            "[tool.edgescope.diagnose.thresholds.uniform-attention]\nfew = 2.5",
            "uniform-attention.few is 2.5, expected int",
        ),
        ("[tool.edgescope", "cannot be read"),
    ],
)
def test_what_means_nothing_is_refused_with_what_was_meant(project, lines, said):
    file = project / "pyproject.toml"
    file.write_text(lines)
    with pytest.raises(InputError, match=said):
        diagnosis_settings(file)


def test_a_named_file_must_have_the_table(project):
    (project / "other.toml").write_text('[project]\nname = "edgescope"\n')
    with pytest.raises(InputError, match=r"has no table \[tool.edgescope.diagnose\]"):
        diagnosis_settings(project / "other.toml")
    with pytest.raises(InputError, match=r"no-file\.toml"):
        diagnosis_settings(project / "no-file.toml")

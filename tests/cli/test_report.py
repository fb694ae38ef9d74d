"""`edgescope report` finds what else was made of a run."""

import json
import re

import edgescope as es

QUICK = ("--permutations", "5", "--resamples", "10", "--by", "bond_type")


def sections(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    names = "emergence|interpretation|ablation|causes|precision|attribution|diagnosis"
    return re.findall(rf'<section id="({names})">', page)


def test_a_scan_alone_is_reported_and_the_other_commands_are_named(edgescope, scanned):
    code, out, err = edgescope("report", scanned)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == (
        "sections: scan, training; for more: edgescope scan, edgescope interpret, "
        "edgescope ablate, edgescope causes, edgescope precision, edgescope explain, "
        "edgescope diagnose"
    )
    assert sections(scanned) == ["emergence"]


def test_what_the_other_commands_saved_is_found(edgescope, scanned):
    part = ("--split", "train")
    assert edgescope("interpret", scanned, *part, *QUICK)[0] == 0
    assert edgescope("ablate", scanned, *part, "--where", "10", "--repeats", "1")[0] == 0
    bits = ("--format", "bfloat16", "--remedy", "none", "--graphs", "9")
    assert edgescope("precision", scanned, *part, *bits)[0] == 0
    few = ("--where", "10", "--level", "layer", "--no-patches")
    assert edgescope("causes", scanned, *part, *few)[0] == 0
    assert edgescope("explain", scanned, *part, "--methods", "degree")[0] == 0
    assert edgescope("diagnose", scanned, *part, "--fail-on", "never")[0] == 0
    code, out, _ = edgescope("report", scanned)
    assert code == 0
    assert out.splitlines()[0] == (
        "sections: scan, training, interpretation, ablation, causes, precision, leaderboard, "
        "diagnosis; for more: edgescope scan"
    )
    names = ["emergence", "interpretation", "ablation", "causes", "precision", "attribution"]
    names.append("diagnosis")
    assert sections(scanned) == names


def test_findings_that_were_written_elsewhere_are_taken(edgescope, scanned, tmp_path):
    out = tmp_path / "elsewhere.json"
    words = ("--select", "dead-head", "--format", "json", "--out", out, "--fail-on", "never")
    assert edgescope("diagnose", scanned, *words)[0] == 0
    assert not (scanned / "findings.json").exists()  # by one rule only
    assert edgescope("report", scanned, "--diagnosis", out)[0] == 0
    numbers = json.loads((scanned / "report.json").read_text())
    assert numbers["diagnosis"]["rules"] == ["dead-head"]


def test_two_scans_are_shown_side_by_side_by_the_names_of_their_folders(
    edgescope, scanned, tmp_path
):
    other = tmp_path / "after"
    es.load_scan(scanned).save(other / "scan")
    code, out, err = edgescope("report", scanned, other / "scan")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"open {scanned / 'comparison.html'}"
    numbers = json.loads((scanned / "comparison.json").read_text())
    assert numbers["comparison"]["names"] == [scanned.name, "after"]
    seeds = next(each for each in numbers["comparison"]["facts"] if each["what"] == "seed")
    assert (seeds["own"] is not None, seeds["other"]) == (True, None)
    code, _, err = edgescope("report", scanned, other, other)
    assert code == 2
    assert "received 3 folders, expected one, or two to compare" in err


def test_the_verdict_says_what_to_type_for_this_run(edgescope, scanned):
    assert edgescope("report", scanned)[0] == 0
    numbers = json.loads((scanned / "report.json").read_text())
    *_, causes = numbers["verdict"]
    assert causes["measure"] == f"edgescope diagnose {scanned} --split train"  # as it was scanned
    assert edgescope(*causes["measure"].split()[1:], "--fail-on", "never")[0] == 0
    assert edgescope("report", scanned)[0] == 0
    *_, causes = json.loads((scanned / "report.json").read_text())["verdict"]
    assert causes["answer"] != "Not measured:"
    assert numbers["data"]["targets"]
    assert all(each["row"] is not None for each in numbers["gallery"])


def test_what_is_no_diagnosis_is_refused(edgescope, scanned, tmp_path):
    out = tmp_path / "findings.sarif"
    words = ("--format", "sarif", "--out", out, "--fail-on", "never")
    assert edgescope("diagnose", scanned, *words)[0] == 0
    code, _, err = edgescope("report", scanned, "--diagnosis", out)
    assert code == 2
    assert "holds a SARIF log, expected findings as edgescope diagnose --format json" in err
    assert not (scanned / "report.html").exists()


def test_a_saved_scan_alone_takes_findings_too(edgescope, scanned):
    assert edgescope("diagnose", scanned, "--fail-on", "never")[0] == 0
    words = ("--diagnosis", scanned / "findings.json", "--out", scanned / "alone.html")
    assert edgescope("report", scanned / "scan", *words)[0] == 0
    assert '<section id="diagnosis">' in (scanned / "alone.html").read_text(encoding="utf-8")


def test_statistics_are_on_every_page_and_in_the_json_file(edgescope, scanned):
    assert edgescope("report", scanned)[0] == 0
    numbers = json.loads((scanned / "report.json").read_text())["statistics"]
    scan = es.load_scan(scanned / "scan")
    assert [row["law"] for row in numbers["laws"]] == scan.laws()["law"].to_list()
    assert '<section id="statistics">' in (scanned / "report.html").read_text(encoding="utf-8")


def test_results_of_another_scan_are_refused_with_their_folder(edgescope, scanned):
    assert edgescope("interpret", scanned, "--split", "train", *QUICK)[0] == 0
    run = es.train.RunFolder(scanned)
    molecules = es.data.load(**run.data, vocabulary=run.vocabulary, progress=False).train[:5]
    loader = es.data.loader(molecules)
    es.scan(run.model("trained"), loader, progress=False).save(scanned / "scan")
    code, _, err = edgescope("report", scanned)
    assert code != 0
    assert "expected one of the scan of 5 graphs" in err
    assert "interpret that scan again" in err
    assert not (scanned / "report.html").exists()

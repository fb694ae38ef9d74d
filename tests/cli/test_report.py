"""`edgescope report` finds what else was made of a run."""

import re

import edgescope as es

QUICK = ("--permutations", "5", "--resamples", "10", "--by", "bond_type")


def sections(folder):
    page = (folder / "report.html").read_text(encoding="utf-8")
    return re.findall(r'<section id="(interpretation|ablation|attribution)">', page)


def test_a_scan_alone_is_reported_and_the_other_commands_are_named(edgescope, scanned):
    code, out, err = edgescope("report", scanned)
    assert (code, err) == (0, "")
    wanted = "sections: scan; for more: edgescope interpret, edgescope ablate, edgescope explain"
    assert out.splitlines()[0] == wanted
    assert sections(scanned) == []


def test_what_the_other_commands_saved_is_found(edgescope, scanned):
    part = ("--split", "train")
    assert edgescope("interpret", scanned, *part, *QUICK)[0] == 0
    assert edgescope("ablate", scanned, *part, "--where", "10", "--repeats", "1")[0] == 0
    assert edgescope("explain", scanned, *part, "--methods", "degree")[0] == 0
    code, out, _ = edgescope("report", scanned)
    assert code == 0
    assert out.splitlines()[0] == "sections: scan, interpretation, ablation, leaderboard"
    assert sections(scanned) == ["interpretation", "ablation", "attribution"]


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

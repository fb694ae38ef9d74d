"""Write docs/dossier.md from the result tables in docs/dossier, and the article's table into it.

python docs/make_dossier.py             # the page
python docs/make_dossier.py --article   # run the experiments of the article anew, then the page
"""

import sys
from pathlib import Path
from typing import Any

import edgescope as es
from edgescope.lib.sealed_table import sealed_table
from edgescope.study.claims.result_set import COLUMNS
from edgescope.study.table_folder import note_of

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "dossier.md"
TABLES = DOCS / "dossier"

HEAD = """# The dossier: the paper and the article, claim by claim

<!-- written by docs/make_dossier.py from the tables in docs/dossier; edit those, or the script -->

Claims C1 to C12 are those of *Massive Activations in Graph Neural Networks* ([arXiv
2409.03463](https://arxiv.org/abs/2409.03463)) and of its sequels, A1 to A11 those of the article
on nodes with the same neighbours. Verdicts are computed from stored result tables by a rule that
is stated for each claim; nothing on this page is typed.

```sh
edgescope study run paper-small --root FOLDER --out study
edgescope study dossier study --out dossier     # dossier.html, dossier.json, LaTeX tables
edgescope study dossier study --claim C6        # one claim with all of its numbers
```

In Python: `es.study.dossier("study", "dossier")`; `es.study.CLAIMS` are the claims and their rules,
`es.study.rulings(tables)` the verdicts alone, `es.study.read_results(folder)` the tables.
"""

NOTHING = """
## Nothing is measured yet

There are no result tables in `docs/dossier` yet, so every claim is undecided.
"""

RULE = """
## The rule

{rule}

Words of size mean the same in every rule. "Gather", "spare", "move" and "prefer" mean a factor of
two at least; "removes" and "most" one half; "hardly ever" one in twenty; "no effect" within a
tenth of what the model is better than guessing. A claim that names no size is measured from its
own threshold.

## The claims

"""

TWO_NAMES = """
SAN and GraphiT are the same function in the published setting, without full graph and positional
encoding: where both are shown they differ in width, batch and learning rate only. PROTEINS (TU),
the whole proteins of the TU collection, is not ogbn-proteins, and speaks for it nowhere.
"""

TABLES_HEAD = """
## The tables

A dossier reads these, as `NAME.parquet` in the folder of a study's results, and nothing else.
Every row has the `cell` that it is of; any table may be absent.

| table | columns that claims read |
| --- | --- |
"""


def page() -> str:
    """Return the text of the page."""
    made = es.study.dossier(es.study.read_results(TABLES) if TABLES.is_dir() else {})
    facts = made.as_dict()
    measured = any(claim["numbers"] for claim in facts["claims"])
    parts = [HEAD, _verdicts(made) if measured else NOTHING]
    parts.append(RULE.format(rule="\n".join(f"- {line}" for line in facts["rule"])))
    parts += [_claim(claim) for claim in facts["claims"]]
    parts += ["\n## Limits\n", TWO_NAMES]
    parts += [f"\n**{each['what']}.** {each['text']}\n" for each in facts["limits"]]
    parts.append(TABLES_HEAD)
    parts += [
        f"| `{name}` | {', '.join(f'`{column}`' for column in columns)} |\n"
        for name, columns in COLUMNS.items()
    ]
    return "".join(parts)


def _verdicts(made: "es.study.Dossier") -> str:
    lines = [
        "\n## Verdicts\n\n",
        "| claim | verdict | the number that decides (least clear group) | p, corrected |\n",
        "| --- | --- | --- | --- |\n",
    ]
    for row in made.table().iter_rows(named=True):
        found = row["reason"]
        if row["value"] is not None:
            ends = "no interval" if row["low"] is None else f"{row['low']:.3g} to {row['high']:.3g}"
            found = f"{row['value']:.3g} ({ends}), {row['group']}"
        p = "" if row["p_adjusted"] is None else _p(row["p_adjusted"])
        lines.append(
            f"| [{row['claim']}](#{row['claim'].lower()}) {row['statement']} | "
            f"**{row['verdict']}** | {found} | {p} |\n"
        )
    study = made.as_dict()["study"]
    if study["cells"]:
        hours = "" if study["seconds"] is None else f", {study['seconds'] / 3600:.1f} hours"
        machine = "; ".join(study["hardware"])
        lines.append(f"\n{len(study['cells'])} cells{hours}{', on ' * bool(machine)}{machine}.\n")
    return "".join(lines)


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.0001 else "< 0.0001"  # noqa: PLR2004  (shorter than zeros)


def _claim(claim: dict[str, Any]) -> str:
    alone = claim["command"].replace(" && ", "`, then `")
    return (
        f"### {claim['claim']}\n\n{claim['statement']} *{claim['source']}.*\n\n"
        f"- **Design:** {claim['design']}.\n- **Number:** {claim['number']}.\n"
        f"- **Rule:** {claim['rule']}.\n- **What would change it:** {claim['change']}.\n"
        f"- **Verdict:** {claim['verdict']}. {claim['reason']}.\n- **Alone:** `{alone}`\n\n"
    )


if __name__ == "__main__":
    if "--article" in sys.argv:
        TABLES.mkdir(exist_ok=True)
        path = TABLES / "article.parquet"
        path.write_bytes(sealed_table(es.study.article(), note_of(path.stem)))
    PAGE.write_text(page())

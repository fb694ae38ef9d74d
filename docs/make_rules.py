"""Write docs/rules.md from the rules of diagnosis.

python docs/make_rules.py
"""

from pathlib import Path

import edgescope as es
from edgescope.diagnosis.rules import RULES

PAGE = Path(__file__).resolve().parent / "rules.md"

HEAD = """# Rules

<!-- written by docs/make_rules.py from the rules; edit those, or the script -->

What `es.diagnose` looks for ([how to use it](diagnose.md)). `edgescope diagnose --explain RULE`
prints one of these pages, `--list-rules` the table.

| rule | severity | finds that | thresholds |
| --- | --- | --- | --- |
"""


def page() -> str:
    """Return the text of the page."""
    rows = [
        f"| [`{rule.id}`](#{rule.id}) | {rule.severity} | {rule.title} | "
        + ", ".join(f"`{name}={value:g}`" for name, value in rule().thresholds.items())
        + " |\n"
        for rule in RULES
    ]
    return "".join([HEAD, *rows, *(f"\n{es.diagnose.explain(rule.id)}" for rule in RULES)])


if __name__ == "__main__":
    PAGE.write_text(page())

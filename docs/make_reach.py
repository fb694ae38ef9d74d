"""Write docs/reach.md from the table of what is seen of models in other people's styles.

    python docs/make_reach.py

The table is written by ``python benchmarks/reach.py --write``.
"""

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "reach.md"
TABLE = DOCS / "reach.json"

HEAD = """# Does it work on my model?

<!-- written by docs/make_reach.py from reach.json, which benchmarks/reach.py writes -->

{total} small models were written after published descriptions, or in the ways in which people
write attention by hand, and edgescope was tried on them. Of {attending} with attention it sees
{known} by an [adapter](layers.md), {discovered} by [discovery](discovery.md), and of {none} it
gives no value per edge and says why. In {without} without attention it calls nothing a weight.

To try a model of your own:

```sh
edgescope scan RUN --discover
```

or `print(es.capture.discover(model, batch))`, and `es.capture.coverage(model).table()` for what is
not seen.

## Models with attention

*Difference*: the attention of every model is worked out once more by loops over nodes in float64.
This is the largest difference of what was captured in float32, of all stages, over the largest
value. A score may have another constant factor. *Compared* says of how many sites something was
worked out.

*Identity*: in float64 the features of edges, or of pairs, are changed by sets, such that no two
edges are in the same ones, and the nodes of every graph one by one. Named are the fields of the
batch that were changed. Exactly those rows of scores and logits changed that say they are these
edges or touch these nodes, but for what a clamp or a ReLU cuts off, and weights and messages of the
same attending nodes alone. That is done with the first attention of every model: what reaches a
later one comes from all around.

*Outputs* were the same to the bit in every model, captured or not.

*Forward* and *cost*: milliseconds of a forward pass of 64 graphs of 24 to 27 nodes, 64 channels,
one or two layers, on one thread; and how many times as long it takes with capture of what a scan
takes by default, and of all sites. Capturing costs a few milliseconds per call of a model, whatever
its size, which shows in models as small as these; [layers](layers.md) has the figures of larger
ones. Where attention never forms the scores of its pairs, they are computed to be captured.
Models with \\* work on 30 sensors and take no larger batch.

| model | in the style of | seen by | stages | compared | difference | identity | forward | cost |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""

NOT_SEEN = """
{notes}## Attention without a value per edge

Nothing is captured of these, and the coverage of every result says so. The reason is what edgescope
says. [Node states](capture.md#node-states) around a layer can be looked at where its rows are the
nodes of the input.

| model | in the style of | reason |
| --- | --- | --- |
"""

WITHOUT = """
## Models without attention

What `es.capture.discover` lists of them: how many tensors have a row per edge, and what they are
taken for. A gate is a sigmoid that multiplies a message; it has sites, which say that they are not
normalised, and no rule takes it for a share.

| model | in the style of | listed | by operation |
| --- | --- | --- | --- |
"""

Row = dict[str, Any]


def seen(name: str, row: Row, notes: list[str]) -> str:
    """Return a row of what is seen; what is to be said beside it is added to the notes."""
    marks = []
    for note in (row["partly"], row["blunt"]):
        if note:
            notes.append(note)
            marks.append(f" ({len(notes)})")
    cost = row["cost"]
    small = "\\*" if cost["nodes"] < 1000 else ""  # noqa: PLR2004
    cells = (
        name + small + "".join(marks),
        row["style"],
        row["how"],
        ", ".join(row["stages"]),
        row["compared"],
        row["difference"],
        ", ".join(
            f"`{each}`" if each not in {"nodes", "graphs"} else each for each in row["changed"]
        ),
        f"{cost['forward']:.1f} ms",
        f"{cost['vectors']:.1f} / {cost['all']:.1f}" if "all" in cost else "not seen at this size",
    )
    return "| " + " | ".join(cells) + " |\n"


def without(name: str, row: Row) -> str:
    """Return a row of a model without attention."""
    roles = ", ".join(f"{count} {role}" for role, count in row["roles"].items())
    operations = ", ".join(
        f"`{each}` {count}" if count > 1 else f"`{each}`"
        for each, count in row["operations"].items()
    )
    return f"| {name} | {row['style']} | {roles or 'nothing'} | {operations} |\n"


def page() -> str:
    """Return the text of the page."""
    table: dict[str, Row] = json.loads(TABLE.read_text())
    attending = {name: row for name, row in table.items() if "how" in row}
    by_how = {
        how: {name: row for name, row in attending.items() if row["how"] == how}
        for how in ("adapter", "discovered", "no value per edge")
    }
    others = {name: row for name, row in table.items() if "how" not in row}
    assert not any("weight" in row["roles"] for row in others.values())
    assert all(row["same"] for row in attending.values() if "same" in row)
    notes: list[str] = []
    shown = by_how["adapter"] | by_how["discovered"]
    rows = [seen(name, row, notes) for name, row in attending.items() if name in shown]
    return "".join(
        [
            HEAD.format(
                total=len(table),
                attending=len(attending),
                known=len(by_how["adapter"]),
                discovered=len(by_how["discovered"]),
                none=len(by_how["no value per edge"]),
                without=len(others),
            ),
            *rows,
            NOT_SEEN.format(notes="".join(f"({n}) {note}\n\n" for n, note in enumerate(notes, 1))),
            *(
                f"| {name} | {row['style']} | {row['reason']} |\n"
                for name, row in by_how["no value per edge"].items()
            ),
            WITHOUT,
            *(without(name, row) for name, row in others.items()),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page())

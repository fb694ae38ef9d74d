"""The table of the article's numbers, from the experiments on identical neighbours."""

from collections.abc import Iterator

import polars as pl
import torch

from edgescope.lib.optional import require
from edgescope.study.claims.result_set import COLUMNS
from edgescope.study.twins import escapes, many_heads, tie_frequencies, tutorial_example
from edgescope.study.twins.ties import Share
from edgescope.study.twins.tutorial import NEIGHBOURS, TWINS, X

HEADS = (2, 4, 8)
"""Numbers of heads that are compared with one."""

Row = tuple[str, str, float, float | None, float | None, int | None]


def article(
    draws: int = 20_000, starts: int = 40, steps: int = 500, *, seed: int = 0, progress: bool = True
) -> pl.DataFrame:
    """Run the experiments on identical neighbours, and return the numbers of claims A1 to A10.

    Args:
        draws: random layers per setting.
        starts: starts of each kind that are trained.
        steps: training steps.
        seed: decides all of it.
        progress: whether to show bars.

    Returns:
        The result table ``article`` of claim, quantity, value, and where the value is a share of
        independent draws, its 95 % interval as low and high, and n, their number.

    Raises:
        InputError: if a number is below 1.

    Example:
        >>> import edgescope as es
        >>> found = es.study.article(draws=20, starts=1, steps=2)  # doctest: +SKIP
        >>> found.filter(claim="A4")["value"].to_list()  # doctest: +SKIP
        [1.0]
    """
    rows = [
        ("A1", "GCN", *_share(_gcn(draws, seed))),
        *_ties(draws, seed, progress),
        *_escapes(starts, steps, seed, progress),
        *_heads(draws, seed, progress),
    ]
    tutorial = tutorial_example().table().filter(setting="1 head, a = [0.1, -0.1]")
    rows.append(("A4", "tied", float(tutorial["tied"].all()), None, None, None))
    table = pl.DataFrame(rows, dict.fromkeys(COLUMNS["article"]), orient="row")
    return table.cast(
        {"value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64}
    ).sort(pl.col("claim").str.slice(1).cast(pl.Int64), maintain_order=True)


def _ties(draws: int, seed: int, progress: bool) -> Iterator[Row]:
    every = tie_frequencies(draws, seed=seed, progress=progress).rows
    by = {(row.factor, row.value, row.setting.layer): row for row in every}
    base, tutorial = by["heads", "1", "GAT"], by["tutorial", "1 head of 2", "GAT"]
    yield "A2", "told apart", *_share(Share(draws - base.tied.count, draws))
    yield "A3", "tied", *_share(base.tied)
    yield "A5", "one head", *_share(tutorial.tied)
    yield "A5", "two heads of one channel", *_share(by["tutorial", "2 heads of 1", "GAT"].tied)
    yield "A5", "GATConv, random features", *_share(base.tied)
    for words, row in (("tutorial", tutorial), ("GATConv, random features", base)):
        yield "A6", f"uniform, {words}", *_share(row.uniform)
        yield "A6", f"certified, {words}", *_share(row.explained)
        yield "A7", f"uniform, {words}", *_share(Share(row.uniform.count, draws))
        yield "A7", f"certified, {words}", *_share(row.certified)
    for heads in HEADS:
        yield "A10", f"{heads} heads", *_share(by["heads", str(heads), "GAT"].tied)
    yield "A10", "GATv2, one head", *_share(by["layer", "8 channels", "GATv2"].tied)


def _escapes(starts: int, steps: int, seed: int, progress: bool) -> Iterator[Row]:
    table = escapes(starts, steps, seed=seed, progress=progress).table()
    for row in table.filter(
        pl.col("start").is_in(["above", "below"]), task="twins", layer="GAT"
    ).iter_rows(named=True):
        share = Share(round(row["outside"] * row["starts"]), row["starts"])
        yield "A8", f"left, all logits {row['start']} zero", *_share(share)
        if row["escape_step"] is not None:
            step = row["escape_step"]
            yield "A8", f"step of those that left, {row['start']}", step, None, None, None


def _heads(draws: int, seed: int, progress: bool) -> Iterator[Row]:
    found = many_heads((1, *HEADS), draws, seed=seed, progress=progress)
    for row in found.rows:
        if row.case == "random":
            yield "A9", f"{row.heads} head{'s' * (row.heads > 1)}", *_share(row.every)


def _gcn(draws: int, seed: int) -> Share:
    """Return in how many random layers of GCN the tutorial's two nodes get the same output."""
    layers = require("torch_geometric.nn", "train")
    pairs = [(other, node) for node, others in enumerate(NEIGHBOURS) for other in others]
    edges = torch.tensor(pairs).T
    tied = 0
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        layer = layers.GCNConv(2, 2, add_self_loops=False).double()
        x = torch.tensor(X, dtype=torch.float64)
        for _ in range(draws):
            layer.reset_parameters()
            out = layer(x, edges)
            tied += int(torch.allclose(out[TWINS[0]], out[TWINS[1]]))
    return Share(tied, draws)


def _share(of: Share) -> tuple[float, float, float, int]:
    return (of.rate, *of.interval, of.total)

"""Coverage: which attention of a model was looked at, which was not, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from edgescope.capturing.coverage_card import coverage_card
from edgescope.capturing.refusals import ATTENTION, MESSAGE_PASSING, NONE, PERHAPS, Kind
from edgescope.lib.eager_twin import eager_words
from edgescope.lib.plurals import plural

if TYPE_CHECKING:
    import polars as pl


LEFT_OUT = "left out by sites="
"""Why a layer was not looked at that could have been."""

NOT_RUN = "the model did not run it"
"""Why a layer was not looked at that was to be."""

NAMED = 4
"""Layers that a sentence names one by one if they share a class and a reason."""

_NOTES = {PERHAPS: "perhaps attention; ", MESSAGE_PASSING: "no sign of attention; "}

_GRAVITY: tuple[Kind, ...] = (ATTENTION, PERHAPS, MESSAGE_PASSING, NONE)


@dataclass(frozen=True)
class SeenLayer:
    """An attention layer that was looked at.

    Attributes:
        path: path of the layer in the model; empty if the model is the layer.
        layer: its class.
        stages: the stages that were looked at, such as ``("logit", "weight", "message")``.
        ran: whether the model ran it; ``None`` if it has not been run, or nobody asked.
        rows: how many rows of it were looked at, edges or pairs of nodes, each once per stage that
            was counted; ``None`` if none were captured.
        how: ``"adapter"`` if an adapter knows its class, ``"discovered"`` if its attention was
            found in what the model computes.

    Example:
        >>> from torch_geometric.nn import GATConv
        >>> import edgescope as es
        >>> es.capture.coverage(GATConv(8, 8)).seen[0].layer
        'GATConv'
    """

    path: str
    layer: str
    stages: tuple[str, ...]
    ran: bool | None = None
    rows: int | None = None
    how: str = "adapter"


@dataclass(frozen=True)
class UnseenLayer:
    """A part of the model that seems to attend, or that passes messages, and was not looked at.

    Attributes:
        path: path of it in the model; empty if it is the model.
        layer: its class.
        reason: why not.
        kind: ``"attention"``; ``"perhaps"`` attention, if that cannot be told; ``"message
            passing"`` along edges without a sign of attention.

    Example:
        >>> from torch_geometric.nn import DNAConv
        >>> import edgescope as es
        >>> es.capture.coverage(DNAConv(8)).unseen[0].kind
        'attention'
    """

    path: str
    layer: str
    reason: str
    kind: Kind = ATTENTION


@dataclass(frozen=True)
class Coverage:
    """Which attention of a model a result looked at, and which not.

    Attributes:
        seen: the layers that were looked at, in the order of the model.
        unseen: what else seems to attend, or passes messages, with the reasons.
        eager: paths of what is compiled in the model, an empty one if all of it is; its eager
            original was run.

    Example:
        >>> from torch import nn
        >>> from torch_geometric.nn import DNAConv, GATConv
        >>> import edgescope as es
        >>> es.capture.coverage(nn.ModuleList([GATConv(8, 8), DNAConv(8)])).sentence()
        'looked at 1 of 2 attention-like layers; not looked at: 1 (DNAConv): no adapter knows \
this layer; write one and register it with es.capture.register; taken for attention, as its code \
calls restricted_softmax'
    """

    seen: tuple[SeenLayer, ...] = ()
    unseen: tuple[UnseenLayer, ...] = ()
    eager: tuple[str, ...] = ()

    @property
    def attention(self) -> tuple[UnseenLayer, ...]:
        """What was not looked at and attends, or perhaps does."""
        return tuple(each for each in self.unseen if each.kind in {ATTENTION, PERHAPS})

    @property
    def empty(self) -> tuple[SeenLayer, ...]:
        """Layers that ran, on no edge at all."""
        return tuple(each for each in self.seen if each.rows == 0)

    @property
    def complete(self) -> bool:
        """Whether all attention of the model was looked at, so that "nothing" means nothing."""
        return bool(self.seen) and not self.attention and not self.empty

    @property
    def discovered(self) -> tuple[SeenLayer, ...]:
        """Layers that no adapter knows, and whose attention was discovered."""
        return tuple(each for each in self.seen if each.how == "discovered")

    def share(self) -> str:
        """Say how much was looked at, such as ``3 of 5 attention-like layers``.

        If some was discovered, it is counted: ``3 of 5 attention-like layers (1 discovered)``.
        """
        total = len(self.seen) + len(self.attention)
        found = f" ({len(self.discovered)} discovered)" if self.discovered else ""
        return f"{len(self.seen)} of {plural(total, 'attention-like layer')}{found}"

    def gaps(self) -> list[str]:
        """Say what was not looked at and why, one entry per class and reason."""
        groups: dict[tuple[str, str, Kind], list[str]] = {}
        for each in sorted(self.unseen, key=lambda part: _GRAVITY.index(part.kind)):
            key = each.layer, each.reason, each.kind
            groups.setdefault(key, []).append(each.path)
        said = []
        for (layer, reason, kind), paths in groups.items():
            said.append(f"{_listed(paths)} ({layer}): {_NOTES.get(kind, '')}{reason}")
        return said

    def sentence(self) -> str:
        """Say in one line what was looked at and what was not, with the reasons."""
        return "; ".join(filter(None, (f"looked at {self.share()}", self.rest())))

    def rest(self) -> str:
        """Say what was not looked at, with the reasons; empty if there is nothing to say."""
        idle = _listed([each.path for each in self.empty])
        parts = [f"no edge was seen by {idle}"] if idle else []
        parts += [f"not looked at: {'; '.join(self.gaps())}"] if self.unseen else []
        parts += [eager_words(self.eager)] if self.eager else []
        return "; ".join(parts)

    def table(self) -> "pl.DataFrame":
        """Return one row per layer.

        Columns: path, layer (class), seen (whether it was looked at), how (known by an ``adapter``
        or ``discovered``; null if it was not looked at), kind (``attention``, or what
        else it is as far as can be told), stages, ran, rows and reason (why it was not looked at).
        """
        import polars as pl

        rows: list[tuple[Any, ...]] = [
            (
                *(each.path, each.layer, True, each.how, ATTENTION),
                *(list(each.stages), each.ran, each.rows, None),
            )
            for each in self.seen
        ] + [
            (each.path, each.layer, False, None, each.kind, [], None, None, each.reason)
            for each in self.unseen
        ]
        schema = {
            "path": pl.String(),
            "layer": pl.String(),
            "seen": pl.Boolean(),
            "how": pl.String(),
            "kind": pl.String(),
            "stages": pl.List(pl.String()),
            "ran": pl.Boolean(),
            "rows": pl.Int64(),
            "reason": pl.String(),
        }
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _repr_html_(self) -> str:
        """Return it as a card of a notebook."""
        return coverage_card(self.sentence(), self.complete, self.table().to_dicts())

    def as_dict(self) -> dict[str, Any]:
        """Return all of it in plain values, which :meth:`from_dict` reads."""
        return {
            "seen": [{**asdict(each), "stages": list(each.stages)} for each in self.seen],
            "unseen": [asdict(each) for each in self.unseen],
            "complete": self.complete,
            **({"eager": list(self.eager)} if self.eager else {}),
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Coverage":
        """Read what :meth:`as_dict` returned."""
        return cls(
            tuple(SeenLayer(**{**e, "stages": tuple(e["stages"])}) for e in written["seen"]),
            tuple(UnseenLayer(**each) for each in written["unseen"]),
            tuple(written.get("eager", ())),
        )

    def after(self, rows: Mapping[str, int | None]) -> "Coverage":
        """Return the coverage after a run, in which these layers ran, on so many rows."""
        seen = tuple(
            replace(each, ran=True, rows=rows[each.path]) for each in self.seen if each.path in rows
        )
        idle = {each.path: NOT_RUN for each in self.seen if each.path not in rows}
        return replace(self, seen=seen, unseen=self.without(idle).unseen)

    def without(self, layers: Mapping[str, str]) -> "Coverage":
        """Return the coverage if some layers are not looked at, for these reasons."""
        seen = tuple(each for each in self.seen if each.path not in layers)
        gone = [each for each in self.seen if each.path in layers]
        unseen = [UnseenLayer(each.path, each.layer, layers[each.path]) for each in gone]
        return replace(self, seen=seen, unseen=(*self.unseen, *unseen))

    def __add__(self, other: "Coverage") -> "Coverage":
        """Return what two results looked at together: rows add, and no gap is forgotten."""
        seen = {each.path: each for each in self.seen}
        for each in other.seen:
            seen[each.path] = _both(seen[each.path], each) if each.path in seen else each
        unseen = {each.path: each for each in self.unseen}
        for gap in other.unseen:
            known = unseen.setdefault(gap.path, gap)
            if _GRAVITY.index(gap.kind) < _GRAVITY.index(known.kind):
                unseen[gap.path] = gap
        gaps = tuple(each for each in unseen.values() if each.path not in seen)
        eager = tuple(dict.fromkeys((*self.eager, *other.eager)))
        return Coverage(tuple(seen.values()), gaps, eager)


def layer_of(site: str) -> str:
    """Return the path of the layer that a site belongs to, such as ``conv`` of ``conv@2:score``.

    Also of ``conv.in:state``, the states that enter it.
    """
    at, _, stage = site.rpartition(":")
    path = at.partition("@")[0]
    if stage == "state" and f".{path}".endswith(".in"):
        return path.removesuffix("in").removesuffix(".")
    return path


def merged(parts: Sequence[Coverage | None]) -> Coverage | None:
    """Return the coverage of several results together; ``None`` if one of them has none."""
    known = [part for part in parts if part is not None]
    return reduce(lambda one, other: one + other, known) if len(known) == len(parts) else None


def _both(one: SeenLayer, other: SeenLayer) -> SeenLayer:
    counted = [each.rows for each in (one, other) if each.rows is not None]
    return replace(
        one,
        stages=tuple(dict.fromkeys((*one.stages, *other.stages))),
        ran=one.ran if other.ran is None else bool(one.ran or other.ran),
        rows=sum(counted) if counted else None,
    )


def _listed(paths: Sequence[str]) -> str:
    named = [path or "the model" for path in paths]
    if len(named) > NAMED + 1:
        return f"{', '.join(named[:NAMED])} and {len(named) - NAMED} more"
    return ", ".join(named)

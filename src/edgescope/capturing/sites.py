"""The sites of a model: where its layers compute something for every edge.

Beside the layers that an adapter knows there are modules that seem to attend, such as hand-written
ones; those are listed with the reason why they cannot be captured.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from torch import nn

from edgescope.capturing.adapters.adapter import Adapter, Stage
from edgescope.capturing.adapters.registry import find_adapter
from edgescope.capturing.attention_signs import Signs, is_plain, signs_of
from edgescope.capturing.discovered_sites import Record, record_of
from edgescope.capturing.pins import REJECTED
from edgescope.capturing.refusals import (
    ATTENTION,
    PERHAPS,
    READ_OUT,
    Kind,
    is_aggregation,
    kind_of_closed,
    looks_like_attention,
    refuse_closed,
    refuse_layer,
    refuse_whole,
    unknown_layer,
)
from edgescope.lib.compiled_parts import named_parts, original

How = Literal["adapter", "discovered"]
"""How a layer is known."""


class Site(NamedTuple):
    """A place in a model where a layer computes something for every edge.

    Example:
        >>> import torch
        >>> from torch_geometric.nn import GATv2Conv
        >>> import edgescope as es
        >>> model = GATv2Conv(3, 4, heads=2, add_self_loops=False).eval()
        >>> x, edge_index = torch.rand(3, 3), torch.tensor([[0, 1, 2], [1, 2, 0]])
        >>> with es.capture(model) as tape:
        ...     _ = model(x, edge_index)
        >>> with es.capture(model, lambda site: site.stage == "logit") as tape:
        ...     _ = model(x, edge_index)
        >>> tape.sites
        [':logit']
    """

    name: str
    """Path of the layer and stage, such as ``layers.3.attention:score``."""
    path: str
    """Path of the layer, such as ``layers.3.attention``."""
    layer: nn.Module
    """The layer."""
    stage: str
    """``"score"``, ``"logit"``, ``"weight"`` or ``"message"``."""
    about: Stage
    """Formula, shape and place before or after dropout."""
    adapter: Adapter
    """What observes the layer."""
    keys: tuple[object, ...]
    """Keys of the module dictionaries that hold the layer, outermost first."""

    @property
    def has_vectors(self) -> bool:
        """Whether there are several channels per head, so that a ratio within an edge exists."""
        return not self.about.shape.endswith(" 1]")

    @property
    def how(self) -> How:
        """How it is known: by an ``"adapter"`` of its class, or as it was ``"discovered"``."""
        return "discovered" if self.adapter.discovers else "adapter"

    @property
    def editable(self) -> bool:
        """Whether its activations can be replaced."""
        return self.stage in self.adapter.editable(self.layer)


class Refused(NamedTuple):
    """A layer whose edges cannot be captured."""

    path: str
    """Path of the layer."""
    layer: nn.Module
    """The layer."""
    reason: str
    """Why not, and what can be done."""
    kind: Kind = ATTENTION
    """Whether it is attention, as far as can be told."""
    signs: Signs = Signs()
    """What speaks for attention, in a class that no adapter knows."""

    @property
    def name(self) -> str:
        """What it is called among sites: its path."""
        return self.path


def find_sites(model: nn.Module) -> list[Site | Refused]:
    """Return every site of ``model`` and every layer that is refused, in the order of modules.

    Refused is also what seems to attend and is of no class that is known; see
    :mod:`edgescope.capturing.attention_signs`.
    """
    parts = list(named_parts(model))
    found = _known_layers(model, parts)
    known = record_of(model)
    if any(not each.path and isinstance(each, Refused) for each in found):
        known = Record()  # nothing can be captured of the whole
    more: list[Site | Refused] = [*_strangers(parts, {each.layer for each in found})]
    own: dict[str, list[Site | Refused]] = {}
    if known != Record():
        refused = [each for each in (*found, *more) if isinstance(each, Refused)]
        own = _discovered(model, dict(parts), known, refused)
        found = [_told(each, known) for each in found if not _is_discovered(each, own)]
        more = [_told(each, known) for each in more if not _is_discovered(each, own)]
    elif not more:
        return found
    place = {path: number for number, (path, _) in enumerate(parts)}
    at = {each.name: path for path, several in own.items() for each in several}
    # The order of stages stays, as sorting is stable.
    every = [*found, *(each for several in own.values() for each in several), *more]
    return sorted(every, key=lambda e: place.get(at.get(e.name, e.path), len(place)))


NOTHING_FOUND = "discovery found no attention along edges in it"
"""What is said of a part of a model that seems to attend and was looked into."""


def _told(each: "Site | Refused", known: Record) -> "Site | Refused":
    """Return a part that was refused, with what discovery has to say of it."""
    failed = f"discovery could not look into it ({known.failure})" if known.failure else ""
    said = failed or (NOTHING_FOUND if known.looked else "")
    closed = isinstance(each, Refused) and (each.reason == READ_OUT or refuse_closed(each.layer))
    if isinstance(each, Site) or closed or not said:
        return each
    return each._replace(reason=f"{each.reason}; {said}")


def _discovered(
    model: nn.Module,
    modules: Mapping[str, nn.Module],
    known: Record,
    before: Sequence["Refused"],
) -> dict[str, list["Site | Refused"]]:
    """Return what was discovered in a model, by the path of the module that computes it.

    Its ``modules`` come by their paths, and what was refused ``before`` with its reasons.
    """
    own: dict[str, list[Site | Refused]] = {}
    for each in known.found:
        if each.path not in modules:
            continue  # the model was taken apart since
        layer, keys = modules[each.path], tuple(_keys(model, each.path))
        own.setdefault(each.path, []).extend(
            Site(f"{each.name}:{stage}", each.name, layer, stage, about, each.adapter, keys)
            for stage, about in each.adapter.stages_of(layer).items()
        )
    why_not = {
        each.path: f"{each.reason}; discovered, but it cannot be captured: " for each in before
    }
    gone = [
        (name, path, f"{why_not.get(path, '')}{why}")
        for name, why in known.refused.items()
        for path in (name.partition("#")[0],)
    ]
    gone += [(pin.name, pin.path, REJECTED) for pin in known.pins if pin.rejected]
    for name, path, why in gone:
        if path in modules:
            own.setdefault(path, []).append(Refused(name, modules[path], why))
    return own


def _is_discovered(found: "Site | Refused", own: Collection[str]) -> bool:
    """Return whether what was refused is where something was discovered, in it, or around it."""
    if isinstance(found, Site):
        return False
    path = found.path
    return any(
        path == each or path.startswith(f"{each}.") or each.startswith(f"{path}.") for each in own
    )


def _known_layers(model: nn.Module, parts: Sequence[tuple[str, nn.Module]]) -> list[Site | Refused]:
    """Return what an adapter knows, and the layers of which some class or mark says why not."""
    found: list[Site | Refused] = []
    model = original(model)
    whole = refuse_whole(model)
    if whole is not None:
        kind = ATTENTION if isinstance(model, nn.TransformerEncoderLayer) else kind_of_closed(model)
        return [Refused("", model, whole, kind)]
    claimed: set[str] = set()
    paths: dict[nn.Module, list[str]] = defaultdict(list)
    for path, layer in named_parts(model, each_once=False):
        paths[layer].append(path)
    adapters = _adapters(model)
    for path, layer in parts:
        if any(path.startswith(f"{other}.") for other in claimed):
            continue
        closed = None if is_plain(layer) else refuse_closed(layer)
        if closed is not None:
            claimed.add(path)
            found.append(Refused(path, layer, closed, kind_of_closed(layer)))
            continue
        known = adapters[type(layer)]
        if known is None:
            seems = None if is_plain(layer) else looks_like_attention(path, layer)
            if seems is not None:
                found.append(Refused(path, layer, *seems))
            continue
        adapter, base = known
        if adapter.path(path) != path:
            claimed.add(adapter.path(path))
            claimed.add(path)
        reason = refuse_layer(adapter, base, layer)
        if reason is not None:
            found.append(Refused(adapter.path(path), layer, reason))
            continue
        keys = _common_keys(model, paths[layer])
        at = adapter.path(path)
        found.extend(
            Site(f"{at}:{stage}", at, layer, stage, about, adapter, keys)
            for stage, about in adapter.stages_of(layer).items()
        )
    return found


def _adapters(
    model: nn.Module,
) -> dict[type[nn.Module], tuple[Adapter, type[nn.Module]] | None]:
    """Return what observes the layers of every class: hundreds of modules are of a few classes."""
    one_of_each = {type(layer): layer for layer in model.modules()}
    return {kind: find_adapter(layer) for kind, layer in one_of_each.items()}


def _common_keys(model: nn.Module, paths: Sequence[str]) -> tuple[object, ...]:
    """Return the keys on the way to a layer, whichever of its ``paths`` is taken.

    A layer that several relations share is held under the key of each, and no key tells whose
    edges it works on.
    """
    first, *others = (tuple(_keys(model, path)) for path in paths)
    return tuple(key for key in first if all(key in keys for keys in others))


def _keys(model: nn.Module, path: str) -> Iterator[object]:
    """Return the keys of the module dictionaries on the way to ``path``, as their owner wrote them.

    PyG's dictionary takes tuples as keys and gives them back so.
    """
    parent = original(model)
    for name in path.split(".") if path else []:
        children = parent._modules  # noqa: SLF001  (by the inner name, which path holds)
        if isinstance(parent, nn.ModuleDict):
            yield dict(zip(children, parent.keys(), strict=True))[name]
        child = children[name]
        assert child is not None
        parent = original(child)


def _strangers(
    parts: Sequence[tuple[str, nn.Module]], found: Collection[nn.Module]
) -> Iterator[Refused]:
    """Give the modules that seem to attend and are of no known class, such as hand-written ones.

    That it is attention is certain only if both its name and its code say so.

    A module that holds such a one is not given itself: what it is called says what is in it. What
    it computes beside it is seen when it runs, by
    :class:`~edgescope.capturing.softmax_calls.SoftmaxCalls`.
    """
    inside = {part for layer in found for part in layer.modules()}
    holders: set[str] = set()
    for path, module in reversed(parts):
        if path in holders or module in inside:
            holders.update(_above(path))
            continue
        signs = Signs() if is_plain(module) else signs_of(path, module)
        if signs:
            holders.update(_above(path))
            kind = ATTENTION if signs.name and signs.call else PERHAPS
            reason = READ_OUT if is_aggregation(module) else unknown_layer(signs)
            yield Refused(path, module, reason, kind, signs)


def _above(path: str) -> Iterator[str]:
    """Give the paths of all that holds a module."""
    while path:
        path = path.rpartition(".")[0]
        yield path

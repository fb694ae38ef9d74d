"""Signs of attention in a module that no adapter knows: what it is called, and what it calls.

Nothing here says what a module computes. It says which modules a result must not be silent about.
"""

import re
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import NamedTuple
from weakref import WeakKeyDictionary

from torch import nn

from edgescope.lib.compiled_parts import original, uncompiled

ENTRIES = ("forward", "message", "edge_update", "update", "aggregate", "message_and_aggregate")
"""Methods that a module computes in: those of ``torch.nn.Module`` and of PyG's layers. The other
methods of a class count only if one of these calls them."""

LIBRARIES = ("torch", "torch_geometric", "torch_scatter", "torch_sparse", "pyg_lib")
"""Packages whose functions are known by name, so that nobody need read what they call."""

_WORDS = re.compile(r"[A-Z]+(?=v\d)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""The words of ``GATv2Layer`` are GAT, v and Layer; those of ``att_src`` are att and src."""

_SAYS = re.compile(
    r"atts?|attn\w*|attends?|attentive|\w*attention\w*|gats?|mha|mhsa|\w*(transf|perf|graph)ormers?"
)

_CALLS = re.compile(r"^(?!.*log_softmax).*(softmax|softmin|dot_product_attention|head_attention)")
"""Functions that normalise, by name. A log-softmax is what a classifier ends with."""


class Signs(NamedTuple):
    """What in a module speaks for attention; falsy if nothing does."""

    name: str = ""
    """A name that says so: of its class, of its place in the model, of a part or an argument."""
    call: str = ""
    """A function that it calls, such as ``softmax``."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.name or self.call)

    def __str__(self) -> str:
        """Say what they are."""
        said = f"its names speak of it: {self.name}" if self.name else ""
        called = f"its code calls {self.call}" if self.call else ""
        return "; ".join(filter(None, (said, called)))


def signs_of(path: str, module: nn.Module) -> Signs:
    """Return what in a module speaks for attention.

    Args:
        path: where it is in the model.
        module: any module but one of torch's own.

    Example:
        >>> from torch_geometric.nn import DenseGATConv, DenseGCNConv
        >>> str(signs_of("conv", DenseGATConv(8, 8)))
        'its names speak of it: DenseGATConv; its code calls softmax'
        >>> bool(signs_of("conv", DenseGCNConv(8, 8)))
        False
    """
    kind = type(module)
    own = path.rpartition(".")[2]
    children = [(name, original(child)) for name, child in module.named_children()]
    parts = (*module._parameters, *(n for n, m in children if is_plain(m)))  # noqa: SLF001  (names alone; parameters() would give tensors)
    name = next((each for each in (kind.__name__, own, *parts) if says_attention(each)), "")
    soft = next((type(m).__name__ for _, m in children if isinstance(m, _SOFTMAX)), "")
    return Signs(name, called_by(kind) or soft)


_SOFTMAX = (nn.Softmax, nn.Softmin, nn.Softmax2d)


def says_attention(name: str) -> bool:
    """Return whether a name speaks of attention, word by word.

    Example:
        >>> [says_attention(name) for name in ("GATv2Layer", "att_src", "GatedConv", "mhsa")]
        [True, True, False, True]
    """
    return any(_SAYS.fullmatch(word.lower()) for word in _WORDS.findall(name))


def is_plain(module: nn.Module) -> bool:
    """Return whether a module is one of torch's own, such as ``Linear`` or ``Sequential``."""
    return type(module).__module__.startswith("torch.nn.modules")


def called_by(kind: type[nn.Module]) -> str:
    """Return the first function that normalises and that a class calls in its forward pass.

    The class's own functions are followed, and those of other files that are no library.
    """
    if kind not in _CALLED:
        # What a class's own function is called says nothing: what it calls is followed.
        own = own_functions(kind)
        _CALLED[kind] = next((n for n in _names(kind) if _CALLS.match(n) and n not in own), "")
    return _CALLED[kind]


_CALLED: WeakKeyDictionary[type[nn.Module], str] = WeakKeyDictionary()
"""Found once per class: hundreds of modules are of a few classes."""


def own_functions(kind: type[nn.Module]) -> dict[str, FunctionType]:
    """Return the functions of a class and its bases, but not those that every layer has."""
    found: dict[str, FunctionType] = {}
    for base in kind.__mro__:
        if base in {nn.Module, object} or base.__name__ == "MessagePassing":
            break
        given = {name: uncompiled(value) for name, value in vars(base).items()}
        found = {n: f for n, f in given.items() if isinstance(f, FunctionType)} | found
    return found


def _names(kind: type[nn.Module]) -> Iterator[str]:
    """Give the names that the forward pass of a class uses, function by function."""
    own = own_functions(kind)
    waiting = [own[name] for name in ENTRIES if name in own]
    seen = set(waiting)
    while waiting:
        function = waiting.pop(0)
        for name in _names_in(function.__code__):
            yield name
            called = own.get(name) or uncompiled(function.__globals__.get(name))
            if isinstance(called, FunctionType) and called not in seen and not _known(called):
                seen.add(called)
                waiting.append(called)


def _known(function: FunctionType) -> bool:
    inherited = "." in function.__qualname__  # a method was found among the class's own
    return not inherited and function.__module__.partition(".")[0] in LIBRARIES


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names_in(inner)

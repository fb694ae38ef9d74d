"""A light look at a model that runs: which of its own code normalises and weights, and where."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from edgescope.capture.signs import is_plain

if TYPE_CHECKING:
    from types import CodeType, FrameType

KEEPS = frozenset(
    [
        "view",
        "_unsafe_view",
        "reshape",
        "expand",
        "expand_as",
        "permute",
        "transpose",
        "t",
        "mT",
        "unsqueeze",
        "squeeze",
        "clone",
        "contiguous",
        "detach",
        "alias",
        "select",
        "slice",
        "index",
        "index_select",
        "gather",
        "repeat",
        "broadcast_to",
        "_to_copy",
        "to",
        "clamp",
        "clamp_min",
        "clamp_max",
        "where",
        "masked_fill",
        "dropout",
        "native_dropout",
        "copy",
        "nan_to_num",
        "unbind",
        "split",
        "chunk",
        "cat",
        "stack",
        "repeat_interleave",
        "flatten",
        "narrow",
        "index_put",
        "_index_put_impl",
    ]
)
"""Operations whose result is what it was, in another place or form."""

SUMS = frozenset(["sum", "mean", "nansum", "cumsum"])
SCATTERS = frozenset(
    ["scatter_add", "index_add", "scatter_reduce", "segment_reduce", "segment_csr"]
)
"""Sums over an index, as over the edges of every node."""

PRODUCTS = frozenset(
    ["mul", "mm", "bmm", "mv", "dot", "matmul", "einsum", "baddbmm", "addcmul", "_sparse_mm"]
)
"""Not ``addmm``, which a linear layer is."""

FOLLOWED = KEEPS | SUMS | SCATTERS | PRODUCTS | {"div", "reciprocal", "add", "sub"}

BY_HAND = "exp over a sum of exp"


@dataclass
class SoftmaxCall:
    """A place where a model normalises numbers to weights, as attention does.

    Attributes:
        paths: paths of the modules that were running, innermost first.
        layer: class of the innermost.
        function: what was called.
        certain: whether the numbers are those of edges, nodes or pairs of nodes.
        used: whether anything was multiplied by the result; a classifier only returns it.
    """

    paths: tuple[str, ...]
    layer: str
    function: str
    certain: bool
    used: bool = False


@dataclass(frozen=True)
class _Mark:
    """What is known of a tensor: how it came from an exponential."""

    kind: str
    """``exp``, ``inverse``, ``logsum``, ``log`` or ``weight``."""
    summed: bool = False
    scattered: bool = False
    weighs: bool = False
    """Whether something else was multiplied by it."""
    call: SoftmaxCall | None = None


class SoftmaxCalls(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch does not say
    """Notes softmax and the like in the code of a model while the block runs.

    It sees torch's operations, and the results that they hand on; it changes neither, and puts no
    hook on a module, so that outputs stay as they are to the bit and fused kernels stay fused.
    An exponential over a sum of exponentials counts as a softmax.

    Args:
        model: the model that runs.
        covered: modules that are looked at otherwise; what runs inside them is not noted.
        sizes: numbers of edges and nodes, if known: a softmax over so many is one over these.
        suspects: modules of which to note whether they run.

    Attributes:
        calls: what was noted.
        ran: paths of the suspects that ran.

    Example:
        >>> import torch
        >>> model = torch.nn.MultiheadAttention(4, 1)
        >>> with SoftmaxCalls(model, []) as looked:
        ...     _ = model(*[torch.randn(3, 4)] * 3)
        >>> [(call.layer, call.certain, call.used) for call in looked.calls]
        [('MultiheadAttention', True, True)]
    """

    supports_higher_order_operators = True

    def __init__(
        self,
        model: nn.Module,
        covered: Iterable[nn.Module],
        sizes: Iterable[int] = (),
        suspects: Iterable[nn.Module] = (),
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.calls: list[SoftmaxCall] = []
        self._model = model
        self._paths = {id(module): path for path, module in model.named_modules()}
        self._covered = {id(module) for module in covered}
        self._sizes = {size for size in sizes if size > 1}
        self._marks: Any = WeakTensorKeyDictionary()
        self._names: dict[Any, str] = {}
        self.ran: set[str] = set()
        self._suspects: dict[CodeType, list[nn.Module]] = defaultdict(list)
        for module in suspects:
            code = getattr(type(module).forward, "__code__", None)
            if code is not None:
                self._suspects[code].append(module)

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Leave compiled parts of a model compiled."""
        return True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Be called as a plain function: torch would load its compiler to keep out of it."""
        return False

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  (torch's, as are the next)
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run an operation, and note what it was."""
        if any(kind is not Tensor and kind is not nn.Parameter for kind in types):
            return NotImplemented  # a wrapper such as PyG's EdgeIndex: what is inside comes here
        if self._suspects:
            self._note_suspects()
        result = func(*args, **(kwargs or {}))
        name = self._names.get(func)
        if name is None:
            name = self._names[func] = _name(func)
        if name in FOLLOWED and len(self._marks):
            tensors = [each for each in _flat(args) if isinstance(each, Tensor)]
            marks = [self._marks.get(each) for each in tensors]
            if any(marks):
                self._follow(name, tensors, marks, result)
        elif name in {"exp", "exp2"} or "softmax" in name or "sumexp" in name or "ttention" in name:
            self._note(name, args, result)
        return result

    def _note(self, name: str, args: tuple[Any, ...], result: Any) -> None:  # noqa: ANN401
        """Note an exponential, or a function that has one in it."""
        if "log_softmax" in name:
            self._mark(result, _Mark("log"))
        elif "softmax" in name:
            self._called(name, result, scattered="csr" in name or "sparse" in name, dims=args[1:2])
        elif "sumexp" in name:
            self._mark(result, _Mark("logsum"))
        elif name in {"exp", "exp2"}:
            mark = self._marks.get(args[0])
            if mark is not None and mark.kind == "log":
                self._called("exp of a log-softmax", result)
            else:
                self._mark(result, _Mark("exp"))
        else:
            self._called(name, None, scattered=True, weighs=True)

    def _note_suspects(self) -> None:
        """Note which of the suspects run."""
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001  (what inspect does, but at once)
        while frame is not None and self._suspects:
            for module in self._suspects.get(frame.f_code, ()):
                if frame.f_locals.get(frame.f_code.co_varnames[0]) is module:
                    self.ran.add(self._paths[id(module)])
            frame = frame.f_back

    def _follow(
        self,
        name: str,
        tensors: list[Tensor],
        marks: list[_Mark | None],
        result: Any,  # noqa: ANN401  (one tensor or several)
    ) -> None:
        """Note what became of a tensor that came from an exponential."""
        first = next(mark for mark in marks if mark is not None)
        known = {mark.kind for mark in marks if mark is not None}
        summed = any(mark is not None and mark.summed for mark in marks)
        several = sum(each.numel() > 1 and not _is_parameter(each) for each in tensors) > 1
        if name in KEEPS:
            self._mark(result, first)
        elif name in SUMS | SCATTERS and first.kind == "exp":
            scattered = first.scattered or name in SCATTERS
            self._mark(result, _Mark("exp", True, scattered, first.weighs))
        elif name == "div" and marks[0] is not None and len(marks) > 1:
            self._divided(marks[0], marks[1], result)
        elif name == "reciprocal" and first.kind == "exp" and first.summed:
            self._mark(result, _Mark("inverse", True, first.scattered))
        elif name in {"sub", "add"} and "logsum" in known:
            self._mark(result, _Mark("log"))
        elif name == "add" and first.kind == "exp":
            alone = sum(mark is not None for mark in marks) == 1
            self._mark(result, _Mark("exp", summed or (alone and several), first.scattered))
        elif name in PRODUCTS:
            self._multiplied(name, [mark for mark in marks if mark is not None], several, result)

    def _divided(self, above: _Mark, below: _Mark | None, result: Any) -> None:  # noqa: ANN401
        """Note a quotient: an exponential by a sum of exponentials is a softmax."""
        if above.kind == "exp" and below is not None and below.kind == "exp" and below.summed:
            self._called(BY_HAND, result, scattered=below.scattered, weighs=above.weighs)
        elif above.kind in {"weight", "exp"}:
            self._mark(result, above)

    def _multiplied(self, name: str, marks: list[_Mark], several: bool, result: Any) -> None:  # noqa: ANN401
        """Note a product: weights that anything is multiplied by are used."""
        exponentials = [mark for mark in marks if mark.kind == "exp"]
        inverse = [mark for mark in marks if mark.kind == "inverse"]
        for mark in marks:
            if mark.call is not None and several:
                mark.call.used = True
        if exponentials and inverse:
            scattered, weighs = inverse[0].scattered, exponentials[0].weighs
            self._called(BY_HAND, result, scattered=scattered, weighs=weighs)
        elif inverse:
            self._mark(result, inverse[0])
        elif exponentials:
            one = exponentials[0]
            self._mark(result, _Mark("exp", one.summed or name != "mul", one.scattered, several))

    def _called(
        self,
        function: str,
        result: Any,  # noqa: ANN401  (one tensor or several)
        *,
        scattered: bool = False,
        weighs: bool = False,
        dims: tuple[Any, ...] = (),
    ) -> None:
        """Note a call, unless it is in a module that is looked at otherwise, or not the model's."""
        running = self._running()
        if not running:
            return
        own = next((each for each in running if not is_plain(each)), running[0])
        paths = tuple(self._paths[id(each)] for each in running[running.index(own) :])
        certain = scattered or self._over_nodes(result, dims)
        call = SoftmaxCall(
            paths, type(own).__name__, function.removeprefix("_safe").strip("_"), certain, weighs
        )
        self.calls.append(call)
        self._mark(result, _Mark("weight", call=call))

    def _over_nodes(self, result: Any, dims: tuple[Any, ...]) -> bool:  # noqa: ANN401
        """Return whether a softmax is over edges or nodes, or over one of two equal dimensions."""
        if not isinstance(result, Tensor) or not result.dim():
            return False
        dim = dims[0] if dims and isinstance(dims[0], int) else -1
        size = result.size(dim)
        return size in self._sizes or (size > 1 and list(result.shape).count(size) > 1)

    def _running(self) -> list[nn.Module]:
        """Return the modules that run, innermost first; none if the code is not the model's own."""
        running: list[nn.Module] = []
        frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (what inspect does, but at once)
        while frame is not None:
            code, within = frame.f_code, str(frame.f_globals.get("__name__"))
            first = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            if isinstance(first, nn.Module) and id(first) in self._paths:
                if id(first) in self._covered:
                    return []
                if not any(first is each for each in running):
                    running.append(first)
                if first is self._model and code.co_name == "_call_impl":
                    break
            elif not running and within.startswith(OBSERVERS) and within != __name__:
                return []
            frame = frame.f_back
        return running

    def _mark(self, result: Any, mark: _Mark) -> None:  # noqa: ANN401  (one tensor or several)
        for each in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(each, Tensor) and each.is_floating_point():
                self._marks[each] = mark


OBSERVERS = (
    "edgescope.capture.",
    "edgescope.diagnose.",
    "edgescope.scanning.",
    "edgescope.statistics.",
)
"""What runs in hooks of a model without being part of it."""


def _name(func: object) -> str:
    """Return the name of an operation, such as ``scatter_add`` of ``aten.scatter_add_.default``."""
    words = str(func).split(".")
    name = words[min(1, len(words) - 1)].removesuffix("_")
    return "attention" if name.startswith("_transformer_encoder") else name


def _is_parameter(tensor: Tensor) -> bool:
    """Return whether a tensor is a parameter, or a view of one as in a linear layer."""
    base = tensor._base  # noqa: SLF001  (nothing public says)
    return isinstance(tensor, nn.Parameter) or isinstance(base, nn.Parameter)


def _flat(args: Iterable[Any]) -> Iterator[Any]:
    for each in args:
        if isinstance(each, (tuple, list)):
            yield from each
        else:
            yield each

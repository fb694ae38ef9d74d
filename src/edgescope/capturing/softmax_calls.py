"""A light look at a model that runs: where its own code normalises and weighs."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.utils.weak import WeakTensorKeyDictionary

from edgescope.capturing.attention_signs import is_plain
from edgescope.capturing.call_stack import running_modules, which_run
from edgescope.capturing.observer_mode import ObserverMode
from edgescope.capturing.operations import NO_DISPATCH, Operation, operation
from edgescope.capturing.unseen import is_unseen
from edgescope.lib.compiled_parts import named_parts, original

if TYPE_CHECKING:
    from types import CodeType

BY_HAND = "exp over a sum of exp"

MESSAGES = "a sum of products over edges"


@dataclass
class SoftmaxCall:
    """A place where a model weighs numbers as attention does.

    Attributes:
        paths: paths of the modules that were running, innermost first.
        layer: class of the innermost.
        function: what was called; :data:`MESSAGES` if nothing was normalised, but products summed
            over the edges of every node.
        certain: whether it was a softmax, and over edges, nodes or pairs of nodes.
        used: whether anything was multiplied by the result; a classifier only returns it.
    """

    paths: tuple[str, ...]
    layer: str
    function: str
    certain: bool
    used: bool = False


@dataclass(frozen=True)
class _Mark:
    """What is known of a tensor."""

    kind: str
    """``exp``, ``inverse``, ``logsum``, ``log``, ``weight``, or ``product`` of two tensors."""
    summed: bool = False
    scattered: bool = False
    weighs: bool = False
    """Whether something else was multiplied by it."""
    call: SoftmaxCall | None = None


class SoftmaxCalls(ObserverMode):
    """Notes softmax and the like in the code of a model while the block runs.

    It sees torch's operations, and the results that they hand on; it changes neither, and puts no
    hook on a module, so that outputs stay as they are to the bit and fused kernels stay fused.
    An exponential over a sum of exponentials counts as a softmax.

    Args:
        model: the model that runs.
        covered: modules that are looked at otherwise; what runs inside them is not noted.
        edges: numbers of edges of the batch, as far as known, with and without loops.
        nodes: numbers of nodes. A softmax over so many is one over edges or nodes.
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
        edges: Iterable[int] = (),
        nodes: Iterable[int] = (),
        suspects: Iterable[nn.Module] = (),
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # as above
        self.calls: list[SoftmaxCall] = []
        self.ran: set[str] = set()
        self._model = original(model)
        self._paths = {id(module): path for path, module in named_parts(model)}
        self._covered = {id(module) for module in covered}
        self._edges = {size for size in edges if size > 1}
        self._sizes = self._edges | {size for size in nodes if size > 1}
        self._marks: Any = WeakTensorKeyDictionary()
        self._operations: dict[Any, Operation] = {}
        self._suspects: dict[CodeType, list[nn.Module]] = defaultdict(list)
        for module in suspects:
            code = getattr(type(module).forward, "__code__", None)
            if code is not None:
                self._suspects[code].append(module)

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  (torch's, as are the next)
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Run an operation, and note what it was."""
        if any(getattr(kind, "__torch_dispatch__", None) is not NO_DISPATCH for kind in types):
            return NotImplemented  # a wrapper such as PyG's EdgeIndex: what is inside comes here
        if is_unseen():  # what is captured meanwhile
            return func(*args, **(kwargs or {}))
        if self._suspects:
            self.ran.update(self._paths[id(each)] for each in which_run(self._suspects))
        result = func(*args, **(kwargs or {}))
        what = self._operations.get(func)
        if what is None:
            what = self._operations[func] = operation(func)
        if what.role:
            tensors = [each for each in _flat(args) if isinstance(each, Tensor)]
            marks = [self._marks.get(each) for each in tensors] if len(self._marks) else []
            self._note(what, args, result)
            if what.role == "multiplies" and len(tensors) > 1 and not any(marks):
                self._note_product(tensors, result)
            elif any(marks):
                self._follow(what, tensors, marks, result)
        return result

    def _note(self, what: Operation, args: tuple[Any, ...], result: Any) -> None:  # noqa: ANN401
        """Note an exponential, or a function that has one in it."""
        match what.role:
            case "exponentiates":
                mark = self._marks.get(args[0])
                if mark is not None and mark.kind == "log":
                    self._called("exp of a log-softmax", result)
                else:
                    self._mark(result, _Mark("exp"))
            case "log-softmax":
                self._mark(result, _Mark("log"))
            case "logsumexp":
                self._mark(result, _Mark("logsum"))
            case "softmax":
                scattered = "csr" in what.name or "sparse" in what.name
                self._called(what.name, result, scattered=scattered, dims=args[1:2])
            case "attention":
                self._called(what.name, None, scattered=True, weighs=True)

    def _note_product(self, tensors: Sequence[Tensor], result: Any) -> None:  # noqa: ANN401
        """Note a product of two tensors, a row per edge: it may be a message with its weight."""
        if not isinstance(result, Tensor) or result.dim() < 2 or result.size(0) not in self._edges:  # noqa: PLR2004  ([E, F])
            return
        if all(each.numel() > 1 and not _is_parameter(each) for each in tensors[:2]):
            self._mark(result, _Mark("product"))

    def _follow(
        self,
        what: Operation,
        tensors: list[Tensor],
        marks: list[_Mark | None],
        result: Any,  # noqa: ANN401  (one tensor or several)
    ) -> None:
        """Note what became of a tensor that is marked."""
        known = [mark for mark in marks if mark is not None]
        first, kinds = known[0], {mark.kind for mark in known}
        several = sum(each.numel() > 1 and not _is_parameter(each) for each in tensors) > 1
        match what.role:
            case "keeps":
                self._mark(result, first)
            case "scatters" if "product" in kinds:
                self._called(MESSAGES, None, weighs=True)
            case "sums" | "scatters" if first.kind == "exp":
                scattered = first.scattered or what.role == "scatters"
                self._mark(result, replace(first, summed=True, scattered=scattered))
            case "divides" if marks[0] is not None and len(marks) > 1:
                self._divided(marks[0], marks[1], result)
            case "inverts" if first.kind == "exp" and first.summed:
                self._mark(result, _Mark("inverse", summed=True, scattered=first.scattered))
            case "adds" if "logsum" in kinds:
                self._mark(result, _Mark("log"))
            case "adds" if first.kind == "exp" and what.name == "add":
                summed = any(mark.summed for mark in known) or (several and len(known) == 1)
                self._mark(result, _Mark("exp", summed, first.scattered))
            case "multiplies":
                self._multiplied(what.name, known, several, result)

    def _divided(self, above: _Mark, below: _Mark | None, result: Any) -> None:  # noqa: ANN401
        """Note a quotient: an exponential by a sum of exponentials is a softmax."""
        if above.kind == "exp" and below is not None and below.kind == "exp" and below.summed:
            self._called(BY_HAND, result, scattered=below.scattered, weighs=above.weighs)
        else:
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
        elif any(mark.kind == "product" for mark in marks):
            self._mark(result, _Mark("product"))

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
        running = running_modules(self._model, self._paths.keys(), self._covered)
        if not running:
            return
        own = next((n for n, each in enumerate(running) if not is_plain(each)), 0)
        paths = tuple(self._paths[id(each)] for each in running[own:])
        certain = scattered or self._over_nodes(result, dims)
        name = function.removeprefix("_safe").strip("_")
        self.calls.append(SoftmaxCall(paths, type(running[own]).__name__, name, certain, weighs))
        self._mark(result, _Mark("weight", call=self.calls[-1]))

    def _over_nodes(self, result: Any, dims: tuple[Any, ...]) -> bool:  # noqa: ANN401
        """Return whether a softmax is over edges or nodes, or over one of two equal dimensions."""
        if not isinstance(result, Tensor) or not result.dim():
            return False
        dim = dims[0] if dims and isinstance(dims[0], int) else -1
        size = result.size(dim)
        return size in self._sizes or (size > 1 and list(result.shape).count(size) > 1)

    def _mark(self, result: Any, mark: _Mark) -> None:  # noqa: ANN401  (one tensor or several)
        for each in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(each, Tensor) and each.is_floating_point():
                self._marks[each] = mark


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

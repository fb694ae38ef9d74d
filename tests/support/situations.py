"""Ways to run the models of ``layer_cases``, and everything that a run leaves behind.

The contracts of capture are generated from this table and that of the layers.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint
from torch_geometric.nn import RGATConv

from support.graph_cases import some_graphs
from support.layer_cases import Case, build


class Situation(NamedTuple):
    """A way to run a model."""

    name: str
    run: Callable[[nn.Module, dict[str, Any]], Tensor]
    training: bool = False
    dtype: torch.dtype = torch.float32
    wrap: Callable[[nn.Module], nn.Module] = lambda model: model


class Outcome(NamedTuple):
    """Everything that a run leaves behind."""

    output: Tensor
    gradients: dict[str, Tensor | None]
    random_state: Tensor
    training: list[bool]


class Checkpointed(nn.Module):
    """Runs a model again during backward rather than keep what it computed."""

    def __init__(self, model: nn.Module, *, reentrant: bool) -> None:
        super().__init__()
        self.model = model
        self.reentrant = reentrant

    def forward(self, **inputs: Any) -> Tensor:
        needs_gradient = torch.ones((), requires_grad=True)
        return checkpoint(
            lambda _: self.model(**inputs), needs_gradient, use_reentrant=self.reentrant
        )


def _forward(context: Callable[[], Any], model: nn.Module, inputs: dict[str, Any]) -> Tensor:
    with context():
        return model(**inputs)


def _backward(
    model: nn.Module, inputs: dict[str, Any], context: Callable[[], Any] = nullcontext
) -> Tensor:
    output = _forward(context, model, inputs)
    output.float().square().sum().backward()
    return output


def _double_backward(model: nn.Module, inputs: dict[str, Any]) -> Tensor:
    leaves = [*floats(inputs), *model.parameters()]
    with sdpa_kernel(SDPBackend.MATH):  # torch has no second derivative of the others
        output = model(**inputs)
        first = torch.autograd.grad(
            output.square().sum(), leaves, create_graph=True, allow_unused=True
        )
        sum(gradient.square().sum() for gradient in first if gradient is not None).backward()
    return output


_autocast = partial(torch.autocast, "cpu", dtype=torch.bfloat16)
TRAIN = Situation("train", _backward, training=True)
EVAL = Situation("eval", _backward)
SITUATIONS = [
    TRAIN,
    EVAL,
    Situation("no_grad", partial(_forward, torch.no_grad)),
    Situation("inference_mode", partial(_forward, torch.inference_mode)),
    Situation("autocast", partial(_backward, context=_autocast), training=True),
    Situation("float64", _backward, dtype=torch.float64),
    Situation("double backward", _double_backward, dtype=torch.float64),
    TRAIN._replace(name="checkpoint", wrap=partial(Checkpointed, reentrant=False)),
    TRAIN._replace(name="reentrant checkpoint", wrap=partial(Checkpointed, reentrant=True)),
]


def floats(inputs: dict[str, Any]) -> Iterator[Tensor]:
    """Give every tensor among the arguments of a model that can have a gradient."""
    for value in inputs.values():
        if isinstance(value, dict):
            yield from floats(value)
        elif value is not None and value.is_floating_point():
            yield value


@cache
def _built(case: Case) -> nn.Module:
    """Build a model once. RGATConv has a parameter that PyG leaves as it finds the memory."""
    model = build(case)
    for module in model.modules():
        if isinstance(module, RGATConv):
            nn.init.ones_(module.l2)
    return model


def prepare(case: Case, situation: Situation = EVAL) -> tuple[nn.Module, dict[str, Any]]:
    """Return a model and its arguments; always the same."""

    def cast(value: Tensor) -> Tensor:
        return value.to(situation.dtype).requires_grad_() if value.is_floating_point() else value

    model = situation.wrap(deepcopy(_built(case))).train(situation.training).to(situation.dtype)
    return model, case.inputs(some_graphs().apply(cast))


def outcome(model: nn.Module, inputs: dict[str, Any], situation: Situation = EVAL) -> Outcome:
    """Run a model and return everything that it leaves behind."""
    torch.manual_seed(1)
    output = situation.run(model, inputs)
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    gradients |= {f"input {n}": value.grad for n, value in enumerate(floats(inputs))}
    training = [module.training for module in model.modules()]
    return Outcome(output.detach(), gradients, torch.get_rng_state(), training)


def same(found: Tensor | None, expected: Tensor | None) -> bool:
    """Whether two tensors are the same bit for bit."""
    if found is None or expected is None:
        return found is expected
    return found.dtype == expected.dtype and torch.equal(found, expected)

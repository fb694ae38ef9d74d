"""What adds noise to the output of modules while a model runs, and which modules these are."""

from collections.abc import Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from edgescope.lib.compiled_parts import named_parts
from edgescope.lib.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

EMBEDDINGS = ("node_embedding", "edge_embedding")
"""What edgescope's own models call the modules whose output the noise is added to."""


def scaled(noise: Tensor, std: float) -> Tensor:
    """Return the noise with a root mean square of ``std``; zeros stay zeros."""
    size = noise.square().mean().sqrt()
    return noise * (std / size) if size > 0 else noise


@contextmanager
def noise_added(modules: dict[str, nn.Module], noise: dict[str, Tensor] | None) -> "Iterator[None]":
    """Add noise to what the modules return."""
    with ExitStack() as hooks:
        for name, each in (noise or {}).items():

            def add(_: nn.Module, __: object, output: Tensor, each: Tensor = each) -> Tensor:
                return output + each

            hooks.callback(modules[name].register_forward_hook(add).remove)
        yield


@contextmanager
def outputs_noted(modules: dict[str, nn.Module]) -> "Iterator[dict[str, Tensor]]":
    """Note what the modules return while the block runs."""
    seen: dict[str, Tensor] = {}
    with ExitStack() as hooks:
        for name, module in modules.items():

            def note(_: nn.Module, __: object, output: Any, name: str = name) -> None:  # noqa: ANN401
                if not isinstance(output, Tensor) or not output.is_floating_point():
                    raise InputError(
                        f"{name} does not return a tensor of real numbers, so no noise can be "
                        "added to it; name other modules with at="
                    )
                if name in seen:
                    raise InputError(
                        f"{name} runs several times in one call of the model; name modules that "
                        "run once with at="
                    )
                seen[name] = output

            hooks.callback(module.register_forward_hook(note).remove)
        yield seen


def modules_at(model: nn.Module, at: Sequence[str] | None) -> dict[str, nn.Module]:
    """Return the modules of these names, by default those of :data:`EMBEDDINGS` that are there.

    Raises:
        InputError: if one is not there, or there is none.
    """
    there = dict(named_parts(model))
    wanted = [name for name in EMBEDDINGS if name in there] if at is None else list(at)
    missing = [name for name in wanted if name not in there]
    if missing or not wanted:
        what = f"has no module {missing[0]}" if missing else f"has none of {', '.join(EMBEDDINGS)}"
        raise InputError(
            f"{type(model).__name__} {what}; name the modules that embed nodes and edges with at="
        )
    return {name: there[name] for name in wanted}


def check_run(modules: dict[str, nn.Module], seen: dict[str, Tensor]) -> None:
    """Refuse modules that did not run.

    Raises:
        InputError: if one did not.
    """
    for name in modules:
        if name not in seen:
            raise InputError(f"the model did not run {name}; name other modules with at=")

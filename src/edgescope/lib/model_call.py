"""Calling a user's model on a batch, by the names of its arguments."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

from edgescope.lib.errors import InputError
from edgescope.lib.model_arguments import WHOLE_BATCH, Arguments, arguments_for, attribute
from edgescope.lib.signature import bound_call, forward_signature
from edgescope.lib.trial_run import fresh
from edgescope.lib.written_inputs import watched_inputs

__all__ = [
    "BY_CALL",
    "Call",
    "NotedCall",
    "attribute",
    "bound_call",
    "call_model",
    "forward_signature",
    "said_arguments",
]

Call = Callable[[nn.Module, Any], Any]

BY_CALL = "as call= says"
"""What a result says was passed if the user's own function calls the model."""


def call_model(model: nn.Module, batch: Any) -> Any:  # noqa: ANN401  (any PyG batch, any output)
    """Call ``model`` with the attributes of ``batch`` that its ``forward`` asks for by name.

    Which ones, :func:`~edgescope.lib.model_arguments.arguments_for` says. Graphs and containers
    among them are copies, whose tensors are those of the batch.

    Raises:
        InputError: if ``forward`` requires something that the batch lacks, or is given an
            optional ``edge_attr`` that its layers were built without.
    """
    return _called(model, arguments_for(model, batch))


class NotedCall:
    """A way to call a model that notes which arguments were passed.

    Args:
        call: how to call the model on a batch.

    Attributes:
        arguments: names of all arguments passed so far; see
            :class:`~edgescope.lib.model_arguments.Arguments`.
    """

    def __init__(self, call: Call) -> None:
        if not callable(call):
            raise InputError(
                f"received call={call!r}, expected a function of a model and a batch, such as "
                "lambda model, batch: model(batch.x, batch.edge_index)"
            )
        self._call = call.inner if isinstance(call, NotedCall) else call
        self.arguments: tuple[str, ...] = ()

    @property
    def inner(self) -> Call:
        """How the model is called."""
        return self._call

    def __call__(self, model: nn.Module, batch: Any) -> Any:  # noqa: ANN401  (as call_model)
        """Call ``model`` on ``batch``.

        It gets graphs and containers of its own: many models write to the graph that they are
        given, as in ``data.x = self.conv(data.x, data.edge_index)``, and the next run on the same
        graph would begin with that.
        """
        if self._call is not call_model:
            self._note((BY_CALL,))
            with watched_inputs(model, batch):
                return self._call(model, fresh(batch))
        arguments = arguments_for(model, batch)
        self._note(arguments.said)
        return _called(model, arguments)

    def passed(self, model: nn.Module, batch: Any) -> tuple[str, ...]:  # noqa: ANN401  (as call_model)
        """Return the names of what a call would pass; empty if it passes the whole batch.

        It is :data:`BY_CALL` alone if a call of one's own decides.
        """
        if self._call is not call_model:
            return (BY_CALL,)
        try:
            said = arguments_for(model, batch).said
        except InputError:  # of a graph that is not itself what the model is called on
            return ()
        return () if WHOLE_BATCH in said else said

    def _note(self, said: Sequence[str]) -> None:
        if not set(said) <= set(self.arguments):
            self.arguments = tuple(dict.fromkeys([*self.arguments, *said]))


def said_arguments(arguments: Sequence[str]) -> str:
    """Say in a few words what a model was called with; empty if it is not known."""
    if not arguments:
        return ""
    if tuple(arguments) == (BY_CALL,):
        return f"called {BY_CALL}"
    return f"called with {', '.join(arguments)}"


def _called(model: nn.Module, arguments: Arguments) -> Any:  # noqa: ANN401  (any output)
    try:
        with watched_inputs(model, arguments[:2]):
            return model(*fresh(arguments.args), **fresh(dict(arguments.kwargs)))
    except AttributeError as error:
        whole = [each for each in arguments.args if type(each) in {tuple, list}]
        whole += [each for each in arguments.kwargs.values() if type(each) in {tuple, list}]
        if not whole or not str(error).startswith(("'tuple' object", "'list' object")):
            raise
        held = ", ".join(type(each).__name__ for each in whole[0])
        raise InputError(
            f"{type(model).__name__} was given what the loader yields, {type(whole[0]).__name__} "
            f"({held}), and stopped at: {error}; if it takes the first of these alone, let the "
            "loader yield that, with the target as its y, or pass "
            "call=lambda model, batch: model(batch[0])"
        ) from error
    except AssertionError as error:
        layer = _built_without_edges(model) if "edge_attr" in arguments.said else ""
        if str(error) or not layer:
            raise
        raise InputError(
            f"{type(model).__name__} was given the batch's edge_attr and stopped at an assertion; "
            f"{layer} takes no edge features, as it was built without edge_dim; build it with "
            "edge_dim=, or leave edge_attr out with call=, such as "
            "call=lambda model, batch: model(batch.x, batch.edge_index)"
        ) from error


def _built_without_edges(model: nn.Module) -> str:
    """Return the path of the first layer that could take ``edge_attr`` but has no ``edge_dim``."""
    for path, module in model.named_modules():
        if hasattr(module, "edge_dim") and module.edge_dim is None:
            return path or type(module).__name__
    return ""

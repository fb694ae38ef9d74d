"""Options that have an effect in some modes of a command only; in the others they are refused.

A command lists what its words decide: each a :class:`Choice`, a table of modes and of the options
that have an effect in each. An option that is ignored would let people believe that it counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

from edgescope.cli._tables import printing
from edgescope.lib.errors import InputError

FEW = 6
"""Maximum number of options of a mode that a refusal lists."""


@dataclass(frozen=True)
class Choice:
    """Something that the words of a command decide.

    Attributes:
        modes: name of every mode, as a phrase such as ``"with --list-rules"``, to the names of the
            parameters that have an effect in it. A parameter that no mode names has one in all.
        chosen: says which mode given parameters mean; None if nothing is decided here.
    """

    modes: Mapping[str, tuple[str, ...]]
    chosen: Callable[[Mapping[str, Any]], str | None]

    @property
    def parameters(self) -> set[str]:
        """Names of the parameters that have an effect in some modes only."""
        return {name for names in self.modes.values() for name in names}


def unused(context: typer.Context, choices: tuple[Choice, ...]) -> str | None:
    """Say which word of a command line has no effect, and what to do; None if all have one."""
    given = {
        parameter.name: parameter
        for parameter in context.command.params
        if parameter.name and _is_given(context, parameter.name)
    }
    for choice in choices:
        mode = choice.chosen(context.params)
        if mode is None:
            continue
        for name, parameter in given.items():
            if name in choice.parameters and name not in choice.modes[mode]:
                return _refusal(choice, mode, parameter, context)
    return None


def command_with(*choices: Choice, tables: bool = True) -> type[TyperCommand]:
    """Return the class of a command that first refuses words without an effect.

    It has the options that say how it prints, beside its own.

    Args:
        *choices: what its words decide.
        tables: whether it prints tables, so that ``--json`` has something to print.
    """

    class Checked(TyperCommand):
        of = choices

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.params += [each for each in _printing() if tables or each.name != "json"]

        def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  (typer's context, and what commands return)
            how = {name: bool(ctx.params.pop(name, False)) for name in ("json", "quiet")}
            if (reason := unused(ctx, choices)) is not None:
                raise InputError(reason)
            with printing(**how):
                return super().invoke(ctx)

    return Checked


@cache
def _printing() -> tuple[Any, ...]:
    """Return the options that say how a command prints."""
    common = typer.Typer(add_completion=False)

    @common.command()
    def options(
        json: Annotated[
            bool,
            typer.Option(
                "--json", help="Print one JSON object of all tables; sentences to standard error."
            ),
        ] = False,
        quiet: Annotated[
            bool,
            typer.Option("--quiet", "-q", help="No progress, notes or hints; results and errors."),
        ] = False,
    ) -> None:
        del json, quiet

    return tuple(get_command(common).params)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _refusal(choice: Choice, mode: str, parameter: Any, context: typer.Context) -> str:  # noqa: ANN401
    name = _flag(parameter)
    value = _value(context.params.get(parameter.name))
    own = [_flag(each) for each in context.command.params if each.name in choice.modes[mode]]
    elsewhere = [
        other for other, names in choice.modes.items() if other != mode and parameter.name in names
    ]
    have = "has" if len(own) == 1 else "have"
    only = f" (only {', '.join(own)} {have})" if 0 < len(own) <= FEW else ""
    return (
        f"received {' '.join(filter(None, (name, value)))}, which has no effect {mode}{only}, only "
        f"{' or '.join(elsewhere)}; leave out {name}, or choose that"
    )


def _flag(parameter: Any) -> str:  # noqa: ANN401  (typer's vendored click has no public types)
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return str(parameter.opts[0])


def _value(value: Any) -> str:  # noqa: ANN401  (whatever an option holds)
    if isinstance(value, bool):
        return ""
    if isinstance(value, list | tuple):
        return " ".join(_value(each) for each in value)
    return str(getattr(value, "value", value))

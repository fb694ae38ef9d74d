"""Random programs, and what a capture says when one runs."""

import operator
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import torch

import edgescope as es
from edgescope.lib.errors import InputError
from support.identity.flow import OPERATIONS
from support.identity.forms import FORMS
from support.identity.graphs import Given, Truth, draw_input, draw_relations
from support.identity.layers import STAGE, tags_of
from support.identity.models import LayerOptions, ProgramModel, Ran, Step
from support.identity.oracle import wrong_fields


@dataclass(frozen=True)
class Program:
    """A model, and what it is called with."""

    form: str
    steps: tuple[Step, ...]
    layers: tuple[LayerOptions, ...]
    seed: int
    """Decides the graphs."""
    batches: bool
    """Whether the call tells the graph of every node."""
    alike: str
    """Whether a second input has the ``"same"`` edges, ``"equal"`` ones, or others: ``""``."""
    earlier: bool
    """Whether the model ran on other graphs before."""
    stages: bool
    """Whether all stages are captured."""


@dataclass
class Outcome:
    """What became of a program."""

    right: int = 0
    """Rows of which everything is right."""
    wrong_rows: int = 0
    """Rows of which something is wrong."""
    wrong: Counter[str] = field(default_factory=Counter)
    """Rows by what is wrong of them."""
    refused: list[tuple[Ran, str]] = field(default_factory=list)
    crashed: list[str] = field(default_factory=list)
    answered: list[Ran] = field(default_factory=list)


def draw_program(random: Random, only: str | None = None) -> Program:
    """Draw a program; of one operation ``only`` and a layer after it, if that is given."""
    name = random.choice(list(FORMS))
    form = FORMS[name]
    kinds = list(STAGE)
    layers = tuple(
        LayerOptions(
            random.choice(kinds),
            random.choice(["source_to_target", "source_to_target", "target_to_source"]),
            random.random() < 0.5,
        )
        for _ in range(random.randint(1, 3))
    )
    steps: list[Step] = []
    for _ in range(1 if only else random.randint(1, 4)):
        which = random.randrange(len(form.names))
        if not only and random.random() < 0.4:
            steps.append(Step("again", which))
        names = [only] if only else random.choices(list(OPERATIONS), k=random.choice([0, 1, 1, 2]))
        steps += [Step(each, which, random.randrange(2**31)) for each in names]
        steps.append(Step("layer", which, random.randrange(len(layers))))
    return Program(
        name,
        tuple(steps),
        layers,
        random.randrange(2**31),
        random.random() < 0.6 and form.tells_graphs,
        random.choice(["", "", "same", "equal"]) if len(set(form.names)) > 1 else "",
        random.random() < 0.2,
        random.random() < 0.1,
    )


def _inputs(program: Program, seed: int) -> tuple[list[Given], list[Truth]]:
    """Build the inputs of a call, the same each time, as a program may write into them."""
    form = FORMS[program.form]
    given, truths = [], []
    if form.relations:
        both = draw_relations(Random(seed), form.relations)
        given, truths = [each for each, _ in both], [truth for _, truth in both]
        return given, truths if program.batches else [each.without_graphs() for each in truths]
    for number, name in enumerate(form.names):
        alike = number > 0 and program.alike
        random = Random(seed + (0 if alike else number))
        one, truth = draw_input(random, name, number, square=form.square)
        if alike == "same":
            one.edges, one.tag, one.kind = given[0].edges, given[0].tag, given[0].kind
        given.append(one)
        truths.append(truth if program.batches else truth.without_graphs())
    return given, truths


def run_program(program: Program) -> Outcome:
    """Run a program as often as it takes to have every layer either answered or refused."""
    found, out = Outcome(), set()
    while True:
        model = FORMS[program.form].model(program.steps, program.layers)
        sites = [
            f"{model.path(k)}:{'*' if program.stages else STAGE[program.layers[k].kind]}"
            for k in _used(program)
            if k not in out
        ]
        if not sites:
            return found
        given, truths = _inputs(program, program.seed)
        try:
            with torch.no_grad(), es.capture(model, sites) as tape:
                _call_earlier(program, model)
                args, kwargs = FORMS[program.form].call(given, program.batches)
                model(*args, **kwargs)
        except InputError as error:
            if not model.ran:  # the call itself is refused
                found.refused += [(ran, str(error)) for ran in _ran_freely(program)]
                return found
            found.refused.append((model.ran[-1], str(error)))
            out.add(model.ran[-1].layer)
            continue
        except Exception as error:  # noqa: BLE001  (whatever a capture lets through is a finding)
            if _ran_freely(program):
                found.crashed.append(f"{type(error).__name__}: {error}")
            return found
        for ran in model.ran:
            if ran.layer not in out:
                found.answered.append(ran)
                _judge(program, tape, ran, ran.name(model.path(ran.layer)), truths, found)
        return found


def layers_of(program: Program) -> list[Ran]:
    """Return the calls of layers that a program asks for, without what was done before them."""
    steps = [step for step in program.steps if step.does == "layer"]
    return [Ran(step.number, 1, (), step.input) for step in steps]


def is_certain(program: Program, ran: Ran) -> bool:
    """Return whether it is in principle known which edges a layer was given, and which way.

    Of one tensor that is two inputs nobody can say which of them a layer was given; and of two
    sets of nodes in a reversed flow, which end of an edge is in which.
    """
    form = FORMS[program.form]
    kinds = form.relations[ran.input] if form.relations else ()
    two_sets = not form.square or (bool(kinds) and kinds[0] != kinds[-1])
    reverse = program.layers[ran.layer].flow == "target_to_source"
    known = all(OPERATIONS[name].known for name in ran.history)
    return known and program.alike != "same" and not (two_sets and reverse)


def _used(program: Program) -> list[int]:
    return sorted({step.number for step in program.steps if step.does == "layer"})


def _call_earlier(program: Program, model: ProgramModel) -> None:
    """Run the model on other graphs, whose edges it keeps."""
    if not program.earlier:
        return
    given, _ = _inputs(program, program.seed + 17)
    args, kwargs = FORMS[program.form].call(given, program.batches)
    model(*args, **kwargs)
    for number, each in enumerate(given):
        model.memory[number]["earlier batch"] = each.edges.clone()


def _ran_freely(program: Program) -> list[Ran]:
    """Run a program without a capture; return the layers it ran, none if it fails by itself."""
    model = FORMS[program.form].model(program.steps, program.layers)
    given, _ = _inputs(program, program.seed)
    args, kwargs = FORMS[program.form].call(given, program.batches)
    try:
        with torch.no_grad():
            _call_earlier(program, model)
            model(*args, **kwargs)
    except Exception:  # noqa: BLE001  (a program that does not run is no trial)
        return []
    return model.ran


def _judge(
    program: Program, tape: Any, ran: Ran, name: str, truths: list[Truth], found: Outcome
) -> None:
    """Count the rows of one call of a layer, whose sites are named after ``name``."""
    form, options = FORMS[program.form], program.layers[ran.layer]
    rows = tape[f"{name}:{STAGE[options.kind]}"]
    tags = tags_of(rows.values)
    told = len(set(form.names)) > 1 and program.alike != "same"
    wrong = wrong_fields(
        rows,
        tags,
        truths,
        names=() if told else (*form.names, ""),
        target_row=1 if options.flow == "source_to_target" else 0,
    )
    any_wrong = np.logical_or.reduce([np.zeros(len(tags), dtype=bool), *wrong.values()])
    found.right += int((~any_wrong).sum())
    found.wrong_rows += int(any_wrong.sum())
    found.wrong.update({name: int(rows.sum()) for name, rows in wrong.items() if rows.any()})
    for site in tape.sites:
        if site.rpartition(":")[0] == name and not all(
            map(operator.eq, tape[site].input_edge.tolist(), rows.input_edge.tolist())
        ):
            found.wrong_rows += 1
            found.wrong["stages differ"] += 1

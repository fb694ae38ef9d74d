"""``leaderboard``: methods judged on graphs and models, in one table."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from edgescope.attribute.board import Leaderboard, no_molecules
from edgescope.attribute.bonds import Ints
from edgescope.attribute.curves import SHARES, Removal
from edgescope.attribute.fidelity import CHANGE
from edgescope.attribute.method import Method
from edgescope.attribute.method_verdict import REFERENCE
from edgescope.attribute.methods import METHODS, Settings, make
from edgescope.attribute.outputs import target_of
from edgescope.attribute.run_judgement import Training, judge, per_graph
from edgescope.attribute.stability import TOP, agreement, between_methods
from edgescope.attribute.subjects import Subject
from edgescope.data.chemistry.molecule_dataset import MoleculeDataset
from edgescope.data.edges.directions import MERGES, Merge
from edgescope.data.graphs import GraphDataset
from edgescope.data.node_dataset import NodeDataset
from edgescope.data.relation_graphs import RelationGraphs
from edgescope.lib.errors import InputError
from edgescope.lib.graph_names import TAKEN, GraphNames, after_graph
from edgescope.lib.model_call import Call, call_model
from edgescope.lib.task_metrics import Task

if TYPE_CHECKING:
    import polars as pl

AnySubject = Subject | tuple[str, nn.Module | Sequence[nn.Module], GraphDataset]
"""A :class:`Subject`, or its name in tables, its model or models, and its graphs."""


def leaderboard(
    subjects: Sequence[AnySubject],
    methods: Sequence[str | Method] | None = None,
    *,
    batch_size: int = 64,
    merge: Merge = "mean",
    shares: Sequence[float] = SHARES,
    top: float = TOP,
    measure: str = CHANGE,
    task: Task | None = None,
    target: int = 0,
    steps: int | None = None,
    seed: int = 0,
    call: Call = call_model,
    progress: bool = True,
) -> Leaderboard:
    """Judge attribution methods: against truth, by fidelity, by stability and by cost.

    Importances at random are always among the methods, as what the others are compared with.
    A method that cannot explain a model is left out and noted with the reason.

    Args:
        subjects: what to judge on, from :func:`edgescope.attribute.subjects_of` or made by
            yourself; or ``(name, model or models, dataset)``. Several models are trainings of one
            recipe with several seeds.
        methods: names from :data:`edgescope.attribute.METHODS`, or methods; by default all names.
            Those given by name draw from another seed for every training.
        batch_size: graphs per batch.
        merge: how the importances of the two directions of an edge become one.
        shares: shares of the bonds that are removed; with ``top`` and ``1 - top`` among them.
        top: share of the most important bonds that is an explanation: for characterisation,
            unfaithfulness and overlap.
        measure: which measure of :mod:`edgescope.attribute.fidelity` the areas are of:
            ``"change"``, or for labels and classes ``"drop"`` or ``"label"``.
        task: what the models predict; by default what the data sets say.
        target: column of the outputs that is explained; with classes the predicted one is.
        steps: steps of integrated gradients, if not as many as by default.
        seed: decides between equal importances, what methods draw, and resampling.
        call: how to call a model on a batch.
        progress: whether to show progress bars.

    Raises:
        InputError: if there is nothing to judge, a method or measure is unknown, or a model gives
            predictions that are not finite.

    Example:
        >>> import edgescope as es
        >>> graphs = es.data.planted("edge_type", 60).test
        >>> model = es.models.GATv2(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> methods = ["massive", "degree"]
        >>> shares = (0, 0.2, 0.8, 1)
        >>> board = es.attribute.leaderboard([("planted", model, graphs)], methods, shares=shares)
        >>> board.difference("massive", "degree").columns
        ['data', 'recipe', 'difference', 'low', 'high', 'graphs']
    """
    import polars as pl

    known = [Subject(each[0], _several(each[1]), *each[2:]) for each in subjects]
    _check(known)
    if merge not in MERGES:
        raise InputError(f"unknown merge {merge!r}, expected one of {', '.join(MERGES)}")
    for share in (top, 1 - top):
        if not np.isclose(shares, share).any():
            raise InputError(
                f"received top={top:g}, expected it and {1 - top:g} among the shares "
                f"{', '.join(f'{each:g}' for each in shares)}; add them to shares="
            )
    wanted = list(METHODS) if methods is None else list(methods)
    if REFERENCE not in [each if isinstance(each, str) else each.name for each in wanted]:
        wanted.append(REFERENCE)
    found: dict[str, list[pl.DataFrame]] = {name: [] for name in Leaderboard.tables()}
    for subject in known:
        trainings = []
        for number, model in enumerate(subject.models):
            removal = Removal(
                model,
                subject.dataset,
                shares=shares,
                task=task,
                target=target,
                seed=seed,
                batch_size=batch_size,
                call=call,
            )
            kind = removal.outputs.task
            if measure not in removal.outputs.measures:
                raise InputError(
                    f"received measure={measure!r} for {kind}, expected one of "
                    f"{', '.join(removal.outputs.measures)}"
                )
            options: dict[str, Any] = {} if steps is None else {"steps": steps}
            settings = Settings(
                target_of(kind) if kind == "classes" else target,
                kind,
                seed=seed + number,
                **options,
            )
            made = [make(each, settings) if isinstance(each, str) else each for each in wanted]
            training = judge(
                model,
                subject.dataset,
                made,
                removal,
                merge=merge,
                batch_size=batch_size,
                call=call,
                progress=progress,
            )
            trainings.append(training)
        for name, table in _tables(subject, trainings, measure, top, seed):
            found[name].append(table)
    tables = {name: pl.concat(parts, how="diagonal_relaxed") for name, parts in found.items()}
    return Leaderboard(
        **_identified(tables, known),
        settings={
            "seed": seed,
            "top": top,
            "measure": measure,
            "merge": merge,
            "shares": list(shares),
            "target": target,
        },
    )


def _tables(
    subject: Subject, trainings: list[Training], measure: str, top: float, seed: int
) -> Iterator[tuple[str, "pl.DataFrame"]]:
    """Yield every table of a leaderboard for one subject, by name."""
    import polars as pl

    def named(table: pl.DataFrame, **columns: Any) -> pl.DataFrame:
        first = {"data": subject.data, "recipe": subject.recipe, **columns}
        kinds = {name: pl.Int64 if name == "training" else pl.String for name in first}
        put = (pl.lit(value, dtype=kinds[name]).alias(name) for name, value in first.items())
        return table.select(*put, pl.all())

    dataset = subject.dataset
    graph = np.arange(len(dataset)) if subject.positions is None else subject.positions
    if isinstance(dataset, MoleculeDataset):
        yield "molecules", named(pl.DataFrame({"graph": graph, "smiles": dataset.smiles}))
    else:
        yield "molecules", no_molecules()
    seeds = subject.seeds or tuple(range(len(trainings)))
    for training, number in zip(trainings, seeds, strict=True):
        importances = {}
        for method, judged in training.judged.items():
            key: dict[str, Any] = {"training": number, "method": method}
            numbers = per_graph(judged, measure, top)
            yield "graphs", named(pl.DataFrame({"graph": graph} | numbers).fill_nan(None), **key)
            yield "curves", named(judged.curves.table(), **key)
            cost, truth = judged.importance, judged.truth
            row = {
                "metric": training.metric,
                "score": training.score,
                "characterisation": judged.curves.characterisation(top, measure),
                "forward_passes": float(cost.forward_passes),
                "backward_passes": float(cost.backward_passes),
                "seconds": float(cost.seconds),
                "without_truth": len(dataset) if truth is None else truth.without_truth,
                "one_sided": 0 if truth is None else truth.one_sided,
            }
            yield "trainings", named(pl.DataFrame([row]), **key)
            importances[method] = cost.edge
        yield "importances", named(_edges(dataset, graph, importances), training=number)
        correlations = between_methods(importances, dataset)
        pairs = correlations.unpivot(
            index="method", variable_name="other", value_name="correlation"
        )
        yield "agreement", named(pairs.cast({"correlation": pl.Float64}), training=number)
        refused = pl.DataFrame(
            {"method": list(training.refused), "reason": list(training.refused.values())},
            schema={"method": pl.String, "reason": pl.String},
        )
        yield "refused", named(refused, training=number)
    for method in dict.fromkeys(name for each in trainings for name in each.judged):
        several = [
            each.judged[method].importance.edge for each in trainings if method in each.judged
        ]
        agreed = agreement(several, dataset, top=top, seed=seed)
        columns = {"graph": graph, "correlation": agreed.correlation, "overlap": agreed.overlap}
        yield "stability", named(pl.DataFrame(columns).fill_nan(None), method=method)


def _identified(
    tables: Mapping[str, "pl.DataFrame"], subjects: Sequence[Subject]
) -> "dict[str, pl.DataFrame]":
    """Put the identifiers of graphs into all tables that name graphs, where data have any."""
    import polars as pl

    found = dict(tables)
    by_graph = [name for name, table in tables.items() if "graph" in table.columns]
    taken = {*TAKEN, *(column for name in by_graph for column in tables[name].columns)}
    named = []
    for subject in subjects:
        numbers = None if subject.positions is None else subject.positions.tolist()
        names = GraphNames.of_dataset(subject.dataset, numbers)
        if names.identifiers:
            whose = {"data": subject.data, "recipe": subject.recipe}
            of = [pl.lit(value, dtype=pl.String).alias(column) for column, value in whose.items()]
            named.append(names.frame(taken).drop("smiles").with_columns(of))
    if named:
        identifiers = pl.concat(named, how="diagonal_relaxed")
        key = ("data", "recipe", "graph")
        found |= {name: after_graph(tables[name], identifiers, key) for name in by_graph}
    return found


def _edges(dataset: GraphDataset, graph: Ints, importances: Mapping[str, Tensor]) -> "pl.DataFrame":
    """Return a row per directed edge: where it lies, whether it is true, how important it is."""
    import polars as pl

    counts = dataset.edge_ptr.diff().numpy()
    start = np.repeat(dataset.edge_ptr[:-1].numpy(), counts)
    names = np.array(dataset.edge_type_names)
    columns: dict[str, Any] = {
        "graph": np.repeat(graph, counts),
        "edge": np.arange(len(start)) - start,
        "source": dataset.edge_index[0].numpy(),  # as the data set has it, of no one layer
        "target": dataset.edge_index[1].numpy(),
        "edge_type": names[dataset.edge_types.numpy()],
    }
    if dataset.edge_truth is not None:
        alternatives = enumerate(dataset.edge_truth.T)
        columns |= {f"truth_{number}": column.numpy() for number, column in alternatives}
    columns |= {name: edge.numpy() for name, edge in importances.items()}
    return pl.DataFrame(columns).fill_nan(None)


def _several(models: nn.Module | Sequence[nn.Module]) -> Sequence[nn.Module]:
    return [models] if isinstance(models, nn.Module) else models


def _check(subjects: list[Subject]) -> None:
    """Refuse what cannot be judged on."""
    if not subjects:
        raise InputError("received nothing to judge on, expected at least one subject")
    keys = [(subject.data, subject.recipe) for subject in subjects]
    for subject, key in zip(subjects, keys, strict=True):
        if keys.count(key) > 1:
            raise InputError(
                f"received {keys.count(key)} subjects named {' '.join(key).strip()}, expected "
                "different names; give each its own"
            )
        if isinstance(subject.dataset, NodeDataset):
            raise InputError(
                f"{subject.data} is one large graph with targets for its nodes, expected many "
                "graphs with a target each"
            )
        if isinstance(subject.dataset, RelationGraphs):
            raise InputError(
                f"{subject.data} is of heterogeneous graphs, expected plain ones: importances are "
                "of the edges of one kind"
            )
        if not subject.models:
            raise InputError(f"{subject.data} comes without a model, expected one or more")

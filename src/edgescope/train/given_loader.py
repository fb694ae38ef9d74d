"""What a user's code gives to go through, as a loader whose graphs analyses can look up."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from torch.utils.data import DataLoader, SequentialSampler

from edgescope.data.batch_loaders import loader as graph_loader
from edgescope.data.graph_list import from_graphs
from edgescope.data.graphs import GraphDataset
from edgescope.data.node_dataset import NodeDataset
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import check_loader, is_dataset, is_graph, is_splits, said


class GivenData(NamedTuple):
    """A loader, and its graphs as a data set."""

    loader: Iterable[Any]
    dataset: GraphDataset | None
    """The graphs; None if analyses that look up edges have to do without."""
    reason: str
    """Why there is none."""


def given_data(given: Any, name: str, batch_size: int) -> GivenData:  # noqa: ANN401  (anything)
    """Return a loader of what somebody gives, with its graphs if they are plain ones.

    Args:
        given: a loader, a data set, graphs, one graph, the parts of ``es.data.load`` (of which the
            test part is taken), or a data module of Lightning (of which the test loader is).
        name: what the graphs are called.
        batch_size: graphs per batch, where it does not say.

    Raises:
        InputError: if it is nothing of the kind.
    """
    if is_splits(given):
        given = given.test
    if callable(getattr(given, "test_dataloader", None)):
        given = _test_loader(given)
    if isinstance(given, GraphDataset):
        return GivenData(graph_loader(given, batch_size), given, "")
    own = getattr(given, "dataset", None)
    if isinstance(own, GraphDataset) and not isinstance(own, NodeDataset):
        return GivenData(given, own, "")
    check_loader(given)
    graphs, size = _graphs_of(given)
    if isinstance(graphs, str):
        return GivenData(given, None, graphs)
    try:
        dataset = from_graphs(graphs, name=name)
    except InputError as error:
        return GivenData(given, None, str(error))
    return GivenData(graph_loader(dataset, size or batch_size), dataset, "")


def _test_loader(module: Any) -> Any:  # noqa: ANN401  (a LightningDataModule)
    for step, words in (("prepare_data", ()), ("setup", ("test",))):
        if callable(getattr(module, step, None)):
            getattr(module, step)(*words)
    return module.test_dataloader()


def _graphs_of(given: Any) -> tuple[list[Any] | str, int | None]:  # noqa: ANN401
    """Return the graphs of a loader in their order and its size of a batch, or why there are none.

    The graphs of a loader that does more than to join them one after the other stay its own.
    """
    from torch_geometric.data import Batch

    if is_graph(given):
        given = [given]
    if isinstance(given, DataLoader):
        collater = type(given.collate_fn)
        more = (
            collater.__module__ != "torch_geometric.loader.dataloader"
            or bool(getattr(given.collate_fn, "follow_batch", None))
            or bool(getattr(given.collate_fn, "exclude_keys", None))
        )
        if more or type(given.sampler) is not SequentialSampler or given.batch_size is None:
            return f"the {type(given).__name__} orders or joins graphs in its own way", None
        held: Any = given.dataset
        graphs, size = [held[place] for place in range(len(held))], given.batch_size
    elif isinstance(given, Sequence) or is_dataset(given):
        graphs, size = list(given), None
    else:
        return f"a {type(given).__name__} does not say which graphs it holds", None
    if any(not is_graph(graph) or isinstance(graph, Batch) for graph in graphs):
        return f"it holds {said(graphs[0])}, and no single graphs", None
    return graphs, size

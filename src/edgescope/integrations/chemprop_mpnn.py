"""Models and data sets of chemprop (version 2), as edgescope takes models and graphs."""

import pkgutil
from collections.abc import Iterable
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from edgescope.lib.errors import InputError
from edgescope.lib.input_files import reading
from edgescope.lib.mistakes import said
from edgescope.lib.optional import needed

if TYPE_CHECKING:
    from torch_geometric.data import Data

INSTALL = "pip install chemprop"


class _Graphs:
    """A batch of graphs with the attributes that chemprop's layers read."""

    def __init__(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor, batch: Tensor) -> None:
        self.V, self.E = x, edge_attr
        self.edge_index, self.rev_edge_index = edge_index, reverse_edges(edge_index)
        self.batch = batch
        self._size = int(batch[-1]) + 1 if len(batch) else 0

    def __len__(self) -> int:
        return self._size


class ChempropModel(nn.Module):
    """A model of chemprop that is called as models of PyG are.

    Its sites are ``mpnn.message_passing:message``, the states of directed bonds at the first step,
    ``...@2:message`` at the second and so on; and, asked for by ``sites="*:state"``, the states of
    atoms. It has no attention.

    Args:
        mpnn: a ``chemprop.models.MPNN``.

    Example:
        >>> import torch
        >>> from edgescope.integrations import ChempropModel
        >>> class Stub(torch.nn.Module):  # in place of an MPNN
        ...     message_passing = torch.nn.Identity()
        ...     def forward(self, bmg, V_d=None, X_d=None):
        ...         return bmg.V.sum(0)
        >>> x, edge_attr = torch.ones(2, 3), torch.ones(2, 1)
        >>> edge_index = torch.tensor([[0, 1], [1, 0]])
        >>> ChempropModel(Stub())(x, edge_index, edge_attr, torch.zeros(2).long()).tolist()
        [2.0, 2.0, 2.0]
    """

    def __init__(self, mpnn: nn.Module) -> None:
        if not isinstance(mpnn, nn.Module) or not hasattr(mpnn, "message_passing"):
            raise InputError(
                f"received {said(mpnn)}, expected a chemprop.models.MPNN of chemprop 2, with a "
                "message_passing"
            )
        super().__init__()
        self.mpnn = mpnn

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        edge_attr: Tensor,
        batch: Tensor | None = None,
        V_d: Tensor | None = None,
        X_d: Tensor | None = None,
    ) -> Tensor:
        """Return the predictions for a batch of molecules.

        Args:
            x: features of atoms ``[V, F]``.
            edge_index: bonds, one each way ``[2, E]``.
            edge_attr: features of bonds ``[E, B]``.
            batch: molecule of every atom ``[V]``; one molecule without it.
            V_d: further descriptors of atoms ``[V, A]``, if the model takes any.
            X_d: further descriptors of molecules ``[G, M]``, if the model takes any.
        """
        batch = x.new_zeros(len(x), dtype=torch.long) if batch is None else batch
        predictions: Tensor = self.mpnn(_Graphs(x, edge_index, edge_attr, batch), V_d, X_d)
        return predictions


def reverse_edges(edge_index: Tensor) -> Tensor:
    """Return the position of the reverse of every edge ``[E]``.

    chemprop lists the two directions of a bond one after the other.

    Raises:
        InputError: if the edges are listed in another way.
    """
    position = torch.arange(edge_index.size(1), device=edge_index.device) ^ 1
    paired = edge_index.size(1) % 2 == 0 and torch.equal(
        edge_index[:, position].flip(0), edge_index
    )
    if not paired:
        raise InputError(
            "the two directions of some bond do not follow each other, as chemprop lists bonds; "
            "make the graphs with es.integrations.chemprop_graphs"
        )
    return position


def chemprop_model(model: "nn.Module | str | Path") -> ChempropModel:
    """Open a model of chemprop 2, for scans and captures: its messages and states of atoms.

    Args:
        model: a ``chemprop.models.MPNN``, or the file (``.pt`` or ``.ckpt``) of one, which
            chemprop reads as a pickle. A file that names anything but classes of chemprop,
            Lightning and torch is refused, and nothing in it is run.

    Returns:
        The model in eval mode.

    Raises:
        InputError: if it is neither, or the file cannot be read or names other code.
        MissingExtraError: if a file is given and chemprop is not installed.

    Example:
        >>> import edgescope as es
        >>> es.integrations.chemprop_model("model.pt")  # doctest: +SKIP
        ChempropModel(...)
    """
    if not isinstance(model, str | Path):
        return ChempropModel(model).eval()
    path = Path(model)
    refuse_code(path)
    models = needed("chemprop.models", INSTALL)
    read = (
        models.MPNN.load_from_checkpoint if path.suffix == ".ckpt" else models.MPNN.load_from_file
    )
    with reading(f"{path}, which should be a model of chemprop 2,", "save it again with chemprop"):
        return ChempropModel(read(path, map_location="cpu")).eval()


CLASSES = ("chemprop", "torch.nn", "torchmetrics", "lightning.fabric.utilities.data")
"""Packages whose classes a checkpoint of chemprop may name."""

FUNCTIONS = ("torchmetrics.utilities.data",)
"""Modules whose functions it may name: how metrics are summed up."""


def refuse_code(path: Path) -> None:
    """Refuse a checkpoint that names code of other origin, without running any of it.

    Raises:
        InputError: if it does, or is no checkpoint of torch.
    """
    what = f"{path}, which should be a model of chemprop 2,"
    if not path.is_file():
        raise InputError(f"there is no file {path}; give the .pt or .ckpt that chemprop has saved")
    with reading(what, "save it again with chemprop"):
        names = torch.serialization.get_unsafe_globals_in_checkpoint(str(path))
    strange = sorted(name for name in names if not _is_harmless(name))
    if strange:
        raise InputError(
            f"{path} names {', '.join(strange)}, which a model of chemprop does not need and which "
            "reading it would run; if you trust the file, read it with chemprop and pass the model"
        )


def _is_harmless(name: str) -> bool:
    """Return whether a dotted name is a class, or a function, of those that may be named.

    A name may lead through one module into another, so what counts is where it ends.
    """
    if not _is_within(name, CLASSES):
        return False
    try:
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError, ValueError):
        return False
    known = CLASSES if isinstance(found, type) else FUNCTIONS
    callable_there = isinstance(found, type | FunctionType)
    return callable_there and _is_within(found.__module__, known)


def _is_within(name: str, packages: tuple[str, ...]) -> bool:
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def chemprop_graphs(dataset: Iterable[Any]) -> "list[Data]":
    """Return the molecules of a chemprop data set as graphs of PyG, for a loader.

    Args:
        dataset: a ``chemprop.data.MoleculeDataset``, or what yields its items.

    Returns:
        A graph per molecule with ``x``, ``edge_index``, ``edge_attr``, ``y`` ``[1, T]``, and
        ``V_d`` and ``X_d`` where there are such.

    Example:
        >>> from types import SimpleNamespace
        >>> import numpy as np
        >>> import edgescope as es
        >>> bond = np.array([[0, 1], [1, 0]])
        >>> ethane = SimpleNamespace(V=np.ones((2, 3)), E=np.ones((2, 1)), edge_index=bond)
        >>> item = SimpleNamespace(mg=ethane, V_d=None, x_d=None, y=np.array([1.5]))
        >>> es.integrations.chemprop_graphs([item])[0].num_edges
        2
    """
    from torch_geometric.data import Data

    graphs = []
    for item in dataset:
        molecule = item.mg
        graph = Data(
            x=torch.as_tensor(molecule.V, dtype=torch.float),
            edge_index=torch.as_tensor(molecule.edge_index, dtype=torch.long),
            edge_attr=torch.as_tensor(molecule.E, dtype=torch.float),
        )
        more = {"V_d": item.V_d, "X_d": _row(item.x_d), "y": _row(item.y)}
        for name, values in more.items():
            if values is not None:
                graph[name] = torch.as_tensor(values, dtype=torch.float)
        graphs.append(graph)
    return graphs


def _row(values: Any) -> Any:  # noqa: ANN401  (an array of numpy)
    """Return the numbers of a molecule as a row, which batches stack."""
    return None if values is None else values.reshape(1, -1)

"""Models that PyG's ``PyGModelHubMixin`` has saved for the Hugging Face Hub, from a folder."""

import inspect
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from edgescope.lib.errors import InputError
from edgescope.lib.input_files import json_of, reading, whole
from edgescope.lib.mistakes import said

Model = TypeVar("Model", bound=nn.Module)

CONFIG, WEIGHTS = "config.json", "model.pth"

FEW = 5
"""Names of weights that a message lists."""


def hub_model(of: type[Model], folder: str | Path, **arguments: Any) -> Model:
    """Open a model that ``save_pretrained`` of PyG's ``PyGModelHubMixin`` has saved.

    Nothing is downloaded, and no code of the folder is run: the class is yours, and the weights are
    read by torch's restricted reader. Other than ``from_pretrained``, which leaves weights that are
    missing at random, every weight must fit.

    Args:
        of: the class of the model.
        folder: holds ``config.json`` and ``model.pth``.
        **arguments: of the model's constructor, beside or in place of those in ``config.json``,
            which holds text and numbers only.

    Returns:
        The model in eval mode.

    Raises:
        InputError: if something is missing in the folder, cannot be read, or does not fit.

    Example:
        >>> import json, tempfile
        >>> from pathlib import Path
        >>> import torch
        >>> import edgescope as es
        >>> class Net(torch.nn.Linear):
        ...     def __init__(self, model_name, dataset_name, model_kwargs):
        ...         super().__init__(model_kwargs["width"], 1)
        >>> folder, net = Path(tempfile.mkdtemp()), Net("net", "data", {"width": 3})
        >>> torch.save(net.state_dict(), folder / "model.pth")
        >>> _ = (folder / "config.json").write_text(json.dumps({"width": 3}))
        >>> torch.equal(es.integrations.hub_model(Net, folder).weight, net.weight)
        True
    """
    if not (inspect.isclass(of) and issubclass(of, nn.Module)):
        raise InputError(f"received {said(of)}, expected the class of the model that was saved")
    folder = Path(folder)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder} has no {name}; give a folder that save_pretrained has written or that "
                "was downloaded from the hub"
            )
    with reading(f"{folder / CONFIG}", "save the model again", InputError):
        config = json_of(whole(folder / CONFIG, "the arguments of a model"))
        if not isinstance(config, dict):
            raise InputError(f"{folder / CONFIG} holds {said(config)}, expected a JSON object")
    model = _made(of, {**config, **arguments})
    with reading(f"{folder / WEIGHTS}", "save the model again"):
        state = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
    _fill(model, state, folder / WEIGHTS)
    return model.eval()


def _made(of: type[Model], arguments: dict[str, Any]) -> Model:
    """Make a model as PyG's mixin does, or of plain keywords if its constructor takes these."""
    try:
        if "model_kwargs" in inspect.signature(of).parameters:
            names = {name: str(arguments.get(name, "")) for name in ("model_name", "dataset_name")}
            return of(model_kwargs=arguments, **names)
        return of(**arguments)
    except (TypeError, KeyError) as error:
        raise InputError(
            f"{of.__name__} cannot be made of the arguments {', '.join(arguments) or '(none)'} "
            f"({type(error).__name__}: {error}); pass what is missing as keywords"
        ) from error


def _fill(model: nn.Module, state: Any, path: Path) -> None:  # noqa: ANN401  (whatever the file holds)
    """Give a model its weights, all of them."""
    if not isinstance(state, dict):
        raise InputError(f"{path} holds {said(state)}, expected a state dict")
    own = model.state_dict()
    wrong = {
        "missing": sorted(own.keys() - state.keys()),
        "unexpected": sorted(state.keys() - own.keys()),
        "of another shape": sorted(
            name for name in own.keys() & state.keys() if own[name].shape != state[name].shape
        ),
    }
    told = [
        f"{len(names)} {what} ({', '.join(names[:FEW])}{', ...' if len(names) > FEW else ''})"
        for what, names in wrong.items()
        if names
    ]
    if told:
        raise InputError(
            f"the weights in {path} do not fit {type(model).__name__}: {'; '.join(told)}; pass the "
            "arguments that it was trained with"
        )
    model.load_state_dict(state)

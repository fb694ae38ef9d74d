"""Which adapter observes which layer: the table of all layer classes."""

from torch import nn

from edgescope.capturing.adapters.adapter import Adapter
from edgescope.capturing.adapters.agnn import AGNNAdapter
from edgescope.capturing.adapters.chemprop_block import AtomMessagesAdapter, BondMessagesAdapter
from edgescope.capturing.adapters.edge_attention import EdgeAttentionAdapter
from edgescope.capturing.adapters.encoder_layer import EncoderLayerAdapter
from edgescope.capturing.adapters.fa import FAAdapter
from edgescope.capturing.adapters.feast import FeaStAdapter
from edgescope.capturing.adapters.gat import GATAdapter
from edgescope.capturing.adapters.gate import GATEAdapter
from edgescope.capturing.adapters.gatv2 import GATv2Adapter
from edgescope.capturing.adapters.gen import GENAdapter
from edgescope.capturing.adapters.general import GeneralAdapter
from edgescope.capturing.adapters.han import HANAdapter
from edgescope.capturing.adapters.heat import HEATAdapter
from edgescope.capturing.adapters.hgt import HGTAdapter
from edgescope.capturing.adapters.hypergraph import HypergraphAdapter
from edgescope.capturing.adapters.multihead import MultiheadAdapter
from edgescope.capturing.adapters.point_transformer import PointTransformerAdapter
from edgescope.capturing.adapters.residual_gate import ResGatedAdapter
from edgescope.capturing.adapters.rgat import RGATAdapter
from edgescope.capturing.adapters.supergat import SuperGATAdapter
from edgescope.capturing.adapters.transformer import TransformerAdapter
from edgescope.lib.errors import InputError
from edgescope.lib.mistakes import said
from edgescope.lib.plugins import add_plugins

ADAPTERS: list[Adapter] = [
    EdgeAttentionAdapter(),
    GATAdapter(),
    GATv2Adapter(),
    TransformerAdapter(),
    SuperGATAdapter(),
    RGATAdapter(),
    GATEAdapter(),
    GENAdapter(),
    AGNNAdapter(),
    FAAdapter(),
    FeaStAdapter(),
    HEATAdapter(),
    PointTransformerAdapter(),
    GeneralAdapter(),
    ResGatedAdapter(),
    HypergraphAdapter(),
    HGTAdapter(),
    HANAdapter(),
    MultiheadAdapter(),
    EncoderLayerAdapter(),
    BondMessagesAdapter(),
    AtomMessagesAdapter(),
]
"""Every known adapter; those registered later come first."""


def register(adapter: Adapter | type[Adapter]) -> Adapter:
    """Make :func:`~edgescope.capture` know a layer class of your own.

    Args:
        adapter: an instance of an adapter, usually derived from
            :class:`~edgescope.capturing.MessagePassingAdapter`. It takes precedence over an
            earlier one for the same class.

    Returns:
        The adapter.

    Raises:
        InputError: if it is not an instance, or has no formula for a stage that it names.

    Example:
        >>> import edgescope as es
        >>> from edgescope.capturing import MessagePassingAdapter, Stage
        >>> class MyAdapter(MessagePassingAdapter):
        ...     layer = "my_package.MyLayer"
        ...     stages = {"logit": Stage("sum_d x_i * x_j", "[E, 1, 1]")}
        ...     def logit(self, layer, call):
        ...         return (call["x_i"] * call["x_j"]).sum(-1, keepdim=True)
        >>> adapter = es.capture.register(MyAdapter())
    """
    if isinstance(adapter, type):
        raise InputError(
            f"received the class {adapter.__name__}, expected an instance of an adapter; write "
            f"es.capture.register({adapter.__name__}())"
        )
    adapter.check()
    adapters()  # what other packages add comes behind what is registered here
    ADAPTERS.insert(0, adapter)
    return adapter


def adapters() -> list[Adapter]:
    """Return every known adapter, those first that take precedence.

    Among them are those of other packages, each an adapter or its class that is an entry point of
    the group ``edgescope.adapters``.
    """
    add_plugins("edgescope.adapters", _add)
    return ADAPTERS


def _add(plugin: object) -> None:
    """Make the adapter of another package known, in front of edgescope's own."""
    adapter = plugin() if isinstance(plugin, type) else plugin
    if not isinstance(adapter, Adapter):
        raise InputError(f"received {said(adapter)}, expected an adapter or its class")
    adapter.check()
    ADAPTERS.insert(0, adapter)


def class_name(adapter: Adapter) -> str:
    """Return the name of the class that an adapter observes, such as ``GATConv``."""
    layer = adapter.layer
    return layer.rpartition(".")[2] if isinstance(layer, str) else layer.__name__


def find_adapter(layer: nn.Module) -> tuple[Adapter, type[nn.Module]] | None:
    """Return the adapter for the class of ``layer``, or for its closest base, and that class."""
    known = adapters()
    for base in type(layer).__mro__:
        for adapter in known:
            if adapter.layer is base or adapter.layer == f"{base.__module__}.{base.__qualname__}":
                return adapter, base
    return None

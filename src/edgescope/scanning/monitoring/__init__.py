"""What is recorded of a model while it trains, and when massive activations emerge."""

from typing import Any

from torch import nn

from edgescope.scanning.monitoring.training_monitor import Monitor


def monitor(model: nn.Module, **options: Any) -> Monitor:
    """Watch massive activations emerge while a model trains in a loop of your own.

    Every so many steps the batch that runs anyway is looked at. A step is a forward pass of the
    model in training mode with gradients; validation in between is not looked at. Outputs,
    gradients and random numbers are as without, bit for bit, and no hook is left behind.

    Args:
        model: the model that the loop calls.
        options: ``every``: steps from one record to the next, 50 by default, of which the first is
            made before the first step. ``sites``: as in ``es.capture``; by default the sites of a
            scan, with logits and weights. ``thresholds``: ratios whose share of edges above is
            recorded, 100 and 1,000. ``limit`` (1,000): the ratio that a warning is given at, once
            for each site; ``least_headroom`` (1 bit): the same of the distance to the largest
            number of the type; of a NaN or an infinity it is given in any case; ``None`` for no
            such limit. ``file``: a Parquet file that keeps the record and is whole at every moment,
            also after Ctrl-C; ``overwrite``: whether it may replace what is there. ``loader``:
            graphs to look at instead, always the same ``batches`` (4) of it, in eval mode, for
            curves without the noise of batches at the cost of running them; ``call``: how to call
            the model on one. ``inputs``: as in ``es.capture``. ``discover`` (True): whether to look
            for attention that no adapter knows, on the first batch.

    Returns:
        The monitor, to be entered by ``with``. Its ``record`` is the :class:`TrainingRecord
        <edgescope.TrainingRecord>`; ``stop`` is True once a limit was passed; ``state_dict()`` and
        ``load_state_dict()`` keep it in a checkpoint.

    Raises:
        InputError: if an option is wrong, the model is compiled; within the loop, if nothing of
            the model can be captured.

    Warns:
        EdgescopeWarning: once for each site that passes a limit.

    Example:
        >>> import torch
        >>> import edgescope as es
        >>> graphs = es.data.load("solubility").test[:64]
        >>> model = es.models.GAT(**graphs.model_sizes, hidden_dim=8, num_heads=2, num_layers=1)
        >>> optimiser = torch.optim.Adam(model.parameters())
        >>> with es.monitor(model, every=2) as monitor:
        ...     for batch in es.data.loader(graphs, batch_size=16):
        ...         optimiser.zero_grad()
        ...         predicted = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        ...         (predicted - batch.y).abs().mean().backward()
        ...         _ = optimiser.step()
        >>> monitor.record.table["step"].unique().to_list()
        [0, 2]
    """
    return Monitor(model, **options)

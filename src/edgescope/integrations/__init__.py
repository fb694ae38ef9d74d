"""Doors to other packages: MLflow, Weights & Biases, chemprop, models of the Hugging Face Hub.

None of them is imported before it is asked for.
"""

from edgescope.integrations.chemprop_mpnn import ChempropModel, chemprop_graphs, chemprop_model
from edgescope.integrations.hub_folder import hub_model
from edgescope.integrations.run_trackers import log_mlflow, log_wandb, scan_metrics

__all__ = [
    "ChempropModel",
    "chemprop_graphs",
    "chemprop_model",
    "hub_model",
    "log_mlflow",
    "log_wandb",
    "scan_metrics",
]

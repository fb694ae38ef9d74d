"""What happens to a model's predictions if something in it is changed."""

from edgescope.intervene.ablation import ablate
from edgescope.intervene.ablation_result import Ablation
from edgescope.intervene.noise import noise_attack
from edgescope.intervene.noise_result import NoiseAttack
from edgescope.intervene.number_formats.precision_experiment import precision
from edgescope.intervene.number_formats.precision_result import Precision
from edgescope.intervene.reallocation_experiment import reallocation
from edgescope.intervene.reallocation_result import Reallocation

__all__ = [
    "Ablation",
    "NoiseAttack",
    "Precision",
    "Reallocation",
    "ablate",
    "noise_attack",
    "precision",
    "reallocation",
]

"""What happens to a model's predictions if something in it is changed."""

from edgescope.intervene.ablation import ablate
from edgescope.intervene.ablation_result import Ablation
from edgescope.intervene.noise import noise_attack
from edgescope.intervene.noise_result import NoiseAttack
from edgescope.intervene.number_formats.precision_experiment import precision
from edgescope.intervene.number_formats.precision_result import Precision
from edgescope.intervene.origins.causes_experiment import causes
from edgescope.intervene.origins.causes_result import Causes
from edgescope.intervene.origins.constancy_experiment import constancy
from edgescope.intervene.origins.constancy_result import Constancy
from edgescope.intervene.reallocation_experiment import reallocation
from edgescope.intervene.reallocation_result import Reallocation

__all__ = [
    "Ablation",
    "Causes",
    "Constancy",
    "NoiseAttack",
    "Precision",
    "Reallocation",
    "ablate",
    "causes",
    "constancy",
    "noise_attack",
    "precision",
    "reallocation",
]

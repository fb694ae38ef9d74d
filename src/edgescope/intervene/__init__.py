"""What happens to a model's predictions if something in it is changed."""

from edgescope.intervene.ablated import Ablation
from edgescope.intervene.ablation import ablate
from edgescope.intervene.added_edges import reallocation
from edgescope.intervene.noise import NoiseAttack, noise_attack
from edgescope.intervene.reallocated import Reallocation

__all__ = [
    "Ablation",
    "NoiseAttack",
    "Reallocation",
    "ablate",
    "noise_attack",
    "reallocation",
]

"""What happens to a model's predictions if something in it is changed."""

from edgescope.intervene.noise import NoiseAttack, noise_attack
from edgescope.intervene.reallocation import Reallocation, reallocation

__all__ = ["NoiseAttack", "Reallocation", "noise_attack", "reallocation"]

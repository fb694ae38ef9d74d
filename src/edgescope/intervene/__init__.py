"""What happens to a model's predictions if something in it is changed."""

from edgescope.intervene.noise import NoiseAttack, noise_attack

__all__ = ["NoiseAttack", "noise_attack"]

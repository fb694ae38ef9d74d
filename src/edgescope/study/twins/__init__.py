"""Experiments on the question why GAT gives the same output to nodes with the same neighbours.

A study of layers and not of a user's model: an example (:func:`tutorial_example`), how often random
layers do so (:func:`tie_frequencies`), whether training ends it (:func:`escapes`), how often all
heads do so at once (:func:`many_heads`), and a task that such a layer cannot solve
(:func:`look_up_data`). ``docs/twins.md`` has the results.

Example:
    >>> import edgescope as es
    >>> found = es.study.twins.tutorial_example().table()
    >>> found.filter(setting="1 head, a = [0.1, -0.1]")["tied"].all()
    True
"""

from edgescope.study.twins.escape import escapes
from edgescope.study.twins.look_up import LookUp, look_up_data, train_look_up
from edgescope.study.twins.several_heads import ManyHeads, many_heads
from edgescope.study.twins.ties import TieFrequencies, tie_frequencies
from edgescope.study.twins.traces import Escapes
from edgescope.study.twins.tutorial import TutorialExample, tutorial_example

__all__ = [
    "Escapes",
    "LookUp",
    "ManyHeads",
    "TieFrequencies",
    "TutorialExample",
    "escapes",
    "look_up_data",
    "many_heads",
    "tie_frequencies",
    "train_look_up",
    "tutorial_example",
]

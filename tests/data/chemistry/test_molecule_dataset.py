"""Atom types."""

import json
import pickle

import pytest

from edgescope.data import ZINC_VOCABULARY, AtomVocabulary
from edgescope.lib.errors import InputError


def test_the_published_vocabulary_has_28_keys_in_the_published_order():
    assert len(ZINC_VOCABULARY) == 28
    wanted = ["C", "C H1", "P H1 +"]
    assert ZINC_VOCABULARY.encode(wanted).tolist() == [0, 4, 27]


def test_a_vocabulary_survives_json_and_pickle():
    assert AtomVocabulary(json.loads(json.dumps(ZINC_VOCABULARY))) == ZINC_VOCABULARY
    copy = pickle.loads(pickle.dumps(ZINC_VOCABULARY))  # noqa: S301  (our own)
    assert isinstance(copy, AtomVocabulary)


def test_frequent_atoms_come_first_and_ties_follow_their_text():
    assert AtomVocabulary.most_frequent({"N": 2, "C": 9, "F": 2, "Br": 2}) == ("C", "Br", "F", "N")


def test_an_unknown_atom_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"atom 'Xe' is not among the 2 atom types .* 'C', 'N'"):
        AtomVocabulary(["C", "N"]).encode(["C", "Xe"])


def test_a_key_that_stands_twice_is_refused():
    with pytest.raises(InputError, match="'C' occurs 2 times"):
        AtomVocabulary(["C", "N", "C"])

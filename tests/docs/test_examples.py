"""Every public name has an example, and what the module tests do not run of them runs here."""

import doctest
import inspect

import pytest
import torch
from api_names import docstring, is_door, public_names

PUBLIC = public_names()
CONSTANTS = [
    each
    for each in PUBLIC
    if not (inspect.isclass(each.value) or inspect.isroutine(each.value) or is_door(each.value))
]


@pytest.mark.parametrize("each", PUBLIC, ids=lambda each: each.path)
def test_a_public_name_has_an_example(each):
    assert "\nExample:\n    >>> " in docstring(each), f"{each.path} has no example"


@pytest.mark.parametrize("each", CONSTANTS, ids=lambda each: each.path)
def test_the_example_of_a_constant_runs(each):
    torch.manual_seed(0)
    example = doctest.DocTestParser().get_doctest(docstring(each), {}, each.path, None, None)
    assert doctest.DocTestRunner().run(example).failed == 0

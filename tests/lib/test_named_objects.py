"""Objects that a user names: found, made, or refused in one line."""

import sys

import pytest

from edgescope.lib.errors import InputError
from edgescope.lib.named_objects import is_object_name, made, named_object


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(text, name="own_code.py"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_two_objects_of_a_file_share_its_module_and_see_its_neighbours(file):
    file("WIDTH = 8", "own_sizes.py")
    path = file("from own_sizes import WIDTH\nheld = []\ndef add(): held.append(WIDTH)")
    named_object(f"{path}:add")()
    assert named_object(f"{path}:held") == [8]


def test_a_file_may_bear_the_name_of_a_module_that_is_there(file):
    path = file("answer = 42", "json.py")
    assert named_object(f"{path}:answer") == 42
    assert sys.modules["json"].__file__ != str(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import no_such_package_xyz", "imports no_such_package_xyz, which is not installed"),
        ("x = 1\n\ny = 1 / 0", r"raised ZeroDivisionError.*own_code\.py, line 3.*__main__"),
        ("import sys\nsys.exit(2)", r"raised SystemExit: 2 \(own_code\.py, line 2\)"),
        ("def", "raised SyntaxError"),
        ("other = 1", "has no 'name'"),
    ],
)
def test_code_that_cannot_be_imported_is_named_with_its_line(file, text, words):
    path, before = file(text), set(sys.modules)
    with pytest.raises(InputError, match=words):
        named_object(f"{path}:name")
    left = {name for name in set(sys.modules) - before if "own_code" in name}
    assert not left or text == "other = 1"


def test_what_a_function_raises_or_cannot_take_is_told():
    def make(width):
        raise ValueError(f"not {width}")

    with pytest.raises(InputError, match="a:make cannot be called so: missing a required argument"):
        made(make, "a:make")
    with pytest.raises(InputError, match=r"a:make raised ValueError: not 3 \(test_named_objects"):
        made(make, "a:make", {"width": 3})
    with pytest.raises(InputError, match="no function or class"):
        made([1], "a:list", {"width": 3})
    assert made([1], "a:list") == [1]


@pytest.mark.parametrize("word", ["run", "a/b", "C:/run", "a b:c", "model.py", ":x", "a:", "a:1"])
def test_what_is_no_name_is_none(word):
    assert not is_object_name(word)
    with pytest.raises(InputError, match=r"path/to/file\.py:name"):
        named_object(word)

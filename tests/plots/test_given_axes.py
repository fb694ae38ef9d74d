"""What a result draws on: axes that are given, or new ones; names stay names."""

import sys

import pytest
from matplotlib.figure import Figure

from edgescope.lib.errors import InputError, MissingExtraError
from edgescope.plots.given_axes import drawn_on, heading, named_or_first
from support.figures import check_one_figure, no_figure_left


def test_axes_that_are_given_are_drawn_on_and_no_figure_is_made():
    ax = Figure().subplots()
    with no_figure_left(), drawn_on(ax) as axes:
        assert axes is ax


def test_new_axes_are_of_a_figure_that_pyplot_shows():
    def draw():
        with drawn_on(None, (3.0, 2.0)) as axes:
            pass
        return axes

    axes = check_one_figure(draw)
    assert tuple(axes.figure.get_size_inches()) == (3.0, 2.0)


@pytest.mark.parametrize("error", [InputError, KeyboardInterrupt])
def test_a_figure_does_not_stay_if_drawing_fails(error):
    def fail():
        with drawn_on(None):
            raise error

    with no_figure_left(), pytest.raises(error):
        fail()


def test_what_are_no_axes_is_refused_with_what_to_pass():
    with (
        pytest.raises(InputError, match=r"received ax=Figure, .*plt.subplots\(\)\[1\]"),
        drawn_on(Figure()),
    ):
        pass


def test_a_missing_matplotlib_is_asked_for_by_the_command_that_installs_it(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with (
        pytest.raises(MissingExtraError, match=r"pip install 'edgescope\[report\]'"),
        drawn_on(None),
    ):
        pass


def test_names_start_no_formula_and_what_the_user_wrote_stays(tmp_path):
    ax = Figure().subplots()
    own = ax.text(0, 0, r"$\alpha$")
    with drawn_on(ax) as axes:
        axes.plot([1, 2], [0, 1], label=r"$\nonsense$")
        axes.set_yticks([0, 1], [r"$\broken{$", "b$"])
        heading(axes, r"$\more$")
    axes.figure.savefig(tmp_path / "figure.svg")  # would raise on a formula that cannot be read
    assert own.get_parse_math()
    assert not axes.get_yticklabels()[0].get_parse_math()
    assert axes.get_title(loc="left") == r"$\more$"


def test_the_first_name_is_taken_and_unknown_ones_are_refused():
    assert named_or_first(["a", "b"], None, "by") == "a"
    assert named_or_first(["a", "b"], "b", "by") == "b"
    with pytest.raises(InputError, match="received by='c', expected one of a, b"):
        named_or_first(["a", "b"], "c", "by")
    with pytest.raises(InputError, match="nothing to draw"):
        named_or_first([], None, "by")

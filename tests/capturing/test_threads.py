"""Two threads and one model: rows of one never reach the tape of the other, or it is refused."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError, Event

import pytest
import torch
from torch import nn

import edgescope as es
from edgescope.lib.errors import InputError
from support.identity.layers import TagAdapter, TagConv

pytestmark = pytest.mark.usefixtures("own_adapters")


class Model(nn.Module):
    """Two layers, between which a call may wait for another thread."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = TagConv(), TagConv()

    def forward(self, x, edge_index, tag, between=None):
        self.one(x, edge_index, tag)
        if between is not None:
            between()
        return self.two(x, edge_index, tag)


@pytest.fixture(autouse=True)
def own_layer(own_adapters):
    es.capture.register(TagAdapter())


def graph(first: int, size: int):
    """Return the arguments of a call whose edges bear tags from ``first`` on."""
    edges = torch.stack([torch.arange(size), (torch.arange(size) + 1) % size])
    tag = torch.arange(first, first + size, dtype=torch.float64)[:, None]
    return torch.zeros(size, 1, dtype=torch.float64), edges, tag


def holds_only(tape, first: int, size: int) -> bool:
    """Whether a tape holds the rows of one call, each under its own number."""
    return all(
        tape[site].values[:, 0, 0].tolist() == list(range(first, first + size))
        and tape[site].input_edge.tolist() == list(range(size))
        for site in tape.sites
    )


def test_a_call_of_another_thread_in_between_is_kept_apart_or_refused():
    model = Model()
    arrived, go_on = Event(), Event()

    def watched() -> str:
        def between() -> None:
            arrived.set()
            go_on.wait()

        try:
            with es.capture(model) as tape:
                model(*graph(100, 3), between)
                return "right" if holds_only(tape, 100, 3) else "wrong"
        except InputError:
            return "refused"
        finally:
            arrived.set()

    def other() -> str:
        arrived.wait()
        try:
            model(*graph(900, 5))
        except InputError:
            return "refused"
        finally:
            go_on.set()
        return "ran"

    with ThreadPoolExecutor(2) as pool:
        mine, others = pool.submit(watched), pool.submit(other)
        assert mine.result() in {"right", "refused"}
        assert others.result() in {"ran", "refused"}


@pytest.mark.parametrize("rounds", range(4))
def test_two_captures_at_once_are_kept_apart_or_refused(rounds):
    model, together = Model(), Barrier(2)

    def meet() -> None:
        try:
            together.wait()
        except BrokenBarrierError:  # the other was refused, or has ended
            return

    def watched(first: int, size: int) -> str:
        try:
            with es.capture(model) as tape:
                meet()
                for _ in range(rounds):
                    model(*graph(first, size), meet)
                    meet()
                model(*graph(first, size), meet)
                return "right" if holds_only(tape, first, size) else "wrong"
        except InputError as error:
            return f"refused: {error}"
        finally:
            together.abort()  # whoever waits for this thread goes on

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(watched, 100, 3), pool.submit(watched, 900, 5)]
        said = [each.result() for each in found]
    assert "wrong" not in said
    assert all(each == "right" or "thread" in each for each in said)


def test_an_edit_does_not_reach_the_call_of_another_thread():
    model = Model()
    expected = model(*graph(900, 5))
    entered, done = Event(), Event()

    def edits() -> None:
        try:
            with es.capture.edit(model, "*:message", lambda found: found.values * 2):
                entered.set()
                done.wait()
                model(*graph(100, 3))
        finally:
            entered.set()

    def other() -> str:
        entered.wait()
        try:
            return "right" if torch.equal(model(*graph(900, 5)), expected) else "wrong"
        except InputError:
            return "refused"
        finally:
            done.set()

    with ThreadPoolExecutor(2) as pool:
        editing, others = pool.submit(edits), pool.submit(other)
        editing.result()
        assert others.result() in {"right", "refused"}


def test_captures_of_two_models_in_two_threads_do_not_disturb_each_other():
    together = Barrier(2)

    def watched(first: int, size: int) -> bool:
        model = Model()
        try:
            with es.capture(model) as tape:
                together.wait()
                model(*graph(first, size), together.wait)
                together.wait()
                return holds_only(tape, first, size)
        except BaseException:
            together.abort()  # else the other would wait for ever
            raise

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(watched, 100, 3), pool.submit(watched, 900, 5)]
        assert [each.result() for each in found] == [True, True]


def test_a_capture_in_another_thread_after_the_first_has_ended_is_as_ever():
    model = Model()

    def watched(first: int) -> bool:
        with es.capture(model) as tape:
            model(*graph(first, 4))
        return holds_only(tape, first, 4)

    for first in (100, 200, 300):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(watched, first).result()
    assert watched(400)

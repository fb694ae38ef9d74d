"""What is compiled runs eagerly in a block, in its thread, and nothing is changed by it."""

import threading

import pytest
import torch
import torch._dynamo
from torch import nn

from edgescope.lib import compiler_stance
from edgescope.lib.compiler_stance import eagerly
from edgescope.lib.errors import InputError


class Traced(nn.Module):
    """Notes how often its Python code runs, which compiled code does not do."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        if not torch.compiler.is_compiling():
            RAN.append(threading.get_ident())
        return self.linear(x)


RAN: list[int] = []
X = torch.randn(3, 2)


@pytest.fixture
def model():
    torch._dynamo.reset()
    model = torch.compile(Traced(), backend="eager")
    model(X)
    RAN.clear()
    yield model
    torch._dynamo.reset()


def stance() -> str:
    return torch._dynamo.eval_frame._stance.stance


def ran_eagerly(model) -> bool:
    RAN.clear()
    model(X)
    return bool(RAN)


def test_blocks_nest(model):
    assert not ran_eagerly(model)
    with eagerly(model):
        with eagerly(model):
            assert ran_eagerly(model)
        assert ran_eagerly(model)
    assert not ran_eagerly(model)


def test_an_exception_ends_a_block(model):
    with pytest.raises(ZeroDivisionError), eagerly(model):
        1 / 0  # noqa: B018  (it raises)
    assert not ran_eagerly(model)


def test_nothing_is_done_for_a_model_in_which_nothing_is_compiled(model):
    with eagerly(nn.Linear(2, 2)):
        assert not ran_eagerly(model)


def test_another_thread_is_not_in_the_block(model):
    found = []
    thread = threading.Thread(target=lambda: found.append(ran_eagerly(model)))
    with eagerly(model):
        thread.start()
        thread.join()
        assert ran_eagerly(model)
    assert found == [False]


def test_a_block_that_another_thread_ends_is_over(model):
    block = eagerly(model)
    block.__enter__()
    thread = threading.Thread(target=block.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    assert not ran_eagerly(model)


@pytest.mark.parametrize("first", [0, 1])
def test_a_stance_that_is_set_meanwhile_stays_whatever_ends_first(model, first):
    block = eagerly(model)
    block.__enter__()
    theirs = torch.compiler.set_stance("eager_on_recompile")
    if first:
        theirs.__exit__(None, None, None)
        assert ran_eagerly(model)
        block.__exit__(None, None, None)
    else:
        block.__exit__(None, None, None)
        assert stance() == "eager_on_recompile"
        theirs.__exit__(None, None, None)
    assert stance() == "default"
    assert not ran_eagerly(model)
    with eagerly(model):
        assert ran_eagerly(model)
    assert torch._dynamo.eval_frame._stance.__class__.__name__ == "DynamoStance"


def test_a_block_within_compiled_code_is_refused(model):
    refused = []

    @torch.compiler.disable(recursive=False)
    def look():
        try:
            with eagerly(model):
                pass
        except InputError as error:
            refused.append(str(error))

    @torch.compile(backend="eager")
    def step(x):
        look()
        return x * 2

    step(X)
    assert len(refused) == 1
    assert "within a function that torch compiles" in refused[0]
    assert stance() == "default"


def test_a_compiler_that_fails_to_follow_the_search_is_refused_too(model, monkeypatch):
    from torch._dynamo.exc import InternalTorchDynamoError

    def followed(_):
        raise InternalTorchDynamoError("RecursionError: maximum recursion depth exceeded")

    monkeypatch.setattr(compiler_stance, "compiled_parts", followed)
    with pytest.raises(InputError, match="within a function that torch compiles"):
        eagerly(model).__enter__()
    assert stance() == "default"

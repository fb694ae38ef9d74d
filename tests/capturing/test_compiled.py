"""Compiled models: their eager originals are captured; what has none calls no hooks and is refused.

Forms of compilation, and that outputs, sites, hooks and compiled code are as they were.
"""

import copy
import threading
import warnings
from pathlib import Path

import pytest
import torch
import torch._dynamo
from torch import nn
from torch._dynamo.eval_frame import _stance as stance_at_first
from torch._dynamo.symbolic_convert import InstructionTranslator
from torch._dynamo.utils import counters
from torch.fx import symbolic_trace
from torch_geometric.nn import GATConv

import edgescope as es
from edgescope.lib.errors import EdgescopeWarning, InputError
from support.hooks_of import global_hooks, hooks_of, modes
from support.one_layer import EDGES, Model, X, gat, listed, refusal, weights


class Pair(nn.Module):
    """Two layers, one after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = gat(), gat()

    def forward(self, x, edge_index):
        return self.second(self.first(x, edge_index).relu(), edge_index)


class Decorated(Pair):
    @torch.compile(backend="eager")
    def forward(self, x, edge_index):
        return self.second(self.first(x, edge_index).relu(), edge_index)


class DecoratedLayer(GATConv):
    """A layer whose own code, which is that of its base, is compiled."""

    forward = torch.compile(GATConv.forward, backend="eager")


@torch.compile(backend="eager")
def activation(x):
    return x.relu() * 2


class WithFunction(Pair):
    def __init__(self) -> None:
        super().__init__()
        self.act = activation

    def forward(self, x, edge_index):
        return self.second(self.act(self.first(x, edge_index)), edge_index)


def in_place(model: nn.Module, **options) -> nn.Module:
    model.compile(**options)
    return model


def with_part(**options) -> nn.Module:
    model = Pair()
    model.first = torch.compile(model.first, **options)
    return model


def with_part_in_place() -> nn.Module:
    model = Pair()
    model.first.compile(backend="eager")
    return model


def on_instance() -> nn.Module:
    model = Pair()
    model.forward = torch.compile(model.forward, backend="eager")
    return model


def with_decorated_layer() -> nn.Module:
    model = Pair()
    model.first = DecoratedLayer(8, 4, heads=2)
    return model


FORMS = {
    "wrapped": lambda: torch.compile(Pair(), backend="eager"),
    "aot_eager": lambda: torch.compile(Pair(), backend="aot_eager"),
    "fullgraph": lambda: torch.compile(Pair(), backend="eager", fullgraph=True),
    "dynamic": lambda: torch.compile(Pair(), backend="eager", dynamic=True),
    "in place": lambda: in_place(Pair(), backend="eager"),
    "part": lambda: with_part(backend="eager"),
    "part, fullgraph": lambda: with_part(backend="eager", fullgraph=True),
    "part in place": with_part_in_place,
    "part and whole": lambda: torch.compile(with_part(backend="aot_eager"), backend="eager"),
    "decorated": Decorated,
    "decorated, wrapped": lambda: torch.compile(Decorated(), backend="eager"),
    "on the instance": on_instance,
    "decorated layer": with_decorated_layer,
    "function": WithFunction,
}
SITES = [f"{layer}:{s}" for layer in ("first", "second") for s in ("logit", "weight", "message")]


def eager_of(model: nn.Module) -> nn.Module:
    """Return an eager model with the same weights, made without any compiled one."""
    eager = (WithFunction if isinstance(model, WithFunction) else Pair)()
    if isinstance(model, WithFunction):
        eager.act = lambda x: x.relu() * 2
    state = model.state_dict()
    eager.load_state_dict({name.replace("_orig_mod.", ""): t for name, t in state.items()})
    return eager.eval()


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


forms = pytest.mark.parametrize("form", FORMS)
some = pytest.mark.parametrize("form", ["fullgraph", "part", "on the instance", "decorated layer"])
said = pytest.mark.filterwarnings("ignore:.* compiled:edgescope.lib.errors.EdgescopeWarning")


def stance():
    return torch._dynamo.eval_frame._stance


def compilations() -> tuple[int, int]:
    stats = counters["stats"]
    return stats["unique_graphs"], stats["calls_captured"]


@forms
@torch.no_grad()
def test_the_eager_original_is_captured_and_nothing_is_compiled_anew(form):
    model = FORMS[form]().eval()
    eager = eager_of(model)
    with es.capture(eager) as expected:
        plain = eager(X, EDGES)
    before = model(X, EDGES)
    assert compilations()[0] > 0
    done, parts = compilations(), {id(each) for each in model.modules()}
    with pytest.warns(EdgescopeWarning, match=r"compiled: .* eager .* run, so numbers may differ"):
        block = es.capture(model)
    with block as tape:
        inside = model(X, EDGES)
    assert torch.equal(inside, plain)
    assert tape.sites == expected.sites == SITES
    for site in SITES:
        assert torch.equal(tape[site].values, expected[site].values)
        assert torch.equal(tape[site].edge_index, expected[site].edge_index)
    assert (hooks_of(model), global_hooks(), modes()) == ([], [], [])
    assert stance() is stance_at_first
    assert torch.equal(model(X, EDGES), before)
    assert compilations() == done
    assert {id(each) for each in model.modules()} == parts
    # Only the first time is worth a warning.
    with es.capture(model):
        model(X, EDGES)


@some
@said
@torch.no_grad()
def test_an_edit_changes_the_eager_original(form):
    model = FORMS[form]().eval()
    eager = eager_of(model)
    model(X, EDGES)
    done = compilations()

    def halved(found):
        return found.values / 2

    with es.capture.edit(eager, "first:message", halved):
        expected = eager(X, EDGES)
    with es.capture.edit(model, "first:message", halved):
        assert torch.equal(model(X, EDGES), expected)
    assert not torch.equal(model(X, EDGES), expected)
    assert compilations() == done


@some
@said
def test_a_block_that_raises_leaves_all_as_it_was(form):
    model = FORMS[form]().eval()
    with torch.no_grad():
        before = model(X, EDGES)
        done = compilations()
        with pytest.raises(ValueError, match="integer type"), es.capture(model):
            model(X, EDGES[:, :0].float())  # which no layer takes
        assert stance() is stance_at_first
        assert hooks_of(model) == []
        assert torch.equal(model(X, EDGES), before)
    assert compilations() == done


@some
@said
def test_gradients_of_a_captured_pass_are_those_of_the_original(form):
    model = FORMS[form]()
    eager = eager_of(model).train()
    with es.capture(model.train()):
        model(X, EDGES).square().sum().backward()
    eager(X, EDGES).square().sum().backward()
    for own, expected in zip(model.parameters(), eager.parameters(), strict=True):
        assert torch.equal(own.grad, expected.grad)


@pytest.mark.parametrize(
    ("form", "paths"),
    [
        ("wrapped", [""]),
        ("part", ["first"]),
        ("part and whole", [""]),
        ("decorated layer", ["first"]),
    ],
)
def test_coverage_names_what_is_compiled(form, paths):
    coverage = es.capture.coverage(FORMS[form]())
    assert list(coverage.eager) == paths
    assert {layer.path for layer in coverage.seen} == {"first", "second"}
    assert coverage.complete
    assert f"{paths[0] or 'the model'} is compiled: its eager original" in coverage.sentence()
    assert type(coverage).from_dict(coverage.as_dict()) == coverage
    assert (coverage + es.capture.coverage(Pair())).eager == coverage.eager
    assert "compiled" not in es.capture.coverage(Pair()).sentence()
    assert "eager" not in es.capture.coverage(Pair()).as_dict()


@said
@torch.no_grad()
def test_the_original_can_be_called_as_well():
    model = torch.compile(Pair().eval(), backend="eager")
    with es.capture(model) as tape:
        expected = model._orig_mod(X, EDGES)
    assert tape.sites == SITES
    assert tape["second:weight"].values.shape == (10, 2, 1)
    with es.capture(model):
        assert torch.equal(model(X, EDGES), expected)


@said
@torch.no_grad()
def test_a_shared_layer_has_the_path_of_its_first_place():
    model = Pair()
    model.second = torch.compile(model.first, backend="eager")
    model.eval()
    with es.capture(model) as tape:
        model(X, EDGES)
    assert {site.partition(":")[0] for site in tape.sites} == {"first", "first@2"}


@torch.no_grad()
def test_what_is_never_compiled_is_nothing_to_warn_of():
    model = torch.compiler.disable(Pair().eval())
    with es.capture(model) as tape:
        model(X, EDGES)
    assert tape.sites == SITES
    assert es.capture.coverage(model).eager == ()


@said
@torch.no_grad()
def test_other_threads_go_on_with_compiled_code():
    model, other = torch.compile(Pair().eval(), backend="eager"), Pair().eval()
    ran = []

    def backend(graph, _):
        def run(*args):
            ran.append(threading.current_thread().name)
            return graph.forward(*args)

        return run

    theirs = torch.compile(other, backend=backend)
    theirs(X, EDGES)
    ran.clear()
    with es.capture(model):
        model(X, EDGES)
        theirs(X, EDGES)  # in this thread nothing that is compiled is used
        assert ran == []
        with torch.no_grad():
            thread = threading.Thread(target=theirs, args=(X, EDGES), name="other")
            thread.start()
            thread.join()
    assert set(ran) <= {"other"}
    assert ran or counters["stats"]["unique_graphs"]
    theirs(X, EDGES)
    assert ran[-1] == "MainThread"


@said
@torch.no_grad()
def test_blocks_of_two_threads_may_end_in_any_order():
    models = [torch.compile(Pair().eval(), backend="eager") for _ in range(2)]
    begun, go_on = threading.Event(), threading.Event()

    def watch():
        with torch.no_grad(), es.capture(models[1]) as tape:
            begun.set()
            go_on.wait()
            models[1](X, EDGES)
            found.append(tape["first:weight"])

    found = []
    thread = threading.Thread(target=watch)
    with es.capture(models[0]) as tape:
        thread.start()
        begun.wait()
        models[0](X, EDGES)
    assert "first:weight" in tape
    go_on.set()
    thread.join()
    assert len(found) == 1
    assert stance() is stance_at_first


@said
@torch.no_grad()
def test_a_stance_of_the_users_is_there_again_afterwards():
    model = torch.compile(Pair().eval(), backend="eager")
    before = model(X, EDGES)
    with torch.compiler.set_stance("fail_on_recompile"):
        with es.capture(model) as tape:
            model(X[:3], EDGES[:, EDGES.max(0).values < 3])
        assert "first:weight" in tape
        assert torch.equal(model(X, EDGES), before)
        with pytest.raises(RuntimeError, match="recompile"):
            model(X.double(), EDGES)
    assert stance() is stance_at_first


def test_a_captured_model_that_runs_in_another_compiled_one_says_that_nothing_was_computed():
    model = Model(gat())
    run = torch.compile(model, backend="eager")
    with es.capture(model) as tape:
        run(X, EDGES)
    with pytest.raises(KeyError, match=r"another module that torch.compile made of it.*that one"):
        tape["conv:weight"]


@torch.no_grad()
def test_a_compiled_part_without_attention_is_said_to_be_run_eagerly_too():
    model = Model(gat())
    model.head = torch.compile(nn.Linear(8, 1), backend="eager")
    with pytest.warns(EdgescopeWarning, match="head is compiled"):
        assert weights(model).values.shape == (10, 2, 1)
    assert es.capture.sites(model)["reason"].is_null().all()


def test_a_copy_of_a_model_compiled_in_place_is_not_compiled():
    model = in_place(Pair(), backend="eager")
    assert es.capture.coverage(copy.deepcopy(model)).eager == ()


def test_what_is_compiled_ahead_of_time_is_refused():
    with torch._dynamo.config.patch(enable_aot_compile=True), torch.no_grad():
        model = torch.compile(Pair().eval(), backend="eager", fullgraph=True)
        model._aot_compile(
            [torch._dynamo.aot_compile.ModelInput(args=(X, EDGES), kwargs={}, contexts=[])]
        )
        expected = "it is compiled ahead of time.*use the original module, .*_orig_mod"
        with pytest.raises(InputError, match=expected), es.capture(model):
            pass
        with pytest.raises(InputError, match=expected), es.capture(Model(model)):
            pass
        with es.capture(model._orig_mod) as tape:
            model._orig_mod(X, EDGES)
        assert tape.sites == SITES


@pytest.mark.filterwarnings("ignore")  # TorchScript is deprecated and warns of tracing
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.jit.trace(Model(gat()).eval(), (X, EDGES), check_trace=False),
        lambda: torch.jit.script(nn.Linear(8, 8)),
        lambda: nn.Sequential(torch.jit.script(nn.Linear(8, 8))),
    ],
)
def test_a_torchscript_module_is_refused(make):
    model = make()
    expected = "it is a TorchScript module, whose layers call no hooks; capture the module that"
    assert expected in refusal(model)
    assert listed(model).startswith(expected)


def exported() -> "torch.export.ExportedProgram":
    return torch.export.export(Model(gat()).eval(), (X, EDGES))


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda: exported().module(),
        lambda: torch.export.unflatten(exported()),
        lambda: Model(exported().module()),
        lambda: exported().graph_module,
    ],
)
def test_an_exported_program_is_refused(make):
    model = make()
    expected = "it is an exported program, a list of operations in which no layer is left; capture"
    assert expected in refusal(model)
    assert listed(model).startswith(expected)
    coverage = es.capture.coverage(model)
    assert not coverage.complete
    assert [each.kind for each in coverage.unseen] in (["perhaps"], ["attention"])


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_what_is_no_module_any_more_is_refused_with_what_to_pass():
    with pytest.raises(InputError, match=r"ExportedProgram.*capture the module"):
        es.capture(exported())
    with pytest.raises(InputError, match=r"compiled function.*pass the model itself"):
        es.capture(torch.compile(Pair().forward, fullgraph=True))


@torch.no_grad()
def test_a_graph_that_calls_layers_is_no_exported_program():
    class Leaves(torch.fx.Tracer):
        def is_leaf_module(self, module, name):
            return isinstance(module, GATConv) or super().is_leaf_module(module, name)

    model = Pair().eval()
    graph = torch.fx.GraphModule(model, Leaves().trace(model))
    with es.capture(graph) as tape:
        found = graph(X, EDGES)
    assert tape.sites == SITES
    assert torch.equal(found, model(X, EDGES))


def test_attention_in_a_compiled_function_of_a_class_is_known_by_its_code():
    class Mixes(nn.Module):
        def forward(self, x):
            return (x @ x.mT).softmax(-1) @ x

    class Compiled(nn.Module):
        forward = torch.compile(Mixes.forward, backend="eager")

    plain, compiled = (es.capture.coverage(nn.Sequential(of())) for of in (Mixes, Compiled))
    assert [each.kind for each in compiled.unseen] == [each.kind for each in plain.unseen]
    assert [each.path for each in compiled.unseen] == ["0"]


def test_symbolic_graphs_of_attention_are_not_overlooked():
    class Att(nn.Module):
        def forward(self, x):
            return torch.softmax(x @ x.mT, -1) @ x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coverage = es.capture.coverage(symbolic_trace(Att()))
    assert [each.kind for each in coverage.unseen] == ["attention"]


def test_the_compiler_traces_nothing_that_observes(monkeypatch):
    @torch.compile(backend="eager")
    def compiled(x):  # no part of the model, so that it stays compiled
        return x.relu() * 2

    class Halves(Model):
        def forward(self, x, edge_index):
            return self.conv(compiled(x), edge_index)

    traced = []
    begin = InstructionTranslator.run

    def run(translator):
        traced.append(translator.f_code.co_filename)
        return begin(translator)

    monkeypatch.setattr(InstructionTranslator, "run", run)
    model = Halves(gat()).eval()
    with torch.no_grad(), es.capture(model, "conv:weight"):
        model(X, EDGES)
    assert traced  # the compiled half was
    assert [file for file in traced if file.startswith(str(Path(es.__file__).parent))] == []

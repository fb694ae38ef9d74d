"""Graphs with other edges, against what single graphs say one by one."""

from collections import Counter
from itertools import chain

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import edgescope as es
from edgescope.data import GraphDataset, MoleculeDataset, load, planted, remove_edges, rewire
from edgescope.data.edges.edge_changes import plain_sizes
from edgescope.lib.errors import EdgescopeWarning, InputError

HOW = ("shuffle_types", "random_types", "random_edges", "virtual_node")

RETYPED = [
    {"how": "constant_type"},
    *({"how": how, "per": "direction"} for how in HOW[:2]),
    *({"how": how} for how in HOW[:2]),
]
GROWN = [
    {"how": "random_edges"},
    {"how": "full_graph"},
    {"how": "full_graph", "types": "constant"},
    {"how": "virtual_node", "types": "two", "nodes": 3},
    *(
        {"how": how, **of}
        for how in ("virtual_node", "hub")
        for of in ({}, {"types": "two"}, {"types": "atoms"}, {"edge_type": "q"})
    ),
]
DESIGNS = [*RETYPED, *GROWN]


@st.composite
def datasets(draw, symmetric: bool = False) -> GraphDataset:
    """Graphs with self-loops, duplicate edges, single nodes, no edges; with and without truth."""
    nodes, edges, pairs = [0], [0], []
    for _ in range(draw(st.integers(1, 4))):
        size = draw(st.integers(1, 5))
        end = st.integers(0, size - 1)
        found = draw(st.lists(st.tuples(end, end), max_size=6))
        if symmetric:
            unordered = sorted({(min(e), max(e)) for e in found if e[0] != e[1]})
            found = [both for a, b in unordered for both in ((a, b), (b, a))]
        nodes.append(nodes[-1] + size)
        edges.append(edges[-1] + len(found))
        pairs += found
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    count, columns = len(pairs), draw(st.booleans())
    kinds = torch.randint(3, (count, 2) if columns else (count,), generator=generator)
    if symmetric:
        kinds = kinds[::2].repeat_interleave(2, dim=0)
    x = torch.randint(2, (nodes[-1], 2) if columns else (nodes[-1],), generator=generator)
    truth = torch.randint(2, (count, 2), generator=generator).float()
    truth[:, 1] = torch.nan
    return GraphDataset(
        node_ptr=torch.tensor(nodes),
        edge_ptr=torch.tensor(edges),
        x=x,
        edge_index=torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T.contiguous(),
        edge_attr=kinds,
        y=torch.randn(len(nodes) - 1, 1, generator=generator),
        vocabulary=("a", "b"),
        edge_type_names=("p", "q", "r"),
        target_names=("t",),
        name="random",
        node_columns={"type": 2, "more": 2} if columns else {},
        edge_columns={"type": 3, "more": 3} if columns else {},
        edge_truth=truth if draw(st.booleans()) else None,
    )


def edges_of(dataset, number):
    """Edges of one graph as ``(source, target)``, their features, and truth, as lists."""
    here = slice(*dataset.edge_ptr[number : number + 2].tolist())
    truth = None if dataset.edge_truth is None else dataset.edge_truth[here].nan_to_num(-1).tolist()
    pairs = list(map(tuple, dataset.edge_index[:, here].T.tolist()))
    return pairs, dataset.edge_attr[here].tolist(), truth


def nodes_of(dataset, number):
    return dataset.x[slice(*dataset.node_ptr[number : number + 2].tolist())].tolist()


def added_of(dataset, number):
    """The marks of one graph's nodes and edges, as lists."""
    nodes = slice(*dataset.node_ptr[number : number + 2].tolist())
    edges = slice(*dataset.edge_ptr[number : number + 2].tolist())
    marks = (dataset.node_added, nodes), (dataset.edge_added, edges)
    return [[] if mark is None else mark[here].tolist() for mark, here in marks]


def quietly(dataset, how, **options):
    """Rewire without the warning of full graphs, which some of the random ones are."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EdgescopeWarning)
        return rewire(dataset, how, progress=False, **options)


@given(datasets(), st.sampled_from(DESIGNS), st.integers(0, 5))
def test_own_nodes_and_edges_keep_their_positions_and_the_original_is_untouched(data, spec, seed):
    before = [edges_of(data, number) for number in range(len(data))]
    found = quietly(data, **spec, seed=seed)
    assert len(found) == len(data)
    assert torch.equal(found.y, data.y)
    for number, (pairs, kinds, truth) in enumerate(before):
        assert edges_of(data, number) == (pairs, kinds, truth)
        new_pairs, new_kinds, new_truth = edges_of(found, number)
        own = len(pairs)
        assert new_pairs[:own] == pairs
        assert nodes_of(found, number)[: len(nodes_of(data, number))] == nodes_of(data, number)
        if truth is not None:
            assert new_truth[:own] == truth
        if spec in GROWN and spec.get("types") != "constant":
            assert new_kinds[:own] == kinds
        nodes, marks = added_of(found, number)
        assert marks == ([False] * own + [True] * (len(new_pairs) - own) if spec in GROWN else [])
        grown = len(nodes_of(found, number)) - len(nodes_of(data, number))
        assert nodes == ([False] * len(nodes_of(data, number)) + [True] * grown if nodes else [])
        assert grown == (spec.get("nodes", 1) if spec["how"] == "virtual_node" else 0)


@settings(max_examples=25)
@given(datasets(), st.sampled_from(GROWN), st.sampled_from(GROWN), st.integers(0, 5))
def test_marks_survive_choosing_batching_removing_and_more_edges(data, spec, again, seed):
    found = quietly(data, **spec, seed=seed)
    chosen = [*reversed(range(len(found))), 0]
    expected = [added_of(found, number)[1] for number in chosen]
    part, batch = found[chosen], found.batch(chosen)
    assert [added_of(part, number)[1] for number in range(len(part))] == expected
    assert [found[number].edge_added.tolist() for number in chosen] == expected
    assert batch.edge_added.tolist() == [*chain(*expected)]
    assert [each.edge_added.tolist() for each in batch.to_data_list()] == expected
    if found.node_added is not None:
        nodes = [added_of(found, number)[0] for number in chosen]
        assert [each.node_added.tolist() for each in batch.to_data_list()] == nodes
        assert [found[number].node_added.tolist() for number in chosen] == nodes
        assert part.node_added.tolist() == [*chain(*nodes)]
    assert not bool(found.with_edges(~found.edge_added).edge_added.any())
    assert found.with_edges(~found.edge_added).edge_index.equal(data.edge_index)
    more = quietly(found, **again, seed=seed)
    for number in range(len(found)):
        own = added_of(found, number)[1]
        marks = added_of(more, number)[1]
        assert marks == own + [True] * (len(marks) - len(own))


@given(datasets(), st.sampled_from(DESIGNS), st.integers(0, 5))
def test_new_types_are_the_last_ones_whatever_the_graphs_hold(data, spec, seed):
    found = quietly(data, **spec, seed=seed)
    nodes, edges = found.added_types
    assert found.vocabulary[: len(found.vocabulary) - nodes] == data.vocabulary
    assert found.edge_type_names[: len(found.edge_type_names) - edges] == data.edge_type_names
    assert plain_sizes(found) == data.model_sizes
    assert (nodes > 0) == (spec["how"] == "virtual_node")
    few = quietly(data[:0], **spec, seed=seed)
    assert (few.vocabulary, few.edge_type_names) == (found.vocabulary, found.edge_type_names)
    assert few.model_sizes == found.model_sizes


@given(datasets(), st.sampled_from(["virtual_node", "hub"]), st.integers(0, 5))
def test_types_of_added_edges_tell_the_direction_the_atom_or_nothing(data, how, seed):
    centre = how.removesuffix("_node")
    two = quietly(data, how, types="two", seed=seed)
    atoms = quietly(data, how, types="atoms", seed=seed)
    own = quietly(data, how, edge_type="q", seed=seed)
    assert two.edge_type_names[-2:] == (f"to {centre}", f"from {centre}")
    assert atoms.edge_type_names[-2:] == (f"{centre} a", f"{centre} b")
    assert own.edge_type_names == data.edge_type_names
    assert two.edge_index.equal(atoms.edge_index)
    assert two.edge_index.equal(own.edge_index)
    for number in range(len(data)):
        pairs, kinds, _ = edges_of(two, number)
        marks = added_of(two, number)[1]
        first = sum(not mark for mark in marks)
        ends = {pair[1 - at % 2] for at, pair in enumerate(pairs[first:])}
        assert (
            len(ends) <= 1
        )  # the centre: where every first edge goes, and every second comes from
        if how == "hub":
            (hub,) = ends or {None}
            size = len(nodes_of(data, number))
            joined = {tuple(pair) for pair in pairs} | {tuple(pair[::-1]) for pair in pairs}
            assert hub is None or all((n, hub) in joined for n in range(size) if n != hub)
            added = pairs[first:]
            assert not {frozenset(p) for p in added} & {frozenset(p) for p in pairs[:first]}
            assert len(set(added)) == len(added)
        else:
            assert ends <= {len(nodes_of(data, number))}
        types = [kind[0] if two.edge_columns else kind for kind in kinds[first:]]
        assert types == [3, 4] * (len(types) // 2)
        types = nodes_of(data, number)
        types = [kind[0] if data.node_columns else kind for kind in types]
        others = [pair[at % 2] for at, pair in enumerate(pairs[first:])]
        found = [kind[0] if two.edge_columns else kind for kind in edges_of(atoms, number)[1]]
        assert found[first:] == [3 + types[other] for other in others]
        found = [kind[0] if two.edge_columns else kind for kind in edges_of(own, number)[1]]
        assert found[first:] == [1] * len(others)


@given(datasets(), st.integers(1, 3))
def test_several_virtual_nodes_are_joined_to_the_own_nodes_only(data, count):
    found = rewire(data, "virtual_node", nodes=count)
    for number in range(len(data)):
        size = len(nodes_of(data, number))
        first = len(edges_of(data, number)[0])
        added = edges_of(found, number)[0][first:]
        expected = {(node, size + place) for node in range(size) for place in range(count)}
        assert set(added) == expected | {pair[::-1] for pair in expected}
        assert len(added) == 2 * size * count


@given(datasets())
def test_a_full_graph_joins_every_node_to_every_other_once_more_at_most(data):
    found = rewire(data, "full_graph")
    constant = rewire(data, "full_graph", types="constant")
    assert found.edge_type_names[-1] == "none"
    assert constant.edge_type_names[-2:] == ("none", "constant")
    assert constant.edge_index.equal(found.edge_index)
    assert constant.edge_types.unique().tolist() in ([4], [])
    for number in range(len(data)):
        own = edges_of(data, number)[0]
        pairs, kinds, _ = edges_of(found, number)
        size = len(nodes_of(data, number))
        every = {(a, b) for a in range(size) for b in range(size) if a != b}
        assert len(pairs[len(own) :]) == len(every - set(own))
        assert set(pairs[len(own) :]) == every - set(own)
        none = [3, 0] if found.edge_columns else 3
        assert kinds[len(own) :] == [none] * (len(pairs) - len(own))


def test_pairs_without_an_edge_have_the_type_0_of_molecules_and_are_counted():
    molecules = load("solubility", progress=False).test[:5]
    found = rewire(molecules, "full_graph")
    assert found.edge_type_names == molecules.edge_type_names
    assert found.summary()["none"] == int((found.edge_types == 0).sum()) == found.edge_added.sum()
    constant = rewire(molecules, "constant_type")
    assert isinstance(constant, MoleculeDataset)
    assert constant.edge_types.unique().tolist() == [4]


def test_types_drawn_per_direction_are_independent_in_the_two_directions():
    part = planted("marked", 300, split=(1, 0, 0)).train
    found = rewire(part, "random_types", per="direction").edge_attr
    table = torch.zeros(4, 4).index_put((found[::2], found[1::2]), torch.ones(()), accumulate=True)
    expected = len(found) / 2 / 16
    # Chi-squared with 15 degrees of freedom: its mean is 15, its deviation 5.5.
    assert ((table - expected) ** 2 / expected).sum() < 60
    kept = rewire(part, "random_types").edge_attr
    assert torch.equal(kept[::2], kept[1::2])


def test_every_node_is_as_likely_to_be_the_hub():
    path = planted("marked", 1, split=(1, 0, 0), nodes=(8, 8)).train
    times = 800
    found = rewire(path.subset([0] * times), "hub")
    own = len(path.edge_attr)
    hubs = Counter(edges_of(found, number)[0][own][1] for number in range(times))
    assert len(hubs) == 8
    # Chi-squared with 7 degrees of freedom: its mean is 7, its deviation 3.7.
    assert sum((count - times / 8) ** 2 / (times / 8) for count in hubs.values()) < 35


@given(datasets(), st.integers(0, 5))
def test_shuffled_types_are_as_frequent_as_before(data, seed):
    found = rewire(data, "shuffle_types", seed=seed)
    rows = [Counter(map(str, each.edge_attr.tolist())) for each in (data, found)]
    assert rows[0] == rows[1]


@given(datasets(symmetric=True), st.sampled_from(HOW[:2]), st.integers(0, 5))
def test_both_directions_keep_one_type(data, how, seed):
    found = rewire(data, how, seed=seed)
    assert torch.equal(found.edge_attr[::2], found.edge_attr[1::2])
    known = set(map(str, data.edge_attr.tolist()))
    assert set(map(str, found.edge_attr.tolist())) <= known


def test_random_types_are_uniform_or_as_frequent_as_the_types_were():
    part = planted("marked", 400, split=(1, 0, 0)).train
    counts = torch.bincount(part.edge_attr).double()
    expected = {"uniform": torch.full((4,), 0.25), "frequencies": counts / counts.sum()}
    for draw, shares in expected.items():
        found = torch.bincount(rewire(part, "random_types", draw=draw).edge_attr, minlength=4)
        # One standard error is 0.005: there are 9,000 undirected edges.
        assert (found / found.sum() - shares).abs().max() < 0.025


@given(datasets(), st.floats(0.1, 3), st.integers(0, 5))
def test_random_edges_join_pairs_without_an_edge_as_many_as_were_asked(data, share, seed):
    found = quietly(data, "random_edges", share=share, seed=seed)
    assert found.edge_type_names == ("p", "q", "r", "random")
    for number in range(len(data)):
        pairs, _, _ = edges_of(data, number)
        new, kinds, truth = edges_of(found, number)
        added, kinds = new[len(pairs) :], kinds[len(pairs) :]
        assert all(kind == ([3, 0] if found.edge_columns else 3) for kind in kinds)
        assert added[1::2] == [pair[::-1] for pair in added[::2]]
        unordered = [frozenset(pair) for pair in added[::2]]
        assert len(set(unordered)) == len(unordered)
        assert not {frozenset(pair) for pair in pairs} & set(unordered)
        size = len(nodes_of(data, number))
        joined = {frozenset(pair) for pair in pairs if pair[0] != pair[1]}
        free = size * (size - 1) // 2 - len(joined)
        ways = Counter(pair for pair in pairs if pair[0] != pair[1])
        # The k-th edge one way and the k-th the other way are one.
        edges = sum(max(ways[a, b], ways[b, a]) for a, b in {tuple(sorted(p)) for p in ways})
        assert len(unordered) == min(free, round(share * edges))
        if truth is not None:
            assert truth[len(pairs) :] == [[0, -1]] * len(added)


def test_random_edges_are_as_likely_at_every_free_pair():
    path = planted("marked", 1, split=(1, 0, 0), nodes=(8, 8)).train
    times = 600
    many = path.subset([0] * times)
    found = rewire(many, "random_edges", share=0.1)
    own = len(path.edge_attr)
    pairs = Counter(edges_of(found, number)[0][own] for number in range(times))
    free = 8 * 7 // 2 - own // 2
    assert len(pairs) == free
    expected = times / free
    statistic = sum((count - expected) ** 2 / expected for count in pairs.values())
    assert statistic < 2.5 * free  # chi-squared: its mean is free - 1, its deviation sqrt(2 free)


def test_a_graph_that_is_full_gets_what_there_is_with_a_warning():
    part = planted("marked", 3, nodes=(8, 8), split=(1, 0, 0)).train
    with pytest.warns(EdgescopeWarning, match="3 of 3 graphs of planted-marked/train have fewer"):
        found = rewire(part, "random_edges", share=50.0)
    assert found.edge_ptr.diff().tolist() == [56, 56, 56]


@given(datasets())
def test_a_virtual_node_stands_last_and_is_joined_to_all_others(data):
    found = rewire(data, "virtual_node")
    assert (found.vocabulary, found.edge_type_names[-1]) == (("a", "b", "virtual"), "virtual")
    for number in range(len(data)):
        old, new = nodes_of(data, number), nodes_of(found, number)
        assert new == [*old, [2, 0] if found.node_columns else 2]
        pairs, *_ = edges_of(data, number)
        all_pairs, all_kinds, _ = edges_of(found, number)
        last = len(old)
        expected = [pair for node in range(last) for pair in ((node, last), (last, node))]
        assert all_pairs[len(pairs) :] == expected
        assert all(k == ([3, 0] if found.edge_columns else 3) for k in all_kinds[len(pairs) :])


@given(datasets(), st.sampled_from(DESIGNS))
def test_sizes_of_a_model_fit_the_types(data, spec):
    found = quietly(data, **spec)
    sizes = found.model_sizes
    for values, limit in (
        (found.x, sizes["num_atom_types"]),
        (found.edge_attr, sizes["num_bond_types"]),
    ):
        limits = torch.tensor(limit)
        assert bool((values < limits).all())


@given(datasets(symmetric=True), st.floats(0, 1), st.booleans(), st.integers(0, 100))
def test_removed_edges_are_those_of_the_highest_or_lowest_rank(data, share, largest, seed):
    generator = torch.Generator().manual_seed(seed)
    importance = torch.randint(4, (len(data.edge_attr),), generator=generator).float()
    found = remove_edges(data, importance, share, largest=largest)
    for number in range(len(data)):
        pairs, kinds, truth = edges_of(data, number)
        start = int(data.edge_ptr[number])
        means = [
            float(importance[start + at : start + at + 2].mean()) for at in range(0, len(pairs), 2)
        ]
        order = sorted(range(len(means)), key=lambda at: (-means[at] if largest else means[at], at))
        gone = set(order[: round(share * len(means))])
        kept = [at for at in range(len(pairs)) if at // 2 not in gone]
        new_pairs, new_kinds, new_truth = edges_of(found, number)
        assert new_pairs == [pairs[at] for at in kept]
        assert new_kinds == [kinds[at] for at in kept]
        if truth is not None:
            assert new_truth == [truth[at] for at in kept]


def test_an_importance_that_does_not_fit_is_refused():
    part = planted("motif", 4, split=(1, 0, 0)).train
    edges = len(part.edge_attr)
    with pytest.raises(InputError, match=r"shape \[3\] with another number for"):
        remove_edges(part, torch.ones(3), 0.5)
    with pytest.raises(InputError, match="NaN or infinity"):
        remove_edges(part, torch.full((edges,), torch.nan), 0.5)
    with pytest.raises(InputError, match=r"received share=1\.5"):
        remove_edges(part, torch.ones(edges), 1.5)


def test_molecules_stay_molecules_only_where_edges_are_still_bonds():
    molecules = load("solubility", progress=False).test
    assert isinstance(rewire(molecules, "shuffle_types"), MoleculeDataset)
    for how in HOW[2:]:
        found = rewire(molecules, how, progress=False)
        assert type(found) is GraphDataset
        assert "smiles" not in found[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"how": "shufle"}, "received how='shufle', expected one of shuffle_types"),
        ({"how": "shuffle_types", "share": 0.5}, "share=0.5 for shuffle_types, it belongs to"),
        ({"how": "random_edges", "share": -1.0}, "received share=-1.0, expected a number above 0"),
        ({"how": "random_types", "draw": "often"}, "received draw='often', expected uniform or"),
        ({"how": "hub", "nodes": 2}, "received nodes=2 for hub, it belongs to virtual_node"),
        ({"how": "virtual_node", "nodes": 0}, "received nodes=0, expected a whole number from 1"),
        ({"how": "virtual_node", "types": "constant"}, "types='constant', expected one or two or"),
        ({"how": "full_graph", "types": "two"}, "types='two', expected one or constant"),
        ({"how": "random_edges", "per": "edge"}, "per='edge' for random_edges, it belongs to"),
        ({"how": "hub", "edge_type": "single"}, "edge_type='single', but the edge types of"),
        (
            {"how": "hub", "edge_type": "plain", "types": "two"},
            "received types='two' and edge_type='plain', expected one of them",
        ),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        rewire(planted("motif", 4).train, **options)


def test_loaded_parts_are_rewired_alike_and_models_of_them_run():
    for spec in ({"how": "random_edges", "share": 0.3, "seed": 1}, {"how": "virtual_node"}):
        plain = load("solubility", progress=False)
        splits = load("solubility", rewire=spec, progress=False)
        assert len({part.edge_type_names for part in splits}) == 1
        for before, after in zip(plain, splits, strict=True):
            assert torch.equal(rewire(before, **spec, progress=False).edge_index, after.edge_index)
        model = es.models.GATv2(
            **splits.train.model_sizes, hidden_dim=8, num_heads=2, num_layers=1
        ).eval()
        batch = splits.test.batch(range(3))
        with torch.no_grad():
            found = model(batch.x, batch.edge_index, batch.edge_attr, batch.batch)
        assert found.isfinite().all()
        again = load("solubility", rewire=spec, vocabulary=splits.train.vocabulary, progress=False)
        assert again.test.vocabulary == splits.test.vocabulary


def test_an_unknown_key_of_rewire_is_named():
    with pytest.raises(InputError, match="rewire has the unknown key 'shares'"):
        load("solubility", rewire={"how": "random_edges", "shares": 1}, progress=False)
    with pytest.raises(InputError, match="rewire has no key 'how'"):
        load("solubility", rewire={"share": 1}, progress=False)


def test_rows_that_cannot_be_used_are_told_of(write):
    path = write("table.csv", "smiles,y\nCCO,1\nC1CC,2\nCCN,3\nCCC,3\nCCCC,3\n")
    spec = {"how": "virtual_node"}
    with pytest.warns(EdgescopeWarning, match="1 rows cannot be used and are left out"):
        load(path, target_columns="y", rewire=spec, split=(0, 0, 1), cache=False, progress=False)

"""Permutation tests: exact means, uniform p-values under clustered nulls, power."""

from itertools import permutations as orders

import networkx as nx
import numpy as np
import pytest
import torch
from scipy.stats import kstest

from edgescope.data.edges.directions import batched_edges, edge_graphs
from edgescope.interpret.kinds import Kind
from edgescope.interpret.permutation import permutation_tests
from edgescope.interpret.strata import Pairs
from support.graph_sets import both_ways, dataset_of, random_multigraph


def groups_at_random(dataset, random, groups=2, null="degree"):
    """Return groups that both directions of a pair share."""
    pair = Pairs.of(dataset).pair
    codes = random.integers(groups, size=pair.max() + 1)[pair]
    return Kind.of_codes("kind", [str(n) for n in range(groups)], torch.from_numpy(codes), null)


def clustered(dataset, random, spread=1.5):
    """Draw massive edges: graphs differ a lot, degrees matter, both directions mostly agree."""
    pairs = Pairs.of(dataset)
    level = random.normal(-1, spread, len(dataset))[pairs.graph] + 0.4 * pairs.degrees[1]
    both = random.random(len(pairs.graph)) < 1 / (1 + np.exp(-level))
    other = random.random(len(pairs.pair)) < 0.1
    return torch.from_numpy(both[pairs.pair] ^ other)


@pytest.fixture(scope="module")
def graphs():
    random = np.random.default_rng(0)
    made = [nx.gnp_random_graph(24, 0.12, seed=int(random.integers(10**6))) for _ in range(40)]
    return dataset_of([both_ways(graph) for graph in made])


@pytest.mark.parametrize("null", ["degree", "type and degree"])
def test_p_values_are_uniform_where_massive_edges_cluster_by_graph(graphs, null):
    random = np.random.default_rng(1)
    p = []
    for trial in range(120):
        kind = groups_at_random(graphs, random, null=null)
        massive = clustered(graphs, random).unsqueeze(0)
        options = {"permutations": 99, "seed": trial, "progress": False}
        p.append(permutation_tests(graphs, [kind], massive, **options)["kind"].p[0, 0])
    assert kstest(p, "uniform").pvalue > 0.01


def test_what_the_held_numbers_of_both_ends_decide_is_never_an_effect(graphs):
    random = np.random.default_rng(7)
    held = random.integers(3, size=len(graphs.x))
    source, target = held[batched_edges(graphs).numpy()]
    table = random.random((3, 3)) < 0.5
    kind = groups_at_random(graphs, random)
    options = {"permutations": 19, "held": held, "progress": False}
    massive = torch.from_numpy(table[source, target]).unsqueeze(0)
    decided = permutation_tests(graphs, [kind], massive, **options)["kind"]
    np.testing.assert_allclose(decided.expected[0], massive.double()[0] @ kind.member.double())
    assert (decided.exchangeable == 0).all()
    assert (decided.p == 1).all()
    # What the group decides among pairs that are alike in these numbers is one.
    found = permutation_tests(graphs, [kind], kind.member.T[:1], **options)["kind"]
    assert (found.exchangeable > 0).all()
    assert (found.p == 1 / 20).all()


def test_p_values_of_directions_are_uniform_where_a_graph_prefers_one(graphs):
    random = np.random.default_rng(2)
    ends = graphs.edge_index
    codes = (ends[0] < ends[1]).long()
    kind = Kind.of_codes("way", ["down", "up"], codes, "reversal")
    of = edge_graphs(graphs)
    p = []
    for trial in range(120):
        # A graph's massive edges all run one way, whichever.
        up = torch.from_numpy(random.integers(2, size=len(graphs)))[of]
        rate = torch.from_numpy(random.random(len(graphs)))[of]
        massive = (codes == up) & (torch.from_numpy(random.random(len(of))) < rate)
        options = {"permutations": 99, "seed": trial, "progress": False}
        tested = permutation_tests(graphs, [kind], massive.unsqueeze(0), **options)
        p.append(tested["way"].p[0, 1])
    assert kstest(p, "uniform").pvalue > 0.01


def test_edges_permuted_over_all_graphs_would_give_small_p_values_by_chance(graphs):
    """A group that some graphs have more of: what is held fixed within graphs is needed."""
    random = np.random.default_rng(3)
    of = edge_graphs(graphs).numpy()
    within, across = [], []
    for trial in range(60):
        pair = Pairs.of(graphs).pair
        often = random.random(len(graphs))[of]
        codes = (random.random(pair.max() + 1)[pair] < often).astype(np.int64)
        kind = Kind.of_codes("kind", ["a", "b"], torch.from_numpy(codes))
        massive = clustered(graphs, random, spread=3)
        tested = permutation_tests(
            graphs, [kind], massive.unsqueeze(0), permutations=99, seed=trial, progress=False
        )
        within.append(tested["kind"].p[0, 0])
        observed = np.array(
            [random.permutation(massive.numpy())[codes == 1].sum() for _ in range(99)]
        )
        distance = abs(massive.numpy()[codes == 1].sum() - observed.mean())
        across.append((1 + (abs(observed - observed.mean()) >= distance).sum()) / 100)
    assert np.mean(np.array(across) <= 0.05) > 0.2
    assert np.mean(np.array(within) <= 0.05) < 0.15


@pytest.mark.parametrize("null", ["degree", "reversal"])
def test_a_planted_enrichment_is_found(graphs, null):
    random = np.random.default_rng(4)
    if null == "reversal":
        codes = (graphs.edge_index[0] < graphs.edge_index[1]).long()
        kind = Kind.of_codes("kind", ["0", "1"], codes, null)
    else:
        kind = groups_at_random(graphs, random)
    extra = torch.from_numpy(random.random(len(kind.codes)) < 0.25)
    massive = clustered(graphs, random) | (extra & (kind.codes == 1))
    tested = permutation_tests(graphs, [kind], massive.unsqueeze(0), progress=False)["kind"]
    assert (massive & (kind.codes == 1)).sum() > tested.expected[0, 1]
    assert tested.p.max() == 1 / 1001


def test_a_group_of_one_degree_is_no_enrichment_though_degrees_decide(graphs):
    degrees = Pairs.of(graphs).degrees[1][Pairs.of(graphs).pair]
    massive = torch.from_numpy(degrees > 4)
    kind = Kind.of_codes("kind", ["low", "high"], massive.long())
    tested = permutation_tests(graphs, [kind], massive.unsqueeze(0), progress=False)["kind"]
    assert tested.p.tolist() == [[1, 1]]
    assert tested.exchangeable.tolist() == [[0, 0]]


def every_permutation(dataset, kind, massive):
    """Go through all permutations of a stratum's pairs; return the counts, and what can change."""
    pairs = Pairs.of(dataset)
    stratum = pairs.strata(kind.null, kind.applicable)
    member, label = kind.member.double().numpy(), massive.numpy()
    counts, exchangeable = [np.zeros(member.shape[1])], np.zeros(member.shape[1], dtype=int)
    for number in range(stratum.max(initial=-1) + 1):
        held = np.flatnonzero(stratum == number)
        edges = [
            sorted(np.flatnonzero(pairs.pair == pair), key=lambda edge: pairs.slot[edge])
            for pair in held
        ]
        patterns = [tuple(label[each]) for each in edges]
        drawn = [
            sum(
                (
                    np.array(pattern) @ member[each]
                    for each, pattern in zip(edges, order, strict=True)
                ),
                np.zeros(member.shape[1]),
            )
            for order in orders(patterns)
        ]
        counts = [before + new for before in counts for new in drawn]
        for group in range(member.shape[1]):
            inside = {tuple(member[each, group]) for each in edges}
            if len(inside) > 1 and len(set(patterns)) > 1:
                exchangeable[group] += sum(map(len, edges))
    return np.array(counts), exchangeable


@pytest.mark.parametrize("seed", range(12))
def test_small_cases_agree_with_every_permutation_there_is(seed):
    random = np.random.default_rng(seed)
    dataset = dataset_of([random_multigraph(random, 4, 5) for _ in range(3)])
    edges = dataset.edge_index.size(1)
    member = torch.from_numpy(random.random((edges, 3)) < 0.5)
    applicable = torch.from_numpy(random.random(edges) < 0.8)
    kind = Kind("kind", ("a", "b", "c"), member & applicable.unsqueeze(1), applicable, "type")
    massive = torch.from_numpy(random.random(edges) < 0.5)
    counts, exchangeable = every_permutation(dataset, kind, massive)
    options = {"permutations": 4000, "seed": seed, "progress": False}
    tested = permutation_tests(dataset, [kind], massive.unsqueeze(0), **options)["kind"]
    np.testing.assert_allclose(tested.expected[0], counts.mean(0))
    np.testing.assert_array_equal(tested.exchangeable[0], exchangeable)
    observed = massive.double().numpy() @ kind.member.double().numpy()
    far = np.abs(counts - counts.mean(0)) >= np.abs(observed - counts.mean(0)) - 1e-9
    # Four standard errors of a share of 4000 permutations.
    np.testing.assert_allclose(tested.p[0], far.mean(0), atol=0.033)


@pytest.mark.parametrize("graphs", [[], [(1, [])], [(2, [(0, 0)])]], ids=str)
@pytest.mark.parametrize("null", ["degree", "type and degree", "reversal"])
def test_where_nothing_can_change_p_is_one(graphs, null):
    dataset = dataset_of(graphs)
    edges = dataset.edge_index.size(1)
    kind = Kind.of_codes("kind", ["a"], torch.zeros(edges, dtype=torch.long), null)
    massive = torch.ones(1, edges, dtype=torch.bool)
    tested = permutation_tests(dataset, [kind], massive, progress=False)["kind"]
    assert tested.p.tolist() == [[1.0]]
    assert tested.expected.tolist() == [[edges]]


def test_the_result_depends_on_the_seed_alone(graphs):
    random = np.random.default_rng(5)
    kinds = [groups_at_random(graphs, random, 3)]
    massive = torch.stack([clustered(graphs, random) for _ in range(2)])
    runs = [
        permutation_tests(graphs, kinds, massive, permutations=50, seed=seed, progress=False)
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(runs[0]["kind"].p, runs[1]["kind"].p)
    assert (runs[0]["kind"].p != runs[2]["kind"].p).any()


def test_work_in_blocks_gives_valid_tests_too(graphs, monkeypatch):
    random = np.random.default_rng(6)
    kinds, massive = [groups_at_random(graphs, random)], clustered(graphs, random).unsqueeze(0)
    whole = permutation_tests(graphs, kinds, massive, permutations=20, progress=False)["kind"]
    monkeypatch.setattr("edgescope.interpret.permutation._CELLS", 1)
    parts = permutation_tests(graphs, kinds, massive, permutations=20, progress=False)["kind"]
    np.testing.assert_array_equal(whole.p, parts.p)

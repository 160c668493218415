"""The corpus, count by count as specified, and the trees that stand for it."""

import random
from collections import Counter

import numpy as np
import pytest
import torch

from grokbook.tasks import dyck
from grokbook.tasks.dyck import Corpus
from grokbook.tasks.dyck_facts import facts
from grokbook.tasks.permutations import torch_permutation
from grokbook.tasks.prefixes import Prefixes

CORPUS = Corpus.make(0)
EVERY = CORPUS.train_strings + CORPUS.test_strings


def prefixes(strings):
    return {string[: end + 1] for string in strings for end in range(len(string))}


def test_the_published_counts():
    assert (len(CORPUS.train_strings), len(CORPUS.test_strings)) == (50, 5_000)
    assert sum(map(len, CORPUS.train_strings)) == 576
    assert sum(map(len, CORPUS.test_strings)) == 64_820
    assert len(set(EVERY)) == 2_249
    assert len(set(CORPUS.train_strings)) == 36
    assert np.mean([len(each) for each in EVERY]) == pytest.approx(12.95, abs=5e-3)


def test_the_published_histograms():
    lengths = {2: 5, 4: 11, 6: 2, 8: 5, 10: 3, 12: 5, 14: 1, 16: 4, 18: 3, 20: 3, 22: 2, 24: 6}
    assert Counter(map(len, CORPUS.train_strings)) == lengths
    depth = np.concatenate([dyck.depths(each) for each in CORPUS.train_strings])
    assert np.bincount(depth).tolist() == [121, 187, 106, 66, 45, 27, 11, 7, 5, 1]
    deep = np.concatenate([dyck.depths(each) for each in CORPUS.test_strings])
    assert (deep >= 10).mean() == pytest.approx(0.00066, abs=5e-6)
    assert deep.max() <= dyck.DEPTHS - 1


def test_every_string_is_balanced():
    for string in EVERY:
        depth = dyck.depths(string)
        assert depth[-1] == 0 and depth.min() == 0 and 2 <= len(string) <= dyck.LENGTH


def test_the_facts_of_leakage():
    found = facts(CORPUS)
    assert found.seen_strings == pytest.approx(0.244, abs=5e-4)
    assert found.tokens_of_seen_strings == pytest.approx(0.086, abs=5e-4)
    assert found.seen_prefixes == pytest.approx(0.496, abs=5e-4)
    assert found.seen_places == pytest.approx(0.988, abs=5e-4)
    assert found.by_position == pytest.approx(0.520, abs=5e-4)
    assert found.by_position_and_token == pytest.approx(0.607, abs=5e-4)
    assert found.analysed == (3_978, 11, 206, 74)


@pytest.mark.parametrize("count", [1, 2, 10, 5_050])
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_permutation_is_pytorchs(count, seed):
    wanted = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    assert torch_permutation(count, seed).tolist() == wanted.tolist()


def test_items_are_the_distinct_prefixes_of_each_part():
    train, test = prefixes(CORPUS.train_strings), prefixes(CORPUS.test_strings)
    assert (len(train), len(test)) == (len(CORPUS.train_tree), len(CORPUS.test_tree))
    assert CORPUS.count == len(train) + len(test) == len(CORPUS.labels)
    assert CORPUS.trained.sum() == len(train)
    first = len(train)
    for strings, tree, start in (
        (CORPUS.train_strings, CORPUS.train_tree, 0),
        (CORPUS.test_strings, CORPUS.test_tree, first),
    ):
        for string, path in zip(strings, tree.paths, strict=True):
            nodes = path[: len(string)]
            assert (path[len(string) :] == -1).all()
            assert CORPUS.labels[start + nodes, 0].tolist() == dyck.depths(string).tolist()


def test_averages_are_over_tokens():
    right = np.random.default_rng(0).random((3, CORPUS.count)) < 0.7
    for part, strings, tree, start in (
        ("train", CORPUS.train_strings, CORPUS.train_tree, 0),
        ("test", CORPUS.test_strings, CORPUS.test_tree, len(CORPUS.train_tree)),
    ):
        tokens = [
            right[:, start + node]
            for string, path in zip(strings, tree.paths, strict=True)
            for node in path[: len(string)]
        ]
        assert CORPUS.average(right, part).tolist() == np.mean(tokens, axis=0).tolist()


def test_the_controls_hold_nothing_that_was_trained_on():
    known = prefixes(CORPUS.train_strings)
    first, fresh = len(CORPUS.train_tree), CORPUS.twinless("depth")
    expected, found = prefixes(CORPUS.test_strings) - known, set()
    for string, path in zip(CORPUS.test_strings, CORPUS.test_tree.paths, strict=True):
        for at, node in enumerate(path[: len(string)]):
            if fresh[first + node]:
                found.add(string[: at + 1])
    assert found == expected and fresh.sum() == len(expected)
    assert not fresh[:first].any()
    unseen = set(CORPUS.test_strings) - set(CORPUS.train_strings)
    assert CORPUS.unseen_strings.sum() == sum(map(len, unseen))
    assert not CORPUS.unseen_strings[:first].any()


def test_random_labels_are_the_depths_dealt_out_anew():
    one, other = (Corpus.make(0, "random", seed) for seed in (1, 2))
    for dealt in (one, other):
        assert np.array_equal(dealt.labels[~dealt.trained], CORPUS.labels[~CORPUS.trained])
        before, after = (np.sort(c.labels[c.trained, 0]) for c in (CORPUS, dealt))
        assert np.array_equal(before, after)
        assert (dealt.labels != CORPUS.labels)[CORPUS.trained].mean() > 0.5
    assert not np.array_equal(one.labels, other.labels)
    assert np.array_equal(one.labels, Corpus.make(0, "random", 1).labels)
    with pytest.raises(ValueError, match="unknown labels 'shuffled'; known labels: depth, random"):
        Corpus.make(0, "shuffled")


def drawn(seed):
    draw = random.Random(seed)
    return [tuple(draw.choices(range(3), k=draw.randint(1, 6))) for _ in range(draw.randint(1, 40))]


@pytest.mark.parametrize("seed", range(8))
def test_a_tree_is_its_prefixes_each_once(seed):
    strings = drawn(seed)
    tree = Prefixes.of(strings)
    own = [
        tuple(tree.token[a[: p + 1]]) for a, p in zip(tree.ancestors, tree.position, strict=True)
    ]
    assert len(set(own)) == len(own) and set(own) == prefixes(strings)
    for string, path in zip(strings, tree.paths, strict=True):
        assert [own[node] for node in path[: len(string)]] == [
            string[: at + 1] for at in range(len(string))
        ]
    counts = Counter(string[: at + 1] for string in strings for at in range(len(string)))
    assert tree.counts().tolist() == [counts[each] for each in own]


@pytest.mark.parametrize("size", [1, 3, 8, 500])
@pytest.mark.parametrize("part", ["all", "some"])
def test_runs_show_every_node_its_ancestors_and_nothing_else(size, part):
    strings = drawn(3)
    tree = Prefixes.of(strings)
    nodes = np.arange(len(tree))
    if part == "some":  # those of some sequences, with all their ancestors
        nodes = np.unique(tree.paths[::3][tree.paths[::3] >= 0])
    runs = tree.runs(size, None if part == "all" else nodes)
    met = np.zeros(len(nodes), dtype=int)
    for asking, seen, hidden in zip(*runs, strict=True):
        for slot, node in enumerate(asking):
            shown = nodes[seen[~hidden[slot]]]
            own = tree.ancestors[nodes[node], : tree.position[nodes[node]] + 1]
            assert sorted(shown) == sorted(own)  # each once
            met[node] += 1
    assert (met[:-1] == 1).all() and met[-1] >= 1


def test_no_tree_of_nothing():
    for wrong in ([], [()], [(0,), ()]):
        with pytest.raises(ValueError, match="needs sequences, none of them empty"):
            Prefixes.of(wrong)
    with pytest.raises(ValueError, match="tokens are 0 or larger"):
        Prefixes.of([(0, -1)])

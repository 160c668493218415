"""Splits: the published bits; whole orbits against a brute-force oracle that shares no code."""

import random
from collections import Counter
from itertools import product

import numpy as np
import pytest

from grokbook.checks import ConfigError
from grokbook.config import RunConfig
from grokbook.tasks.modular import Table
from grokbook.tasks.splits import permutation

LABELS = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "sq": lambda a, b: a**2 + b**2,
    "sub": lambda a, b: a - b,
    "x2_xy_y2": lambda a, b: a**2 + a * b + b**2,
    "x3_xy": lambda a, b: a**3 + a * b,
}
TRI = ("add", "mul", "sq")


def pairs_of(table, which):
    return [tuple(pair) for pair in table.pairs[which].tolist()]


def keeps(task, change, modulus):
    """Does this change of the operands keep every answer of the task?"""
    value = LABELS[task]
    return all(
        (value(a, b) - value(*change(a, b))) % modulus == 0
        for a in range(modulus)
        for b in range(modulus)
    )


def orbits(tasks, modulus, low):
    """Classes of pairs joined by changes that keep the answer of any task, by their first pair."""
    changes = [
        lambda a, b, swap=swap, s=s, t=t: (
            s * (b if swap else a) % modulus,
            t * (a if swap else b) % modulus,
        )
        for swap, s, t in product((False, True), (1, -1), (1, -1))
    ]
    allowed = [c for c in changes if any(keeps(task, c, modulus) for task in tasks)]
    found, seen = [], set()
    for pair in product(range(low, modulus), repeat=2):
        orbit, frontier = set(), {pair} - seen
        while frontier:
            orbit |= frontier
            frontier = {c(*each) for each in frontier for c in allowed} - orbit
        if orbit:
            found.append(sorted(orbit))
        seen |= orbit
    return found


def sums(sizes):
    """Every number of pairs that some of the orbits have."""
    found = {0}
    for size in sizes:
        found |= {total + size for total in found}
    return found


def split_by_hand(tasks, modulus, low, wanted, seed):
    """The rule of `grokbook.tasks.splits.symmetric`, by trying all sums."""
    drawn = orbits(tasks, modulus, low)
    best = max(total for total in sums(map(len, drawn)) if total <= wanted)
    random.Random(seed).shuffle(drawn)
    train, test = [], []
    for at, orbit in enumerate(drawn):
        needed = best - len(train) - len(orbit)
        (train if needed in sums(map(len, drawn[at + 1 :])) else test).extend(orbit)
    return train, test


def test_the_published_split_is_a_shuffle_of_the_pairs_themselves():
    pairs = [(a, b) for a in range(1, 97) for b in range(1, 97)]
    random.Random(2024).shuffle(pairs)
    table = Table.make(("add", "mul"), 97, "nonzero", 0.5, 2024)
    assert pairs_of(table, table.train) == pairs[:4608]
    assert pairs_of(table, table.test) == pairs[4608:]
    assert permutation(10, 3).tolist() != list(range(10))
    told = RunConfig(tasks=("add", "mul"), seed=2024, split="published").table()
    assert np.array_equal(told.train, table.train)


@pytest.mark.parametrize(
    "tasks", [("add",), ("mul",), ("sq",), ("sub",), ("x3_xy",), ("add", "sub"), TRI[:2], TRI]
)
@pytest.mark.parametrize(("modulus", "domain"), [(5, "full"), (7, "nonzero"), (11, "nonzero")])
@pytest.mark.parametrize("fraction", [0.37, 0.5, 0.77])
def test_the_symmetric_split_by_trying_all_sums(tasks, modulus, domain, fraction):
    low = int(domain == "nonzero")
    wanted = int(fraction * (modulus - low) ** 2)
    for seed in (0, 42):
        table = Table.make(tasks, modulus, domain, fraction, seed, "symmetric")
        train, test = split_by_hand(tasks, modulus, low, wanted, seed)
        assert pairs_of(table, table.train) == train
        assert pairs_of(table, table.test) == test


@pytest.mark.parametrize(
    ("tasks", "domain", "sizes", "train"),
    [
        (("add",), "full", {1: 97, 2: 4656}, 4704),
        (("add",), "nonzero", {1: 96, 2: 4560}, 4608),
        (("mul",), "nonzero", {2: 96, 4: 2256}, 4608),
        (("sq",), "full", {1: 1, 4: 96, 8: 1128}, 4704),
        (("sq",), "nonzero", {4: 48, 8: 1128}, 4608),
        (TRI[:2], "nonzero", {2: 96, 4: 2256}, 4608),
        (TRI, "nonzero", {4: 48, 8: 1128}, 4608),
    ],
)
def test_orbits_of_the_published_domains_are_whole_and_half_of_them_trained_on(
    tasks, domain, sizes, train
):
    found = orbits(tasks, 97, int(domain == "nonzero"))
    assert Counter(map(len, found)) == sizes
    trained = []
    for seed in (42, 137, 2024):
        table = Table.make(tasks, 97, domain, 0.5, seed, "symmetric")
        assert sorted([*table.train, *table.test]) == list(range(len(table.pairs)))
        assert len(table.train) == train
        inside = set(pairs_of(table, table.train))
        assert all(len(inside.intersection(orbit)) in (0, len(orbit)) for orbit in found)
        for task in tasks:
            assert not table.leaked(task).any()
            assert table.twinless(task).sum() == len(table.test)
        trained.append(inside)
    # Another seed is another split: two independent halves share about a half.
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert len(trained[one] & trained[other]) / train == pytest.approx(0.5, abs=0.05)
    # Large orbits and small ones are drawn alike.
    small = [orbit for orbit in found if len(orbit) == min(sizes)]
    share = np.mean([orbit[0] in inside for inside in trained for orbit in small])
    assert len(small) == 1 or share == pytest.approx(0.5, abs=0.15)


def test_the_published_split_leaks_as_told():
    """Of the test pairs, those with one of 1, 3 or 7 twins in training, less fixed points."""
    table = Table.make(TRI, 97, "nonzero", 0.5, 42)
    inside = set(pairs_of(table, table.train))
    for task, share in (("add", 1 / 2), ("mul", 7 / 8), ("sq", 127 / 128)):
        by_hand = sum(
            len(orbit) - len(inside.intersection(orbit))
            for orbit in orbits((task,), 97, 1)
            if inside.intersection(orbit)
        )
        assert table.leaked(task).sum() == by_hand
        assert by_hand / len(table.test) == pytest.approx(share, abs=0.03)


def test_as_many_pairs_as_whole_orbits_can_have():
    """Of mul no odd number of pairs can be trained on; of add any can."""
    for tasks, train in ((("mul",), 2_764), (("add", "mul"), 2_764), (("add",), 2_765)):
        table = Table.make(tasks, 97, "nonzero", 2_765.5 / 9_216, 42, "symmetric")
        assert len(table.train) == train


def test_without_symmetries_the_splits_are_one():
    plain = RunConfig(tasks=("x3_xy",), seed=7)
    told = RunConfig(tasks=("x3_xy",), seed=7, split="symmetric")
    assert told == plain and told.id == plain.id
    ours = Table.make(("x3_xy",), 97, "full", 0.5, 7, "symmetric")
    assert np.array_equal(ours.train, plain.table().train)
    assert np.array_equal(ours.test, plain.table().test)


def test_only_the_seed_of_the_split_changes_it():
    base = RunConfig(tasks=TRI, split="symmetric")
    for change, same in (({"init_seed": 1, "batch_seed": 2}, True), ({"split_seed": 1}, False)):
        other = RunConfig(tasks=TRI, split="symmetric", **change)
        assert np.array_equal(other.table().train, base.table().train) == same


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "even"}, "unknown split 'even'; known splits: published, symmetric"),
        ({"split": None}, "unknown split None"),
        (
            {"split": "symmetric", "train_fraction": 7.5 / 9_216},
            "of 9216 pairs is less than the 8 that a symmetric split keeps together",
        ),
    ],
)
def test_splits_that_there_are_not(change, message):
    with pytest.raises(ConfigError, match=message) as caught:
        RunConfig(tasks=TRI, **change)
    assert "\n" not in str(caught.value)
    fitting = RunConfig(tasks=TRI, split="symmetric", train_fraction=8.5 / 9_216)
    assert len(fitting.table().train) == 8

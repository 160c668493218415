"""Targets against brute-force integers, the published domains, symmetries."""

from itertools import product

import numpy as np
import pytest

from grokbook.tasks.modular import Table, symmetries
from grokbook.tasks.operations import OPERATIONS, canonical_tasks

BRUTE = {
    "add": lambda a, b, p: (a + b) % p,
    "mul": lambda a, b, p: sum(a for _ in range(b)) % p,  # by repeated addition
    "sq": lambda a, b, p: (a**2 + b**2) % p,
    "sub": lambda a, b, p: next(c for c in range(p) if (c + b) % p == a),
    "x2_xy_y2": lambda a, b, p: (pow(a, 2, p) + a * b + pow(b, 2, p)) % p,
    "x3_xy": lambda a, b, p: (pow(a, 3, p) + a * b) % p,
}


def table(tasks, modulus=97, domain=None, fraction=0.5, seed=42):
    from grokbook.tasks.modular import default_domain

    tasks = canonical_tasks(tasks)
    return Table.make(tasks, modulus, domain or default_domain(tasks), fraction, seed)


@pytest.mark.parametrize("task", OPERATIONS)
@pytest.mark.parametrize("modulus", [7, 23, 97])
def test_labels_by_brute_force(task, modulus):
    t = table([task], modulus)
    expected = [BRUTE[task](int(a), int(b), modulus) for a, b in t.pairs]
    assert t.labels[:, 0].tolist() == expected


@pytest.mark.parametrize(
    ("tasks", "low", "pairs", "train"),
    [
        (["add"], 0, 9409, 4704),
        (["sub"], 0, 9409, 4704),
        (["sq"], 0, 9409, 4704),
        (["x2_xy_y2"], 0, 9409, 4704),
        (["x3_xy"], 0, 9409, 4704),
        (["mul"], 1, 9216, 4608),
        (["add", "mul"], 1, 9216, 4608),
        (["add", "mul", "sq"], 1, 9216, 4608),
    ],
)
def test_published_domains(tasks, low, pairs, train):
    t = table(tasks)
    assert (t.low, len(t.pairs), len(t.train), len(t.test)) == (low, pairs, train, pairs - train)
    assert sorted([*t.train, *t.test]) == list(range(pairs))


def test_rows_of_multiplication_are_permutations():
    square = table(["mul"]).labels[:, 0].reshape(96, 96)
    assert all(sorted(row) == list(range(1, 97)) for row in square)


@pytest.mark.parametrize(
    ("task", "size"), [("add", 2), ("mul", 4), ("sq", 8), ("sub", 2), ("x2_xy_y2", 4), ("x3_xy", 1)]
)
@pytest.mark.parametrize("domain", ["full", "nonzero"])
def test_twins_share_the_label_and_form_groups(task, size, domain):
    t = table([task], 23, domain)
    twins = t.twins(task)
    assert twins.shape == (len(t.pairs), size)
    assert (t.labels[twins, 0] == t.labels[:, 0, None]).all()
    for pair in range(len(t.pairs)):  # an orbit seen from any of its members is the same set
        assert all(set(twins[other]) == set(twins[pair]) for other in twins[pair])


@pytest.mark.parametrize("task", OPERATIONS)
@pytest.mark.parametrize("modulus", [7, 13])
def test_symmetries_are_all_that_keep_the_answer(task, modulus):
    def changed(a, b, swap, signs):
        a, b = (b, a) if swap else (a, b)
        return signs[0] * a % modulus, signs[1] * b % modulus

    keeping = [
        (swap, signs)
        for swap, *signs in product((False, True), (-1, 1), (-1, 1))
        if all(
            BRUTE[task](a, b, modulus) == BRUTE[task](*changed(a, b, swap, signs), modulus)
            for a in range(modulus)
            for b in range(modulus)
        )
    ]
    assert [(swap, tuple(signs)) for swap, signs in keeping] == list(symmetries([task]))


def test_leaked_by_hand():
    t = Table(("add",), 3, 0, train=np.array([1, 4]), test=np.array([0, 2, 3, 5, 6, 7, 8]))
    # trained: (0, 1) and (1, 1); only (1, 0) = pair 3 has its mirror image in training
    assert np.flatnonzero(t.leaked("add")).tolist() == [3]


def test_names():
    assert canonical_tasks("sq, mul,add") == ("add", "mul", "sq")
    with pytest.raises(ValueError, match=r"unknown task 'x2_y2' \(did you mean sq\?\)"):
        canonical_tasks(["x2_y2"])
    with pytest.raises(ValueError, match="twice"):
        canonical_tasks(["add", "add"])
    with pytest.raises(ValueError, match="no task given"):
        canonical_tasks([])


@pytest.mark.parametrize(
    ("tasks", "modulus", "domain", "says"),
    [
        (("add", "foo"), 23, "nonzero", "unknown task 'foo'"),
        (("add",), 23, "nonzer", "nonzer"),
        ((), 23, "nonzero", "no task"),
        (("mul",), 22, "nonzero", "22"),
    ],
)
def test_a_table_that_cannot_be_is_refused(tasks, modulus, domain, says):
    with pytest.raises(ValueError, match=says):
        Table.make(tasks, modulus, domain, 0.5, 1)


def test_a_table_keeps_the_order_in_which_heads_are_named():
    assert Table.make(("mul", "add"), 7, "nonzero", 0.5, 1).labels[8].tolist() == [6, 5]
    assert Table.make(("mul", "add"), 7, "nonzero", 0.5, 1).labels[1].tolist() == [2, 3]

"""Orders of tasks: the published counts, and chances by dealing out every run's steps."""

import itertools
import math

import pytest
from scipy import stats

from grokbook.statistics import order_test
from grokbook.statistics.orders import chance_of_sum
from tests.statistics.published import tri_runs

ORDER = ("mul", "sq", "add")


def test_the_published_counts():
    """MT-08 [V]: strict 3/3 at λ = 1 and 6/15 in all, weak 9/15, mul first or tied 14/15."""
    strong, every = order_test(tri_runs(1.0), ORDER), order_test(tri_runs(), ORDER)
    assert (strong.strict.runs, strong.n) == (3, 3)
    assert (every.strict.runs, every.weak.runs, every.n) == (6, 9, 15)
    assert every.first_or_tied.runs == 14
    assert strong.strict.p == pytest.approx(1 / 6**3)
    assert strong.caution == "only 3 runs" and every.caution == ""


def test_sq_is_published_last_in_five_of_nine():
    late = order_test(tri_runs(0.3, 0.2, 0.1), ("mul", "add", "sq"))
    assert (late.last.runs, late.n) == (5, 9)


STATEMENTS = {
    "strict": lambda s: s[0] < s[1] < s[2],
    "weak": lambda s: s[0] <= s[1] <= s[2],
    "first": lambda s: s[0] < s[1] and s[0] < s[2],
    "first_or_tied": lambda s: s[0] <= s[1] and s[0] <= s[2],
    "last": lambda s: s[2] > s[0] and s[2] > s[1],
}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_chances_by_dealing_every_run(statement):
    runs = [(1, 2, 3), (1, 1, 2), (5, 5, 5), (2, 7, math.inf)]
    named = {
        str(k): {t: None if s == math.inf else s for t, s in zip("abc", run, strict=True)}
        for k, run in enumerate(runs)
    }
    says = STATEMENTS[statement]
    found = getattr(order_test(named, "abc"), statement)
    assert found.runs == sum(map(says, runs))
    counts = [
        sum(map(says, dealt)) for dealt in itertools.product(*map(itertools.permutations, runs))
    ]
    assert found.p == pytest.approx(sum(c >= found.runs for c in counts) / len(counts))
    assert found.expected == pytest.approx(sum(counts) / len(counts))


def test_runs_without_ties_are_binomial():
    up, down = {"a": 1, "b": 2, "c": 3}, {"a": 3, "b": 2, "c": 1}
    runs = {str(k): up if k < 7 else down for k in range(12)}
    found = order_test(runs, "abc")
    assert found.strict.p == pytest.approx(stats.binom.sf(6, 12, 1 / 6))
    assert found.first.p == pytest.approx(stats.binom.sf(6, 12, 1 / 3))
    assert found.majority == (("a", "b", "c"), 7)


def test_a_sum_of_unequal_coins():
    chances = [0.1, 0.5, 0.9, 0.3]
    for count in range(-1, 6):
        brute = sum(
            math.prod(p if x else 1 - p for p, x in zip(chances, coins, strict=True))
            for coins in itertools.product([0, 1], repeat=4)
            if sum(coins) >= count
        )
        assert chance_of_sum(count, chances) == pytest.approx(brute)


def test_tasks_that_never_grok_come_last():
    runs = {
        "a": {"x": 100, "y": None},
        "b": {"x": None, "y": None},
        "c": {"x": None, "y": 300},
        "d": {"x": 200, "y": 200},
    }
    found = order_test(runs, ["x", "y"])
    assert (found.n, found.censored, found.left_out) == (3, 2, ("b",))
    assert (found.strict.runs, found.weak.runs, found.first_or_tied.runs) == (1, 2, 2)
    tied = order_test({"d": runs["d"]}, ["x", "y"])
    assert tied.majority == ((), 0) and tied.strict.p == 1.0 and tied.caution == "one run"


@pytest.mark.parametrize("runs", [{"a": {"x": None, "y": None}}, {}])
def test_where_nothing_groks_nothing_is_counted_and_nothing_is_unlikely(runs):
    found = order_test(runs, ["x", "y"])
    assert (found.n, found.left_out, found.majority) == (0, tuple(runs), ((), 0))
    assert (found.strict.runs, found.strict.expected, found.strict.p) == (0, 0, 1.0)
    assert found.caution == "no run groks"


@pytest.mark.parametrize(
    ("runs", "order", "says"),
    [
        ({"a": {"x": 1, "y": 2}}, ["x"], "two to seven"),
        ({"a": {"x": 1, "y": 2}}, ["x", "x"], "each once"),
        ({"a": {"x": 1, "z": 2}}, ["x", "y"], "run a"),
    ],
)
def test_what_has_no_order_is_refused(runs, order, says):
    with pytest.raises(ValueError, match=says):
        order_test(runs, order)

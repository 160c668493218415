"""The registry is whole, and refuses what is not a claim."""

import numpy as np
import pytest

from grokbook.claims.registry import claims, parse

ENTRY = """
- {id: MT-99, paper: "1", where: here, kind: exact, statement: s, n: 1, published: {}, test: t}
"""


def test_the_claims_of_the_first_chapter_are_there():
    found = claims("multitask")
    assert list(found) == ["MT-02", "MT-03", "MT-05", "MT-06", "MT-07", "MT-08", "MT-09"]
    assert all(claim.paper == "2602.18523" for claim in found.values())


def test_published_numbers_agree_with_each_other():
    """The means are those of the seeds, the gaps those of the steps: no slip in copying."""
    found = claims("multitask")
    seeds = {
        task: found[name].at(1.0)["seeds"] for task, name in (("add", "MT-02"), ("mul", "MT-03"))
    }
    for task, name in (("add", "MT-02"), ("mul", "MT-03")):
        steps = list(seeds[task].values())
        at = found[name].at(1.0)
        assert at["mean"] == pytest.approx(np.mean(steps), abs=1)
        assert at["sd"] == pytest.approx(np.std(steps), abs=1)  # the published sd has ddof 0
    gaps = found["MT-05"].at(1.0)
    assert gaps["seeds"] == {s: seeds["add"][s] - seeds["mul"][s] for s in (42, 137, 2024)}
    assert gaps["mean"] == np.mean(list(gaps["seeds"].values()))
    assert found["MT-09"].at(1.0)["seeds"][42] == gaps["seeds"][42]
    tri, means = found["MT-06"].at(1.0)["seeds"], found["MT-07"].at(1.0)
    for task, at in means.items():
        steps = [tri[seed][task] for seed in tri]
        assert at["mean"] == pytest.approx(np.mean(steps), abs=40)  # steps are given to 100
        assert at["sd"] == pytest.approx(np.std(steps), abs=40)
    order = found["MT-08"].published
    strict = sum(s["mul"] < s["sq"] < s["add"] for s in tri.values())
    assert order["values"][1.0] == {"strict": strict, "n": len(tri)}
    rows = [s for at in found["MT-06"].published["values"].values() for s in at["seeds"].values()]
    assert order["overall"] == {
        "strict": sum(r["mul"] < r["sq"] < r["add"] for r in rows),
        "weak": sum(r["mul"] <= r["sq"] <= r["add"] for r in rows),
        "first_or_tied": sum(r["mul"] == min(r.values()) for r in rows),
        "n": len(rows),
    }


def test_means_without_seeds_are_as_published():
    """Nothing to check them against but the paper (2602.18523, Table 1)."""
    means = {
        name: {decay: at["mean"] for decay, at in claims()[name].published["values"].items()}
        for name in ("MT-02", "MT-03", "MT-05")
    }
    assert means == {
        "MT-02": {1.0: 13_333, 0.5: 16_267, 0.3: 28_467, 0.2: 45_167, 0.1: 97_967},
        "MT-03": {1.0: 13_133, 0.5: 16_200, 0.3: 28_267, 0.2: 45_067, 0.1: 98_833},
        "MT-05": {1.0: 200, 0.5: 67, 0.3: 200, 0.2: 100, 0.1: -866},
    }


def test_what_is_not_a_claim_is_refused():
    assert parse(ENTRY)["MT-99"].kind == "exact"
    with pytest.raises(ValueError, match="unknown kind 'guess'"):
        parse(ENTRY.replace("exact", "guess"))
    with pytest.raises(ValueError, match="unknown or missing field: colour"):
        parse(ENTRY.replace("n: 1", "n: 1, colour: red"))
    with pytest.raises(ValueError, match="twice"):
        parse(ENTRY + ENTRY)

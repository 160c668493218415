"""A criterion is refused, by name, if it does not say clearly what decides."""

import math
import re

import pytest

from grokbook.claims.criteria import Absence, Count, Magnitude, Ordering, criterion

BASE = {"series": "s", "by": ["decay"], "cells": [1.0]}


def test_names_are_text_and_lists_are_tuples():
    found = criterion("absence", {**BASE, "below": 2})
    assert found == Absence(series="s", by=("decay",), cells=("1.0",), below=2)
    assert found.least_seeds == 8 and found.control == {}


@pytest.mark.parametrize(
    ("given", "target", "region"),
    [
        ({"relative": 0.25}, 40, (30, 50)),
        ({"relative": 0.25}, -40, (-50, -30)),
        ({"absolute": 5}, -1, (-6, 4)),
        ({"factor": 2}, 8, (4, 16)),
        ({"between": [1, 2]}, None, (1, 2)),
        ({"between": [None, 2]}, None, (-math.inf, 2)),
        ({"between": [0, None]}, None, (0, math.inf)),
    ],
)
def test_regions(given, target, region):
    assert criterion("magnitude", {**BASE, **given}).region(target) == region


def test_pairs_of_an_order():
    order = {"order": [1.0, 0.5, 0.1], "compare": "groups"}
    assert criterion("ordering", {**BASE, **order}).pairs() == [("1.0", "0.5"), ("0.5", "0.1")]
    first = criterion("ordering", {**BASE, **order, "first": True})
    assert first.pairs() == [("1.0", "0.5"), ("1.0", "0.1")]


@pytest.mark.parametrize(
    ("kind", "given", "said"),
    [
        ("guess", {}, "unknown kind 'guess'; kinds: exact, count"),
        ("absence", {"below": 1, "above": 2}, "absence has no field 'above'; known: series, by"),
        ("absence", {}, "absence needs below"),
        ("absence", {"below": 0}, "below must be above 0, not 0"),
        ("absence", {"below": True}, "below must be above 0, not True"),
        ("absence", {"below": 1, "by": "decay"}, "by must be a list, not 'decay'"),
        ("absence", {"below": 1, "cells": ["a/b"]}, "cell 'a/b' is not of the form 'decay'"),
        ("absence", {"below": 1, "least_seeds": 3}, "least_seeds must be an integer of at least 4"),
        ("absence", {"below": 1, "least_seeds": True}, "not True"),
        ("absence", {"below": 1, "control": {"c": "maybe"}}, "control 'c' must be holds or fails"),
        ("magnitude", {}, "give one of relative, absolute, factor, between; given: none"),
        ("magnitude", {"relative": 1, "factor": 2}, "given: relative, factor"),
        ("magnitude", {"absolute": -1}, "absolute must be above 0, not -1"),
        ("magnitude", {"factor": 1}, "factor must be above 1, not 1"),
        ("magnitude", {"between": [2, 1]}, "between must be two ascending ends, not [2, 1]"),
        ("magnitude", {"between": [1, 2, 3]}, "between must be two ascending ends"),
        ("count", {"above": 0}, "give one of at_least and at_most"),
        ("count", {"above": 0, "at_least": 1, "at_most": 1}, "give one of at_least and at_most"),
        ("count", {"above": 0, "at_least": 85}, "at_least must lie in [0, 1], not 85"),
        ("count", {"above": 0, "at_most": 1, "chance": 0.5}, "chance goes with at_least"),
        ("count", {"at_least": 1}, "give above or below"),
        ("count", {"at_least": 1, "above": math.nan}, "above must be a number, not nan"),
        ("ordering", {"order": ["a"], "compare": "runs"}, "two items or more"),
        ("ordering", {"order": ["a", "a"], "compare": "runs"}, "each once"),
        ("ordering", {"order": ["a", "b"], "compare": "both"}, "must be runs or groups"),
        ("ordering", {"order": ["a", "b"], "compare": "runs"}, "give one of at_least and at_most"),
        (
            "ordering",
            {"order": ["a", "b"], "compare": "groups", "at_least": 1},
            "at_least is for an order within runs",
        ),
        (
            "ordering",
            {"order": ["a", "b"], "compare": "groups", "ties": True},
            "ties is for an order within runs",
        ),
        ("ordering", {"order": ["a", "b"], "compare": "groups", "cells": []}, "needs cells"),
    ],
)
def test_what_does_not_decide_is_refused(kind, given, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        criterion(kind, {**BASE, **given})


@pytest.mark.parametrize("kind", [Count, Magnitude, Ordering, Absence])
def test_criteria_do_not_change(kind):
    fields = {
        Count: {"above": 0, "at_least": 1},
        Magnitude: {"relative": 1},
        Ordering: {"order": ("a", "b"), "compare": "groups"},
        Absence: {"below": 1},
    }[kind]
    with pytest.raises(AttributeError):
        kind(series="s", by=("decay",), cells=("1.0",), **fields).least_seeds = 4

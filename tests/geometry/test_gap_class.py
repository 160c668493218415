"""The class rule: each of its seven points, by hand."""

import dataclasses

import numpy as np
import pytest

from grokbook.geometry.gap_class import (
    COMPRESSION,
    FORMS,
    FUNCTIONAL,
    LEAST,
    MIXED,
    NONE,
    OWN,
    agreement,
    classify,
    counted,
    name_of,
    of_task,
)

ENDS = np.arange(100, 1100, 100)
FALLS = np.array([-1.0, -1, -1, 1, 1, 1])


def run(driving, damping=-3.0, *, forms=None, ends=ENDS, grok=200, said=FALLS, seen=FALLS):
    """A run with constant terms in all forms, or others in some."""
    each = {form: (np.full(len(ends), damping), np.full(len(ends), driving)) for form in FORMS}
    for form, term in (forms or {}).items():
        each[form] = (np.full(len(ends), damping), np.full(len(ends), term))
    return classify(ends, grok, each, said, seen)


@pytest.mark.parametrize(
    ("driving", "name"),
    [(3, FUNCTIONAL), (2, FUNCTIONAL), (1.9, MIXED), (1.1, MIXED), (1, COMPRESSION),
     (0, COMPRESSION), (-9, COMPRESSION)],
)  # fmt: skip
def test_thirds_of_the_damping(driving, name):
    assert run(driving).name == name
    assert run(driving, damping=3.0).name == name  # damping that opens the gap has a size, too
    assert run(driving).ratio == pytest.approx(driving / 3)


def test_windows_from_twice_to_four_times_the_grok_step():
    assert ENDS[counted(ENDS, 200)].tolist() == [400, 500, 600, 700, 800]
    assert ENDS[counted(ENDS, 250)].tolist() == [500, 600, 700, 800, 900, 1000]
    driving = np.array([9.0, 9, 9, 1, 1, 5, 5, 5, 9, 9])
    terms = {form: (np.full(10, -6.0), driving) for form in FORMS}
    found = classify(ENDS, 200, terms)
    assert (found.windows, found.ratio) == (5, pytest.approx(5 / 6))  # the median, not the mean
    assert set(found.forms.values()) == {found.name} == {FUNCTIONAL}  # by the mean it is mixed
    assert (found.low, found.high) == (pytest.approx(1 / 6), pytest.approx(5 / 6))


def test_too_few_windows_have_no_class():
    assert run(3, ends=ENDS[:7]).windows == 4 == LEAST - 1
    none = run(3, ends=ENDS[:7])
    assert none.name == NONE and np.isnan(none.ratio) and not none.stands
    assert run(3, ends=ENDS[:8]).name == FUNCTIONAL


def test_a_class_stands_in_all_four_forms():
    assert run(3).stands and run(3).name == FUNCTIONAL
    for form in FORMS:
        other = run(3, forms={form: 0.1})
        assert not other.stands
        assert other.name == (COMPRESSION if form == OWN else FUNCTIONAL)


def test_support_is_more_than_a_constant_guess():
    assert run(3).agreement == 1 and run(3).guess == 0.5 and run(3).supported
    closing = np.full(6, -1.0)
    always = run(3, said=closing, seen=closing)
    assert always.agreement == always.guess == 1 and not always.supported
    few = run(3, said=FALLS[:4], seen=FALLS[:4])
    assert np.isnan(few.agreement) and not few.supported
    assert agreement([1, 1, 1, 0, 1], [1, -1, 0, 0, 1]) == (0.4, 0.4)


def test_a_task_needs_two_thirds_of_three_runs():
    good, other = run(3), run(0)
    assert of_task([good] * 3) == FUNCTIONAL
    assert of_task([good, good, other]) == FUNCTIONAL
    assert of_task([good, good, other, other]) == NONE
    assert of_task([good, good]) == NONE
    assert of_task([other] * 5) == COMPRESSION
    assert of_task([run(1.5)] * 3) == MIXED
    unsupported = dataclasses.replace(good, guess=1.0)
    assert of_task([good, unsupported, unsupported]) == NONE
    shaky = run(3, forms={("in units", "raw"): 0.1})
    assert of_task([good, shaky, shaky]) == NONE


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: counted(ENDS, 0), "positive, not 0"),
        (lambda: classify(ENDS, 200, {OWN: (ENDS, ENDS)}), "printed preconditioned is missing"),
        (lambda: run(3, damping=0.0), "T2 is 0"),
        (lambda: classify(ENDS, 200, dict.fromkeys(FORMS, (ENDS, ENDS[1:]))), r"\(10,\)"),
        (lambda: run(3, said=FALLS[:3]), "3 predictions do not go with 6"),
        (lambda: of_task([]), "needs runs"),
    ],
)
def test_what_has_no_class_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_no_number_no_class():
    assert name_of(float("nan")) == NONE

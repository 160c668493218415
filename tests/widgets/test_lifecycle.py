"""Passages, the turn and its sentences, and the sixth chapter's explorable without a browser."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import traitlets as t

from explorable_harness import page_html, small_passages, synthetic_passage
from grokbook.widgets import EdgeLifecycle, turn_sentence
from grokbook.widgets.lifecycle import _telling, in_order
from grokbook.widgets.passages import BARS, FORMS
from grokbook.widgets.turns import AT, HALF, LATE, LATER, Turn, surviving

STATIC = Path(__file__).parents[2] / "grokbook" / "widgets" / "static"


@pytest.fixture(scope="module")
def passage():
    return synthetic_passage()


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("steps", lambda s: s[::-1], "steps must be two or more steps that increase"),
        ("ends", lambda s: s[:1], "ends must be two or more steps that increase"),
        ("ablated", lambda s: s[::-1], "ablated must increase"),
        ("accuracy", lambda a: a[1:], r"accuracy must be \(42,\), got \(41,\)"),
        ("chance", lambda a: a[:, :1], r"chance must be \(39, 2\), got \(39, 1\)"),
        ("curves", lambda a: a[:, :3], r"curves must be \(8, 4, 2, 17\), got \(8, 3, 2, 17\)"),
        ("marks", lambda a: a[1:], r"marks must be \(8, 4, 2\)"),
        ("shares", lambda s: {"published": s["published"]}, "shares must have published, less"),
        ("shares", lambda s: {k: v[1:] for k, v in s.items()}, r"each of shares must be \(39, 4\)"),
        (
            "changes",
            lambda c: {k: v[:1] for k, v in c.items()},
            r"each of changes must be \(2, 8\)",
        ),
        ("unit", lambda _: 700, "a run that groks counts time by its own grok step"),
    ],
)
def test_what_does_not_fit_together_is_refused(passage, name, change, reason):
    with pytest.raises(ValueError, match=f"passage 'seed 42': {reason}"):
        replace(passage, **{name: change(getattr(passage, name))})


def codes(data, shape):
    """Shares as the page reads them."""
    raw = np.frombuffer(data, "<u2").astype(float)
    return np.where(raw == 65535, np.nan, raw / 65534).reshape(shape)


def test_packed_bytes_hold_the_numbers(passage):
    packed, n = passage.packed(), len(passage.ends)
    flat = codes(packed["shares"], -1)
    for k, form in enumerate(FORMS):
        found = flat[4 * n * k : 4 * n * (k + 1)].reshape(n, 4)
        assert found == pytest.approx(passage.shares[form], abs=1e-5)
    assert flat[8 * n :].reshape(n, 2) == pytest.approx(passage.chance, abs=1e-5)
    assert codes(packed["cosines"], (2, 3, n, 4))[1] == pytest.approx(
        passage.cosines["less decay"], abs=1e-5
    )
    changes = np.frombuffer(packed["changes"], "<f4")
    a = len(passage.ablated)
    last = BARS.index("learned, equal distance")
    assert changes[2 * a * last] == pytest.approx(passage.changes["learned, equal distance"][0, 0])
    assert changes[2 * a * len(BARS) : -a] == pytest.approx(passage.removed)
    assert changes[-a:] == pytest.approx(passage.alone)
    sizes = np.frombuffer(packed["sizes"], "<f4")
    assert np.isnan(sizes[16]) and sizes[15] == pytest.approx(8.0)
    assert sizes[-2:].tolist() == [2.0, 8.0]
    along = codes(packed["along"], -1)
    assert along[0] == pytest.approx(0.98, abs=1e-5) and np.isnan(along[16])
    assert np.frombuffer(packed["probes"], "<f4")[:a] == pytest.approx(passage.probes["linear"][0])


def test_without_decay_nothing_is_taken_away():
    still = synthetic_passage(grok=None, weight_decay=0.0, unit=600)
    n = len(still.ends)
    assert np.isnan(codes(still.packed()["shares"], -1)[4 * n : 8 * n]).all()


# --- the turn


def test_the_turn_is_read_at_multiples_of_the_grok_step(passage):
    found = Turn.of(passage)
    assert found.shares == {HALF: 0.97, AT: 0.05, LATER: 0.05, LATE: 0.97}
    assert (found.first, found.back, found.start, found.inside) == (600, 1_800, 0.9, False)
    assert Turn.of(synthetic_passage(back=100.0)).back is None
    assert not Turn.of(passage, "less decay").turned
    assert Turn.of(synthetic_passage(left=True), "less decay").first == 600
    second = Turn.of(passage, direction=2)
    assert second.shares[AT] == 0.5 and not second.turned
    inside = replace(passage, chance=np.stack([passage.chance[:, 0], 1 + passage.chance[:, 1]], 1))
    assert Turn.of(inside).inside is True


def test_a_run_too_short_for_a_multiple_has_no_share_there():
    found = Turn.of(synthetic_passage(grok=1_000))
    assert found.shares[LATER] == 0.05 and np.isnan(found.shares[LATE])
    lost = Turn.of(synthetic_passage(grok=None))
    assert np.isnan(list(lost.shares.values())).all() and lost.first == 4_000


def test_a_turn_is_looked_for_in_every_full_window_whenever_the_run_groks(passage):
    late = passage.shares["published"].copy()
    late[:, 0] = np.where(passage.ends >= 3_000, 0.1, 0.9)
    for grok in (100, 600):
        found = replace(passage, grok=grok, unit=grok)
        found = Turn.of(replace(found, shares=passage.shares | {"published": late}))
        assert (found.first, found.back) == (3_000, None)
    early = passage.shares["published"].copy()
    early[:, 0] = np.where(passage.ends < 500, 0.1, 0.9)  # two to four updates are no window
    assert not Turn.of(replace(passage, shares=passage.shares | {"published": early})).turned


# --- sentences


def test_what_is_said_of_one_run_that_groks(passage):
    assert turn_sentence([passage]) == (
        "The first direction turns to decay at the grok step, and back to the gradient later. In "
        "the run that groks the gradient makes 97 % half-way to the grok step, 5 % at it "
        "and 97 % at 6.7 times it, of the squared movements along the first direction, its own and "
        "weight decay's."
    )
    assert turn_sentence([passage], control=True) == (
        "Without the path that decay alone takes the initial weights on, nothing is left of the "
        "turn; the gradient then makes 94 % at the grok step; no run on random labels is here yet "
        "to say whether that needs understanding."
    )


def test_what_is_said_of_several(passage):
    others = small_passages()
    plain = turn_sentence(others)
    assert "In both runs that grok the gradient makes 97 % half-way" in plain
    assert "at 6.7 times it (median), of the squared movements along the first" in plain
    assert turn_sentence(others, control=True) == (
        "Without the path that decay alone takes the initial weights on, none of 2 turns remain; "
        "the gradient then makes 94 % at the grok step (median); one more run turns, on labels "
        "that are random and leave nothing to understand."
    )
    remains = [synthetic_passage(left=True), *others[1:3]]
    remains += [replace(others[3], seed=s) for s in (42, 137)]
    said = turn_sentence(remains, control=True)
    assert "1 of 2 turns remains;" in said
    assert "; 2 of 2 others turn, on labels that are random and leave nothing to " in said


def test_a_small_start_is_told_by_how_many_of_it_turn(passage):
    """Where there is less of a start to decay, a turn that is the start's does not come."""
    small = replace(passage, init_scale=0.25, plain=False, setting="λ = 1, initial weights × 0.25")
    gradient = {form: np.ones_like(shares) for form, shares in small.shares.items()}
    still = [replace(small, seed=seed, shares=gradient) for seed in (42, 137, 2024)]

    def told(*small):
        return turn_sentence([passage, *small], control=True).partition("needs understanding.")[2]

    assert told(*still) == " From 0.25 times the initial weights, none of 3 runs that grok turns."
    assert told(small, *still[1:]).endswith(" 1 of 3 runs that grok turns, at step 600.")
    assert told(small, replace(small, seed=137), still[2]).endswith(
        "2 of 3 runs that grok turn, at step 600."
    )
    later = replace(small, seed=137, ends=small.ends + 100)
    assert told(small, later).endswith("2 of 2 runs that grok turn, at step 600 and 700.")
    assert told(small).endswith(" the run that groks turns, at step 600.")
    assert told(still[0]).endswith(" the run that groks does not turn.")
    assert told(replace(small, grok=None, unit=600)) == ""


def test_a_turn_that_keeps_to_one_step_is_told_from_one_that_keeps_to_the_grok_step(passage):
    own = "The first direction turns to decay at the grok step, and back to the gradient later. In "
    assert turn_sentence([passage]).startswith(own)
    same = [passage, replace(passage, seed=137), replace(passage, seed=2024)]
    assert turn_sentence(same).startswith(own)  # of equal grok steps nobody can tell
    later = synthetic_passage(grok=1_000)
    assert Turn.of(later).first == 1_000
    assert turn_sentence([passage, later]).startswith(own)
    fixed = replace(passage, grok=1_000, unit=1_000)
    assert turn_sentence([passage, fixed]).startswith(
        "The first direction turns to decay at step 600, whether the run groks at step 600 or at "
        "1,000, and back to the gradient later. In both"
    )
    slower = replace(fixed, grok=3_000, unit=3_000, ends=fixed.ends + 100)
    assert turn_sentence([passage, slower]).startswith(
        "The first direction turns to decay between steps 600 and 700, whether the run groks at "
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"back": 100.0}, "The first direction turns to decay and stays there. "),
        ({"grok": 1_000}, "The first direction turns to decay at the grok step. "),
        ({"back": 1.0}, "The first direction does not turn to decay at the grok step. "),
    ],
)
def test_the_answer_follows_the_data(change, said):
    assert turn_sentence([synthetic_passage(**change)]).startswith(said)


def test_a_turn_that_only_the_control_has_does_not_survive(passage):
    swapped = dict(zip(FORMS, reversed([passage.shares[form] for form in FORMS]), strict=True))
    late = replace(passage, shares=swapped)  # turns only where the path of decay is taken away
    assert surviving([late]) == (0, 0) and surviving([late, passage]) == (1, 0)
    remains = synthetic_passage(left=True)
    assert surviving([late, remains, passage]) == (2, 1)
    assert "1 of 2 turns remains" in turn_sentence([late, remains, passage], control=True)


def test_without_a_turn_there_is_nothing_to_explain():
    still = synthetic_passage(back=1.0)
    assert turn_sentence([still], control=True).startswith(
        "No run here turns to decay, so there is nothing to explain; "
    )
    none = [synthetic_passage(grok=None, weight_decay=0.0)]
    for control in (False, True):
        assert turn_sentence(none, control) == (
            "No run with weight decay groks here, so there is no turn to speak of."
        )


# --- the widget


def test_it_opens_on_a_run_that_groks_and_knows_its_twin():
    passages = small_passages()
    explorable = EdgeLifecycle(passages[::-1], {"random": "not here"})
    assert [p["run"] for p in explorable.passages] == [p.run_id for p in in_order(passages)]
    assert [p["setting"] for p in explorable.passages] == [
        "λ = 1", "λ = 1", "λ = 0", "λ = 1, random labels",
    ]  # fmt: skip
    assert explorable.run == 0 and explorable.passages[0]["grok"] == 600
    assert explorable.twins == [3, -1, -1, -1]
    assert explorable.frames[explorable.frame] == 1_000  # read by all views, and next to 900
    assert explorable.notes["random"] == "not here" and explorable.notes["measured"]
    assert explorable.sentences["control"] == turn_sentence(passages, control=True)


@pytest.mark.parametrize(
    ("ablated", "swept", "step"),
    [
        ((600, 4_000), (600, 1_000), 600),
        ((600, 1_000), (), 1_000),
        ((), (), 900),
        ((1,), (2,), 900),
    ],
)
def test_it_opens_where_all_views_read_one_step(ablated, swept, step):
    seen = SimpleNamespace(ablated=ablated, swept=swept, unit=600, last_step=4_000)
    assert _telling(seen) == step


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(ValueError, match="EdgeLifecycle needs at least one passage"):
        EdgeLifecycle([])
    for trait, value in (("run", 4), ("frame", 999), ("direction", 5), ("direction", 0)):
        with pytest.raises(t.TraitError, match=trait):
            EdgeLifecycle(small_passages(), **{trait: value})


def test_a_page_with_all_declared_runs_stays_small():
    """Five seeds at four weight decays, and three controls of three seeds, to the budget."""
    seeds = (42, 137, 2024, 1, 2)
    runs = [
        synthetic_passage(seed, weight_decay=decay, last=10_000, grok=600 if decay else None)
        for seed in seeds
        for decay in (0.0, 0.5, 1.0, 2.0)
    ]
    runs += [
        synthetic_passage(seed, grok=None, labels="random", last=10_000, unit=600)
        for seed in seeds[:3] * 3
    ]
    assert len(page_html(EdgeLifecycle(runs)).encode()) < 1_300_000
    one = [p for p in runs if p.seed == 42][:4]
    assert len(page_html(EdgeLifecycle(one)).encode()) < 300_000


def test_modules_are_small_and_ask_for_nothing():
    for name in ("passages", "edges", "lifecycle", "panels"):
        assert (STATIC / f"{name}.js").stat().st_size <= 15_000, name
    assert "://" not in str(EdgeLifecycle._esm).replace("http://www.w3.org/2000/svg", "")
    assert "<!--" not in str(EdgeLifecycle._esm)

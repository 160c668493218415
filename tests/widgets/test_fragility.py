"""Traces, the sentences made from trials, and the fifth chapter's explorable without a browser."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import traitlets as t

from explorable_harness import (
    ARMS,
    DOSES,
    page_html,
    small_groups,
    small_trials,
    synthetic_run,
)
from grokbook.palette import decay_colour
from grokbook.statistics import Interval
from grokbook.studies.arms import OWN
from grokbook.studies.deleted_runs import gather
from grokbook.studies.deletion import Trial
from grokbook.widgets import Fragility
from grokbook.widgets.delays import _against, deletion_sentence, key_of, shift_sentence
from grokbook.widgets.traces import MOST, NORM, Trace, thinned

STATIC = Path(__file__).parents[2] / "grokbook" / "widgets" / "static"
BY_NAME = {arm.name: arm for arm in ARMS}


@pytest.fixture(scope="module")
def trials():
    return small_trials()


@pytest.fixture(scope="module")
def trace(trials):
    return Trace.of(trials.plain[0], 0)


@pytest.fixture
def explorable():
    return Fragility(small_groups(), DOSES, ARMS)


# --- traces


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"steps": np.array([0])}, "steps must be two or more that increase"),
        ({"steps": np.zeros(2)}, "steps must be two or more that increase"),
        ({"norm": np.ones(3)}, r"norm must be \(\d+,\), got \(3,\)"),
        ({"grok": 99_999}, "it cannot grok at 99999, for it ends at 11000"),
        ({"dose": 0.5}, "arm '' and dose 0.5 do not go together"),
        ({"arm": OWN}, "arm 'own' and dose 0 do not go together"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(trace, change, reason):
    with pytest.raises(ValueError, match=rf"^trace 'add \+ mul, seed 42': {reason}"):
        replace(trace, **change)


@pytest.mark.parametrize(("name", "bad"), [("accuracy", 1.5), ("norm", -1.0), ("norm", 1e4)])
def test_values_out_of_range_are_refused(trace, name, bad):
    values = getattr(trace, name).copy()
    values[3] = bad
    with pytest.raises(ValueError, match="must lie between 0 and"):
        replace(trace, **{name: values})


def test_the_accuracy_is_that_of_the_worst_task(trials):
    run = synthetic_run(42, 9000)
    run.record.metrics["test_accuracy_add"] = 0.25
    found = Trace.of(Trial(run), 0)
    rows = run.record.metrics.set_index("step").loc[found.steps]
    both = rows[["test_accuracy_add", "test_accuracy_mul"]]
    assert np.array_equal(found.accuracy, both.min(axis=1))
    assert found.grok is None and found.end == 11_000


def test_packed_bytes_are_the_values(trace):
    raw = trace.packed()
    assert np.array_equal(np.frombuffer(raw["steps"], "<u4"), trace.steps)
    accuracy, norm = np.frombuffer(raw["curves"], "<u2").reshape(2, -1)
    assert accuracy / 65_534 == pytest.approx(trace.accuracy, abs=1e-5)
    assert norm / NORM == pytest.approx(trace.norm, abs=0.5 / NORM + 1e-9)
    assert (raw["grok"], raw["end"], raw["decay"], raw["seed"]) == (9000, 9000, 1.0, 42)
    assert raw["ink"] == [decay_colour(1.0), decay_colour(1.0, dark=True)]
    plain = {key: value for key, value in raw.items() if not isinstance(value, bytes)}
    assert json.loads(json.dumps(plain)) == plain


def test_long_runs_are_thinned_evenly_and_keep_what_matters():
    steps = np.arange(0, 60_001, 100)
    kept = steps[thinned(steps, 33_300)]
    assert len(kept) <= MOST + 2 and kept[-1] == 60_000 and 33_300 in kept
    gaps = set(np.diff(kept[kept < 33_000]))
    assert len(gaps) == 1
    assert steps[thinned(steps[:10], None)].tolist() == steps[:10].tolist()


# --- sentences

NOISE = "the same run twice differs by up to 10 %."


def test_what_is_said_of_a_dose(trials):
    assert deletion_sentence(trials, 0.07) == (
        f"With 7 % deleted, 3 of 3 runs grok later than their plain runs, and the mean is 93 % "
        f"later; {NOISE}"
    )
    assert deletion_sentence(trials, 0.03).startswith("With 3 % deleted, 2 of 3 runs grok later")
    assert deletion_sentence(trials, 0.25) == (
        f"With 25 % deleted, 1 of 2 runs did not grok before they were cut off; of the others "
        f"each groks 200 % later than its plain run; {NOISE}"
    )
    assert deletion_sentence(trials, 0.5) == (
        "No run with 50 % deleted is here yet; the plain runs grok at 7,000 to 9,000 steps, and "
        f"{NOISE}"
    )


def alone(trials, seed, arm=OWN):
    """One seed's runs and nothing else."""
    chosen = tuple(trial for trial in trials.plain if trial.seed == seed)
    deleted = tuple(trial for trial in trials.deleted if trial.seed == seed)
    return replace(trials, plain=chosen, again=(), deleted=deleted)


def test_what_is_said_of_one_seed(trials):
    one = alone(trials, 42)
    unknown = "no run was carried out twice, so the same-seed noise is not known."
    assert deletion_sentence(one, 0.07) == (
        "With 7 % deleted, the one run at hand groks 100 % later than its plain run; " + unknown
    )
    assert deletion_sentence(one, 0.25) == (
        "With 25 % deleted, the one run at hand was cut off, still waiting, 167 % later than its "
        "plain run; " + unknown
    )
    early = alone(trials, 2024)
    assert "groks 5 % earlier than its plain run" in deletion_sentence(early, 0.03)
    assert shift_sentence(one, BY_NAME["update"], 0.07) == (
        "On the update (deleted from the Adam step instead): 90 points earlier than the published "
        "deletion in one seed, which gives no interval."
    )
    open_end = alone(trials, 2024)
    assert shift_sentence(open_end, BY_NAME["update"], 0.07).endswith(
        ": in the one seed only the published deletion groks before its budget ends."
    )


def test_what_is_said_where_no_plain_run_groks():
    never = gather(
        [synthetic_run(42, None, last=9000)],
        ARMS,
        lambda config: [],
        lambda config: [synthetic_run(42, 8000, ARMS[0], 0.07)],
    )
    assert "no plain run groks" in deletion_sentence(never, 0.07)
    assert deletion_sentence(never, 0.5).startswith("No run with 50 % deleted is here yet; no run")


def test_what_is_said_of_a_control(trials):
    assert shift_sentence(trials, BY_NAME["update"], 0.07) == (
        "On the update (deleted from the Adam step instead): of 3 seeds in 2 both runs grok, in 1 "
        "only the published deletion groks before its budget ends, so no mean is told."
    )
    both = replace(trials, plain=trials.plain[:2])
    assert shift_sentence(both, BY_NAME["update"], 0.07) == (
        "On the update (deleted from the Adam step instead): 70 points earlier than the published "
        "deletion [−324, 184; 2 seeds], and its interval reaches into the same-seed noise."
    )
    cut = [synthetic_run(s, None, BY_NAME["amplify"], 0.25, last=24_000) for s in (42, 137)]
    neither = replace(
        trials, deleted=(*trials.deleted, *(Trial(each, "amplify", 0.25) for each in cut))
    )
    assert shift_sentence(neither, BY_NAME["amplify"], 0.25).endswith(
        ": of 2 seeds in 1 only the published deletion groks before its budget ends, in 1 neither "
        "groks before its budget ends, so no mean is told."
    )
    assert "30 points later than the published deletion in one seed" in shift_sentence(
        trials, BY_NAME["other-seed"], 0.07
    )
    assert shift_sentence(trials, BY_NAME["amplify"], 0.07).endswith("not here yet at this dose.")
    without = replace(trials, deleted=tuple(t for t in trials.deleted if t.arm != OWN))
    assert "no published deletion is there to compare" in shift_sentence(
        without, BY_NAME["update"], 0.07
    )
    near = replace(
        trials,
        deleted=(
            *(t for t in trials.deleted if t.arm == OWN),
            Trial(synthetic_run(42, 18_300, BY_NAME["amplify"], 0.07), "amplify", 0.07),
        ),
    )
    assert "within the same-seed noise" in shift_sentence(near, BY_NAME["amplify"], 0.07)


def test_a_mean_is_within_the_noise_only_if_its_whole_interval_is():
    def against(low, high):
        return _against(10.0, Interval((low + high) / 2, low, high, 3, 0.95))

    assert against(-9, 9) == "within the same-seed noise"
    assert against(11, 20) == against(-20, -11) == "beyond the same-seed noise"
    for low, high in ((-30, 5), (-5, 30), (-30, 30)):
        assert against(low, high) == "and its interval reaches into the same-seed noise"


def test_where_every_seed_goes_one_way_a_cut_off_run_does_not_hide_it():
    plain = [synthetic_run(42, 10_000), synthetic_run(137, 8_000)]
    runs = [
        synthetic_run(42, 20_000, BY_NAME["own"], 0.07, last=24_000),
        synthetic_run(137, None, BY_NAME["own"], 0.07, last=24_000),
        synthetic_run(42, 12_500, BY_NAME["update"], 0.07, last=24_000),
        synthetic_run(137, 8_400, BY_NAME["update"], 0.07, last=24_000),
    ]
    sides = gather(plain, ARMS, lambda config: [], lambda config: runs)
    assert shift_sentence(sides, BY_NAME["update"], 0.07) == (
        "On the update (deleted from the Adam step instead): in each of 2 seeds at least 75 points "
        "earlier than the published deletion; a budget cuts 1 of these comparisons off, so no mean "
        "is told."
    )
    alone = gather(plain, ARMS, lambda config: [], lambda config: [runs[0], runs[2]])
    assert "75 points earlier than the published deletion in one seed" in (
        shift_sentence(alone, BY_NAME["update"], 0.07)
    )
    open_end = [runs[0], *runs[1:3], synthetic_run(137, None, BY_NAME["update"], 0.07, last=24_000)]
    assert "so no mean is told" in (
        shift_sentence(
            gather(plain, ARMS, lambda config: [], lambda config: open_end), BY_NAME["update"], 0.07
        )
    )


# --- the widget


def test_it_holds_every_run_and_what_is_said_of_it(explorable, trials):
    groups = explorable.groups
    assert [group["setting"] for group in groups] == ["dual, λ = 1", "tri, λ = 1"]
    assert len(explorable.traces) == len(trials.plain) + len(trials.again) + len(trials.deleted) + 1
    first = groups[0]
    assert set(first["answers"]) == {key_of(dose) for dose in DOSES}
    for dose in DOSES:
        assert first["answers"][key_of(dose)] == deletion_sentence(trials, dose)
        for arm in ARMS[1:]:
            said = first["controls"][f"{arm.name} {key_of(dose)}"]
            assert said == shift_sentence(trials, arm, dose)
    assert first["changes"]["update 7"]["mean"] is None  # one of three is a bound
    assert first["changes"]["own 7"]["mean"] == pytest.approx([93.33, 64.65, 122.02, 3], abs=0.01)
    assert first["changes"]["other-seed 7"]["mean"][1:] == [None, None, 1]
    assert first["changes"]["own 50"] == {"each": [], "mean": None}
    assert first["survival"][""] == [[7000, 8000, 9000], pytest.approx([2 / 3, 1 / 3, 0])]
    assert "own 50" not in first["survival"]
    assert first["published"] == [[0.0, 14100], [0.03, 23500], [0.1, None], [0.5, 36900]]
    assert first["missing"]["own 50"].startswith("grokbook study deletion ")
    assert groups[1]["budget"] is None and groups[1]["floor"] is None


def test_it_opens_where_there_is_most_to_see(explorable, trials):
    assert (explorable.dose, explorable.arm, explorable.control) == (0.07, "update", False)
    late = [
        Trial(synthetic_run(seed, None, ARMS[0], 0.5, last=24_000), OWN, 0.5)
        for seed in (42, 137, 2024)
    ]
    wide = replace(trials, deleted=(*trials.deleted, *late))  # as many runs, but no control
    assert Fragility([replace(small_groups()[0], trials=wide)], DOSES, ARMS).dose == 0.07
    empty = Fragility(small_groups()[1:], DOSES, ARMS)
    assert (empty.dose, empty.arm) == (0.5, "update")


def test_what_cannot_be_shown_is_refused():
    groups = small_groups()
    for wrong in (([], DOSES, ARMS), (groups, [], ARMS), (groups, DOSES, ARMS[:1])):
        with pytest.raises(ValueError, match="Fragility needs"):
            Fragility(*wrong)
    for trait, value in (("run", 9), ("frame", 999), ("dose", 0.11), ("arm", "own")):
        with pytest.raises(t.TraitError, match=trait):
            Fragility(groups, DOSES, ARMS, **{trait: value})
    explorable = Fragility(groups, DOSES, ARMS)
    with pytest.raises(t.TraitError, match="dose must be one of"):
        explorable.dose = 0.11


def test_a_page_with_all_published_runs_stays_small():
    """Three seeds, six doses and five arms to the budget."""
    runs = [synthetic_run(s, 15_000) for s in (42, 137, 2024)]
    doses = (0.01, 0.03, 0.07, 0.1, 0.25, 0.5)
    changed = [
        synthetic_run(seed, None, arm, dose, last=60_000)
        for arm in ARMS
        for dose in doses
        for seed in (42, 137, 2024)
    ]
    trials = gather(
        runs, ARMS, lambda c: [], lambda c: [r for r in changed if r.config.seed == c.seed]
    )
    assert len(trials.deleted) == 90
    group = replace(small_groups()[0], trials=trials)
    assert len(page_html(Fragility([group], doses, ARMS)).encode()) < 270_000


def test_modules_are_small_and_ask_for_nothing():
    for name in ("doses", "fragility", "panels"):
        assert (STATIC / f"{name}.js").stat().st_size <= 15_000, name
    assert "://" not in str(Fragility._esm).replace("http://www.w3.org/2000/svg", "")
    assert "<!--" not in str(Fragility._esm)

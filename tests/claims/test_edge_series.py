"""Readings of the edge that look along a run, on series of which the answer is plain."""

import math

import pytest

from grokbook.claims.readings import gather
from grokbook.claims.registry import claims
from grokbook.claims.verdicts import judge
from grokbook.instruments.runs import Missing
from grokbook.studies.declaring import change, find
from grokbook.studies.members import stages
from made_edge import Made, dyck, modular, plant, planted, read, rows_of, run

CLAIMS = claims("spectral-edge")
FIVE, THREE, TEN = "5 updates", "3 updates", "10 updates"
WITHOUT = {"weight_decay": 0.0}


# --- movement


SHARES = {200: 0.9, 700: 0.6, 800: 0.49, 1_200: 0.2, 1_600: 0.8, 2_000: 0.7}
EARLIER = {200: 0.1, 700: 0.1, 800: 0.1, 1_200: 0.6, 1_600: 0.6, 2_000: 0.4}


def moved(config, grok, shares=SHARES, **given):
    """Shares on v1 as logged, beside others that must not be read."""
    found = rows_of(
        ("gradient_share", FIVE, "uncentred", 1, shares),
        ("gradient_share", FIVE, "uncentred", 2, EARLIER),
        ("gradient_share", FIVE, "published", 1, EARLIER),
        ("gradient_share", TEN, "uncentred", 1, EARLIER),
        ("gradient_share", FIVE, "random gradient", 1, EARLIER),
    )
    return run(config, grok, found, **given)


def test_the_flip_is_the_first_window_below_half_beside_the_grok_step():
    assert read("SE-02/flip over grok", [moved(dyck(), 640)], {}) == pytest.approx(800 / 640)
    never = moved(dyck(), 640, dict.fromkeys(SHARES, 0.5))
    assert math.isnan(read("SE-02/flip over grok", [never], {}))


def test_a_flip_where_nothing_is_understood_is_beside_the_pseudo_grok_step():
    """Of runs with true labels at λ = 1, whatever their seed; others have a step of their own."""
    runs = [moved(dyck(), 600), moved(dyck(7), 1_000), moved(dyck(labels="random"), 9_000)]
    assert read("SE-02/flip over grok/random labels", runs, {}) == pytest.approx(800 / 800)
    for name, config in (
        ("small start", dyck(init_scale=0.25)),
        ("same clock", dyck(learning_rate=5e-4, weight_decay=2.0)),
    ):
        found = read(f"SE-02/flip over grok/{name}", [*runs, moved(config, 1_600)], {})
        assert found == pytest.approx(0.5)
        found = read(f"SE-02/flip over grok/{name}", [*runs, moved(config, None)], {})
        assert found == pytest.approx(800 / 800)  # one that never groks
        with pytest.raises(Missing):
            read(f"SE-02/flip over grok/{name}", runs, {})


def test_afterwards_is_from_one_and_a_half_grok_steps_on():
    """1,200 of 800: shares of 20, 80 and 70 %, those of chance 60, 60 and 40 %."""
    found = moved(dyck(), 800)
    assert read("SE-03/share after", [found], {}) == pytest.approx(100 * 1.7 / 3)
    assert read("SE-03/share after/random gradient", [found], {}) == pytest.approx(160 / 3)
    assert math.isnan(read("SE-03/share after", [moved(dyck(), 9_000)], {}))


def test_the_controls_are_runs_that_studies_train():
    trained = {
        member.blank.id
        for name in ("lifecycle", "random-labels", "small-init", "same-clock", "lifecycle-decays")
        for member in stages(change(find(name), [], 1))[-1].members
    }
    trained |= {
        member.blank.id
        for member in stages(change(find("lifecycle"), ["width=64,256"], 1))[-1].members
    }
    wanted = (
        *({}, WITHOUT, {"labels": "random"}, {"init_scale": 0.25}),
        *({"learning_rate": 5e-4, "weight_decay": 2.0}, {"weight_decay": 0.5}),
        *({"weight_decay": 2.0}, {"width": 64}, {"width": 256}),
    )
    for fields in wanted:
        assert dyck(**fields).id in trained, fields


# --- the gap


GAPS = {300: 4.0, 400: 9.0, 500: 3.0, 600: 1.0, 800: 2.0, 900: 50.0, 1_000: 5.0}
SHARE = {step: value / 100 for step, value in GAPS.items()} | {800: 0.09}
DECOY = {step: 1_000.0 - step for step in GAPS}


def gapped(config, grok, gaps=GAPS, shares=SHARE):
    """g23 of three updates, without the short window of two; others must not be read."""
    short = rows_of(("g23", THREE, "uncentred", None, {200: 1e6}), count=2)
    whole = rows_of(
        ("g23", THREE, "uncentred", None, gaps),
        ("g23_share", THREE, "uncentred", None, shares),
        ("g23", THREE, "centred", None, DECOY),
        count=3,
    )
    other = rows_of(("g23", FIVE, "uncentred", None, DECOY), count=5)
    rows = [each.rows for each in (short, whole, other)]
    return run(config, grok, merged(whole, rows))


def merged(one, frames):
    """One measurement with the rows of several."""
    from dataclasses import replace

    import pandas as pd

    return replace(one, rows=pd.concat(frames, ignore_index=True))


def test_a_decline_is_the_maximum_up_to_the_grok_step_over_the_window_there():
    """9 over 2; of shares 0.09 over 0.09; without decay up to the pseudo-grok step, 50 over 5."""
    runs = [gapped(dyck(), 800), gapped(dyck(7), 1_200), gapped(dyck(**WITHOUT), None)]
    assert read("SE-08/decline", runs, {}) == pytest.approx(4.5)
    assert read("SE-08/decline/share", runs, {}) == pytest.approx(1.0)
    for item, expected in (("1.0", 4.5), ("0.0", 10.0)):
        found = read("SE-08/log decline", runs, {"item": item})
        assert found == pytest.approx(math.log10(expected))
    found = read("SE-08/log decline/share", runs, {"item": "1.0"})
    assert found == pytest.approx(0)
    rising = gapped(dyck(), 800, {300: 1.0, 800: 5.0})
    assert read("SE-08/decline", [rising], {}) == 1  # the window at the grok step counts, too
    early = gapped(dyck(), 200)
    with pytest.raises(Missing, match="no full window of 3 updates .* by step 200"):
        read("SE-08/decline", [early], {})


def test_increases_are_counted_from_the_maximum_to_the_grok_step():
    runs = [gapped(dyck(), 800), gapped(dyck(**WITHOUT), None)]
    assert read("SE-09/increases", runs, {}) == 1  # to 800; 900 is after
    twice = gapped(dyck(), 800, {300: 9.0, 400: 1.0, 500: 2.0, 600: 1.0, 800: 2.0})
    assert read("SE-09/increases", [twice], {}) == 2
    without = gapped(dyck(**WITHOUT), None, {300: 9.0, 400: 1.0, 500: 2.0, 600: 1.0, 700: 3.0})
    assert read("SE-09/increases/pseudo-grok step", [runs[0], without], {}) == 2


def test_the_first_gap_is_counted_over_full_windows():
    one = {300: 1, 400: 1, 500: 2, 600: 1}
    whole = rows_of(
        ("k_star", THREE, "uncentred", None, one),
        ("k_star_unweighted", THREE, "uncentred", None, {300: 1, 400: 3, 500: 2, 600: 2}),
        ("k_star", THREE, "orthogonal", None, {500: 2, 1_000: 1}),
        ("k_star", FIVE, "uncentred", None, dict.fromkeys(one, 3)),
        count=3,
    )
    short = rows_of(("k_star", THREE, "uncentred", None, {200: 1}), count=2)
    runs = [run(dyck(), 800, merged(whole, [whole.rows, short.rows]))]
    cell = {"weight decay": "1.0"}
    assert read("SE-10/first", runs, cell) == pytest.approx(0.75)
    assert read("SE-10/first/unweighted", runs, cell) == pytest.approx(0.25)
    assert read("SE-10/first/orthogonal updates", runs, cell) == pytest.approx(0.5)


RATIOS = {300: 2.0, 500: 4.0, 800: 3.0, 1_300: 9.0, 1_400: 99.0}


def ratioed(config, grok, ratios=RATIOS, part=THREE, count=3, variant="uncentred"):
    return run(config, grok, rows_of(("ratio", part, variant, None, ratios), count=count))


def test_ratios_are_the_mean_up_to_the_grok_step_the_window_there_and_the_spike_about_it():
    for end, part, count in (("", THREE, 3), ("/window of five", FIVE, 5)):
        runs = [ratioed(dyck(), 800, part=part, count=count)]
        assert read(f"SE-11/ratio{end}", runs, {"phase": "early"}) == pytest.approx(3.0)
        assert read(f"SE-11/ratio{end}", runs, {"phase": "at"}) == pytest.approx(3.0)
        assert read(f"SE-11/spike{end}", runs, {}) == pytest.approx(9 / 3)
        other = "/window of five" if not end else ""
        with pytest.raises(Missing):
            read(f"SE-11/ratio{other}", runs, {"phase": "at"})
    falling = [ratioed(dyck(), 800, {300: 5.0, 500: 2.0, 800: 2.0})]
    assert read("SE-11/ratio", falling, {"phase": "early"}) == pytest.approx(3.0)
    assert read("SE-11/ratio", falling, {"phase": "at"}) == pytest.approx(2.0)
    assert read("SE-11/spike", falling, {}) == pytest.approx(5 / 3)


def test_the_queries_ratio_is_the_largest_over_layers_after_the_grok_step():
    def spectra(config, grok, top):
        found = rows_of(
            ("ratio", "0.W_Q", "", None, {800: 1.2, 900: 3.0, 10_000: top}),
            ("ratio", "1.W_Q", "", None, {800: 1.5, 900: 7.0, 10_000: 2.0}),
            ("ratio", "0.W_K", "", None, {800: 99.0, 900: 999.0}),
            instrument="weight-spectra",
        )
        return run(config, grok, found)

    runs = [spectra(dyck(), 800, 5.0), spectra(dyck(labels="random"), None, 40.0)]
    assert read("SE-46/later", runs, {}) == pytest.approx(7.0)
    assert read("SE-46/later/random labels", runs, {}) == pytest.approx(40.0)
    assert read("SE-46/at grok", runs, {}) == pytest.approx(1.5)
    with pytest.raises(Missing, match="nothing of .* after step 10000"):
        read("SE-46/later", [spectra(dyck(), 10_000, 1.0)], {})


# --- modular arithmetic


def ten(config, grok, gaps, ratios, first):
    found = rows_of(
        ("g23", TEN, "uncentred", None, gaps),
        ("g23_share", TEN, "uncentred", None, {step: 1 + g for step, g in gaps.items()}),
        ("ratio", TEN, "uncentred", None, ratios),
        ("k_star", TEN, "uncentred", None, {1_000: 2, 9_900: 2, 10_000: first}),
        ("k_star", TEN, "orthogonal", None, {10_000: 3 - first}),
        count=10,
    )
    return run(config, grok, found)


def test_declines_and_ratios_of_modular_arithmetic_end_at_three_evaluations_at_98_percent():
    gaps, ratios = {1_000: 9.0, 2_000: 3.0, 3_000: 27.0}, {1_000: 1.0, 2_000: 3.0, 3_000: 8.0}
    runs = [
        ten(modular("add"), {"0.95": 1_000, "0.98x3": 2_000}, gaps, ratios, 1),
        ten(modular("mul"), {"0.95": 1_000, "0.98x3": 3_000}, gaps, ratios, 2),
        ten(modular("add", **WITHOUT), None, gaps, ratios, 1),
        ten(modular("mul", **WITHOUT), None, gaps, ratios, 1),
    ]
    assert read("SE-49/decline", runs, {"task": "add"}) == pytest.approx(3.0)
    assert read("SE-49/decline/share", runs, {"task": "add"}) == pytest.approx(10 / 4)
    assert read("SE-49/decline", runs, {"task": "mul"}) == pytest.approx(1.0)
    log = read("SE-49/log decline", runs, {"task": "add", "item": "0.0"})
    assert log == pytest.approx(math.log10(3.0))  # up to the step of add with decay
    share = read("SE-49/log decline/share", runs, {"task": "add", "item": "1.0"})
    assert share == pytest.approx(math.log10(2.5))
    cell = {"quantity": "R", "weight decay": "1.0"}
    both = {", add": pytest.approx(2.0), ", mul": pytest.approx(4.0)}
    assert read("SE-49/R", runs, cell) == both
    assert read("SE-49/R/equal spacing", runs, cell | {"weight decay": "0.0"}) == both
    with pytest.raises(Missing, match="ten updates of 500 steps are not measured"):
        read("SE-49/R", runs, cell | {"weight decay": "0.0"})
    for task, first in (("add", 1), ("mul", 0)):
        assert read("SE-49/first", runs, {"task": task}) == first
        assert read("SE-49/first/orthogonal updates", runs, {"task": task}) == 1 - first


def test_a_run_that_was_not_trained_far_enough_to_tell_has_no_grok_step():
    never = ten(modular("add"), None, {1_000: 1.0}, {1_000: 1.0}, 1)
    with pytest.raises(Missing, match="10,000 steps of 300,000"):
        read("SE-49/decline", [never], {"task": "add"})


# --- turning, and sizes


def test_angles_are_means_over_the_run():
    found = rows_of(
        ("rotation", FIVE, "uncentred", 1, {600: 10.0, 700: 20.0}),
        ("rotation", FIVE, "uncentred", 2, {600: 40.0, 700: 60.0}),
        ("rotation", FIVE, "orthogonal", 2, {600: 1.0}),
        ("rotation_disjoint", FIVE, "uncentred", 2, {1_000: 80.0}),
        ("rotation", TEN, "uncentred", 2, {1_100: 5.0}),
        count=5,
    )
    runs, cell = [run(dyck(**WITHOUT), None, found)], {"weight decay": "0.0"}
    assert read("SE-29/angle", runs, cell | {"direction": "v1"}) == pytest.approx(15)
    assert read("SE-29/order", runs, cell | {"item": "v2"}) == pytest.approx(50)
    assert read("SE-29/order/disjoint windows", runs, cell | {"item": "v2"}) == pytest.approx(80)
    assert read("SE-29/order/orthogonal updates", runs, cell | {"item": "v2"}) == pytest.approx(1)


def test_a_move_that_makes_the_loss_smaller_is_a_change_too():
    found = rows_of(
        ("own_loss_change", "v4", "whole", None, {3_900: -0.25}),
        instrument="edge-curves",
    )
    runs = [run(dyck(**WITHOUT), None, found)]
    assert read("SE-19/own move", runs, {"item": "v4 at 0.0"}) == pytest.approx(0.25)


# --- the edge's kind


def flow(config, grok, driving, ends=range(500, 10_001, 100), **given):
    """T3 of gap 1 is so many times |T2| in every window, in all forms but those given."""
    ends, right = list(ends), {"predicted": 1.0} | given.pop("signs", {})
    signs = {step: (-1) ** (step // 500 % 2) for step in ends}  # of dg/dt, window by window
    series = [("damping", "", by, 1, dict.fromkeys(ends, -2.0)) for by in ("raw", "preconditioned")]
    for units in ("printed", "in units"):
        for by in ("raw", "preconditioned"):
            form = f"{units}, {by}"
            times = given.get(form, driving)
            series.append(("driving", "", form, 1, dict.fromkeys(ends, 2.0 * times)))
            series.append(("ratio", "", form, 1, dict.fromkeys(ends, times)))
            series += [
                (name, "", form, 2, dict.fromkeys(ends, 1e6)) for name in ("driving", "ratio")
            ]
            told = {step: right["predicted"] * sign for step, sign in signs.items()}
            series.append(("predicted", "", form, 1, told))
    series.append(("gap_change", "", "central", 1, signs))
    series.append(("gap_change", "", "next", 1, dict.fromkeys(ends, 7.0)))
    return run(config, grok, rows_of(*series, instrument="gap-flow"))


def test_a_run_is_right_if_its_class_is_the_claimed_one_stands_and_is_supported():
    cell = {"corpus": "dyck"}
    for driving, expected in ((0.5, 1.0), (0.9, 0.0), (0.1, 0.0)):  # brackets are mixed
        assert read("SE-33/right", [flow(dyck(), 800, driving)], cell) == expected
    in_units = flow(dyck(), 800, 0.5, **{"in units, preconditioned": 0.9})
    assert read("SE-33/right", [in_units], cell) == 0  # one form says otherwise
    wrong = flow(dyck(), 800, 0.5, signs={"predicted": -1.0})
    assert read("SE-33/right", [wrong], cell) == 0  # and the equation has dg/dt upside down
    for task in ("add", "mul"):  # functional
        for driving, expected in ((0.9, 1.0), (0.5, 0.0)):
            runs = [flow(modular(task), {"0.95": 1_000, "0.98x3": 9_000}, driving)]
            assert read("SE-33/right", runs, {"corpus": task}) == expected
    runs = [flow(dyck(), 800, 0.5), flow(dyck(labels="random"), None, 0.9)]
    assert read("SE-33/right/random labels", runs, cell) == 0
    runs[1] = flow(dyck(labels="random"), None, 0.5)
    assert read("SE-33/right/random labels", runs, cell) == 1


def test_driving_is_the_median_over_the_windows_that_the_rule_counts():
    """From 1,600 to 3,200 of 800, as printed; of fewer than five windows there is none."""
    runs = [
        flow(dyck(width=64), 800, 0.75),
        flow(dyck(), 800, 0.5, **{"in units, raw": 0.25, "printed, preconditioned": 9.0}),
        flow(dyck(width=256), 800, 0.25),
    ]
    for item, expected in (("64", 0.75), ("128", 0.5), ("256", 0.25)):
        assert read("SE-34/driving", runs, {"item": item}) == pytest.approx(expected)
    assert read("SE-34/driving/in units", runs, {"item": "128"}) == pytest.approx(0.25)
    steps = {1_500: 9.0, 1_600: 1.0, 2_000: 2.0, 2_500: 3.0, 3_000: 4.0, 3_200: 5.0, 3_300: 9.0}
    rows = rows_of(("ratio", "", "printed, raw", 1, steps), instrument="gap-flow")
    assert read("SE-34/driving", [run(dyck(), 800, rows)], {"item": "128"}) == pytest.approx(3)
    few = run(dyck(), 1_000, rows)  # 2,000 to 4,000 has four, and 3,300
    assert read("SE-34/driving", [few], {"item": "128"}) == pytest.approx(4)
    assert math.isnan(read("SE-34/driving", [run(dyck(), 1_500, rows)], {"item": "128"}))


def test_modular_arithmetic_is_both_tasks_at_their_own_phases():
    def responses(task, grok):
        config, step = modular(task), round(2.5 * grok / 100) * 100
        functional = planted(config, "edge-functional", (step, 10_000))
        return run(config, {"0.95": grok}, functional, planted(config, "edge", (step,)))

    runs = [responses("add", 2_000), responses("mul", 3_000)]
    ends = {"add": 5_000, "mul": 7_500}
    for quantity, times, where in (
        ("share", 100, ("gradient_share", FIVE, "uncentred", 1)),
        ("content", 1, ("content", "v1", "standardised, pair", math.nan)),
    ):
        name, *rest = where
        expected = {
            f", {task}": pytest.approx(times * plant(modular(task), name, end, *rest), rel=1e-5)
            for task, end in ends.items()
        }
        cell = {"quantity": quantity, "item": "modular"}
        assert read("SE-32/columns", runs, cell) == expected
    for end, part in (
        ("", "v1 of 20 centred"),
        ("/uncentred", "v1 of 20"),
        ("/random direction", "random"),
    ):
        expected = plant(modular("mul"), "largest", 10_000, part, "", math.nan)
        found = read(f"SE-50/largest{end}", runs, {"task": "mul"})
        assert found == pytest.approx(expected, rel=1e-5)


def test_turning_of_brackets_is_the_mean_angle_over_the_run():
    found = rows_of(("rotation", FIVE, "uncentred", 1, {600: 10.0, 2_000: 30.0}), count=5)
    cell = {"quantity": "turning", "item": "dyck"}
    assert read("SE-32/columns", [run(dyck(), 800, found)], cell) == pytest.approx(20)


# --- from readings to verdicts


SEEDS = (42, 137, 2024, 1, 2)


def verdict(name, runs):
    claim = CLAIMS[name]
    return judge(claim, gather(claim, Made(runs)).evidence)


def gaps_at(config, grok, at):
    """g23 by multiple of a grok step of 800, and the same as a share."""
    steps = dict(zip((400, 800, 2_000), at, strict=True))
    rows = ((name, FIVE, "uncentred", None, steps) for name in ("g23", "g23_share"))
    return run(config, grok, rows_of(*rows, count=5))


def test_a_gap_that_closes_without_decay_as_well_kills_the_claim():
    """SE-45: the order of phases, with runs at λ = 0 at the same multiples."""

    def five(with_decay, without):
        return [
            each
            for seed in SEEDS
            for each in (
                gaps_at(dyck(seed), 800, with_decay),
                gaps_at(dyck(seed, **WITHOUT), None, without),
            )
        ]

    judged = verdict("SE-45", five((7, 2, 1), (1, 2, 7)))
    assert judged.control == "stands" and judged.findings[-1].outcome == "holds"
    judged = verdict("SE-45", five((7, 2, 1), (7, 2, 1)))
    assert judged.control == "falls" and "without decay" in judged.why
    assert verdict("SE-45", five((1, 2, 7), (1, 2, 7))).verdict == "○"


def test_decay_that_turns_the_edge_where_nothing_is_understood_kills_the_flip():
    """SE-02: at the same step with random labels, as small as the start may be."""

    def five(flips_at):
        made = []
        for seed in SEEDS:
            at_grok = {700: 0.9, 800: 0.1}
            made.append(moved(dyck(seed), 800, at_grok))
            made.append(moved(dyck(seed, init_scale=0.25), 800, at_grok))
            same = dyck(seed, learning_rate=5e-4, weight_decay=2.0)
            made.append(moved(same, 800, at_grok))
            lost = {step: 0.1 if step >= flips_at else 0.9 for step in (700, 800, 3_000)}
            made.append(moved(dyck(seed, labels="random"), None, lost))
        return made

    late, soon = verdict("SE-02", five(3_000)), verdict("SE-02", five(800))
    (found,) = (each for each in late.findings if each.cell == "dyck" and each.value == 1)
    assert found.outcome == "holds"
    assert "random labels" not in late.why and "'random labels' it holds too" in soon.why

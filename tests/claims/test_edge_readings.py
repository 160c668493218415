"""Every reading of the edge at one step of one run is the number that its claim names."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from grokbook.claims.readings import READINGS
from grokbook.claims.registry import claims
from grokbook.instruments import phases
from grokbook.instruments.catalogue import instrument
from grokbook.instruments.runs import Missing
from grokbook.studies.lifecycle import AFTERWARDS, SWITCHED
from made_edge import GROKS, PSEUDO, Made, dyck, plant, planted, read, run

NAN = math.nan
KINDS = {
    "plain": {},
    "without": {"weight_decay": 0.0},
    "random": {"labels": "random"},
    "half": {"weight_decay": 0.5},
    "double": {"weight_decay": 2.0},
}
NEEDED = {
    "edge": (300, 400, 500, 600, 700, 800, 1_000, 1_500, 2_500, 4_000),
    "edge-ablation": (200, 400, 500, 800, 1_400, 2_000, 3_900, 5_300),
    "edge-curves": (200, 400, 500, 800, 1_400, 2_000, 3_900, 5_300, 6_000, 7_000),
    "probes": (0, 200, 500, 3_400, 3_900, 4_000, 5_000),
    "edge-functional": (300, 500, 600, 4_000, 10_000),
    "positional": (0, 500, 5_000),
    "gap-flow": (1_000, 1_500),
}
"""Steps at which a run is measured: published ones, own phases of both seeds, some of the grid."""


@pytest.fixture(scope="module")
def shelf():
    """Runs of every kind at two seeds, all measured."""

    def made(seed, kind):
        config, grok = dyck(seed, **KINDS[kind]), GROKS[seed]
        own = {round(m * grok / 100) * 100 for m in (0.5, 1, 2.5, 20 / 3)}
        found = [planted(config, name, sorted({*at, *own})) for name, at in NEEDED.items()]
        return run(config, None if kind in ("without", "random") else grok, *found)

    return Made([made(seed, kind) for seed in GROKS for kind in KINDS])


def at(quantity, step, part, variant="", rank=NAN, *, kind="plain", seed=42):
    """What was planted there."""
    return plant(dyck(seed, **KINDS[kind]), quantity, step, part, variant, rank)


def share(step, variant, **of):
    return 100 * at("gradient_share", step, "5 updates", variant, 1, **of)


def aligned(step, variant, k, **of):
    return at("alignment", step, "5 updates", variant, k, **of)


def changed(step, part="edge", variant="taken out", quantity="accuracy_change", **of):
    return at(quantity, step, part, variant, **of)


def curved(step, part, variant="exact, test", quantity="curvature", **of):
    return at(quantity, step, part, variant, **of)


def probed(step, probe, variant, part="layer 1", **of):
    return at(probe, step, part, variant, **of)


PHASE = {"pre": {"phase": "pre"}, "at": {"phase": "at"}, "post": {"phase": "post"}}
PHASE["late"] = {"phase": "late"}


def cases():
    """Key, labels, and what must be read; published steps and those of a grok step of 800."""
    yield "SE-01/share", {}, share(300, "published")
    yield "SE-01/share/logged", {}, share(300, "uncentred")
    yield "SE-01/share before", {}, share(400, "uncentred")
    yield "SE-01/share before/random gradient", {}, share(400, "random gradient")
    yield "SE-02/share", {}, share(600, "published")
    yield "SE-02/share/logged", {}, share(600, "uncentred")
    yield "SE-02/share/own phases", {}, share(800, "published")
    for phase, step, own in (("post", 1_500, 2_000), ("late", 4_000, 5_300)):
        yield "SE-03/share", PHASE[phase], share(step, "published")
        yield "SE-03/share/logged", PHASE[phase], share(step, "uncentred")
        yield "SE-03/share/own phases", PHASE[phase], share(own, "published")
    for k in (1, 3, 4):
        along = {"direction": f"v{k}"}
        yield "SE-04/alignment", along, aligned(600, "published", k)
        yield "SE-04/alignment/logged", along, aligned(600, "uncentred", k)
        yield "SE-04/alignment/own phases", along, aligned(800, "published", k)
        yield (
            "SE-04/alignment/random labels",
            along,
            aligned(PSEUDO, "published", k, kind="random"),
        )
    yield "SE-05/alignment", {}, aligned(800, "uncentred", 1)
    yield "SE-05/alignment/random labels", {}, aligned(PSEUDO, "uncentred", 1, kind="random")
    others = {f", {d}": aligned(800, "uncentred", 1, kind=k) for d, k in OTHERS.items()}
    yield "SE-05/alignment/other decays", {}, others
    yield from _ablations()
    yield from _curves()
    yield from _probes()
    yield from _functional()
    yield from _positional()
    for variant, end in (("published", ""), ("removed norm", "/removed norm")):
        yield f"SE-47/correlation{end}", {}, at("spearman", 800, "", variant)
    for j in ("1", "2"):
        item, of = {"item": j}, ("5 updates", "uncentred", int(j))
        yield "SE-30/stability", item, at("stability", 600, *of)
        yield "SE-30/stability/own phases", item, at("stability", 800, *of)
        of_none = at("stability", PSEUDO, *of, kind="random")
        yield "SE-30/stability/random labels", item, of_none
    for phase, step, own, matched in (
        ("pre", 300, 400, 500),
        ("at", 600, 800, PSEUDO),
        ("post", 1_500, 2_000, 2_500),
    ):
        item = {"item": phase}
        yield "SE-45/gap", PHASE[phase], at("g23", step, "5 updates", "uncentred")
        yield "SE-45/phases", item, at("g23", own, "5 updates", "uncentred")
        yield "SE-45/phases/share", item, at("g23_share", own, "5 updates", "uncentred")
        without = at("g23", matched, "5 updates", "uncentred", kind="without")
        yield "SE-45/phases/without decay", item, without


OTHERS = {0.5: "half", 2.0: "double"}


def _ablations():
    for phase, step, own in (
        ("pre", 200, 400),
        ("at", 500, 800),
        ("post", 1_400, 2_000),
        ("late", 3_900, 5_300),
    ):
        cell = PHASE[phase]
        yield "SE-12/change", cell, changed(step)
        yield "SE-12/change/own phases", cell, changed(own)
        unseen = changed(step, quantity="unseen_accuracy_change")
        yield "SE-12/change/unseen prefixes", cell, unseen
        for key, where in (
            ("SE-12/beyond scaling", step),
            ("SE-12/beyond scaling/own phases", own),
        ):
            yield key, cell, changed(where) - changed(where, variant="scaled, equal norm")
        if phase != "pre":
            yield "SE-13/change", cell, changed(step, "bulk")
            yield "SE-13/change", {"item": phase}, changed(step, "bulk")
            yield "SE-13/change/own phases", {"item": phase}, changed(own, "bulk")
            drawn = changed(step, "bulk", "random, equal norm")
            yield "SE-13/change/equal norm", {"item": phase}, drawn
        yield "SE-14/random", cell, changed(step, variant="random")
        yield "SE-14/random/own phases", cell, changed(own, variant="random")
        for key, where in (("SE-14/change", step), ("SE-14/change/own phases", own)):
            yield key, cell | {"item": "edge"}, changed(where)
            worst = changed(where, variant="random, equal norm", quantity="worst_accuracy_change")
            yield key, cell | {"item": "equal norm"}, worst
            scaled = changed(where, variant="scaled, equal norm")
            yield key, cell | {"item": "scaled"}, scaled


def _curves():
    for phase, step, own in (("pre", 200, 400), ("late", 3_900, 5_300)):
        for key, where in (("SE-16/divergence", step), ("SE-16/divergence/own phases", own)):
            yield key, PHASE[phase], at("largest_divergence", where, "v1", "published")
    yield "SE-16/own move", {}, at("own_divergence", 3_900, "v1", "whole")
    yield "SE-16/own move/random direction", {}, at("own_divergence", 3_900, "v1", "random")
    for k in range(1, 5):
        along = {"direction": f"v{k}"}
        yield "SE-17/curvature", along, curved(3_900, f"v{k}")
        training = curved(3_900, f"v{k}", "exact, training")
        yield "SE-17/curvature/training loss", along, training
        yield "SE-17/curvature/random direction", along, curved(3_900, "random")
        without = curved(3_900, f"v{k}", kind="without")
        yield "SE-18/curvature", along, without
        training = curved(3_900, f"v{k}", "exact, training", kind="without")
        yield "SE-18/curvature/training loss", along, training
        for item, kind in (("1.0", "plain"), ("0.0", "without")):
            cell, of = along | {"item": item}, {"quantity": "relative_curvature", "kind": kind}
            yield "SE-18/relative", cell, curved(3_900, f"v{k}", **of)
            training = curved(3_900, f"v{k}", "exact, training", **of)
            yield "SE-18/relative/training loss", cell, training
    # 20/3 of 800 and of 1,000; without decay 6,667 is between two points of the grid.
    for k, decay, kind, own in ((1, "1.0", "plain", 5_300), (4, "0.0", "without", 7_000)):
        name, of = f"v{k}", {"kind": kind}
        for end, where in (("", 3_900), ("/own phases", own)):
            cell = {"direction": f"{name} at {decay}"}
            size = at("sigma", where, name, **of)
            yield f"SE-19/values{end}", cell | {"quantity": "size"}, size
            moved = at("step_loss_change", where, name, "difference, float64", **of)
            yield f"SE-19/values{end}", cell | {"quantity": "change"}, moved
            own_move = at("own_loss_change", where, name, "whole", **of)
            yield f"SE-19/own move{end}", {"item": f"{name} at {decay}"}, own_move


def _probes():
    raw, tuned = "raw, token", "standardised, prefix"
    for label in ("step", "item"):
        for step in (500, 3_900, 5_000):
            cell = {label: str(step)}
            yield "SE-20/linear", cell, probed(step, "linear", raw)
            yield "SE-20/linear/standardised", cell, probed(step, "linear", tuned)
            yield "SE-20/linear/no penalty", cell, probed(step, "ols", tuned)
            without = probed(step, "linear", raw, kind="without")
            yield "SE-20/linear/without decay", cell, without
    cell = {"step": "3900"}
    yield "SE-21/mlp", cell, probed(3_900, "mlp", raw)
    yield "SE-21/mlp/by prefix", cell, probed(3_900, "mlp", tuned)
    yield "SE-21/mlp/linear", cell, probed(3_900, "linear", tuned)
    cell = {"step": "5000"}
    yield "SE-22/quadratic", cell, probed(5_000, "quadratic", raw)
    yield "SE-22/quadratic/tuned", cell, probed(5_000, "quadratic", tuned)
    yield "SE-23/linear", cell, probed(5_000, "linear", raw, kind="without")
    yield "SE-23/linear/standardised", cell, probed(5_000, "linear", tuned, kind="without")
    yield "SE-23/linear/initial weights", cell, probed(0, "linear", raw, kind="without")
    for decay, kind in (("1.0", "plain"), ("0.0", "without")):
        of = {"kind": kind}
        for target, part in (
            ("composed", "composed to depth"),
            ("depth", "states to depth"),
            ("running sum", "states to depth"),
            ("token", "states to token"),
        ):
            cell = {"weight decay": decay, "target": target}
            yield "SE-38/read", cell, probed(5_000, "composed", raw, part, **of)
            yield "SE-38/read/standardised", cell, probed(5_000, "composed", tuned, part, **of)
        cell = {"weight decay": decay, "quantity": "first axis"}
        axes = {part: at("axis", 5_000, part, "", 1, **of) for part in ("layer 1", "norm")}
        yield "SE-39/geometry", cell, 100 * axes["layer 1"]
        yield "SE-39/geometry/normalised", cell, 100 * axes["norm"]
        cell = {"weight decay": decay, "quantity": "R²"}
        yield "SE-39/geometry", cell, at("inside", 5_000, "layer 1", **of)
        tuned_r2 = probed(5_000, "composed", tuned, "states to depth", **of)
        yield "SE-39/geometry/standardised", cell, tuned_r2
    cell = {"weight decay": "0.0 over 1.0", "quantity": "distance"}
    for end, name in (("", "distance"), ("/in units of the spread", "separation")):
        without, decayed = (at(name, 5_000, "layer 1", kind=k) for k in ("without", "plain"))
        yield f"SE-39/geometry{end}", cell, without / decayed


def _functional():
    raw, tuned = "raw, token", "standardised, prefix"
    for phase, step, own in (("pre", 300, 400), ("at", 600, 800), ("late", 4_000, 5_300)):
        yield "SE-31/raw", PHASE[phase], probed(step, "content", raw, "v1")
        yield "SE-31/raw/own phases", PHASE[phase], probed(own, "content", raw, "v1")
    for end, step, part in (
        ("", 4_000, "v1"),
        ("/own phases", 5_300, "v1"),
        ("/bulk", 4_000, "v3"),
    ):
        for item, of in (("edge", part), ("random", "random")):
            cell = PHASE["late"] | {"item": item}
            yield f"SE-31/standardised{end}", cell, probed(step, "content", tuned, of)
    for end, step in (("", 500), ("/own phases", 800)):
        edge, bulk = (at("elevation", step, part, "published") for part in ("v1", "v3"))
        yield f"SE-40/elevation{end}", {}, edge
        yield f"SE-40/separation{end}", {}, edge - bulk
        yield f"SE-40/frequency{end}", {}, at("frequency", step, "v1")
    for null in ("ramp", "random walk"):
        yield f"SE-40/elevation/{null}", {}, at("elevation", 500, "", f"published, {null}")
    yield "SE-40/frequency/ramp", {}, 1  # half a sawtooth over depths has most at one wave
    for form, end, part in (("uncentred", "", "v1"), ("centred", "/centred", "v1 centred")):
        cell = {"quantity": "share", "item": "dyck"}
        yield f"SE-32/columns{end}", cell, share(2_000, form)
        cell = {"quantity": "content", "item": "dyck"}
        yield f"SE-32/columns{end}", cell, probed(2_000, "content", tuned, part)


def _positional():
    for decay, kind in (("1.0", "plain"), ("0.0", "without")):
        cell = {"weight decay": decay}
        for quantity, end, part, variant in (
            ("largest", "", "layer 1", "published"),
            ("largest", "/full strings", "layer 1", "full strings"),
            ("frequency", "", "layer 1", "published"),
            ("frequency", "/level removed", "layer 1", "level removed"),
            ("frequency", "/full strings", "layer 1", "full strings"),
            ("frequency", "/brackets alone", "embedding", "published"),
        ):
            expected = at(quantity, 5_000, part, variant, kind=kind)
            yield f"SE-35/{quantity}{end}", cell, expected
    for quantity, name, worst in (("entropy", "entropy", min), ("divergence", "counting", max)):
        cell = {"quantity": quantity}

        def heads(layer, step=5_000, variant="published", *, name=name, **of):
            return [at(name, step, f"{layer}.{h}", variant, **of) for h in range(4)]

        yield "SE-36/attention", cell, sum(heads(0)) / 4
        yield "SE-36/attention/rows of tokens", cell, sum(heads(0, variant="tokens")) / 4
        yield "SE-36/attention/random labels", cell, sum(heads(0, kind="random")) / 4
        yield "SE-37/attention", cell, worst(heads(1, kind="without"))
        yield "SE-37/attention/initial weights", cell, worst(heads(1, 0, kind="without"))


CASES = list(cases())


@pytest.mark.parametrize(("key", "labels", "expected"), CASES, ids=lambda v: str(v)[:40])
def test_the_number_is_the_one_that_the_claim_names(shelf, key, labels, expected):
    assert read(key, shelf, labels) == pytest.approx(expected, rel=1e-5)


def test_a_run_of_another_seed_has_its_own_phases(shelf):
    """Of a grok step of 1,200: 600, and 8,000 of 20/3."""
    before = read("SE-01/share before", shelf, {}, seed=7)
    assert before == pytest.approx(share(600, "uncentred", seed=7), rel=1e-5)
    late = read("SE-12/change/own phases", shelf, PHASE["late"], seed=7)
    assert late == pytest.approx(changed(8_000, seed=7), rel=1e-5)
    matched = read("SE-04/alignment/random labels", shelf, {"direction": "v1"}, seed=7)
    own = aligned(PSEUDO, "published", 1, kind="random", seed=7)
    assert matched == pytest.approx(own, rel=1e-5)


RAW, TUNED = ("linear", "layer 1", "raw, token"), ("linear", "layer 1", "standardised, prefix")
EVENNESS, OF_TOKENS = ("mean_entropy", "", "published"), ("mean_entropy", "", "tokens")
SWITCHES = [
    ("SE-24/linear", 1_000, "probes", RAW, {"standardised": TUNED}),
    ("SE-28/linear", 400, "probes", RAW, {"standardised": TUNED}),
    ("SE-26/entropy", 1_000, "positional", EVENNESS, {"rows of tokens": OF_TOKENS}),
]


@pytest.mark.parametrize(("key", "switch", "instrument", "own", "controls"), SWITCHES)
def test_switched_runs_are_read_3000_steps_after_the_switch(key, switch, instrument, own, controls):
    def made(decay, anew):
        to = [f"{switch}:weight_decay={decay:g}"] * (decay != 1)
        config = dyck(schedule=(*to, *[f"{switch}:moments=0"] * anew))
        return run(config, 800, planted(config, instrument, (400, 1_000, 3_400, 4_000)))

    runs = {(decay, anew): made(decay, anew) for decay in (0.0, 0.5, 1.0, 2.0) for anew in (0, 1)}
    shelf = Made(runs.values())
    wanted = {"": (1, own), "/moments kept": (0, own)}
    wanted |= {f"/{name}": (1, each) for name, each in controls.items()}
    for decay in (0.0, 0.5, 1.0, 2.0):
        for end, (anew, (quantity, part, variant)) in wanted.items():
            where = (quantity, switch + 3_000, part, variant, NAN)
            expected = plant(runs[decay, anew].config, *where)
            for label in ("weight decay", "item"):
                found = read(f"{key}{end}", shelf, {label: str(decay)})
                assert found == pytest.approx(expected, rel=1e-5)


READ = {
    "edge": (300, 600, 1_500, 4_000),
    "edge-ablation": (200, 500, 1_400, 3_900),
    "edge-curves": (200, 3_900),
    "probes": (0, 500, 3_400, 3_900, 4_000, 5_000),
    "edge-functional": (300, 500, 600, 4_000),
    "positional": (0, 4_000, 5_000),
}
"""Published steps at which claims read each instrument."""


@pytest.mark.parametrize("name", READ)
def test_instruments_measure_where_claims_read(name):
    """At the published steps; at the run's own phases too, where they have any."""
    config = dyck()
    accuracy = (np.arange(0, 10_001, 100) >= 800).astype(float)
    subject = SimpleNamespace(
        config=config,
        record=SimpleNamespace(steps=np.arange(0, 10_001, 100), accuracy=lambda task: accuracy),
        steps=np.arange(0, 10_001, 100),
        last=10_000,
        cadence=100,
    )
    tool = instrument(name)
    points = {*tool.points(subject, tool.complete({}))}
    own = {400, 800, 2_000, 5_300}
    assert {*READ[name]} <= points
    assert own <= points
    assert tuple(step + AFTERWARDS for step in SWITCHED) == phases.SWITCHED


def test_what_is_not_measured_says_what_it_is(shelf):
    with pytest.raises(Missing, match="there is no scan"):
        read("SE-01/share", shelf, {"corpus": "scan"})
    with pytest.raises(Missing, match=r"seed 3"):
        read("SE-01/share", shelf, {}, seed=3)
    few = run(dyck(), 800, planted(dyck(), "edge", (200, 400)))
    with pytest.raises(Missing, match=r"no gradient_share \(published 5 updates\).*at step 600"):
        read("SE-02/share", [few], {})
    with pytest.raises(Missing, match="edge-ablation has no accuracy_change"):
        read("SE-12/change", [few], PHASE["pre"])
    lost = run(dyck(labels="random"), None, planted(dyck(labels="random"), "edge", (600,)))
    with pytest.raises(Missing, match="no dyck run at λ = 1 has a grok step to match"):
        read("SE-05/alignment/random labels", [lost], {})


def test_a_phase_beyond_the_end_of_a_run_is_undefined():
    late = run(dyck(), 1_600, planted(dyck(), "edge", (4_000,)))
    assert math.isnan(read("SE-03/share/own phases", [late], PHASE["late"]))
    assert not math.isnan(read("SE-03/share/own phases", [late], PHASE["post"]))


def test_readings_of_brackets_are_there_and_those_of_scan_alone_are_not():
    """Claims on SCAN alone have none until there is SCAN."""
    read_of = {key[0] for key in READINGS if key[0] in claims("spectral-edge")}
    scan = {
        name
        for name, claim in claims("spectral-edge").items()
        if [each.name for each in claim.needs.every] == ["scan"]
    }
    assert not read_of & scan

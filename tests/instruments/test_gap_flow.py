"""The instrument ``gap-flow``: dense derivatives, the optimiser's own state, planted windows."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file
from scipy.stats import spearmanr

from grokbook.geometry.gap_class import COMPRESSION, FORMS, FUNCTIONAL, NONE
from grokbook.geometry.spectral_edge import Edge
from grokbook.instruments.gap_flow import GAP_FLOW
from grokbook.instruments.gap_rows import gap_class, right_signs
from grokbook.instruments.network import AttentionSlot, judged, learned_from
from grokbook.instruments.replayed import Replayed, updates
from grokbook.instruments.subject import Subject

PARAMETERS = GAP_FLOW.complete({"strings": 30})
RATE, DECAY = 1e-3, 1.0


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def runs(name, small_strings, small_sums):
    if name == "depth":
        return Subject(small_strings.runs()[0], small_strings), 10
    found = (Subject(run, small_sums) for run in small_sums.runs())
    return next(each for each in found if each.config.tasks == (name,)), 2


def moment(subject):
    """D of the attention matrices at the end, from the run's resume point."""
    point = subject.run.marker["resume"][0]
    state = load_file(subject.run.path / point["file"])
    assert point["step"] == subject.last
    square = torch.from_numpy(state["trainer.adam.square"])
    square = subject.layout.attention(square[None])[0].double().numpy()
    return 1 / (np.sqrt(square / (1 - subject.config.beta2**subject.last)) + 1e-8)


@pytest.mark.parametrize("name", ["depth", "add", "mul"])
def test_the_terms_of_a_run(name, small_strings, small_sums):
    subject, cadence = runs(name, small_strings, small_sums)
    last = subject.last
    rows = pd.DataFrame(GAP_FLOW.rows(subject, last, PARAMETERS))
    snapshots = subject.attention(range(last - 5 * cadence, last + 1, cadence)).astype(np.float64)
    sigma, v = np.linalg.svd(np.diff(snapshots, axis=0), full_matrices=False)[1:]
    assert one(rows, quantity="gap", at=1).value == pytest.approx(sigma[0] - sigma[1], rel=1e-6)
    slot, known = AttentionSlot(subject.layout, subject.theta(last)), learned_from(subject)
    at, loss = slot.attention.double(), slot.of(known.loss)
    slope = torch.autograd.functional.jacobian(loss, at).numpy()
    images = np.stack([torch.autograd.functional.vhp(loss, at, torch.from_numpy(v[k]))[1].numpy()
                       for k in (0, 1)])  # fmt: skip
    for by, scale in (("raw", 1.0), ("preconditioned", moment(subject))):
        gradient = v[:2] @ (scale * slope)
        h = np.array([(v[k] * scale) @ images[k] for k in (0, 1)])
        for k in (0, 1):
            got = one(rows, quantity="slope", variant=by, at=k + 1)
            assert abs(got.value) == pytest.approx(abs(gradient[k]), rel=1e-6)
            got = one(rows, quantity="curvature", variant=by, at=k + 1)
            assert got.value == pytest.approx(h[k], rel=1e-6)
        bending = -RATE * (h[0] - h[1]) * (sigma[0] + sigma[1]) / 2
        damping = -RATE * (h.mean() + DECAY) * (sigma[0] - sigma[1])
        assert one(rows, quantity="bending", variant=by, at=1).value == pytest.approx(
            bending, rel=1e-5
        )
        assert one(rows, quantity="damping", variant=by, at=1).value == pytest.approx(
            damping, rel=1e-5
        )
        for units, factor in (("printed", RATE), ("in units", RATE**2)):
            driving = factor * 5 * (gradient[0] ** 2 / sigma[0] - gradient[1] ** 2 / sigma[1])
            form = f"{units}, {by}"
            for quantity, value in (
                ("driving", driving),
                ("predicted", bending + damping + driving),
                ("ratio", driving / abs(damping)),
            ):
                got = one(rows, quantity=quantity, variant=form, at=1)
                assert got.value == pytest.approx(value, rel=1e-5), (quantity, form)
                assert 0 < got.error < 1e-2 * abs(got.value), (quantity, form)
    assert one(rows, quantity="replayed").value == 1


def test_what_the_gap_does(small_strings):
    subject = Subject(small_strings.runs()[0], small_strings)
    rows = pd.DataFrame(GAP_FLOW.rows(subject, 200, PARAMETERS))

    def gap(step):
        moved = np.diff(subject.attention(range(step - 50, step + 1, 10)).astype(float), axis=0)
        sigma = np.linalg.svd(moved, compute_uv=False)
        return sigma[0] - sigma[1]

    central = one(rows, quantity="gap_change", variant="central", at=1).value
    assert central == pytest.approx((gap(210) - gap(190)) / 20, rel=1e-5)
    ahead = one(rows, quantity="gap_change", variant="next", at=1).value
    assert ahead == pytest.approx((gap(210) - gap(200)) / 10, rel=1e-5)
    moved = np.diff(subject.attention(range(150, 211, 10)).astype(float), axis=0)
    sigma, v = np.linalg.svd(moved[:5], full_matrices=False)[1:]
    change = [((v[k] @ moved[5]) ** 2 - (v[k] @ moved[0]) ** 2) / (2 * sigma[k]) for k in (0, 1)]
    slide = one(rows, quantity="slide", at=1).value
    assert slide == pytest.approx((change[0] - change[1]) / 10, rel=1e-4)
    start = pd.DataFrame(GAP_FLOW.rows(subject, 50, PARAMETERS))
    assert not len(start[(start.quantity == "gap_change") & (start.variant == "central")])


def test_a_window_whose_own_gap_is_another_has_both(small_sums, monkeypatch):
    monkeypatch.setattr(Edge, "k_star", property(lambda self: 2))
    subject, _ = runs("add", None, small_sums)
    rows = pd.DataFrame(GAP_FLOW.rows(subject, 40, PARAMETERS))
    moved = np.diff(subject.attention(range(30, 43, 2)).astype(float), axis=0)
    (sigma, v), (after, _) = (np.linalg.svd(each, full_matrices=False)[1:]
                              for each in (moved[:5], moved[1:]))  # fmt: skip
    h = rows[(rows.quantity == "curvature") & (rows.variant == "raw")].set_index("at").value
    slope = rows[(rows.quantity == "slope") & (rows.variant == "raw")].set_index("at").value
    assert len(h) == len(slope) == 3
    ahead = np.diff(after) - np.diff(sigma)
    for k in (1, 2):
        gap, middle = sigma[k - 1] - sigma[k], (sigma[k - 1] + sigma[k]) / 2
        driving = RATE * 5 * (slope[k] ** 2 / sigma[k - 1] - slope[k + 1] ** 2 / sigma[k])
        change = [((v[j] @ moved[5]) ** 2 - (v[j] @ moved[0]) ** 2) / (2 * sigma[j])
                  for j in (k - 1, k)]  # fmt: skip
        for quantity, variant, value in (
            ("gap", "", gap),
            ("bending", "raw", -RATE * (h[k] - h[k + 1]) * middle),
            ("damping", "raw", -RATE * ((h[k] + h[k + 1]) / 2 + DECAY) * gap),
            ("driving", "printed, raw", driving),
            ("gap_change", "next", -ahead[k - 1] / 2),
            ("slide", "", (change[0] - change[1]) / 2),
        ):
            got = one(rows, quantity=quantity, variant=variant, at=k).value
            assert got == pytest.approx(value, rel=1e-4, abs=1e-12), (quantity, k)


def test_points_are_disjoint_windows_and_those_that_count(small_strings, monkeypatch):
    subject = Subject(small_strings.runs()[0], small_strings)
    every = GAP_FLOW.points(subject, PARAMETERS)  # it never groks: all windows up to `matched`
    assert every == [*range(50, 301, 10)]
    few = GAP_FLOW.points(subject, PARAMETERS | {"matched": 60})
    assert few == [50, 60, 100, 150, 200, 250, 300]
    monkeypatch.setattr("grokbook.instruments.phases.edge_grok_step", lambda subject: 60)
    counted = GAP_FLOW.points(subject, PARAMETERS)
    assert {*range(120, 241, 10), 50, 100, 250, 300} <= {*counted} and 110 not in counted
    rows = pd.DataFrame(GAP_FLOW.rows(subject, 250, PARAMETERS))
    assert "preconditioned" not in set(rows.variant) and "replayed" not in set(rows.quantity)


def test_other_bits_give_no_preconditioner(small_strings, monkeypatch):
    subject = Subject(small_strings.runs()[0], small_strings)
    true = Subject.theta
    monkeypatch.setattr(Subject, "theta", lambda self, step: true(self, step) * (1 + 1e-6))
    rows = pd.DataFrame(GAP_FLOW.rows(subject, 100, PARAMETERS))
    assert one(rows, quantity="replayed").value == 0
    assert not any("preconditioned" in variant for variant in rows.variant)
    monkeypatch.undo()
    assert Replayed.of(subject).preconditioner(110) is None  # once apart, never trusted again


def test_moments_by_the_step_itself(small_strings):
    """u = η m̂ D on the run trained again, before its last update and at other steps."""
    subject = Subject(small_strings.runs()[0], small_strings)
    again = Replayed(subject)
    for step in (10, 30, 20):  # one goes back
        scale, adam = again.preconditioner(step), again._trainer.adam
        mean, update = (
            subject.layout.attention(each)[0].double().numpy() for each in (adam.mean, adam.update)
        )
        expected = RATE / (1 - 0.9**step) * mean * scale
        np.testing.assert_allclose(update, expected, rtol=1e-4, atol=1e-12)
    assert updates((10, 30), 30) == 20 and updates((), 7) == 7


@pytest.mark.parametrize("name", ["depth", "add"])
def test_the_loss_is_decomposed(name, small_strings, small_sums):
    subject, cadence = runs(name, small_strings, small_sums)
    last = subject.last
    rows = pd.DataFrame(GAP_FLOW.rows(subject, last, PARAMETERS))
    snapshots = subject.attention(range(last - 10 * cadence, last + 1, cadence)).astype(float)
    moved = np.diff(snapshots, axis=0)
    v, first, second = (np.linalg.svd(each, full_matrices=False)[2][:5]
                        for each in (moved, moved[:5], moved[5:]))  # fmt: skip
    stability = np.abs((first * second).sum(1))
    slot = AttentionSlot(subject.layout, subject.theta(last))
    at = slot.attention.double()
    train, test = (slot.of(each.loss) for each in (learned_from(subject), judged(subject, 30)))
    slopes = [torch.autograd.functional.jacobian(each, at).numpy() for each in (train, test)]
    change, published = [], []
    for j in range(5):
        unit = torch.from_numpy(v[j])
        change.append(float(test(at - (unit @ at) * unit) - test(at)))
        published.append(abs(stability[j] * (v[j] @ slopes[0]) * (v[j] @ slopes[1])))
        got = one(rows, quantity="removal", at=j + 1).value
        assert got == pytest.approx(change[j], rel=1e-3, abs=1e-9)
        got = one(rows, quantity="stability", at=j + 1).value
        assert got == pytest.approx(stability[j], abs=1e-5)
        got = one(rows, quantity="importance", variant="published", at=j + 1).value
        assert got == pytest.approx(published[j], rel=1e-3)
        got = one(rows, quantity="importance", variant="removed norm", at=j + 1).value
        assert got == pytest.approx(abs(float(unit @ at)), rel=1e-3)
    told = one(rows, quantity="spearman", variant="published").value
    assert told == pytest.approx(spearmanr(published, np.abs(change)).statistic)


def planted(ratios, changes=None):
    """Rows of windows of five at a cadence of 100; the printed prediction has its sign right.

    From step 1,600 on k* is 2, a gap that only closes.
    """
    rows = []
    for place, step in enumerate(range(500, 5_001, 100)):
        change = 1.0 if changes is None else changes[place]
        rows.append((step, "gap_change", "central", change))
        rows.append((step, "gap_change", "next", 2 * change))
        rows.append((step, "slide", "", 2 * change))
        rows.append((step, "predicted", "printed, raw", 0.5 * change))
        for by in ("raw", "preconditioned"):
            rows.append((step, "damping", by, -4.0))
        for units, by in FORMS:
            rows.append((step, "driving", f"{units}, {by}", 4.0 * ratios[units, by]))
    found = pd.DataFrame(rows, columns=["step", "quantity", "variant", "value"]).assign(at=1)
    second = found[found.step >= 1_600].assign(at=2)
    second.loc[second.quantity == "driving", "value"] = 0.0
    number = found.drop_duplicates("step").assign(quantity="k_star", variant="", at=np.nan)
    number["value"] = np.where(number.step >= 1_600, 2.0, 1.0)
    return pd.concat([found, second, number])


def test_classes_from_rows():
    changes = np.where(np.arange(46) % 10 < 5, 1.0, -1.0)  # of disjoint windows every other sign
    rows = planted(dict.fromkeys(FORMS, 1.0), changes)
    found = gap_class(rows, 600)
    assert (found.name, found.ratio, found.windows) == (FUNCTIONAL, 1.0, 13)
    assert found.stands and found.supported and found.agreement == 1
    assert found.guess == 0.5  # ten windows that share nothing
    assert right_signs(rows) == right_signs(rows, "slide") == 1
    assert np.isnan(right_signs(rows[rows.step <= 1_300]))  # of two windows nothing is said
    ratios = dict.fromkeys(FORMS, 1.0) | {("in units", "raw"): 0.001}
    assert not gap_class(planted(ratios), 600).stands
    low = gap_class(planted(dict.fromkeys(FORMS, 0.1)), 600)
    assert low.name == COMPRESSION and low.stands and not low.supported  # always opening
    missing = rows[~rows.variant.str.contains("preconditioned") | (rows.step > 1_500)]
    found = gap_class(missing, 600)
    assert found.name == FUNCTIONAL and not found.stands
    assert found.forms["printed", "preconditioned"] == NONE
    with pytest.raises(ValueError, match="no window with the terms"):
        gap_class(rows[rows.quantity == "gap_change"], 600)


def test_rows_of_a_run_have_a_class(small_strings):
    subject = Subject(small_strings.runs()[0], small_strings)
    steps = GAP_FLOW.points(subject, PARAMETERS)[:12]
    rows = pd.DataFrame([row for step in steps for row in GAP_FLOW.rows(subject, step, PARAMETERS)])
    found = gap_class(rows, 30)  # windows that end from 60 to 120
    assert found.windows == 7 and NONE not in found.forms.values()
    own = rows[(rows.quantity == "ratio") & (rows.variant == "printed, raw") & (rows["at"] == 1)]
    inside = own[(own.step >= 60) & (own.step <= 120)].value
    assert found.ratio == pytest.approx(inside.median())

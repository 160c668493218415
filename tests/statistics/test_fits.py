"""Fits: the published ones to the printed digit, other routines, coverage."""

import itertools

import numpy as np
import pytest
from scipy import optimize, stats

from grokbook.statistics import exponential, lead_nulls, power_law, reciprocal
from tests.statistics import published

DECAYS = np.repeat(list(published.ADD), 3)
ADD = np.concatenate(list(published.ADD.values())).astype(float)
MUL = np.concatenate(list(published.MUL.values())).astype(float)


def test_published_steps_are_the_only_ones_that_fit():
    """Earliest task a seed, and mean and population deviation a task, leave one table."""
    gaps = np.array(list(itertools.product(range(-3_000, 3_100, 100), repeat=3)))
    for decay, first in published.EARLIEST.items():
        add, mul = np.array(first) + np.maximum(gaps, 0), np.array(first) + np.maximum(-gaps, 0)
        fits = np.ones(len(gaps), dtype=bool)
        for steps, (mean, sd) in (
            (add, published.ADD_MEAN_SD[decay]),
            (mul, published.MUL_MEAN_SD[decay]),
        ):
            fits &= (abs(steps.mean(1) - mean) <= 0.5) & (abs(steps.std(1) - sd) <= 0.5)
        assert add[fits].tolist() == [list(published.ADD[decay])]
        assert mul[fits].tolist() == [list(published.MUL[decay])]


@pytest.mark.parametrize(
    ("steps", "a", "b"),
    [((ADD + MUL) / 2, 10_585, -0.911), (ADD, 10_672, -0.906), (MUL, 10_497, -0.916)],
)
def test_the_published_power_laws(steps, a, b):
    """MT-28: 10,585 · λ^−0.911 with R² .940, and the same of each task."""
    fit = power_law(DECAYS, steps)
    assert round(fit["a"]) == a and round(fit["b"], 3) == b
    assert round(fit.r_squared, 2) == 0.94 and fit.n == 15
    # One decade of decays and 15 runs do not tell the exponent from −1, which τ = ηλt predicts.
    assert fit.parameters["b"].low < -1 < fit.parameters["b"].high


def test_the_other_published_fits():
    """MT-28: direct power .990, reciprocal .9938, exponential .9386."""
    steps = (ADD + MUL) / 2
    assert round(power_law(DECAYS, steps, direct=True).r_squared, 3) == 0.990
    assert round(reciprocal(DECAYS, steps).r_squared, 4) == 0.9938
    assert round(exponential(DECAYS, steps).r_squared, 4) == 0.9386


def test_log_log_against_another_least_squares():
    generator = np.random.default_rng(0)
    x = np.array([0.1, 0.1, 0.3, 0.5, 1.0, 1.0, 2.0])
    y = 7 * x**-0.8 * np.exp(generator.normal(0, 0.2, 7))
    (b, a), covariance = np.polyfit(np.log(x), np.log(y), 1, cov=True)
    fit, t = power_law(x, y, level=0.9), stats.t.ppf(0.95, 5)
    exponent = fit.parameters["b"]
    assert (exponent.value, exponent.error) == pytest.approx((b, covariance[0, 0] ** 0.5))
    assert exponent.high - b == pytest.approx(t * exponent.error) == b - exponent.low
    factor, sd = fit.parameters["a"], covariance[1, 1] ** 0.5
    assert factor.value == pytest.approx(np.exp(a))
    assert (factor.low, factor.high) == pytest.approx((np.exp(a - t * sd), np.exp(a + t * sd)))
    assert factor.error == pytest.approx(np.exp(a) * sd)
    left = np.log(y) - a - b * np.log(x)
    assert fit.residual == pytest.approx(np.sqrt((left**2).sum() / 5))
    assert fit.r_squared == pytest.approx(np.corrcoef(np.log(x), np.log(y))[0, 1] ** 2)
    assert fit(x) == pytest.approx(np.exp(a) * x**b)


CURVES = {
    "power": (lambda x, p: p[0] * x ** p[1], (8_000.0, -1.1)),
    "reciprocal": (lambda x, p: p[0] / (x + p[1]) + p[2], (7_000.0, -0.03, 4_000.0)),
    "exponential": (lambda x, p: p[0] * np.exp(p[1] * x), (170_000.0, -6.0)),
}
FITS = {
    "power": lambda x, y: power_law(x, y, direct=True),
    "reciprocal": reciprocal,
    "exponential": exponential,
}


@pytest.mark.parametrize("form", CURVES)
def test_direct_fits_against_another_minimiser_and_jacobian(form):
    curve, truth = CURVES[form]
    y = (ADD + MUL) / 2
    other = optimize.least_squares(
        lambda p: curve(DECAYS, p) - y, truth, x_scale=np.abs(truth), method="trf", xtol=1e-14
    )
    fit = FITS[form](DECAYS, y)
    values = [parameter.value for parameter in fit.parameters.values()]
    assert values == pytest.approx(other.x, rel=1e-4)
    freedom = 15 - len(truth)
    variance = 2 * other.cost / freedom
    jacobian = np.column_stack(
        [
            (curve(DECAYS, other.x + h) - curve(DECAYS, other.x - h)) / (2 * h.sum())
            for h in np.diag(1e-5 * np.abs(other.x))
        ]
    )
    errors = np.sqrt(variance * np.diag(np.linalg.inv(jacobian.T @ jacobian)))
    t = stats.t.ppf(0.975, freedom)
    for parameter, error in zip(fit.parameters.values(), errors, strict=True):
        assert parameter.error == pytest.approx(error, rel=1e-3)
        assert parameter.high - parameter.value == pytest.approx(t * error, rel=1e-3)
        assert parameter.value - parameter.low == pytest.approx(t * error, rel=1e-3)
    assert fit.residual == pytest.approx(variance**0.5, rel=1e-6)
    assert fit(DECAYS) == pytest.approx(curve(DECAYS, values))


@pytest.mark.parametrize("form", CURVES)
def test_exact_data_give_exact_parameters(form):
    curve, truth = CURVES[form]
    x = np.array([0.1, 0.2, 0.3, 0.5, 0.8, 1.0])
    fit = FITS[form](x, curve(x, truth))
    assert [p.value for p in fit.parameters.values()] == pytest.approx(truth, rel=1e-5)
    assert fit.r_squared == pytest.approx(1.0) and fit.residual < 1e-3


def test_intervals_of_an_exponent_cover():
    """Log-normal residuals are what the interval assumes, so 95 % of 400 within 3 %."""
    generator, x = np.random.default_rng(1), np.repeat([0.1, 0.3, 1.0], 2)
    noise = np.exp(generator.normal(0, 0.3, (400, 6)))
    fits = [power_law(x, 5 * x**-0.9 * row) for row in noise]
    exponents = [fit.parameters["b"] for fit in fits]
    assert np.mean([p.low <= -0.9 <= p.high for p in exponents]) == pytest.approx(0.95, abs=0.03)
    factors = [fit.parameters["a"] for fit in fits]
    assert np.mean([p.low <= 5 <= p.high for p in factors]) == pytest.approx(0.95, abs=0.03)


def test_runs_are_matched_by_name():
    x, y = {"a": 1.0, "b": 2.0, "c": 4.0}, {"c": 8.0, "a": 2.0, "b": 4.0}
    assert power_law(x, y)["b"] == pytest.approx(1.0)
    assert power_law(x, y).caution == "only 3 runs"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: power_law([1.0, 2.0], [1.0, 2.0]), "3 finite"),
        (lambda: power_law([1.0, 2.0, 3.0], [1.0, 0.0, 2.0]), "above 0"),
        (lambda: power_law([0.0, 2.0, 3.0], [1.0, 1.0, 2.0]), "above 0"),
        (lambda: power_law([2.0, 2.0, 2.0], [1.0, 1.0, 2.0]), "2.0 alone"),
        (lambda: power_law([1.0, 2.0, 3.0], [1.0, 1.0, 2.0], level=2), "2"),
        (lambda: exponential([0.0, 1.0, 2.0], [1.0, -1.0, 2.0]), "above 0"),
        (lambda: reciprocal([1.0, 2.0, 3.0], [1.0, 1.0, 2.0]), "4 finite"),
        (lambda: reciprocal([1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]), "three different"),
        (lambda: reciprocal([1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]), "straight line"),
    ],
)
def test_what_cannot_be_fitted_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


# --- nulls of leads -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "a", "b", "r_squared", "error", "constant", "shuffled"),
    [
        (published.SCAN, 0.149, 1.180, 0.990, 0.04, 1.47, 1.26),
        (published.DYCK, 0.239, 1.132, 0.908, 0.10, 1.12, 1.11),
    ],
)
def test_published_power_laws_of_leads_and_their_nulls(
    runs, a, b, r_squared, error, constant, shuffled
):
    """2602.16967, E3 and E5, and section 8.A of its specification."""
    grok, onset = map(list, zip(*runs, strict=True))
    found = lead_nulls(grok, onset)
    fit = found.observed
    assert (round(fit["a"], 3), round(fit["b"], 3)) == (a, b)
    assert round(fit.r_squared, 3) == r_squared
    assert round(fit.parameters["b"].error, 2) == error
    assert round(found.constant["b"], 2) == constant
    assert found.shuffled.null_mean == pytest.approx(shuffled, abs=0.01)
    assert found.shuffled.p > 0.5 and found.dropped == 0
    # What would tell is how onsets grow with the grok step: far more slowly than it.
    assert found.onset["b"] == pytest.approx({1.180: 0.28, 1.132: 0.76}[b], abs=0.005)


def test_a_lead_that_is_a_share_has_exponent_one_and_no_null():
    grok = np.array([1.0e3, 1.3e3, 1.6e3, 1.9e3, 2.2e3])
    found = lead_nulls(grok, 0.4 * grok)
    assert found.observed["b"] == pytest.approx(1.0) and found.onset["b"] == pytest.approx(1.0)
    assert found.observed["a"] == pytest.approx(0.6)
    assert found.shuffled.null_mean > 1.3


def test_onsets_that_cannot_be_exchanged_have_no_shuffle():
    grok = np.array([1e3, 2e3, 5e3, 2e4, 9e4])
    found = lead_nulls(grok, 0.4 * grok)
    assert found.shuffled is None and found.constant_onset == 2e3 and found.constant.n == 3


def test_a_constant_onset_exceeds_one_by_arithmetic():
    grok = np.array([2e3, 3e3, 1e4, 1e5])
    found = lead_nulls(grok, np.full(4, 1500.0))
    lead = np.log(grok - 1500)
    by_hand = np.polyfit(np.log(grok), lead, 1)[0]
    assert found.observed["b"] == pytest.approx(by_hand) == found.constant["b"]
    assert by_hand > 1.2 and found.shuffled.null_sd == pytest.approx(0, abs=1e-12)
    assert lead_nulls(grok, np.full(4, 1500.0), constant=500).constant_onset == 500


def test_shuffled_exponents_by_enumeration():
    grok, onset = np.array([2e3, 3e3, 1e4, 3e4]), np.array([500.0, 1000.0, 800.0, 2500.0])
    slopes = []
    for order in itertools.permutations(onset):
        lead = grok - order
        keep = lead > 0  # 2,500 exceeds 2,000: that run has no positive lead
        slopes.append(np.polyfit(np.log(grok[keep]), np.log(lead[keep]), 1)[0])
    found = lead_nulls(grok, onset).shuffled
    assert found.exact and found.arrangements == 24
    assert (found.null_mean, found.null_sd) == pytest.approx((np.mean(slopes), np.std(slopes)))
    paired = lead_nulls(grok, onset, groups=["a", "a", "b", "b"]).shuffled
    assert paired.arrangements == 4


def test_runs_without_a_positive_lead_are_counted():
    grok, onset = [1e3, 2e3, 4e3, 8e3], [1e3, 500.0, 600.0, 0.0]
    found = lead_nulls(grok, onset, constant=10)
    assert found.dropped == 1 and found.observed.n == 3 and found.onset is None
    with pytest.raises(ValueError, match="only 2 leads"):
        lead_nulls([1e3, 2e3, 4e3], [1e3, 500.0, 600.0])

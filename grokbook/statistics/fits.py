"""Fits of one number a run against another: power law, reciprocal, exponential.

All are least squares with Student intervals from the linearised covariance, which take residuals
to be independent, of equal spread and about normal; `grokbook.statistics.bootstrap` needs none of
that.  R² is 1 − Σ(y − ŷ)² / Σ(y − ȳ)², of log y in a log–log fit and of y in a direct one: two R²
of different kinds cannot be compared.  Source: 2602.18523 section 4.13, claim MT-28.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from grokbook.statistics.units import Values, caution, fraction, paired


@dataclass(frozen=True)
class Parameter:
    """A fitted parameter.

    Attributes:
        value: least squares.
        error: standard error.
        low, high: ends of its interval.
    """

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """A fitted curve.

    Attributes:
        form: formula with its parameters' names.
        method: ``"log-log"``: least squares of log y; ``"direct"``: of y.
        parameters: by name.
        r_squared: of log y or of y, as the method says; NaN if that does not vary.
        residual: root mean square residual with n − (parameters) degrees of freedom, of log y
            (natural) or of y.
        n: runs.
        level: of the intervals.
    """

    form: str
    method: str
    parameters: dict[str, Parameter]
    r_squared: float
    residual: float
    n: int
    level: float

    def __getitem__(self, name: str) -> float:
        """The value of a parameter."""
        return self.parameters[name].value

    def __call__(self, x: float | Sequence[float] | np.ndarray) -> np.ndarray:
        """The curve at x."""
        values = [parameter.value for parameter in self.parameters.values()]
        return _FORMS[self.form](np.asarray(x, dtype=float), *values)

    @property
    def caution(self) -> str:
        """What to say of so few runs; empty if nothing."""
        return caution(self.n)


def _power(x: np.ndarray, a: float, b: float) -> np.ndarray:
    return a * x**b


def _reciprocal(x: np.ndarray, a: float, b: float, c: float) -> np.ndarray:
    return a / (x + b) + c


def _exponential(x: np.ndarray, a: float, b: float) -> np.ndarray:
    return a * np.exp(b * x)


_FORMS = {
    "a · x^b": _power,
    "a / (x + b) + c": _reciprocal,
    "a · exp(b · x)": _exponential,
}


def power_law(x: Values, y: Values, *, direct: bool = False, level: float = 0.95) -> Fit:
    """The power law y = a · x^b, with log y = log a + b log x fitted, or y itself.

    Args:
        x: one value a run, above 0.
        y: another value a run, above 0.
        direct: fit y and not log y; then large y decide.
        level: of the intervals; that of a is of log a, and so not symmetric, in a log–log fit.

    Raises:
        ValueError: for fewer than three runs, values that are not above 0, or one x only.

    >>> fit = power_law([1.0, 2.0, 4.0], [3.0, 6.0, 12.0])
    >>> round(fit["a"], 6), round(fit["b"], 6), round(fit.r_squared, 6)
    (3.0, 1.0, 1.0)
    """
    u, v = _pairs(x, y, 2)
    if (u <= 0).any() or (v <= 0).any():
        raise ValueError("a power law needs values above 0")
    line = stats.linregress(np.log(u), np.log(v))
    if direct:
        return _direct("a · x^b", (math.exp(line.intercept), line.slope), u, v, level)
    t = _t(level, u.size - 2)
    a, half = math.exp(line.intercept), t * line.intercept_stderr
    b, wide = float(line.slope), t * float(line.stderr)
    left = np.log(v) - line.intercept - line.slope * np.log(u)
    # By the delta method the error of a is a times that of its logarithm.
    parameters = {
        "a": Parameter(
            a, a * float(line.intercept_stderr), a * math.exp(-half), a * math.exp(half)
        ),
        "b": Parameter(b, float(line.stderr), b - wide, b + wide),
    }
    return Fit(
        "a · x^b",
        "log-log",
        parameters,
        _r_squared(np.log(v), left),
        _spread(left, 2),
        u.size,
        level,
    )


def exponential(x: Values, y: Values, *, level: float = 0.95) -> Fit:
    """The exponential y = a · exp(b · x), fitted to y.

    Raises:
        ValueError: for fewer than three runs, y not above 0, or one x only.
    """
    u, v = _pairs(x, y, 2)
    if (v <= 0).any():
        raise ValueError("an exponential needs y above 0")
    line = stats.linregress(u, np.log(v))
    return _direct("a · exp(b · x)", (math.exp(line.intercept), line.slope), u, v, level)


def reciprocal(x: Values, y: Values, *, level: float = 0.95) -> Fit:
    """The reciprocal y = a / (x + b) + c, fitted to y, on the branch x + b > 0.

    For a fixed b the rest is linear, so that b alone is searched before all three are refined.

    Raises:
        ValueError: for fewer than four runs or three different x, or if no b fits best: then the
            data are a straight line, or a pole.
    """
    u, v = _pairs(x, y, 3)
    if np.unique(u).size < 3:
        raise ValueError("a reciprocal needs three different x")
    span = np.ptp(u)
    shifts = span * np.geomspace(1e-4, 1e4, 401) - u.min()

    def linear(b: float) -> tuple[float, np.ndarray]:
        design = np.column_stack([1 / (u + b), np.ones_like(u)])
        solution = np.linalg.lstsq(design, v, rcond=None)[0]
        return float(((v - design @ solution) ** 2).sum()), solution

    best = int(np.argmin([linear(b)[0] for b in shifts]))
    if best in (0, len(shifts) - 1):
        raise ValueError("no b fits best: the data are a straight line or a pole")
    a, c = linear(shifts[best])[1]
    return _direct("a / (x + b) + c", (a, shifts[best], c), u, v, level)


def _direct(form: str, start: tuple[float, ...], x: np.ndarray, y: np.ndarray, level: float) -> Fit:
    curve: Callable[..., np.ndarray] = _FORMS[form]
    try:
        found, covariance = optimize.curve_fit(curve, x, y, p0=start, maxfev=20_000)
    except RuntimeError as error:
        raise ValueError(f"{form} does not converge on these data") from error
    errors = np.sqrt(np.diag(covariance))
    t, left = _t(level, x.size - len(found)), y - curve(x, *found)
    parameters = {
        name: Parameter(float(v), float(e), float(v - t * e), float(v + t * e))
        for name, v, e in zip("abc", found, errors, strict=False)
    }
    return Fit(
        form,
        "direct",
        parameters,
        _r_squared(y, left),
        _spread(left, len(found)),
        x.size,
        level,
    )


def _pairs(x: Values, y: Values, parameters: int) -> tuple[np.ndarray, np.ndarray]:
    u, v = paired(x, y, "a fit", least=parameters + 1)
    if np.ptp(u) == 0:
        raise ValueError(f"a fit needs different x, not {u[0]} alone")
    return u, v


def _t(level: float, freedom: int) -> float:
    return float(stats.t.ppf((1 + fraction("the level", level)) / 2, freedom))


def _r_squared(y: np.ndarray, left: np.ndarray) -> float:
    total = ((y - y.mean()) ** 2).sum()
    return float(1 - (left**2).sum() / total) if total > 0 else math.nan


def _spread(left: np.ndarray, parameters: int) -> float:
    return math.sqrt(float((left**2).sum()) / (left.size - parameters))

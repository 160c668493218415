"""Probes: how much of a target, such as depth, can be read off representations.

Published are probes of raw features with a fixed penalty, on a split over tokens.  Weight decay
shrinks representations, and a fixed penalty then lowers R² though nothing was lost; quadratic
features contain the linear ones, and can only score lower by their penalty.  So each probe has a
*raw* form, as published, and a *standardised* one: features in units of their own spread over the
training tokens, the penalty by cross-validation over the units that are split, and on products
alone.  OLS has no penalty and is the same in both.  Source: 2604.07380 sections 4.8
and 4.10, weakness G.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from grokbook.geometry import ridge
from grokbook.geometry.probe_splits import Split, folds

KINDS = ("linear", "quadratic", "mlp", "ols")
"""Ridge regression on features, on their products, a small network, and no penalty at all."""
FORMS = ("raw", "standardised")
"""As published, and with features in units of their spread and a penalty by cross-validation."""
PENALTIES = {"linear": 1.0, "quadratic": 10.0}
"""α of the published probes."""
MLP = {
    "hidden_layer_sizes": (64,),
    "activation": "relu",
    "solver": "adam",
    "alpha": 0.01,
    "max_iter": 500,
    "early_stopping": True,
    "validation_fraction": 0.15,
    "random_state": 42,
}
"""Of scikit-learn's regressor, as published."""


@dataclass(frozen=True)
class Probe:
    """How well a target is read off features.

    Attributes:
        kind: `KINDS`.
        form: `FORMS`.
        by: how tokens were split.
        r2: 1 − Σ(y − ŷ)² / Σ(y − ȳ)² on test tokens; below 0 where the mean does better.
        error: standard error of ``r2`` by a bootstrap over test strings; the fit stays.
        inside: the same on training tokens, as the published geometry has it.
        alpha: penalty; NaN of the MLP.
        bound: the penalty lies at an end of its grid, where it is none or leaves nothing of what
            it is on; or the MLP ran out of epochs.
        train: tokens fitted on.
        test: tokens judged by.
        strings: different ones among them.
        leaked: share of test tokens whose string was fitted on.
        repeated: share of them whose prefix was; NaN if prefixes were not given.
    """

    kind: str
    form: str
    by: str
    r2: float
    error: float
    inside: float
    alpha: float
    bound: bool
    train: int
    test: int
    strings: int
    leaked: float
    repeated: float


def probe(
    features: np.ndarray,
    target: np.ndarray,
    strings: np.ndarray,
    parts: Split,
    *,
    kind: str = "linear",
    form: str = "standardised",
    seed: int = 0,
) -> Probe:
    """One probe of one set of features.

    Args:
        features: (n, d), a row a token; computed in float64.
        target: (n,) real numbers.
        strings: (n,) id of each token's string; equal strings have one id.
        parts: see `grokbook.geometry.probe_splits.split`.
        kind: ``"linear"``, ``"quadratic"`` (with products of two different features), ``"mlp"``,
            ``"ols"`` (linear without a penalty).
        form: ``"raw"`` as published, ``"standardised"``.
        seed: of the folds and of the bootstrap.  The MLP's is the published one.

    Cost for 2,800 training tokens of 128 features: linear 0.1 s, MLP some seconds, quadratic about
    ten, most of it an eigendecomposition.

    Raises:
        ValueError: for another kind or form, shapes that do not match, numbers that are not
            finite, or a target that does not vary in either part.
        ImportError: for the MLP, without scikit-learn.
    """
    if kind not in KINDS or form not in FORMS:
        raise ValueError(
            f"a probe is one of {', '.join(KINDS)}, and {' or '.join(FORMS)}, not {kind} {form}"
        )
    x, y = np.asarray(features, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if x.ndim != 2 or y.shape != (len(x),) or np.shape(strings) != y.shape:
        raise ValueError(
            f"features {x.shape} need a target and a string each, not {y.shape} and "
            f"{np.shape(strings)}"
        )
    if not np.isfinite(x).all() or not np.isfinite(y).all():
        raise ValueError("features and target must be finite")
    strings = np.asarray(strings)
    train, test = x[parts.train], x[parts.test]
    if not np.ptp(y[parts.train]) > 0 or not np.ptp(y[parts.test]) > 0:
        raise ValueError("a target that does not vary cannot be read")
    if form == "standardised":
        train, test = standardised(train, test)
    known = y[parts.train]
    if kind == "mlp":
        fitted, predicted, bound = _mlp(train, known, test)
        alpha = float("nan")
    else:
        if kind == "quadratic":
            at = ridge.quadratic(train, test, free=form == "standardised")
        else:
            at = ridge.linear(train, test)
        if kind == "ols":
            found = ridge.fit(at, known, 0.0)
        elif form == "raw":
            found = ridge.fit(at, known, PENALTIES[kind])
        else:
            found = ridge.tuned(at, known, folds(parts.units[parts.train], seed=seed))
        fitted, predicted, alpha, bound = found.train, found.test, found.alpha, found.bound
    judged = strings[parts.test]
    return Probe(
        kind,
        form,
        parts.by,
        r_squared(y[parts.test], predicted),
        _error(y[parts.test], predicted, judged, seed),
        r_squared(known, fitted),
        alpha,
        bound,
        len(parts.train),
        len(parts.test),
        len(np.unique(judged)),
        parts.leaked,
        parts.repeated,
    )


def r_squared(y: np.ndarray, predicted: np.ndarray) -> float:
    """1 − Σ(y − ŷ)² / Σ(y − ȳ)².

    >>> r_squared(np.array([0.0, 1, 2]), np.array([1.0, 1, 1]))
    0.0
    """
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features less the training mean, over the training spread; constant ones become 0."""
    mean, spread = train.mean(axis=0), train.std(axis=0)
    flat = spread <= 1e-12 * np.abs(train).max(axis=0)
    scale = np.where(flat, np.inf, spread)
    return (train - mean) / scale, (test - mean) / scale


def _mlp(
    train: np.ndarray, known: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Fitted and predicted values, and whether the epochs ran out."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPRegressor
    except ImportError as missing:
        raise ImportError("the MLP probe needs scikit-learn: pip install scikit-learn") from missing
    model = MLPRegressor(**MLP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train, known)
    return model.predict(train), model.predict(test), model.n_iter_ >= MLP["max_iter"]


def _error(
    y: np.ndarray, predicted: np.ndarray, strings: np.ndarray, seed: int, draws: int = 400
) -> float:
    """Standard deviation of R² over bootstrap draws of strings; NaN of one string."""
    _, places = np.unique(strings, return_inverse=True)
    sums = [np.bincount(places, part) for part in (np.ones_like(y), y, y**2, (y - predicted) ** 2)]
    count = len(sums[0])
    if count < 2:
        return float("nan")
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), draws)
    n, total, squares, wrong = (drawn @ part for part in sums)
    spread = squares - total**2 / n
    keep = spread > 1e-12 * squares  # a draw of one value of the target has no R²
    return float((1 - wrong[keep] / spread[keep]).std(ddof=1))

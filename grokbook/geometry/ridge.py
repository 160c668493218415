"""Ridge regression in principal coordinates, with a penalty chosen across groups.

    ŷ = ȳ + Z (S² + α)⁻¹ Zᵀ(y − ȳ),   Z = US of the centred features, ZᵀZ = S²

Features enter through their inner products alone, so that the quadratic ones are never formed.
Cross-validation needs no refit: with the smoother H of all training rows, which holds the mean, the
residuals of a fold I that is left out are (1 − H_II)⁻¹ (y − ŷ)_I, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GRID = 10.0 ** np.arange(-9, 3.5, 0.5)
"""Penalties that are tried, times the number of training rows."""
RESOLVED = 1e-10
"""Squared principal values below this share of the largest are rounding."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Coordinates:
    """Features of training and test rows about the training mean, in principal coordinates.

    Attributes:
        train: (n, r) Z; its columns are orthogonal, of squared lengths ``squares``.
        test: (m, r) the test rows in the same coordinates.
        squares: (r,) S², descending, above rounding.
    """

    train: np.ndarray
    test: np.ndarray
    squares: np.ndarray


@dataclass(frozen=True, eq=False)
class Fitted:
    """A ridge fit.

    Attributes:
        train: (n,) fitted values.
        test: (m,) predictions.
        alpha: the penalty.
        bound: ``alpha`` was chosen at an end of the grid: a wider one may do better.
        freedom: Σ S²/(S² + α) + 1, effective parameters.
    """

    train: np.ndarray
    test: np.ndarray
    alpha: float
    bound: bool
    freedom: float


def linear(train: np.ndarray, test: np.ndarray) -> Coordinates:
    """The features themselves; an SVD of (n, p)."""
    mean = train.mean(axis=0)
    left, sizes, right = np.linalg.svd(train - mean, full_matrices=False)
    keep = sizes**2 > RESOLVED * max(sizes[0] ** 2, np.finfo(float).tiny)
    return Coordinates(left[:, keep] * sizes[keep], (test - mean) @ right[keep].T, sizes[keep] ** 2)


def quadratic(train: np.ndarray, test: np.ndarray) -> Coordinates:
    """The features and all products of two different ones: p(p + 1)/2 in number.

    Σ_i x_i y_i + Σ_{i<j} x_i x_j y_i y_j = s + (s² − Σ x_i² y_i²)/2 with s = ⟨x, y⟩: n² p products
    and an eigendecomposition of n × n, some seconds for 2,500 rows.
    """

    def inner(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        s = x @ y.T
        return s + (s**2 - (x**2) @ (y**2).T) / 2

    own, across = inner(train, train), inner(test, train)
    rows = own.mean(axis=0)
    across = across - across.mean(axis=1, keepdims=True) - rows + rows.mean()
    own = own - rows - rows[:, None] + rows.mean()
    squares, left = np.linalg.eigh(own)
    keep = np.flatnonzero(squares > RESOLVED * max(squares[-1], np.finfo(float).tiny))[::-1]
    sizes = np.sqrt(squares[keep])
    return Coordinates(left[:, keep] * sizes, across @ left[:, keep] / sizes, squares[keep])


def fit(at: Coordinates, target: np.ndarray, alpha: float) -> Fitted:
    """Ridge with a penalty; 0 is least squares, of least norm where that is not one fit alone.

    Args:
        at: the rows.
        target: (n,) y of the training rows.
        alpha: the penalty α ≥ 0; the mean is not penalised.

    Raises:
        ValueError: for a negative penalty, or targets of another length.

    >>> rows = np.array([[0.0], [1.0], [2.0]])
    >>> fit(linear(rows, rows), np.array([1.0, 3.0, 5.0]), 0.0).test.round(9).tolist()
    [1.0, 3.0, 5.0]
    """
    if not alpha >= 0:
        raise ValueError(f"a penalty must not be negative, not {alpha}")
    if np.shape(target) != (len(at.train),):
        raise ValueError(f"targets must be ({len(at.train)},), not {np.shape(target)}")
    mean = target.mean()
    weights = at.train.T @ (target - mean) / (at.squares + alpha)
    freedom = float((at.squares / (at.squares + alpha)).sum()) + 1
    return Fitted(mean + at.train @ weights, mean + at.test @ weights, float(alpha), False, freedom)


def left_out(at: Coordinates, target: np.ndarray, alpha: float, folds: np.ndarray) -> np.ndarray:
    """(n,) residuals of the training rows, each fold's as if it had been left out of the fit.

    Args:
        at: the rows.
        target: (n,) y.
        alpha: the penalty, above 0.
        folds: (n,) which fold a row is in.
    """
    residuals = target - fit(at, target, alpha).train
    weights = 1 / (at.squares + alpha)
    found = np.empty(len(target))
    for fold in np.unique(folds):
        chosen = folds == fold
        rows = at.train[chosen]
        block = (rows * weights) @ rows.T + 1 / len(target)
        found[chosen] = np.linalg.solve(np.eye(len(rows)) - block, residuals[chosen])
    return found


def tuned(at: Coordinates, target: np.ndarray, folds: np.ndarray) -> Fitted:
    """Ridge with the penalty of `GRID` whose left-out residuals have the least sum of squares.

    Raises:
        ValueError: for fewer than two folds.
    """
    if len(np.unique(folds)) < 2:
        raise ValueError("cross-validation needs two folds at least")
    penalties = GRID * len(target)
    scores = [float((left_out(at, target, alpha, folds) ** 2).sum()) for alpha in penalties]
    best = int(np.argmin(scores))
    found = fit(at, target, float(penalties[best]))
    bound = best in (0, len(GRID) - 1)
    return Fitted(found.train, found.test, found.alpha, bound, found.freedom)

"""Ridge regression in principal coordinates, with a penalty chosen across groups.

    ŷ = QQᵀy + Z (S² + α)⁻¹ Zᵀy,   QᵀQ = 1, QᵀZ = 0, ZᵀZ = S²

Q has what is not penalised: the mean, and linear features where it is products that are.  Features
enter through their inner products alone, so that the quadratic ones are never formed.
Cross-validation needs no refit: with the smoother H of all training rows, ŷ = Hy, the residuals of
a fold I that is left out are (1 − H_II)⁻¹ (y − ŷ)_I, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GRID = 10.0 ** np.arange(-10, 3)
"""Penalties that are tried, times the largest S²: from next to none to next to nothing left."""
RESOLVED = 1e-10
"""Squared principal values below this share of the largest are rounding."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Coordinates:
    """Features of training and test rows, in principal coordinates.

    Attributes:
        free: (n, f) Q.
        free_test: (m, f) the test rows in the coordinates of Q.
        train: (n, r) Z; its columns are orthogonal, of squared lengths ``squares``.
        test: (m, r) the test rows in the same coordinates.
        squares: (r,) S², descending, above rounding.
    """

    free: np.ndarray
    free_test: np.ndarray
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
        freedom: f + Σ S²/(S² + α), effective parameters.
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
    return Coordinates(
        *_constant(len(train), len(test)),
        left[:, keep] * sizes[keep],
        (test - mean) @ right[keep].T,
        sizes[keep] ** 2,
    )


def quadratic(train: np.ndarray, test: np.ndarray, *, free: bool = False) -> Coordinates:
    """The features and all products of two different ones: p(p + 1)/2 in number.

    Σ_i x_i y_i + Σ_{i<j} x_i x_j y_i y_j = s + (s² − Σ x_i² y_i²)/2 with s = ⟨x, y⟩: n² p products
    and an eigendecomposition of n × n, some seconds for 2,500 rows.

    Args:
        train: (n, p).
        test: (m, p).
        free: the features themselves are not penalised, only their products are; else all alike,
            as published.  Then products that say nothing can be penalised away.
    """

    def inner(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        s = x @ y.T
        return (0 if free else s) + (s**2 - (x**2) @ (y**2).T) / 2

    own, across = inner(train, train), inner(test, train)
    q, q_test = _constant(len(train), len(test))
    if free:
        lines = linear(train, test)
        sizes = np.sqrt(lines.squares)
        q, q_test = np.hstack([q, lines.train / sizes]), np.hstack([q_test, lines.test / sizes])
    # What Q explains of the products is taken away, of the test rows by the training rows' law.
    across = across - q_test @ (q.T @ own)
    across = across - (across @ q) @ q.T
    own = own - q @ (q.T @ own)
    own = own - (own @ q) @ q.T
    squares, left = np.linalg.eigh((own + own.T) / 2)
    keep = np.flatnonzero(squares > RESOLVED * max(squares[-1], np.finfo(float).tiny))[::-1]
    sizes = np.sqrt(squares[keep])
    return Coordinates(
        q, q_test, left[:, keep] * sizes, across @ left[:, keep] / sizes, squares[keep]
    )


def fit(at: Coordinates, target: np.ndarray, alpha: float) -> Fitted:
    """Ridge with a penalty; 0 is least squares, of least norm where that is not one fit alone.

    Args:
        at: the rows.
        target: (n,) y of the training rows.
        alpha: the penalty α ≥ 0.

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
    plain = at.free.T @ target
    weights = at.train.T @ target / (at.squares + alpha)
    return Fitted(
        at.free @ plain + at.train @ weights,
        at.free_test @ plain + at.test @ weights,
        float(alpha),
        bound=False,
        freedom=at.free.shape[1] + float((at.squares / (at.squares + alpha)).sum()),
    )


def left_out(at: Coordinates, target: np.ndarray, alpha: float, folds: np.ndarray) -> np.ndarray:
    """(n,) residuals of the training rows, each fold's as if it had been left out of the fit.

    Args:
        at: the rows.
        target: (n,) y.
        alpha: the penalty, above 0.
        folds: (n,) which fold a row is in.
    """
    residuals = target - fit(at, target, alpha).train
    coordinates = np.hstack([at.free, at.train])
    penalised = np.concatenate([np.ones(at.free.shape[1]), at.squares + alpha])
    found = np.empty(len(target))
    for fold in np.unique(folds):
        chosen = folds == fold
        rows, own = coordinates[chosen], residuals[chosen]
        if len(penalised) < len(rows):  # (1 − RA⁻¹Rᵀ)⁻¹ = 1 + R (A − RᵀR)⁻¹ Rᵀ
            inner = np.diag(penalised) - rows.T @ rows
            found[chosen] = own + rows @ np.linalg.solve(inner, rows.T @ own)
        else:
            block = (rows / penalised) @ rows.T
            found[chosen] = np.linalg.solve(np.eye(len(rows)) - block, own)
    return found


def tuned(at: Coordinates, target: np.ndarray, folds: np.ndarray) -> Fitted:
    """Ridge with the penalty of `GRID` whose left-out residuals have the least sum of squares.

    Raises:
        ValueError: for fewer than two folds.
    """
    if len(np.unique(folds)) < 2:
        raise ValueError("cross-validation needs two folds at least")
    penalties = GRID * (at.squares[0] if len(at.squares) else 1.0)
    scores = [float((left_out(at, target, alpha, folds) ** 2).sum()) for alpha in penalties]
    best = int(np.argmin(scores))
    found = fit(at, target, float(penalties[best]))
    bound = best in (0, len(GRID) - 1)
    return Fitted(found.train, found.test, found.alpha, bound, found.freedom)


def _constant(train: int, test: int) -> tuple[np.ndarray, np.ndarray]:
    """Q of the mean alone, for training and test rows."""
    return tuple(np.full((count, 1), train**-0.5) for count in (train, test))

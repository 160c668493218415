"""What moves the weights along the spectral edge: the gradient, or the decay of the weights.

    δ_i = Δ_grad,i + Δ_wd,i;   E_• = mean_i ⟨Δ_•,i, v_k⟩²,   published share E_grad/(E_grad + E_wd)

Squares lose the sign, and two large parts that cancel share as two that add up.  The signed share
Σ_i ⟨Δ_•,i, v_k⟩⟨δ_i, v_k⟩ / Σ_i ⟨δ_i, v_k⟩² says of which the movement is made; of all parts it
adds up to 1.  What either says of grokking is seen beside a gradient that moves at random with its
own norm (`at_random`), and beside the cosine of v_k with the initial weights, which a path of pure
decay has for its v_1.
Source: 2604.07380 section 4.2, weaknesses A, B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.edge_windows import Window, window
from grokbook.geometry.isotropic import factors
from grokbook.geometry.nulls import whole


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Shares:
    """The parts of gradient and decay in the movement along k directions, each (k,).

    Attributes:
        gradient, decay: E, squared norm an interval.
        together: mean_i ⟨Δ_grad, v⟩⟨Δ_wd, v⟩, squared norm: aligned if positive, as published.
        signed: the gradient's signed share of Σ⟨δ, v⟩²; the decay's is 1 − that, less ``residual``.
        net: ⟨ΣΔ_grad, v⟩ / ⟨Σδ, v⟩, the same of the whole window at once; large where parts cancel.
        residual: |Σ⟨δ − Δ_grad − Δ_wd, v⟩⟨δ, v⟩| / Σ⟨δ, v⟩²: what neither part explains.
    """

    gradient: np.ndarray
    decay: np.ndarray
    together: np.ndarray
    signed: np.ndarray
    net: np.ndarray
    residual: np.ndarray

    @property
    def published(self) -> np.ndarray:
        """(k,) E_grad / (E_grad + E_wd); 1 without decay, NaN where nothing moves."""
        with np.errstate(invalid="ignore"):
            return self.gradient / (self.gradient + self.decay)

    @property
    def alignment(self) -> np.ndarray:
        """(k,) in [−1, 1]; its sign is what is published, 0 without decay."""
        size = np.sqrt(self.gradient * self.decay)
        return np.divide(self.together, size, out=np.zeros_like(size), where=size > 0)


def shares(
    directions: np.ndarray, gradient: np.ndarray, decay: np.ndarray, updates: np.ndarray
) -> Shares:
    """The shares of gradient and decay along directions; 3 w k P products.

    Args:
        directions: (k, P), unit rows.
        gradient: (w, P) displacements of each interval by the gradient, logged exactly or by
            `trapezoid`.  The last row of all three alone is the published variant of several seeds.
        decay: (w, P) the same by decay.
        updates: (w, P) δ_i.

    Raises:
        ValueError: for shapes that do not match.
    """
    if not np.shape(gradient) == np.shape(decay) == np.shape(updates):
        raise ValueError(
            f"gradient, decay and updates must have one shape, not {np.shape(gradient)}, "
            f"{np.shape(decay)} and {np.shape(updates)}"
        )
    by_gradient, by_decay, moved = (
        np.asarray(rows, dtype=np.float64) @ directions.T for rows in (gradient, decay, updates)
    )
    squares = (moved**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Shares(
            gradient=(by_gradient**2).mean(axis=0),
            decay=(by_decay**2).mean(axis=0),
            together=(by_gradient * by_decay).mean(axis=0),
            signed=(by_gradient * moved).sum(axis=0) / squares,
            net=by_gradient.sum(axis=0) / moved.sum(axis=0),
            residual=np.abs(((moved - by_gradient - by_decay) * moved).sum(axis=0)) / squares,
        )


def share_errors(
    found: Shares,
    turn: np.ndarray,
    gradient: np.ndarray,
    decay: np.ndarray,
    updates: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(k,) bounds, to first order, on what turning each direction does to two of the shares.

    A turn by φ moves every ⟨Δ, v⟩ by φ ‖Δ‖ at most, so E by 2φ √(E · mean ‖Δ‖²).

    Args:
        found: the shares.
        turn: (k,) φ, such as `Window.errors`.
        gradient: (w, P), of which they are.
        decay: (w, P) likewise.
        updates: (w, P) likewise.

    Returns:
        Of ``published`` and of ``signed``.
    """
    g, d, m = (
        float(np.sqrt((np.asarray(rows, dtype=np.float64) ** 2).sum(axis=1).mean()))
        for rows in (gradient, decay, updates)
    )
    e_g, e_d = found.gradient, found.decay
    e_m = e_g + e_d + 2 * found.together  # of what adds up
    with np.errstate(invalid="ignore", divide="ignore"):
        published = 2 * turn * (np.sqrt(e_g) * g * e_d + np.sqrt(e_d) * d * e_g) / (e_g + e_d) ** 2
        signed = turn * (
            np.sqrt(e_m) * g + np.sqrt(e_g) * m + 2 * abs(found.signed) * np.sqrt(e_m) * m
        )
        return published, signed / e_m


def trapezoid(
    snapshots: np.ndarray, steps: np.ndarray, rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Displacements by gradient and decay as published: the decay from both ends of an interval.

    Δ_wd = −ηωN (θ_{i−1} + θ_i)/2, Δ_grad = δ − Δ_wd.  For pure decay by a factor a = (1 − ηω)ᴺ it
    is off by the relative error ηωN (1 + a)/(2(1 − a)) − 1, about (ηωN)²/12.

    Args:
        snapshots: (w + 1, P) θ.
        steps: (w + 1,) of each.
        rate: ηω.

    Raises:
        ValueError: for unequal lengths, or a negative rate.

    >>> gradient, decay = trapezoid(np.array([[2.0], [2.0]]), np.array([0, 10]), 0.01)
    >>> decay.round(9).tolist(), gradient.round(9).tolist()
    ([[-0.2]], [[0.2]])
    """
    theta = np.asarray(snapshots, dtype=np.float64)
    if len(theta) != len(steps) or rate < 0:
        raise ValueError(f"{len(theta)} snapshots do not go with {len(steps)} steps at ηω = {rate}")
    decay = -rate * np.diff(steps)[:, None] * (theta[:-1] + theta[1:]) / 2
    return np.diff(theta, axis=0) - decay, decay


@dataclass(frozen=True, eq=False)
class Cosines:
    """|cos| of directions with weights, each (k,).

    Attributes:
        weights: with θ, at the window's end.
        start: with θ_0.
        learned: with θ − θ_0 · kept, what the gradient has made; NaN while there is none.
        error: bound on what rounding did to any of the three.
        chance: what a random direction has on average, about √(2/(πP)).
    """

    weights: np.ndarray
    start: np.ndarray
    learned: np.ndarray
    error: np.ndarray
    chance: float


def cosines(found: Window, theta: np.ndarray, start: np.ndarray, kept: float) -> Cosines:
    """How far the edge points along the weights, the initial ones, or what was learned.

    Args:
        found: the window.
        theta: (P,) θ at its end.
        start: (P,) θ_0.
        kept: Π(1 − ηω) from step 0 to there.
    """
    theta, start = (np.asarray(each, dtype=np.float64) for each in (theta, start))
    learned = theta - kept * start

    def cosine(vector: np.ndarray) -> np.ndarray:
        size = float(np.linalg.norm(vector))
        if size <= 1e-12 * float(np.linalg.norm(theta)):  # rounding has a direction, of no meaning
            return np.full(len(found.directions), np.nan)
        return np.abs(found.directions @ vector) / size

    return Cosines(
        cosine(theta), cosine(start), cosine(learned), found.errors, whole(len(theta), 1).mean
    )


@dataclass(frozen=True, eq=False)
class RandomGradient:
    """Shares along v_1 … v_k if the gradient moved at random, over draws.

    Attributes:
        published, signed: (draws, k), as in `Shares`; the window has its own v_k in each draw.
        sigma: (draws, k) singular values.
    """

    published: np.ndarray
    signed: np.ndarray
    sigma: np.ndarray

    def band(self, level: float = 0.95) -> np.ndarray:
        """(2, k) quantiles of ``published`` that hold this share of the draws."""
        return np.quantile(self.published, [(1 - level) / 2, (1 + level) / 2], axis=0)


def at_random(
    decay: np.ndarray, norms: np.ndarray, *, count: int = 2, draws: int = 200, seed: int
) -> RandomGradient:
    """What the shares would be if each interval's gradient had its norm and a random direction.

    No vector of P numbers is drawn.  In coordinates in which the decay's rows span the first m
    axes, a normal row has m normal numbers there, and of the rest only inner products count, which
    have a Wishart law: the draws are exact.  w P products, then a w × (m + w) SVD a draw.

    Args:
        decay: (w, P) displacements by decay, the run's own.
        norms: (w,) ‖Δ_grad‖ of each interval.
        count: k, at most w.
        draws: of the whole window.
        seed: of a private generator.

    Raises:
        ValueError: for no draws, k outside 1 … w, negative norms, or not one norm a row.
    """
    decay, norms = (np.asarray(each, dtype=np.float64) for each in (decay, norms))
    rows, size = decay.shape
    if norms.shape != (rows,) or norms.min() < 0:
        raise ValueError(f"norms must be {rows} numbers ≥ 0, not {norms!r}")
    if draws < 1 or not 1 <= count <= rows:
        raise ValueError(f"need a draw and 1 … {rows} directions, not {draws} and {count}")
    inner = min(rows, size)
    own = np.linalg.qr(decay.T, mode="r").T  # (w, m): the same rows in an orthonormal frame
    generator = np.random.default_rng(seed)
    along = generator.standard_normal((draws, rows, inner))
    beside = factors(generator, draws, rows, size - inner) if size > inner else along[..., :0]
    found = []
    for inside, outside in zip(along, beside, strict=True):
        drawn = np.hstack([inside, outside])
        drawn *= (norms / np.linalg.norm(drawn, axis=1))[:, None]
        wide = np.hstack([own, np.zeros_like(outside)])
        at = window(drawn + wide, count=count)
        each = shares(at.directions, drawn, wide, drawn + wide)
        missing = count - len(at.directions)  # a window that moves in fewer directions
        sigma = [at.edge.size(k + 1) for k in range(count)]
        pad = (0, missing)
        nan = {"constant_values": np.nan}
        found.append((np.pad(each.published, pad, **nan), np.pad(each.signed, pad, **nan), sigma))
    published, signed, sigma = (np.array(part) for part in zip(*found, strict=True))
    return RandomGradient(published, signed, sigma)

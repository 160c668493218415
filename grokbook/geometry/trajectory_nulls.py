"""What a trajectory's PCA looks like if nothing was learned, and trajectories made comparable.

Both nulls are linear: y_i = a_i y_{i−1} + b_i e_i with independent, isotropic unit vectors e_i of
R^D, so Y = M E with a triangular M, and the Gram matrix of a draw is M (EEᵀ) Mᵀ.  EEᵀ of n
vectors is drawn by Bartlett's decomposition, in n²/2 random numbers instead of n·D, with the same
law.  For D → ∞ EEᵀ → 1, and the spectrum is that of MMᵀ, without a draw.

- *Random walk*: a = 1, b_i the run's own step norms (2602.16746 section 4.2, where the steps are
  drawn in R^D).  With equal steps the first share tends to 6/π² = 60.8 %.
- *Relaxation* (Ornstein–Uhlenbeck): y_0 of the run's initial norm, a_i = (1 − ηλ)^Δ over Δ steps.
  A smooth decay from a random start, which the papers do not compare with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.isotropic import factors
from grokbook.geometry.trajectory import Displacements, direction, spectrum


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Process:
    """A linear process, snapshot by snapshot.

    Attributes:
        mixing: (n, m) M, Y = M E.
        dimension: D.
        start: norm of y_0, by which cosines are taken; 0 for a walk, which starts anywhere.
    """

    mixing: np.ndarray
    dimension: int
    start: float

    def limit(self) -> np.ndarray:
        """(n, n) inner products of y_t − y_0 for D → ∞."""
        moved = self.mixing - self.mixing[0]
        return moved @ moved.T

    def draw(self, generator: np.random.Generator) -> Displacements:
        """One draw of the process; n³/3 flops, whatever D."""
        (rows,) = factors(generator, 1, self.mixing.shape[1], self.dimension)
        points = self.mixing @ (rows / np.linalg.norm(rows, axis=1, keepdims=True))
        moved = points - points[0]
        return Displacements(moved @ moved.T, moved @ points[0], float(points[0] @ points[0]))


@dataclass(frozen=True, eq=False)
class NullSpectrum:
    """Shares of variance under a null.

    Attributes:
        shares: (draws, k) of the first k components.
        starts: (draws,) |cos(v_1, y_0)|; NaN for a walk.
        limit: (k,) shares for D → ∞, exact.
    """

    shares: np.ndarray
    starts: np.ndarray
    limit: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(k,) over the draws."""
        return self.shares.mean(axis=0)

    @property
    def sd(self) -> np.ndarray:
        """(k,) over the draws, the population's (divisor N) as published."""
        return self.shares.std(axis=0)

    def z(self, share: float) -> float:
        """(share − mean) / (sd + 10⁻⁸) of the first component, as published.

        With sd ≈ 0.2 points a difference of no interest has a large z (2602.16746 section 4.2).
        """
        return float((share - self.mean[0]) / (self.sd[0] + 1e-8))


def random_walk(steps: np.ndarray, dimension: int) -> Process:
    """The walk with these step norms (n − 1,), from y_0 = 0.

    Raises:
        ValueError: for a negative norm, no steps, or no dimension.
    """
    steps = _norms("step norms", steps, dimension)
    mixing = np.zeros((len(steps) + 1, len(steps)))
    mixing[1:] = np.tril(np.broadcast_to(steps, (len(steps), len(steps))))
    return Process(mixing, dimension, 0.0)


def relaxation(start: float, decay: np.ndarray, noise: np.ndarray, dimension: int) -> Process:
    """y_i = a_i y_{i−1} + b_i e_i from a random y_0.

    Args:
        start: ‖y_0‖.
        decay: (n − 1,) a_i, see `decay_factors`.
        noise: (n − 1,) b_i, such as `Displacements.steps` or `innovations`.
        dimension: D.

    Raises:
        ValueError: for a negative norm, a factor outside [0, 1], or unequal lengths.
    """
    noise = _norms("noise norms", noise, dimension)
    decay = np.asarray(decay, dtype=np.float64)
    if start < 0:
        raise ValueError(f"the initial norm must not be negative, not {start}")
    if decay.shape != noise.shape or decay.min() < 0 or decay.max() > 1:
        raise ValueError(f"decay must be {noise.shape} factors in [0, 1], not {decay!r}")
    mixing = np.zeros((len(noise) + 1, len(noise) + 1))
    mixing[0, 0] = start
    for i, (a, b) in enumerate(zip(decay, noise, strict=True), start=1):
        mixing[i] = a * mixing[i - 1]
        mixing[i, i] += b
    return Process(mixing, dimension, start)


def decay_factors(steps: np.ndarray, rate: float) -> np.ndarray:
    """(n − 1,) (1 − ηλ)^Δ over the intervals between steps, for rate = ηλ in [0, 1].

    Raises:
        ValueError: for another rate.

    >>> decay_factors(np.array([0, 1, 3]), 0.5).tolist()
    [0.5, 0.25]
    """
    if not 0 <= rate <= 1:
        raise ValueError(f"ηλ must lie in [0, 1], not {rate}")
    return (1 - rate) ** np.diff(steps).astype(np.float64)


def innovations(moves: Displacements, decay: np.ndarray) -> np.ndarray:
    """(n − 1,) ‖v_i − a_i v_{i−1}‖: what moved a run beside its decay.

    ‖v_i − a v_{i−1}‖² = (1 − a)(‖v_i‖² − a ‖v_{i−1}‖²) + a ‖v_i − v_{i−1}‖².
    """
    squares = moves.norms**2
    found = (1 - decay) * (squares[1:] - decay * squares[:-1]) + decay * moves.steps**2
    return np.sqrt(np.maximum(found, 0.0))


def null_spectrum(process: Process, *, draws: int, seed: int, components: int = 10) -> NullSpectrum:
    """Shares under a null, by simulation and in the limit.

    Args:
        process: what is drawn.
        draws: N; the published z has 10.
        seed: of a private generator.
        components: shares to keep, at most n − 1.

    Raises:
        ValueError: for no draws.
    """
    if draws < 1:
        raise ValueError(f"a null needs a draw at least, not {draws}")
    generator = np.random.default_rng(seed)
    shares, starts = [], []
    for _ in range(draws):
        moves = process.draw(generator)
        shares.append(spectrum(moves.products).shares[:components])
        starts.append(direction(moves).start if process.start > 0 else np.nan)
    limit = spectrum(process.limit()).shares[:components]
    return NullSpectrum(np.array(shares), np.array(starts), limit)


def evenly(times: np.ndarray, until: float, count: int) -> np.ndarray:
    """Places of the ``count`` snapshots that are nearest to evenly spaced times from 0 to until.

    Raises:
        ValueError: if there are too few, or none as late, so that nobody compares unequal counts.

    >>> evenly(np.arange(0, 1100, 100), 800, 3).tolist()
    [0, 4, 8]
    """
    times = np.asarray(times, dtype=np.float64)
    if count < 2 or until <= 0:
        raise ValueError(f"need two snapshots at least and a time > 0, not {count} and {until}")
    if times[-1] < until:
        raise Degenerate(f"the trajectory ends at {times[-1]:g}, before {until:g}")
    wanted = np.linspace(0, until, count)
    found = np.unique(np.abs(times[:, None] - wanted).argmin(axis=0))
    if len(found) < count:
        raise Degenerate(f"only {len(found)} snapshots for {count} times up to {until:g}")
    return found


def _norms(name: str, values: np.ndarray, dimension: int) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values) or values.min() < 0:
        raise ValueError(f"{name} must be a list of numbers ≥ 0, not {values!r}")
    if dimension < 1:
        raise ValueError(f"a dimension must be at least 1, not {dimension}")
    return values

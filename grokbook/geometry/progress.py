"""Restricted and excluded loss: how much of a head's answer lies in a few frequencies.

The logits z (N, p) of one head on N pairs are projected, class by class, on the functions of the
pair that depend on its answer r alone and have the frequencies K only:

    P_K z = orthogonal projection, over the fitted pairs, on span{1, cos ω_k r, sin ω_k r : k ∈ K}
    restricted logits   P_K z                  everything but the key frequencies forgotten
    excluded logits     z − P_K z + P_∅ z      the key frequencies forgotten, the mean kept

with ω_k = 2πk/n and r the place of the label in the task's group (`basis_of`).  For addition
cos ω_k r = cos ω_k(a + b), so on the full table of Z_n × Z_n the projection keeps the components
(k, k) of the 2-D Fourier transform over (a, b), as for multiplication under discrete logarithms.
Losses are mean cross-entropies in nats.  Source: Nanda et al. 2023 (2301.05217) section 5.

The published projection is fitted on the *whole* table.  It averages a test pair's logits with
those of the training pairs of the same answer, so that the restricted test loss of a pure lookup
table already falls below its test loss.  Fitted on the pairs whose loss is taken, it cannot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax

from grokbook.geometry.cyclic import FourierBasis


def basis_of(task: str, modulus: int) -> FourierBasis:
    """The basis in which a task's answers are read.

    Multiplication is addition of discrete logarithms.  The others' answers are sums in Z_p: of a
    and ±b, and for a² + b² of the squares, additive characters of the answer factorise over a² and
    b².  No order of the *operands* makes a² + b² a group's law, so for it, and for the tasks with
    a product and a sum, only the answer's spectrum means something.

    Raises:
        ValueError: for mul where the modulus is not prime.
    """
    return FourierBasis.discrete_log(modulus) if task == "mul" else FourierBasis.additive(modulus)


@dataclass(frozen=True)
class Progress:
    """A head's loss, with the key frequencies alone and without them.

    Attributes:
        frequencies: K.
        loss: of the logits as they are, nats.
        restricted: of P_K z, nats.
        excluded: of z − P_K z + P_∅ z, nats.
        pairs: over which the losses are means.
        fitted: over which the projection is orthogonal.
        error: of each loss, nats: 2 · max|z| · half a unit in the last place, the most by which
            rounding the logits to their precision can change ``loss``.
    """

    frequencies: tuple[int, ...]
    loss: float
    restricted: float
    excluded: float
    pairs: int
    fitted: int
    error: float


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Answers:
    """The logits of one head, averaged over the fitted pairs of each answer.

    Attributes:
        basis: of the task's answers.
        logits: (N, p) float64 of the pairs whose answer has a place.
        places: (N,) of their answers.
        kept: (N,) their number among the pairs given.
        given: how many those were.
        counts: (n,) fitted pairs of each answer.
        means: (n, p) mean logits of each answer over the fitted pairs, 0 where there are none.
        share: of the variance of the fitted logits, that of ``means``: R² of the logits on the
            answer, in any basis, of which (n − 1)/(N − 1) comes by chance.  Logits are taken about
            their mean over classes first, which no loss sees.
        epsilon: of the logits' precision.
    """

    basis: FourierBasis
    logits: np.ndarray
    places: np.ndarray
    kept: np.ndarray
    given: int
    counts: np.ndarray
    means: np.ndarray
    share: float
    epsilon: float

    @classmethod
    def of(
        cls,
        logits: np.ndarray,
        labels: np.ndarray,
        basis: FourierBasis,
        *,
        fitted: np.ndarray | None = None,
    ) -> Answers:
        """Average logits by answer.

        Args:
            logits: (N, p) of one head, float32 or float64.
            labels: (N,) residues.
            basis: of the answers; pairs whose answer has no place (products of 0) are left out.
            fitted: (N,) bool, the pairs to fit on; by default all.

        Raises:
            ValueError: for a wrong shape, a label that is no residue, or nothing to fit on.
        """
        logits, labels = np.asarray(logits), np.asarray(labels)
        if logits.ndim != 2 or logits.shape[1] != basis.modulus:
            raise ValueError(f"logits have shape {logits.shape}, not (N, {basis.modulus})")
        if labels.shape != logits.shape[:1] or not len(labels):
            raise ValueError(f"{len(logits)} pairs have labels of shape {labels.shape}")
        if labels.min() < 0 or labels.max() >= basis.modulus:
            raise ValueError(f"labels must lie in 0 … {basis.modulus - 1}")
        fitted = _chosen(fitted, len(logits), "fitted")
        epsilon = float(np.finfo(logits.dtype).eps)
        kept = np.flatnonzero(basis.places[labels] >= 0)
        values, places = logits[kept].astype(np.float64), basis.places[labels[kept]]
        fit = fitted[kept]
        counts = np.bincount(places[fit], minlength=basis.order)
        if not counts.any():
            raise ValueError("there is no pair to fit on")
        means = np.zeros((basis.order, basis.modulus))
        np.add.at(means, places[fit], values[fit])
        means /= np.maximum(counts, 1)[:, None]
        free = values[fit] - values[fit].mean(1, keepdims=True)
        free -= free.mean(0)
        shown = means - means.mean(1, keepdims=True)
        shown -= counts @ shown / counts.sum()
        variance = float((free**2).sum())
        share = float(counts @ (shown**2).sum(1)) / variance if variance else 0.0
        return cls(basis, values, places, kept, len(labels), counts, means, share, epsilon)

    @property
    def by_residue(self) -> tuple[np.ndarray, np.ndarray]:
        """(p, p) mean logits by answer about their mean over classes, and which answers occur.

        For `power_spectrum`.  Classes that are never an answer are left out: they hold no wave.
        """
        rows = np.zeros((self.basis.modulus, self.basis.modulus))
        present = np.zeros(self.basis.modulus, dtype=bool)
        present[self.basis.residues] = self.counts > 0
        rows[self.basis.residues] = self.means
        rows -= rows[:, present].mean(1, keepdims=True)
        return np.where(present, rows, 0), present

    def project(self, frequencies: Iterable[int]) -> tuple[np.ndarray, np.ndarray]:
        """P_K z by place of the answer, (n, p), and P_∅ z, the mean logits, (p,)."""
        mean = self.counts @ self.means / self.counts.sum()
        design = np.vstack([np.ones(self.basis.order), self.basis.waves(frequencies)]).T
        # Answers are not equally frequent (0 = a + b has one pair more than the others where
        # operands are nonzero), so waves are orthogonal only nearly: weighted least squares.
        weight = np.sqrt(self.counts)[:, None]
        coefficients = np.linalg.lstsq(weight * design, weight * (self.means - mean), rcond=None)[0]
        return design @ coefficients + mean, mean

    def progress(self, frequencies: Iterable[int], *, on: np.ndarray | None = None) -> Progress:
        """Restricted and excluded loss.

        Args:
            frequencies: K; with none, restricted logits are the mean and nothing is excluded.
            on: (N,) bool of the pairs given, those whose loss is taken; by default all.

        Raises:
            ValueError: for a frequency that is none, or no pair to take the loss on.
        """
        frequencies = tuple(int(k) for k in frequencies)
        projected, mean = self.project(frequencies)
        on = _chosen(on, self.given, "on")[self.kept]
        if not on.any():
            raise ValueError("there is no pair to take the loss on")
        logits, places = self.logits[on], self.places[on]
        labels = self.basis.residues[places]
        return Progress(
            frequencies,
            loss=_cross_entropy(logits, labels),
            # Restricted logits are alike for all pairs of one answer.
            restricted=float(-log_softmax(projected, axis=1)[places, labels].mean()),
            excluded=_cross_entropy(logits - (projected - mean)[places], labels),
            pairs=len(places),
            fitted=int(self.counts.sum()),
            error=float(np.abs(self.logits).max() * self.epsilon),
        )


def random_frequencies(
    basis: FourierBasis, count: int, *, draws: int, seed: int
) -> list[tuple[int, ...]]:
    """Sets of ``count`` frequencies, each drawn without replacement from all of the basis.

    The null of key frequencies: any choice of as many, key ones not left out.

    Raises:
        ValueError: if there are not so many frequencies, or for no draws.
    """
    if draws < 1:
        raise ValueError(f"random frequencies need at least 1 draw, not {draws}")
    if not 0 <= count <= len(basis.frequencies):
        raise ValueError(f"there are {len(basis.frequencies)} frequencies, not {count}")
    generator = np.random.default_rng(seed)
    return [
        tuple(sorted(generator.choice(basis.frequencies, count, replace=False).tolist()))
        for _ in range(draws)
    ]


def _cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(logits, axis=1)[np.arange(len(labels)), labels].mean())


def _chosen(mask: np.ndarray | None, count: int, name: str) -> np.ndarray:
    if mask is None:
        return np.ones(count, dtype=bool)
    mask = np.asarray(mask)
    if mask.shape != (count,) or mask.dtype != bool:
        raise ValueError(f"{name} is {mask.dtype} {mask.shape}, not bool ({count},)")
    return mask

"""Fourier spectra of matrices whose rows belong to residues modulo p: embeddings, heads, logits.

A frequency's power is the squared norm of the rows on its one or two basis vectors
(`grokbook.geometry.cyclic`), summed over columns: no phase is preferred.  Source: the additive
basis for grokking is that of Nanda et al. 2023 (2301.05217); the discrete logarithm for products
is used in 2604.06256.  Everything is float64.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from grokbook.geometry.cyclic import FourierBasis


@dataclass(frozen=True, eq=False)
class PowerSpectrum:
    """How the variance of a matrix's rows is shared among frequencies.

    Attributes:
        basis: the order of the rows.
        shares: (F,) of the power at frequencies 1 … F; they add up to 1.  k = n/2 has one wave
            instead of two, so by chance half the share of the others.
        total: Σ of squares about the mean row, in squared norm units.
        residual: |Σ power / total − 1|; Parseval says 0, rounding some 1e-15.
    """

    basis: FourierBasis
    shares: np.ndarray
    total: float
    residual: float

    @property
    def participation(self) -> float:
        """The effective number of frequencies 1 / Σ share²: m if m frequencies share equally."""
        return float(1 / (self.shares**2).sum())

    @property
    def gini(self) -> float:
        """Gini's coefficient Σ_i (2i − F − 1) share_(i) / F, ascending.

        0 if all are equal, 1 − 1/F if there is but one.
        """
        count = len(self.shares)
        return float((2 * np.arange(1, count + 1) - count - 1) @ np.sort(self.shares) / count)

    def top(self, count: int) -> np.ndarray:
        """(count,) the frequencies of largest share, largest first; ties to the lower one.

        Raises:
            ValueError: if there are not so many.
        """
        if not 0 <= count <= len(self.shares):
            raise ValueError(f"there are {len(self.shares)} frequencies, not {count}")
        return self.basis.frequencies[np.argsort(-self.shares, kind="stable")[:count]]

    def top_share(self, count: int) -> float:
        """What the ``count`` largest shares add up to."""
        return float(self.shares[self.top(count) - 1].sum())

    @property
    def even_share(self) -> float:
        """What the even frequencies add up to.

        In the discrete-log basis these are the functions f(r) = f(−r), that is of r², whatever the
        root: the character of frequency k takes −1 to (−1)ᵏ.  Independent entries have
        ((n/2) − 1)/(n − 1) on average.
        """
        return float(self.shares[self.basis.frequencies % 2 == 0].sum())

    def key(self, excess: float) -> np.ndarray:
        """The frequencies with more than ``excess`` times an equal share 1/F, largest first.

        The rule by which key frequencies are chosen: it sees weights, never a loss.
        """
        return self.top(int((self.shares > excess / len(self.shares)).sum()))


def power_spectrum(
    rows: np.ndarray, basis: FourierBasis, *, present: np.ndarray | None = None
) -> PowerSpectrum:
    """The spectrum of a matrix whose rows belong to residues.

    Rows that the data never touch (token 0 where operands are nonzero) hold nothing learned, so
    they are set to the mean of the others, and the mean is taken off: they add no power of their
    own.  One missing row of p spreads about 1/p of a frequency's power evenly over the others, in
    the null (`chance`) as in the data; so no entropy is given, which would feel it most.

    Args:
        rows: (p, w), row r of residue r.
        basis: of the residues modulo p; those without a place are left out.
        present: (p,) bool, which rows count; by default all.

    Raises:
        ValueError: for a wrong shape, entries that are not finite, fewer than two rows, or rows
            all equal, which have no spectrum.
    """
    rows, present = _rows(rows, basis), _mask(basis, present)
    if present.sum() < 2:
        raise ValueError(f"a spectrum needs at least 2 rows, not {present.sum()}")
    centred = np.where(present[:, None], rows - rows[present].mean(0), 0)
    total = float((centred**2).sum())
    # Rows that differ by rounding alone have a spectrum of rounding.
    if total <= (1e-14 * np.abs(rows[present]).max()) ** 2 * rows[present].size:
        raise ValueError("rows that are all equal have no spectrum")
    squares = ((basis.matrix @ centred[basis.residues]) ** 2).sum(1)
    powers = np.bincount(basis.owners, squares)[1:]
    return PowerSpectrum(basis, powers / powers.sum(), total, abs(float(powers.sum()) / total - 1))


@dataclass(frozen=True)
class Chance:
    """What a matrix of independent Gaussian entries shows, over ``draws`` of them.

    Attributes:
        participation: mean and standard deviation of one draw.
        gini: likewise.
        top_share: likewise, of the ``count`` largest shares.
        count: of frequencies in ``top_share``.
        draws: of matrices.
    """

    participation: tuple[float, float]
    gini: tuple[float, float]
    top_share: tuple[float, float]
    count: int
    draws: int


def chance(
    basis: FourierBasis,
    width: int,
    count: int,
    *,
    present: np.ndarray | None = None,
    draws: int = 200,
    seed: int,
) -> Chance:
    """The null of `power_spectrum`: i.i.d. N(0, 1) entries, with the same rows missing.

    Without missing rows the shares are Dirichlet, with w parameters' worth a frequency (w/2 where
    k = n/2), so 1/E Σ share² = (Fw + 1)/(w + 1) for odd n.

    Args:
        basis: of the residues.
        width: w, columns of the matrix.
        count: of largest shares in ``top_share``.
        present: as for `power_spectrum`.
        draws: of matrices, at least 2.
        seed: of a private generator.

    Raises:
        ValueError: for fewer than 2 draws, or what `power_spectrum` refuses.
    """
    if draws < 2:
        raise ValueError(f"a null needs at least 2 draws, not {draws}")
    generator = np.random.default_rng(seed)
    values = []
    for _ in range(draws):
        drawn = power_spectrum(
            generator.standard_normal((basis.modulus, width)), basis, present=present
        )
        values.append((drawn.participation, drawn.gini, drawn.top_share(count)))
    means, deviations = np.mean(values, axis=0), np.std(values, axis=0, ddof=1)
    pairs = [(float(m), float(s)) for m, s in zip(means, deviations, strict=True)]
    return Chance(*pairs, count=count, draws=draws)


def without(
    rows: np.ndarray,
    basis: FourierBasis,
    frequencies: Iterable[int],
    *,
    present: np.ndarray | None = None,
) -> np.ndarray:
    """Rows with some frequencies taken out: what is left has no power there.

    The mean row stays, and so do rows that are not present or have no place.

    Args:
        rows: (p, w), row r of residue r.
        basis: of the residues.
        frequencies: to take out.
        present: as for `power_spectrum`.

    Returns:
        (p, w) float64.

    Raises:
        ValueError: for a wrong shape, entries that are not finite, or what is no frequency.
    """
    rows, present = _rows(rows, basis), _mask(basis, present)
    at = basis.residues[present[basis.residues]]
    waves = basis.waves(frequencies)[:, basis.places[at]]
    # Where rows are missing, waves are neither orthogonal nor of mean 0: least squares, and waves
    # about their mean see nothing of the rows' mean.
    waves = waves - waves.mean(1, keepdims=True)
    coefficients = np.linalg.lstsq(waves.T, rows[at], rcond=None)[0]
    rows[at] -= waves.T @ coefficients
    return rows


def difference_share(rows: np.ndarray) -> float:
    """Of the squared norm of two rows, the share of their difference: the spectrum of Z_2.

    ½‖x_0 − x_1‖² / (‖x_0‖² + ‖x_1‖²): 0 if equal, 1 if opposite, ½ if orthogonal.

    Raises:
        ValueError: for a wrong shape, or rows of zeros.

    >>> difference_share(np.array([[1.0, 0.0], [0.0, 1.0]]))
    0.5
    """
    rows = np.asarray(rows, dtype=np.float64)
    if rows.ndim != 2 or len(rows) != 2 or not rows.any():
        raise ValueError(f"a difference share needs two rows, not both 0, not {rows.shape}")
    return float(((rows[0] - rows[1]) ** 2).sum() / 2 / (rows**2).sum())


def _rows(rows: np.ndarray, basis: FourierBasis) -> np.ndarray:
    """(p, w) float64, a copy."""
    rows = np.array(rows, dtype=np.float64)
    if rows.ndim != 2 or len(rows) != basis.modulus or not rows.shape[1]:
        raise ValueError(f"rows have shape {rows.shape}, not ({basis.modulus}, w)")
    if not np.isfinite(rows).all():
        raise ValueError("rows hold an entry that is not finite")
    return rows


def _mask(basis: FourierBasis, present: np.ndarray | None) -> np.ndarray:
    """(p,) bool: rows that are present and have a place."""
    placed = basis.places >= 0
    if present is None:
        return placed
    present = np.asarray(present)
    if present.shape != placed.shape or present.dtype != bool:
        raise ValueError(f"present is {present.dtype} {present.shape}, not bool {placed.shape}")
    return placed & present

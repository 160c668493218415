"""Spectra of single weight matrices: gaps, commutators, head operators, cosines of readouts.

Everything is computed in float64 from weights that were stored in float32.  Rounding to float32
changes W by E with ‖E‖₂ ≤ ‖E‖_F ≤ 2⁻²⁴ ‖W‖_F, and no singular value by more than ‖E‖₂ (Weyl);
the errors below follow.  Source: 2602.18523 section 4.11; what its raw commutator cannot say,
section 7, D13.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.trajectory import ROUNDING


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class SingularValues:
    """Singular values of a matrix.

    Attributes:
        values: (r,) σ, descending.
        error: bound on the rounding of any of them; a gap's is twice that.
    """

    values: np.ndarray
    error: float

    def gap(self, k: int) -> float:
        """g_{k,k+1} = σ_k − σ_{k+1}.

        Raises:
            ValueError: for a k that is not in 1 … r − 1.
        """
        if not 1 <= k < len(self.values):
            raise ValueError(f"a gap's k must lie in 1 … {len(self.values) - 1}, not {k}")
        return float(self.values[k - 1] - self.values[k])

    @property
    def ratio(self) -> float:
        """σ₁ / σ₂, infinite if σ₂ is 0."""
        return float(self.values[0] / self.values[1]) if self.values[1] > 0 else np.inf

    @property
    def effective_rank(self) -> float:
        """exp(−Σ p ln p), p = σ / Σσ, from 1 to r (Roy and Vetterli 2007); 0 of the matrix 0."""
        if not self.values[0] > 0:
            return 0.0
        p = self.values / self.values.sum()
        p = p[p > 0]
        return float(np.exp(-(p * np.log(p)).sum()))


@dataclass(frozen=True)
class MatrixCommutator:
    """How far two square matrices are from commuting.

    Attributes:
        norm: C = ‖AB − BA‖_F.
        share: C / (‖A‖_F ‖B‖_F), from 0 to √2 (Böttcher and Wenzel 2008); √(2/n) is to be
            expected of independent n × n matrices of independent entries.
        error: bound on the rounding of ``norm``, to first order.
    """

    norm: float
    share: float
    error: float


@dataclass(frozen=True)
class HeadOperator:
    """A = W_Q^hᵀ W_K^h (d × d) of one head, what its attention scores depend on.

    A change of basis in the head's own 32 dimensions, W_Q^h → G W_Q^h, W_K^h → G⁻ᵀ W_K^h, leaves
    A as it is; the published commutator and its diagonal blocks change.

    Attributes:
        spectrum: its d_h singular values that need not be 0.
        norm: ‖A‖_F.
        asymmetry: ‖A − Aᵀ‖_F / ‖A‖_F, from 0 (symmetric) over √2 (unrelated) to 2 (Aᵀ = −A).
        error: bound on the rounding of a singular value and of ``norm``, to first order.
    """

    spectrum: SingularValues
    norm: float
    asymmetry: float
    error: float


@dataclass(frozen=True, eq=False)
class Alignment:
    """Cosines between flattened matrices.

    Attributes:
        cosines: (T, T).
        sd: 1/√n, of the cosine of two isotropic random vectors of n entries.
        error: bound on the rounding of a cosine, to first order.
    """

    cosines: np.ndarray
    sd: float
    error: float


def singular_values(matrix: np.ndarray) -> SingularValues:
    """Singular values of a matrix (m, n), both ≥ 2.

    Raises:
        ValueError: for something that is not such a matrix.

    >>> singular_values(np.diag([1.0, 3.0])).values.tolist()
    [3.0, 1.0]
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.ndim != 2 or min(matrix.shape) < 2:
        raise ValueError(f"a spectrum needs a matrix of two rows and columns, not {matrix.shape}")
    values = np.linalg.svd(matrix, compute_uv=False)
    return SingularValues(values, ROUNDING * float(np.linalg.norm(matrix)))


def matrix_commutator(a: np.ndarray, b: np.ndarray) -> MatrixCommutator:
    """‖AB − BA‖_F of two (n, n) matrices, raw and against their norms.

    The published one has A = W_Q and B = W_K, each 128 × 128 with rows that are outputs; it mixes
    coordinates of heads and of the residual stream.

    Raises:
        ValueError: if they are not square and of one size.
    """
    a, b = (np.asarray(each, dtype=np.float64) for each in (a, b))
    if a.ndim != 2 or a.shape[0] != a.shape[1] or a.shape != b.shape:
        raise ValueError(f"only square matrices of one size commute, not {a.shape} and {b.shape}")
    norm = float(np.linalg.norm(a @ b - b @ a))
    sizes = float(np.linalg.norm(a) * np.linalg.norm(b))
    # [A + E, B + F] − [A, B] = [E, B] + [A, F] to first order, each ≤ √2 · 2⁻²⁴ ‖A‖ ‖B‖.
    return MatrixCommutator(norm, norm / sizes if sizes else 0.0, 2 * np.sqrt(2) * ROUNDING * sizes)


def diagonal_blocks(w_q: np.ndarray, w_k: np.ndarray, heads: int) -> list[MatrixCommutator]:
    """The published commutator of a head: of the diagonal blocks [32h : 32h + 32]² of both.

    Their columns are an arbitrary choice of residual coordinates (section 7, D13).

    Raises:
        ValueError: if heads do not divide the matrices.
    """
    parts = _heads(w_q, w_k, heads)
    return [matrix_commutator(w_q[part, part], w_k[part, part]) for part in parts]


def head_operators(w_q: np.ndarray, w_k: np.ndarray, heads: int) -> list[HeadOperator]:
    """W_Q^hᵀ W_K^h of each head, h its rows of W_Q and W_K (d, d).

    Raises:
        ValueError: if heads do not divide the matrices.
    """
    found = []
    for part in _heads(w_q, w_k, heads):
        q, k = (np.asarray(each[part], dtype=np.float64) for each in (w_q, w_k))
        operator = q.T @ k
        # Qᵀ K = U (R_q R_kᵀ) Vᵀ with orthonormal U, V: the singular values of a small matrix.
        small = np.linalg.qr(q.T)[1] @ np.linalg.qr(k.T)[1].T
        norm = float(np.linalg.norm(operator))
        asymmetry = float(np.linalg.norm(operator - operator.T)) / norm if norm else 0.0
        error = 2 * ROUNDING * float(np.linalg.norm(q) * np.linalg.norm(k))
        values = np.linalg.svd(small, compute_uv=False)
        found.append(HeadOperator(SingularValues(values, error), norm, asymmetry, error))
    return found


def alignment(matrices: np.ndarray) -> Alignment:
    """Cosines between the flattened matrices of a stack (T, …), such as the readouts of T heads.

    Raises:
        ValueError: for a stack of nothing, or with a matrix of 0.
    """
    rows = np.asarray(matrices, dtype=np.float64).reshape(len(matrices), -1)
    norms = np.linalg.norm(rows, axis=1)
    if not rows.size or not norms.min() > 0:
        raise ValueError(f"cosines need vectors that are not 0, not norms {norms.tolist()}")
    units = rows / norms[:, None]
    return Alignment(units @ units.T, 1 / np.sqrt(rows.shape[1]), 2 * ROUNDING)


def _heads(w_q: np.ndarray, w_k: np.ndarray, heads: int) -> list[slice]:
    if w_q.ndim != 2 or w_q.shape != w_k.shape:
        raise ValueError(f"W_Q and W_K must be matrices of one size, not {w_q.shape}, {w_k.shape}")
    if heads < 1 or len(w_q) % heads or len(w_q) < 2 * heads:
        raise ValueError(f"{len(w_q)} rows are not {heads} heads of two rows or more")
    size = len(w_q) // heads
    return [slice(h * size, (h + 1) * size) for h in range(heads)]

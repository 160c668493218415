"""Extreme eigenpairs of a symmetric operator that is known by its products alone.

    H v = λ v,   ‖v‖ = 1,   residual r = ‖H v − λ v‖

Operators are those of `grokbook.geometry.operators`.  Some eigenvalue lies within r of λ, and for a
pair at gap g from the others the error of λ is only r²/g.  A residual cannot show that no
eigenvalue lies further out; the random start makes that improbable, and products in another
precision or from another start are the check.

Two protocols.  `extremes` restarts ARPACK until the residual is small.  `lanczos` is the published
one (2602.18523 section 4.6): a fixed number of steps, whatever they have reached.  Its Ritz values
lie inside the spectrum, so a bottom that is read too early is read too high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from grokbook.geometry.operators import Counted, Operator

_ENDS = {"low": "SA", "high": "LA", "both": "BE"}
"""Ends of the spectrum, and ARPACK's words for them."""

_ANY = 1e10
"""A tolerance that every Ritz pair meets."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Eigenpairs:
    """Approximate eigenpairs, each with its own error.

    Attributes:
        values: (k,) float64, ascending, in the operator's unit.
        vectors: (P, k) orthonormal columns in the operator's precision.
        residuals: (k,) float64, ‖H v − λ v‖, or what `lanczos` estimates it to be.
        converged: (k,) bool, residual ≤ tolerance · |λ|, or all that the precision can show.
        products: with the operator that this took.
    """

    values: np.ndarray
    vectors: Tensor
    residuals: np.ndarray
    converged: np.ndarray
    products: int

    @classmethod
    def flagged(
        cls,
        values: np.ndarray,
        vectors: Tensor,
        residuals: np.ndarray,
        tolerance: float,
        products: int,
        *,
        radius: float,
    ) -> Eigenpairs:
        """Pairs with their flags; a product is rounded by some ε times the largest |λ|.

        Args:
            values: (k,) ascending.
            vectors: (P, k).
            residuals: (k,).
            tolerance: the residual that counts as converged, as a share of |λ|.
            products: with the operator that this took.
            radius: the largest |λ| of the operator, as far as it is known.
        """
        rounding = 16 * torch.finfo(vectors.dtype).eps * radius
        converged = residuals <= np.maximum(tolerance * np.abs(values), rounding)
        return cls(values, vectors, residuals, converged, products)


def rayleigh(counted: Counted, vectors: Tensor, tolerance: float) -> Eigenpairs:
    """Rayleigh quotients and residuals of orthonormal columns, by a product each.

    Args:
        counted: the operator, with the products that the columns have taken.
        vectors: (P, k), in any order; divided by their own squares, should they be a little off.
        tolerance: by which pairs are flagged.

    Raises:
        ValueError: for a product that is not finite.
    """
    images = torch.stack([counted @ column for column in vectors.T.contiguous()], dim=1)
    wide, vectors64 = images.double(), vectors.double()
    values = (wide * vectors64).sum(0) / vectors64.square().sum(0)
    order = torch.argsort(values)
    residuals = (wide - values * vectors64).norm(dim=0)
    return Eigenpairs.flagged(
        values[order].numpy(),
        vectors[:, order],
        residuals[order].numpy(),
        tolerance,
        counted.products,
        radius=float(values.abs().max()),
    )


def extremes(
    operator: Operator,
    *,
    seed: int,
    ends: str = "both",
    pairs: int = 1,
    tolerance: float = 1e-3,
    space: int = 128,
    restarts: int = 100,
) -> Eigenpairs:
    """Eigenpairs at one end of the spectrum or at both, by ARPACK's restarted Lanczos method.

    Both ends come from one Krylov space.  Late in training the top lies much further out than the
    bottom, and a restart throws away what hides the bottom.  So the space is large enough to do
    without as a rule, and is held in memory: ``space`` vectors of P numbers.  If the restarts run
    out, the pairs are those of a single Krylov space, flagged as not converged.

    Args:
        operator: symmetric, of size above the number of pairs.
        seed: of the normal start.
        ends: ``"low"``, ``"high"`` or ``"both"``.
        pairs: at each end.
        tolerance: the residual sought, as a share of |λ|.
        space: dimension of the Krylov space, held in memory; at most P is used.
        restarts: at most so many, each of up to ``space`` products.

    Returns:
        ``pairs`` or twice that many; residuals are by a product each, after the fact.  Cost on
        the book's models: 132 products, of two gradients each, as a rule.

    Raises:
        ValueError: for an option out of range, or products that are not finite.
    """
    if ends not in _ENDS:
        raise ValueError(f"ends must be one of {', '.join(_ENDS)}, not {ends!r}")
    count = pairs * (2 if ends == "both" else 1)
    if pairs < 1 or count >= operator.size:
        raise ValueError(f"{pairs} pairs at {ends} do not fit a size of {operator.size}")
    if not count < space:
        raise ValueError(f"a space of {space} is too small for {count} pairs")
    if not tolerance > 0:
        raise ValueError(f"tolerance must be positive, not {tolerance!r}")
    if restarts < 1:
        raise ValueError(f"restarts must be at least 1, not {restarts!r}")
    counted = Counted(operator)
    start = _normal(operator, seed)
    first = counted @ start
    if not first.any():  # a random vector lies in the null space of the zero operator alone
        basis = torch.linalg.qr(torch.stack([start, *torch.eye(count, len(start)).to(start)[1:]]).T)
        return rayleigh(counted, basis.Q, tolerance)
    as_numpy = torch.empty(0, dtype=operator.dtype).numpy().dtype
    linear = LinearOperator(
        (operator.size, operator.size),
        matvec=lambda v: (counted @ torch.from_numpy(np.ascontiguousarray(v).ravel())).numpy(),
        dtype=as_numpy,
    )
    options = {
        "k": count,
        "which": _ENDS[ends],
        "v0": start.numpy(),
        "ncv": min(space, operator.size),
        "maxiter": restarts,
        "rng": np.random.default_rng(seed),
    }
    try:
        _, vectors = eigsh(linear, tol=tolerance, **options)
    except ArpackNoConvergence:
        _, vectors = eigsh(linear, tol=_ANY, **options)
    return rayleigh(counted, torch.from_numpy(vectors), tolerance)


def lanczos(
    operator: Operator, *, seed: int, steps: int = 25, keep: int = 5, tolerance: float = 1e-3
) -> Eigenpairs:
    """The lowest Ritz pairs after a fixed number of Lanczos steps, as published.

    Full re-orthogonalisation, done twice a step, since once does not suffice in float32; normal
    start; 2602.18523 section 4.6 takes 25 steps and the bottom 5, on a fresh batch each time.

    Args:
        operator: symmetric.
        seed: of the normal start.
        steps: products, and the dimension of the Krylov space, unless it is exhausted before.
        keep: Ritz pairs from the bottom, or as many as there are.
        tolerance: by which pairs are flagged; nothing waits for it.

    Returns:
        Residuals are the classical |β_m s_m|: the last off-diagonal entry times the last entry of
        the tridiagonal matrix's eigenvector; they cost no product.

    Raises:
        ValueError: for an option out of range, or products that are not finite.
    """
    if not 1 <= keep <= steps:
        raise ValueError(f"keep must lie in 1 … {steps}, not {keep!r}")
    counted = Counted(operator)
    start = _normal(operator, seed)
    basis = start.new_zeros(min(steps, operator.size), operator.size)
    basis[0] = start / start.norm()
    diagonal, beside = [], []
    for step in range(len(basis)):
        known = basis[: step + 1]
        image = counted @ basis[step]
        scale = float(image.norm())
        diagonal.append(float(image @ basis[step]))
        for _ in range(2):
            image = image - known.T @ (known @ image)
        beside.append(float(image.norm()))
        if beside[-1] <= torch.finfo(operator.dtype).eps * scale:
            break  # the space is invariant, its Ritz pairs are eigenpairs
        if step + 1 < len(basis):
            basis[step + 1] = image / beside[-1]
    found = len(diagonal)
    inner = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    values, weights = np.linalg.eigh(inner)
    weights = weights[:, :keep]
    return Eigenpairs.flagged(
        values[:keep],
        basis[:found].T @ torch.from_numpy(weights).to(basis),
        np.abs(beside[-1] * weights[-1]),
        tolerance,
        counted.products,
        radius=float(np.abs(values).max()),
    )


def _normal(operator: Operator, seed: int) -> Tensor:
    """The start: normal, drawn in float64, so that both precisions start alike."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(operator.size, generator=generator, dtype=torch.float64)
    return drawn.to(operator.dtype)

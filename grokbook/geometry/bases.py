"""Bases of subspaces of ℝᴾ: from a trajectory, from present weights, from a window, at random.

Every one comes back as a `grokbook.geometry.subspaces.Basis`, whose residual says how far from
orthonormal its columns are.  Principal directions come from Gram matrices in float64, so that
P × n arrays are passed over twice and never decomposed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.isotropic import frame
from grokbook.geometry.subspaces import Basis, Footprint
from grokbook.geometry.svd import GramSVD
from grokbook.geometry.trajectory import gram
from grokbook.models.layout import ATTENTION, Layout


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Principal:
    """The leading directions of some vectors.

    Attributes:
        basis: of their span.
        sizes: all singular values, descending, also of directions that are left out.
    """

    basis: Basis
    sizes: np.ndarray


def matrices(layout: Layout, *, feedforward: bool = False) -> dict[str, tuple[slice, int, int]]:
    """The attention matrices by name ↦ (slice of ℝᴾ, rows, columns).

    Args:
        layout: of the model.
        feedforward: the two feed-forward matrices of every block, too.
    """
    cut, d, f = layout.parts, layout.width, layout.hidden
    found = {}
    for layer in range(layout.layers):
        found |= {f"{layer}.{name}": (cut[f"{layer}.{name}"], d, d) for name in ATTENTION}
        if feedforward:
            at = f"encoder.layers.{layer}.linear"
            found[f"{layer}.W_1"] = (cut[f"{at}1.weight"], f, d)
            found[f"{layer}.W_2"] = (cut[f"{at}2.weight"], d, f)
    return found


def trajectory(layout: Layout, thetas: np.ndarray, *, k: int, skip: int = 0) -> Principal:
    """The top k right singular vectors of θ_t − θ_0, uncentred, all parameters.

    Source: 2602.18523 section 4.7.  Costs n² P products.

    Args:
        layout: of the model.
        thetas: (n, P) snapshots in order, float32 or float64.
        k: directions counted from the first.
        skip: of them that are left out, from the first on: the drift.

    Raises:
        ValueError: if the trajectory spans fewer than k directions, or all are left out.
    """
    products = gram(thetas, layout.slices)["all"][1:, 1:]  # θ_0 moved by nothing
    return _leading(thetas[1:], thetas[0], products, k, skip)


def trajectory_attention(layout: Layout, weights: np.ndarray, *, per_matrix: int) -> Basis:
    """The top centred principal directions of each attention matrix, at its place in ℝᴾ.

    The displacements M_t − M_0, the first included, less their mean.  Source: 2602.18523
    section 4.3; with 2 layers of 4 matrices, 2 of each make K = 16.

    Args:
        layout: of the model.
        weights: (n, D) attention vectors in order, float32 or float64.
        per_matrix: directions a matrix.

    Raises:
        ValueError: if a matrix moves in fewer directions.
    """
    blocks, places = layout.attention_blocks(), layout.parts
    products = gram(weights, blocks)
    found = []
    for name, block in blocks.items():
        centring = np.eye(len(weights)) - 1 / len(weights)
        mean = weights[:, block].mean(axis=0, dtype=np.float64)
        inner = centring @ products[name] @ centring
        leading = _leading(weights[:, block], mean, inner, per_matrix, 0)
        found.append((places[name], leading.basis.columns))
    return Basis(layout.size, tuple(found))


def weight_svd(layout: Layout, theta: np.ndarray, *, rank: int, feedforward: bool = False) -> Basis:
    """The top normalised rank-one matrices u_i v_iᵀ of each matrix, at its place in ℝᴾ.

    Of the present weights, or of what they have moved: give θ_t − θ_0.  They are orthonormal as
    they are: ⟨u_i v_iᵀ, u_j v_jᵀ⟩ = δ_ij.  Source: 2602.16746 sections 4.6 (rank 3, K = 24) and
    4.13 (displacements; feed-forward matrices, K = 36).  Costs one SVD a matrix.

    Args:
        layout: of the model.
        theta: (P,).
        rank: directions a matrix.
        feedforward: the feed-forward matrices, too.

    Raises:
        ValueError: if a matrix has a lower rank.
    """
    found = []
    for name, (place, rows, wide) in matrices(layout, feedforward=feedforward).items():
        matrix = np.asarray(theta[place], dtype=np.float64).reshape(rows, wide)
        left, sizes, right = np.linalg.svd(matrix, full_matrices=False)
        there = int((sizes > 1e-7 * sizes[0]).sum())
        if there < rank:
            raise Degenerate(f"{name} has rank {there}, lower than {rank}")
        ones = np.einsum("ak,kb->abk", left[:, :rank], right[:rank])
        found.append((place, ones.reshape(-1, rank)))
    return Basis(layout.size, tuple(found))


def gradient_window(layout: Layout, gradients: np.ndarray, *, rank: int) -> Basis:
    """The top normalised rank-one matrices of the sum of some gradients, one set a matrix.

    `weight_svd` of Σ_t g_t, feed-forward matrices included.  Source: 2602.16746 section 4.13, of
    the last 50 gradients, rank 3: K = 36 with 2 layers.

    Args:
        layout: of the model.
        gradients: (n, P).
        rank: directions a matrix.

    Raises:
        ValueError: if the sum has a lower rank in a matrix.
    """
    total = np.asarray(gradients).sum(axis=0, dtype=np.float64)
    return weight_svd(layout, total, rank=rank, feedforward=True)


def random(size: int, k: int, *, seed: int) -> Basis:
    """K random directions of ℝᴾ, uniform: the published control (2602.18523 section 4.10).

    Raises:
        ValueError: for more directions than dimensions, or none.
    """
    return Basis.of(frame(np.random.default_rng(seed), size, k))


def random_matched(basis: Basis, cut: dict[str, slice], *, seed: int) -> Basis:
    """A random basis with the footprint of another: isotropic within every part.

    Each column keeps its energy in every part, up to what making them orthonormal changes; where
    columns live in one part each, as those of `trajectory_attention`, it changes nothing.

    Args:
        basis: to be matched.
        cut: name ↦ slice; together all of ℝᴾ.
        seed: of a private generator.
    """
    generator, energies = np.random.default_rng(seed), Footprint.of(basis, cut).energies
    columns = np.zeros((basis.size, basis.rank))
    for part, energy in zip(cut.values(), energies, strict=True):
        if energy.any():
            drawn = generator.standard_normal((part.stop - part.start, basis.rank))
            columns[part] = drawn * np.sqrt(energy / np.square(drawn).sum(axis=0))
    # V (VᵀV)^(−1/2): of all orthonormal columns of this span the nearest to V.
    values, vectors = np.linalg.eigh(columns.T @ columns)
    return Basis.of(columns @ (vectors / np.sqrt(values)) @ vectors.T)


def random_within(layout: Layout, *, per_matrix: int, seed: int) -> Basis:
    """Random orthonormal directions within each attention matrix, `trajectory_attention`'s shape.

    Raises:
        ValueError: for more directions than a matrix has entries, or none.
    """
    generator = np.random.default_rng(seed)
    found = [
        (place, frame(generator, rows * wide, per_matrix))
        for place, rows, wide in matrices(layout).values()
    ]
    return Basis(layout.size, tuple(found))


def _leading(
    rows: np.ndarray, origin: np.ndarray, products: np.ndarray, k: int, skip: int
) -> Principal:
    """Top k right singular vectors of ``rows − origin`` from its Gram matrix, less some; float64.

    Their signs, which nothing fixes, make the largest entry positive.
    """
    if not 0 <= skip < k:
        raise ValueError(f"of {k} directions {skip} cannot be left out")
    found = GramSVD.of(products)
    if (rank := found.rank()) < k:
        raise Degenerate(f"what is given spans {rank} directions, fewer than {k}")
    moved = rows.astype(np.float64)
    moved -= origin
    vectors = moved.T @ found.modes(slice(k))
    # Orthonormal to the last bit also where singular values are far apart.
    basis, triangle = np.linalg.qr(vectors)
    basis *= np.sign(np.diag(triangle))
    largest = basis[np.abs(basis).argmax(axis=0), np.arange(k)]
    return Principal(Basis.of((basis * np.sign(largest))[:, skip:]), found.sizes)

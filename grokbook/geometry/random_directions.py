"""Nulls of a projection onto leading directions: some of them, or all, replaced by random ones.

Directions are rows of coordinates in the span of v_1 … v_r, c = Vᵀ(θ − s) are those of what is
projected, σ_j the singular values.  What each null keeps of the run's own path:

- ``"random"``: its span.  k directions isotropic in it; they hold k/r of c on average.
- ``"own first"``: v_1 as well.  The other k − 1 are isotropic in the span of v_2 … v_r, and hold
  (k − 1)/(r − 1) of what v_1 leaves.
- ``"own lengths"``: v_1 and every length.  c_1v_1 + Σ_{1<j≤k} c_ju_j with the directions u_j of
  "own first": as long as the projection itself, and no projection.
- ``"mixtures"``: the weights of its directions.  k mixtures Xᵀg of the displacements, g normal:
  isotropic coordinates times σ.  A strong direction is as good as always among them, as in any k
  snapshots, and none is chosen for being a leading one.

Directions for k are among those for k + 1.
"""

from __future__ import annotations

import numpy as np

from grokbook.geometry.isotropic import frame

NULLS = ("random", "own first", "own lengths", "mixtures")
"""By what each keeps of the run's own path, see above."""


def randomised(
    coordinates: np.ndarray,
    sizes: np.ndarray,
    count: int,
    *,
    null: str,
    seed: int | np.random.Generator,
) -> np.ndarray:
    """Coordinates (K, r) of what stands for the projection with k = 1 … K directions.

    Args:
        coordinates: (r,) c, strongest direction first.
        sizes: (r,) σ in any one unit; only ``"mixtures"`` looks at them.
        count: K, at most r.
        null: one of `NULLS`.
        seed: of a private generator, or the caller's own.

    Raises:
        ValueError: for another null, or K outside 1 … r.

    >>> randomised(np.array([3.0, 4.0]), np.ones(2), 2, null="own first", seed=0)[0].tolist()
    [3.0, 0.0]
    """
    rank = len(coordinates)
    if not 1 <= count <= rank:
        raise ValueError(f"k must be from 1 to {rank}, not {count}")
    generator = np.random.default_rng(seed)
    if null == "random":
        columns = frame(generator, rank, count)
    elif null == "mixtures":
        columns = np.linalg.qr(sizes[:, None] * generator.standard_normal((rank, count)))[0]
    elif null in ("own first", "own lengths"):
        columns = np.zeros((rank, count))
        columns[0, 0] = 1
        columns[1:, 1:] = frame(generator, rank - 1, count - 1)
    else:
        raise ValueError(f"there is no null {null!r}; there are {', '.join(NULLS)}")
    lengths = coordinates @ columns
    if null == "own lengths":
        # A frame is isotropic as a subspace; LAPACK chooses the signs of its columns.
        signs = generator.choice([-1.0, 1.0], count)
        signs[0] = 1
        lengths = signs * coordinates[:count]
    return np.cumsum(columns * lengths, axis=1).T

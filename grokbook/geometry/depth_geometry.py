"""Where representations of each depth lie: their centroids, how far apart, and along which axes.

Distances are in the unit of the representations, which weight decay shrinks: the published ones of
two decays differ by two orders of magnitude.  Over the spread of tokens about their own centroid
they say whether depths can be told apart, and a change of scale leaves them alone.  Source:
2604.07380 section 4.13, claim SE-39, weakness G.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grokbook.geometry import ridge
from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.probes import PENALTIES, r_squared


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class DepthGeometry:
    """Centroids of depths.

    Attributes:
        depths: (D,) that are present, ascending.
        centroids: (D, d) mean representations.
        explained: (r,) shares of the centroids' variance along their principal axes, each depth
            counting once; they add up to 1.
        steps: (D − 1,) distances between consecutive centroids.
        spread: root mean square distance of a token from its own depth's centroid.
        noise: (D,) standard errors of the centroids, √(mean square distance / tokens), tokens taken
            to be independent: of each depth's own spread; NaN of a single token.
        inside: R² of depth by the published ridge, fitted and scored on the same tokens.
    """

    depths: np.ndarray
    centroids: np.ndarray
    explained: np.ndarray
    steps: np.ndarray
    spread: float
    noise: np.ndarray
    inside: float

    @property
    def step(self) -> float:
        """Mean distance between consecutive depths, as published."""
        return float(self.steps.mean())

    @property
    def separation(self) -> float:
        """The same in units of the spread; infinite of tokens that lie on their centroids."""
        return self.step / self.spread if self.spread else float("inf")


def depth_geometry(states: np.ndarray, depths: np.ndarray) -> DepthGeometry:
    """The geometry of one layer; an SVD of (n, d).

    Args:
        states: (n, d), a row a token.
        depths: (n,) of each.

    Raises:
        ValueError: for shapes that do not match, fewer than two depths, or centroids all alike.

    >>> found = depth_geometry(np.array([[0.0, 1], [0, 1], [2, 1], [5, 1]]), np.array([0, 0, 1, 2]))
    >>> found.steps.tolist(), found.explained.tolist()
    ([2.0, 3.0], [1.0])
    """
    states, depths = np.asarray(states, dtype=np.float64), np.asarray(depths)
    if states.ndim != 2 or depths.shape != (len(states),):
        raise ValueError(f"states {states.shape} need a depth each, not {depths.shape}")
    values, places, counts = np.unique(depths, return_inverse=True, return_counts=True)
    if len(values) < 2:
        raise Degenerate(f"a geometry needs two depths, not {len(values)}")
    centroids = np.zeros((len(values), states.shape[1]))
    np.add.at(centroids, places, states)
    centroids /= counts[:, None]
    squares = ((states - centroids[places]) ** 2).sum(axis=1)
    sizes = np.linalg.svd(centroids - centroids.mean(axis=0), compute_uv=False) ** 2
    if not sizes[0] > 1e-24 * (centroids**2).sum():
        raise Degenerate("centroids that are all alike have no axes")
    sizes = sizes[sizes > 1e-20 * sizes[0]]
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.bincount(places, squares) / (counts - 1)
    fitted = ridge.fit(ridge.linear(states, states), depths.astype(float), PENALTIES["linear"])
    return DepthGeometry(
        values,
        centroids,
        sizes / sizes.sum(),
        np.linalg.norm(np.diff(centroids, axis=0), axis=1),
        float(np.sqrt(squares.mean())),
        np.sqrt(own / counts),
        r_squared(depths.astype(float), fitted.train),
    )

"""Windows of updates with their directions: as they are, centred, or less the decay of the start.

    X = UΣVᵀ, rows δ_i = θ_i − θ_{i−1};   v_k = Σ_i (U_ik/σ_k) δ_i

`grokbook.geometry.spectral_edge` has what follows from XXᵀ alone.  Here the v_k are formed, as what
they do to a network asks for them.  Two controls take the drift away first: centring, and the path
θ_0 Π(1 − ηω) that decay alone would take from the start (null B): on a path that is no more than
that, v_1 is θ_0.  Source: 2604.07380 sections 4.1 and 4.16, weaknesses B, J, L.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokbook.geometry.spectral_edge import Edge, edge

WINDOWS = (3, 5, 10, 20)
"""Updates in a window: as published for Dyck-1 in Table 7, in the lifecycle, for modular arithmetic
in Table 7, and for its functional modes."""
LIFECYCLE_WINDOW = 5
"""Updates in the lifecycle's window, of which everything is measured at every step."""


def window_name(size: int = LIFECYCLE_WINDOW) -> str:
    """What a window is called in what instruments measure.

    >>> window_name()
    '5 updates'
    """
    return f"{size} updates"


WINDOW = window_name()
"""The lifecycle's own."""
EDGE, BULK = slice(0, 2), slice(2, 4)
"""Which v_k are the edge and which the bulk, as published."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Window:
    """The spectral edge of some updates, with its directions.

    Attributes:
        edge: singular values and all that follows from them.
        directions: (k, P) float64, v_1 … v_k as rows; their signs are nobody's choice.
    """

    edge: Edge
    directions: np.ndarray

    @cached_property
    def residual(self) -> float:
        """Largest entry of VVᵀ − 1; about 1e-15 (σ_1/σ_k)²."""
        count = len(self.directions)
        return float(np.abs(self.directions @ self.directions.T - np.eye(count)).max())

    @property
    def errors(self) -> np.ndarray:
        """(k,) bound on the sine of the angle by which rounding turned each direction."""
        turns = [self.edge.turn(k + 1) for k in range(len(self.directions))]
        return np.sin(np.radians(turns))


def window(
    updates: np.ndarray,
    *,
    count: int = 4,
    centred: bool = False,
    less: np.ndarray | None = None,
) -> Window:
    """The edge of a window and its leading directions; w² P + w k P products.

    Args:
        updates: (w, P) δ_i, oldest first, w ≥ 2.
        count: directions, or as many as the window has.
        centred: take the mean update away first; not so as published.
        less: (w, P) what is taken away before that, as `decay_path`.

    Raises:
        ValueError: for shapes that do not match, no direction, or updates that do not move.

    >>> found = window(np.array([[3.0, 0], [0, 1], [3, 0]]))
    >>> found.edge.sigma.round(6).tolist(), np.abs(found.directions[0]).round(6).tolist()
    ([4.242641, 1.0], [1.0, 0.0])
    """
    rows = np.asarray(updates, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"updates must be (w, P), not {rows.shape}")
    if count < 1:
        raise ValueError(f"a window needs a direction at least, not {count}")
    norm = float(np.linalg.norm(rows))
    if less is not None:
        if np.shape(less) != rows.shape:
            raise ValueError(f"what is taken away must be {rows.shape}, not {np.shape(less)}")
        rows = rows - less
    found = edge(rows @ rows.T, centred=centred, norm=norm)
    return Window(found, found.coefficients[:, :count].T @ rows)


def decay_path(start: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """(w, P) the updates of θ_0 · kept: what decay alone would do to the initial weights.

    Args:
        start: (P,) θ_0.
        kept: (w + 1,) Π(1 − ηω) from step 0 to each of the window's snapshots.

    Raises:
        ValueError: for a factor outside [0, 1], or one that grows.

    >>> decay_path(np.array([8.0]), np.array([1.0, 0.5, 0.25])).ravel().tolist()
    [-4.0, -2.0]
    """
    kept = np.asarray(kept, dtype=np.float64)
    if kept.ndim != 1 or len(kept) < 2 or kept.max() > 1 or kept.min() < 0:
        raise ValueError(f"what is kept must be two factors or more in [0, 1], not {kept!r}")
    if (np.diff(kept) > 0).any():
        raise ValueError("decay cannot give back what it has taken")
    return np.diff(kept)[:, None] * np.asarray(start, dtype=np.float64)


def rows_until(last: int, size: int) -> slice:
    """Which updates the window has that ends with update ``last`` (the first is 0).

    Fewer at the start, as published, but two at least.

    Raises:
        ValueError: for fewer than two updates.

    >>> rows_until(1, 5), rows_until(7, 5)
    (slice(0, 2, None), slice(3, 8, None))
    """
    if last < 1 or size < 2:
        raise ValueError(f"a window needs two updates, not {min(last + 1, size)}")
    return slice(max(0, last + 1 - size), last + 1)

"""Snapshots of the attention matrices, in three streams, each bounded.

- *Dense*: every snapshot up to ``dense_until``, and the last.
- *Global*: thinned by halving past ``global_limit``; for PCA and reconstruction.  After k
  halvings it holds the multiples of 2ᵏ · cadence.
- *Band*: at the fixed cadence, never thinned, the inner products of the last ``window`` updates
  v_t − v_{t−1}, reduced on the spot to a symmetric window × window matrix in float64; for
  rolling-window spectral edges and g₂₃.  The window itself is part of the resume point.

Dense and global share files, one a step: which steps are kept is a function of the step alone, so
a resumed run keeps what an uninterrupted one keeps.
"""

from __future__ import annotations

import numpy as np

from grokbook.plan import Plan


def packed_size(window: int) -> int:
    """Entries of the upper triangle of a window × window matrix, diagonal included."""
    return window * (window + 1) // 2


class Streams:
    """Which snapshots to keep, and the band's rolling window.

    Attributes:
        stride: the global stream keeps multiples of ``stride · cadence``.
        steps: kept snapshots, ascending.
        band_steps: steps at which a full window was reduced.
        band: one packed (window · (window + 1) / 2) upper triangle a band step, float64.
    """

    def __init__(self, plan: Plan, size: int) -> None:
        self._plan = plan
        self.stride = 1
        self.steps: list[int] = []
        self.band_steps: list[int] = []
        self.band: list[np.ndarray] = []
        # A ring of the last updates in float64, and all their inner products, row k for row k.
        self._ring = np.zeros((plan.window, size))
        self._products = np.zeros((plan.window, plan.window))
        self._next = 0
        self._filled = 0
        self._before: np.ndarray | None = None

    def offer(self, step: int, weights: np.ndarray) -> bool:
        """Take the snapshot at ``step``: advance the band; say whether to keep the snapshot."""
        self._advance_band(step, weights)
        if not self._kept(step):
            return False
        self.steps.append(step)
        while sum(self._in_global(s) for s in self.steps) > self._plan.global_limit:
            self.stride *= 2
        self.steps = [s for s in self.steps if self._kept(s)]
        return True

    def keep(self, step: int) -> bool:
        """Keep the last snapshot whatever the thinning says; was it dropped, or never there?"""
        missing = step not in self.steps
        if missing:
            self.steps.append(step)
        return missing

    def _in_global(self, step: int) -> bool:
        return step % (self.stride * self._plan.cadence) == 0

    def _kept(self, step: int) -> bool:
        return step <= self._plan.dense_until or self._in_global(step)

    def _advance_band(self, step: int, weights: np.ndarray) -> None:
        if self._before is not None:
            at = self._next
            # Rounded to float32 as resume points keep it: a resumed run sees the same numbers.
            self._ring[at] = weights - self._before
            self._products[at, :] = self._products[:, at] = self._ring @ self._ring[at]
            self._next = (at + 1) % self._plan.window
            self._filled = min(self._filled + 1, self._plan.window)
            if self._filled == self._plan.window:
                order = self._order()
                products = self._products[np.ix_(order, order)]
                self.band_steps.append(step)
                self.band.append(products[np.triu_indices(self._plan.window)])
        self._before = weights.copy()

    def _order(self) -> np.ndarray:
        """Rows of the ring from the oldest update to the newest."""
        return (self._next + np.arange(self._plan.window)) % self._plan.window

    def state(self) -> dict[str, np.ndarray]:
        """What a resume point must hold."""
        empty = np.zeros(0, dtype=np.float32)
        order = self._order()
        return {
            "stride": np.array(self.stride),
            "steps": np.array(self.steps, dtype=np.int64),
            "updates": self._ring[order].astype(np.float32),
            "products": self._products[np.ix_(order, order)],
            "filled": np.array(self._filled),
            "before": empty if self._before is None else self._before,
            "band.steps": np.array(self.band_steps, dtype=np.int64),
            "band": np.array(self.band).reshape(-1, packed_size(self._plan.window)),
        }

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Return to a saved state."""
        self.stride = state["stride"].item()
        # The last snapshot of a shorter plan goes, unless its step is one to keep.
        self.steps = [step for step in state["steps"].tolist() if self._kept(step)]
        self._filled = state["filled"].item()
        self._before = state["before"].copy() if state["before"].size else None
        self.band_steps = state["band.steps"].tolist()
        self.band = list(state["band"].copy())
        # Every update returns to its own row: a product's last bit depends on where its row lies.
        self._next = (self._filled + max(0, len(self.band) - 1)) % self._plan.window
        order = self._order()
        self._ring[order] = state["updates"]
        self._products[np.ix_(order, order)] = state["products"]


def unpack(band: np.ndarray, window: int) -> np.ndarray:
    """(n, window, window) symmetric matrices from packed upper triangles (n, K)."""
    full = np.zeros((len(band), window, window))
    rows, columns = np.triu_indices(window)
    full[:, rows, columns] = band
    full[:, columns, rows] = band
    return full

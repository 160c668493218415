"""Rolling windows of updates of the attention matrices, from the band stream and snapshots.

The band has the products of the last 20 updates from the twentieth evaluation on; windows that end
before it are made from the snapshots of a run's first steps, which are all kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grokbook.geometry.spectral_edge import Edge, coarsen, edge
from grokbook.geometry.trajectory import displacements, updates
from grokbook.instruments.subject import Subject
from grokbook.store.streams import unpack


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Rolling:
    """Windows at one spacing.

    Attributes:
        spacing: steps between the snapshots of an update.
        window: updates in each.
        ends: (n,) steps at which the windows end.
        products: (w, w) a window, w ≥ ``window`` updates at this spacing, newest last.
    """

    spacing: int
    window: int
    ends: np.ndarray
    products: list[np.ndarray]

    @classmethod
    def of(
        cls, recent: Mapping[int, np.ndarray], cadence: int, stride: int, window: int
    ) -> Rolling:
        """Full windows, at the steps at which a run so observed has snapshots.

        Args:
            recent: products by step, see `recent_products`.
            cadence: steps of an update there.
            stride: of those in an update here.
            window: updates in each.
        """
        spacing = stride * cadence
        kept = {
            end: coarsen(products, stride)
            for end, products in recent.items()
            if end % spacing == 0 and len(products) >= stride * window
        }
        return cls(spacing, window, np.array(list(kept), dtype=np.int64), list(kept.values()))

    def edges(self, centred: bool) -> list[Edge]:
        """The spectral edge of each."""
        size = self.window
        return [edge(each[-size:, -size:], centred=centred) for each in self.products]


def recent_products(subject: Subject) -> dict[int, np.ndarray]:
    """(w, w) inner products of the updates before a step, all or the band's last, by step.

    Raises:
        StoreError: if the band or a snapshot is damaged.
    """
    band, cadence = subject.band, subject.cadence
    window = int(band["window"])
    before = [k * cadence for k in range(window + 1)]
    found = {}
    if set(before) <= set(subject.steps.tolist()):
        weights = subject.attention(before)
        moves = displacements(weights, {"all": slice(0, weights.shape[1])})["all"]
        first = updates(moves.products)
        found = {before[k]: first[:k, :k] for k in range(2, window)}
    ended = zip(band["steps"].tolist(), unpack(band["products"], window), strict=True)
    return found | dict(ended)

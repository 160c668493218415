"""Chapter 2, integrability: the paths of attention matrices, beside random ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.chapters.integrability import grokking
from grokbook.chapters.measured import at_hand
from grokbook.claims.readings.paths import (
    RELAXATION,
    WALK,
    first_share,
    windows,
    windows_by_matrix,
)
from grokbook.claims.readings.place import MATRICES
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.instruments.runs import Missing, Run
from grokbook.statistics import mean_interval
from grokbook.store import Store
from grokbook.studies.asking import MissingRun

BAND = "lowest mean − 2 sd to highest + 2 sd"
"""What the figure and the table call the range of `Share.low` to `Share.high`: a run's walks have
a mean and a standard deviation (sd), and it takes in all runs."""


def with_paths(
    runs: Sequence[Run],
    configs: Sequence[RunConfig],
    *,
    shelf: Shelf | None = None,
    store: Store | None = None,
) -> list[Run]:
    """The runs of the page, then others at hand whose path was measured; nothing is made.

    A path needs no commutator, which costs most, so more runs can tell of it.

    Args:
        runs: of the page.
        configs: of runs that may be there.
        shelf: where to look first; by default the book's.
        store: where to look second; by default the user's.

    Raises:
        StoreError: if a file is damaged.
    """
    here = {run.config.id for run in runs}
    others = [config for config in configs if config.id not in here]
    try:
        found = at_hand(others, {"trajectory": {}}, shelf=shelf, store=store)
    except MissingRun:
        found = []
    return [*runs, *(run for run in found if _has_path(run))]


def _has_path(run: Run) -> bool:
    try:
        shares([run])
        declines([run])
    except Missing:
        return False
    return True


@dataclass(frozen=True)
class Share:
    """The first component's share of a matrix's variance at the published stop, in %.

    Attributes:
        values: one a run.
        walks: mean of the random walks with its step lengths, one a run.
        low: the lowest of the walks' means less two standard deviations of their draws; 0 or more.
        high: the highest of the means and two standard deviations; 100 or less.
        relaxations: mean of the relaxations from its start, one a run; none if one has none.
    """

    values: tuple[float, ...]
    walks: tuple[float, ...]
    low: float
    high: float
    relaxations: tuple[float, ...] = ()

    @property
    def walk(self) -> float:
        """Mean over the runs' walks."""
        return float(np.mean(self.walks))

    @property
    def over_walk(self) -> list[float]:
        """Every run's share less that of its own walks, in points."""
        return [own - walk for own, walk in zip(self.values, self.walks, strict=True)]

    @property
    def over_relaxation(self) -> list[float]:
        """Every run's share less that of its own relaxations, in points; empty without them."""
        return [own - null for own, null in zip(self.values, self.relaxations, strict=False)]

    @property
    def beyond(self) -> str:
        """``"more"`` or ``"less"`` where the interval of `over_walk` leaves 0 out, else empty."""
        return _side(self.over_walk)

    @property
    def relaxed(self) -> str:
        """The same of `over_relaxation`."""
        return _side(self.over_relaxation)

    @property
    def side(self) -> str:
        """``"above"`` or ``"below"`` where every run's point lies beyond the walks, else empty."""
        above, below = min(self.values) > self.high, max(self.values) < self.low
        return "above" if above else "below" if below else ""


def _side(differences: Sequence[float]) -> str:
    """Which side of 0 the interval over runs lies on; one run has none, so it tells nothing."""
    if not differences:
        return ""
    mean = mean_interval(list(differences))
    return "more" if mean.low > 0 else "less" if mean.high < 0 else ""


def shares(runs: Sequence[Run]) -> dict[str, Share]:
    """Matrix ↦ the first component's share of every run that groks, beside random walks."""
    chosen = grokking(runs)
    return {matrix: _share_of(matrix, chosen) for matrix in (MATRICES if chosen else ())}


def _share_of(matrix: str, runs: Sequence[Run]) -> Share:
    walks = []
    for run in runs:
        rows = run.at_stop("trajectory", "share", part=matrix, variant=WALK, at=1)
        walks.append(100 * rows[["value", "error"]].to_numpy(float)[0])
    means, spreads = np.transpose(walks)
    reach = 2 * np.nan_to_num(spreads)
    return Share(
        tuple(first_share(run, matrix) for run in runs),
        tuple(means.tolist()),
        max(0.0, float(np.min(means - reach))),
        min(100.0, float(np.max(means + reach))),
        _relaxations(matrix, runs),
    )


def _relaxations(matrix: str, runs: Sequence[Run]) -> tuple[float, ...]:
    try:
        return tuple(first_share(run, matrix, RELAXATION) for run in runs)
    except Missing:  # measured before there was this null
        return ()


@dataclass(frozen=True, eq=False)
class Decline:
    """The first component's share over growing windows of a path, in %.

    Attributes:
        ours: (n,) mean over the attention matrices.
        low: (n,) the lowest of their random walks.
        high: (n,) the highest.
    """

    ours: np.ndarray
    low: np.ndarray
    high: np.ndarray


def declines(runs: Sequence[Run]) -> dict[str, Decline]:
    """Label ↦ shares over growing windows of the path, of every run that groks."""
    found = {}
    for run in grokking(runs):
        walks = windows_by_matrix(run, WALK)
        found[run.config.label] = Decline(windows(run), walks.min(axis=0), walks.max(axis=0))
    return found

"""Chapter 2, integrability: what it asks for and what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.chapters import asked
from grokbook.chapters.measured import at_hand
from grokbook.chapters.wording import PLACEBO
from grokbook.checks import ConfigError, integer
from grokbook.claims.readings.integrability import held
from grokbook.claims.readings.leads import onset
from grokbook.claims.readings.paths import WALK, first_share, windows, windows_by_matrix
from grokbook.claims.readings.place import MATRICES
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.events import FACTORS, PLACEBOS, PUBLISHED_RULE
from grokbook.events.track_record import TrackRecord
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import Plan
from grokbook.statistics import mean_interval
from grokbook.store import Store
from grokbook.studies.asking import MissingRun
from grokbook.widgets import Course
from grokbook.widgets.integrability import FACTOR


def wanted(readings: int) -> dict[str, dict[str, int]]:
    """Instruments with their parameters, for so many readings of the defect.

    Raises:
        ConfigError: for fewer than two.

    >>> wanted(140)["commutator"]
    {'snapshots': 140, 'checkpoints': 120}
    """
    integer("readings", readings, low=2)
    return {
        "events": {},
        "trajectory": {},
        "commutator": {"snapshots": readings, "checkpoints": min(120, readings)},
        "integrability": {"snapshots": min(100, readings)},
    }


def plan(config: RunConfig, steps: int) -> Plan:
    """As every chapter's, with a path that is long enough for its bases.

    A basis has two directions a matrix, with three tasks three; half of the path must span them,
    and a path of n snapshots, 100 steps apart, spans n − 1.

    Raises:
        ConfigError: for fewer steps.
    """
    least = 2 * 100 * (3 if len(config.tasks) == 3 else 2)
    if steps < least:
        raise ConfigError(f"steps must be {least} or more for a path's directions, not {steps}")
    return asked.plan(config, steps)


def grokking(runs: Sequence[Run]) -> list[Run]:
    """Those of which some task groks."""
    return [run for run in runs if _grok(run) is not None]


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


def _grok(run: Run) -> int | None:
    steps = [run.record.grok_step(task, PUBLISHED_RULE) for task in run.tasks]
    return min((step for step in steps if step is not None), default=None)


def detectors(runs: Sequence[Run], courses: Sequence[Course]) -> list[TrackRecord]:
    """Every detector on every run: the published ones, ours, and placebos.

    Args:
        runs: measured.
        courses: the same runs as the explorable shows them, in the same order.
    """
    found = []
    groks = {run.config.label: _grok(run) for run in runs}
    for protocol, name in (("published", "published"), ("corrected", "true")):
        for kind in ("dual", "tri"):
            steps = [onset(run, protocol, kind).step for run in runs]
            title = f"{kind} detector, {name}"
            found.append(TrackRecord.of(title, "published", name, groks, steps))
        for at, factor in enumerate(FACTORS):
            steps = [course.onsets[protocol][at] for course in courses]
            title = f"{factor:g} × the start, {name}"
            found.append(TrackRecord.of(title, "ours", name, groks, steps))
    for name in PLACEBOS:
        steps = [course.placebos[name] for course in courses]
        found.append(TrackRecord.of(PLACEBO[name], "placebo", "", groks, steps))
    return found


@dataclass(frozen=True)
class Share:
    """The first component's share of a matrix's variance at the published stop, in %.

    Attributes:
        values: one a run.
        walk: mean over the runs of random walks with their step lengths.
        low: the lowest of the walks' means less two standard deviations of their draws.
        high: the highest of the means and two standard deviations.
    """

    values: tuple[float, ...]
    walk: float
    low: float
    high: float

    @property
    def beyond(self) -> str:
        """``"more"`` or ``"less"`` where the interval over runs lies beyond the walks, else empty.

        One run has no interval, so it tells nothing.
        """
        mean = mean_interval(list(self.values))
        return "more" if mean.low > self.high else "less" if mean.high < self.low else ""

    @property
    def side(self) -> str:
        """``"above"`` or ``"below"`` where every run's point lies beyond the walks, else empty."""
        above, below = min(self.values) > self.high, max(self.values) < self.low
        return "above" if above else "below" if below else ""


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
    return Share(
        tuple(first_share(run, matrix) for run in runs),
        float(means.mean()),
        float(np.min(means - 2 * np.nan_to_num(spreads))),
        float(np.max(means + 2 * np.nan_to_num(spreads))),
    )


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


def inside(runs: Sequence[Run]) -> dict[str, list[float]]:
    """What of a commutator lies in a subspace, in % of its norm, one mean a run that groks.

    Means over checkpoints of the share of ‖δ‖: of the float32 and of the true commutator in the
    run's own directions, in another seed's, and in random ones with the same footprint, so that
    like stands beside like. A run that was measured without another seed has no value of that.
    """
    own, other = "corrected, attention path", "true commutator, another seed's"
    found: dict[str, list[float]] = {}
    for run in grokking(runs):
        for name, quantity, variant in (
            ("published commutator, own directions", "share", "published, attention path"),
            ("true commutator, own directions", "share", own),
            (other, "share", f"{own} of another seed"),
            ("true commutator, random alike", "null_matched", own),
        ):
            try:
                found.setdefault(name, []).append(100 * held(run, quantity, variant))
            except Missing:
                if name != other:
                    raise
    return {name: values for name, values in found.items() if values}


def rounding_factor(courses: Sequence[Course]) -> list[float]:
    """Published over true defect at step 0, one a run."""
    return [
        float(c.defects["published"][0] / c.defects["corrected"][0])
        for c in courses
        if c.read[0] == 0
    ]


def guard(runs: Sequence[Run], courses: Sequence[Course]) -> None:
    """Stop the build if the page's own finding no longer holds, whatever its sign.

    Raises:
        AssertionError: naming what changed.
    """
    chosen = grokking(runs)
    assert chosen, "no run of the chapter groks"
    for course in courses:
        if course.grok is not None:
            lead = course.lead("corrected", FACTOR)
            assert lead is not None and lead > 0, f"{course.label}: the true defect does not lead"
    factors = rounding_factor(courses)
    assert factors and min(factors) > 3, "the published defect is not inflated at the start"

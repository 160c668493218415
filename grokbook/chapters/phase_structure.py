"""Chapter 3, phase structure: which runs it asks for and what it counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grokbook.chapters import asked
from grokbook.checks import integer
from grokbook.claims.readings.phase_structure import RATED, RATES
from grokbook.claims.readings.place import slope
from grokbook.config import RunConfig
from grokbook.statistics import Break, PermutationTest, breakpoint_comparison, shuffle
from grokbook.store.recorded import Results
from grokbook.studies.published import EXCHANGE
from grokbook.studies.settings import TASKS
from grokbook.widgets import Pace
from grokbook.widgets.clocks import by_decay

CRITICAL = 0.3
"""The weight decay at which the paper sees one regime turn into the other (MT-29)."""

LONGER = 150_000
"""Steps that a run without weight decay should have, three times the published budget."""

_TOGETHER = "learning_rate,weight_decay"


def wanted(readings: int, checkpoints: int) -> dict[str, dict[str, int]]:
    """Instruments with their parameters, for a run that is made.

    Args:
        readings: of the defect along a run.
        checkpoints: of the Hessian as published; 0 leaves it out, for it costs most.

    Raises:
        ConfigError: for fewer than two readings, or a single checkpoint.

    >>> wanted(140, 30)["hessian"]
    {'checkpoints': 30}
    """
    integer("readings", readings, low=2)
    integer("checkpoints", checkpoints, low=2 if checkpoints else 0)
    found = {
        "events": {},
        "commutator": {"snapshots": readings, "checkpoints": min(120, readings)},
    }
    return found | ({"hessian": {"checkpoints": checkpoints}} if checkpoints else {})


def configs(
    settings: Sequence[str],
    weight_decays: Sequence[float],
    seeds: Sequence[int],
    *,
    modulus: int,
    width: int | None = None,
    learning_rate: float,
    exchange: bool,
) -> list[RunConfig]:
    """The runs that the chapter's parameters name: over weight decay, then the exchange.

    The exchange halves and doubles η, at the weight decays of the study of that name and at those
    of MT-28's control, about the chapter's own learning rate; a run is not there twice.

    Raises:
        ConfigError: for an unknown setting or a value that no run can have.
    """
    world = {"modulus": modulus, "width": width}
    found = asked.wanted(settings, weight_decays, seeds, learning_rate=learning_rate, **world)
    if exchange:
        scale = learning_rate / RunConfig(tasks=TASKS["dual"]).learning_rate
        points = [*EXCHANGE.grid[_TOGETHER], *((r, d) for d in RATED for r in RATES)]
        for rate, decay in dict.fromkeys(points):
            found += asked.wanted(["dual"], [decay], seeds, learning_rate=rate * scale, **world)
    return list({config.id: config for config in found}.values())


# --- grok time


def sweep(paces: Sequence[Pace], name: str) -> list[Pace]:
    """Runs of a setting at the page's own learning rate, with weight decay, that grok."""
    return [pace for group in by_decay(paces, name).values() for pace in group]


def _by_seed(paces: Sequence[Pace]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Seed ↦ ln(1/λ) and ln(grok step) of its runs, ascending."""
    found: dict[str, list[tuple[float, float]]] = {}
    for pace in paces:
        point = (-math.log(pace.weight_decay), math.log(pace.grok))
        found.setdefault(str(pace.seed), []).append(point)
    return {seed: tuple(np.array(sorted(points)).T) for seed, points in found.items()}


def _with_slope(paces: Sequence[Pace]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    return {seed: xy for seed, xy in _by_seed(paces).items() if len(np.unique(xy[0])) > 1}


def exponents(paces: Sequence[Pace]) -> dict[str, float]:
    """Seed ↦ α of t ∝ λ^−α by least squares of logarithms; a plain clock has 1.

    A seed that groks at a single weight decay has none.  Runs that were cut off are left out,
    which makes α too small where the slow ones are.

    Args:
        paces: of one setting, as `sweep` gives them.
    """
    return {seed: slope(x, y) for seed, (x, y) in _with_slope(paces).items()}


def against_chance(paces: Sequence[Pace]) -> PermutationTest | None:
    """Is the mean exponent larger than with grok steps dealt to the decays within each seed?

    That is the null which says that weight decay does not matter.  None where no seed has two.
    """
    chosen = _with_slope(paces)
    if not chosen:
        return None
    groups = np.array([seed for seed, (x, _) in chosen.items() for _ in x])
    places = [np.flatnonzero(groups == seed) for seed in chosen]

    def mean_slope(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean([slope(x[at], y[at]) for at in places]))

    x, y = (np.concatenate([xy[k] for xy in chosen.values()]) for k in (0, 1))
    return shuffle(x, y, mean_slope, groups=list(groups), alternative="greater", draws=1_999)


def regimes(paces: Sequence[Pace]) -> Break | None:
    """One power law against two that meet at `CRITICAL`; None if too few decays or seeds."""
    return breakpoint_comparison(_by_seed(paces), -math.log(CRITICAL))


def executions(configs: Sequence[RunConfig]) -> list[list[float]]:
    """Mean grok steps of every recorded execution of configs that were trained more than once.

    They start from the same weights and see the same batches, and differ by rounding alone.

    Raises:
        StoreError: if a recorded file is damaged.
    """
    results, found = Results(), []
    for config in configs:
        groks = [record.groks for record in results.executions(config)]
        found.append([float(np.mean(steps)) for steps in groks if None not in steps])
    return [steps for steps in found if len(steps) > 1]


def repeats(groks: Sequence[Sequence[float]]) -> list[float]:
    """How far apart the executions of one config grok, as a ratio of at least 1, one a config.

    What is smaller than this is no effect of weight decay in a single run.

    >>> repeats([[100, 150]])
    [1.5]
    """
    return [max(steps) / min(steps) for steps in groks]


# --- curvature


@dataclass(frozen=True)
class Depth:
    """The most negative curvature that a run meets, as read by one protocol.

    Attributes:
        label: of the run.
        setting, weight_decay: of its config.
        protocol: ``"published"`` or ``"corrected"``.
        depth: − lowest eigenvalue of the total loss, in nats/|θ|².
        residual: of that eigenvalue, in the same unit: measured where it is converged, as
            published Lanczos's estimate, which sees no rounding.
        step: where it was read.
        points: read along the run.
        last: step of the last of them.
    """

    label: str
    setting: str
    weight_decay: float
    protocol: str
    depth: float
    residual: float
    step: int
    points: int
    last: int

    @property
    def floor(self) -> float:
        """What a residual in single precision cannot tell from 0: the value's own rounding."""
        return float(np.finfo(np.float32).eps) * self.depth


def depths(paces: Sequence[Pace]) -> list[Depth]:
    """The deepest reading of every measured run, by both protocols."""
    found = []
    for pace in paces:
        for protocol, line in pace.curvature.items():
            at = int(np.argmin(line.values))
            found.append(
                Depth(
                    label=pace.label,
                    setting=pace.setting,
                    weight_decay=pace.weight_decay,
                    protocol=protocol,
                    depth=-float(line.values[at]),
                    residual=float(line.residuals[at]),
                    step=int(line.steps[at]),
                    points=len(line.steps),
                    last=int(line.steps[-1]),
                )
            )
    return found


def guard(paces: Sequence[Pace]) -> None:
    """Stop the build if the page's own finding no longer holds, whatever its sign.

    Raises:
        AssertionError: naming what changed.
    """
    runs = by_decay(paces, "dual")
    assert len(runs) > 1, "fewer than two weight decays grok, so nothing can be compared"
    times = [np.mean([math.log(pace.grok) for pace in group]) for group in runs.values()]
    assert max(times) == times[-1] > times[0], "the weakest weight decay no longer takes longest"
    still = [pace for pace in paces if pace.weight_decay == 0]
    assert all(pace.first_grok is None for pace in still), "a run without weight decay groks"

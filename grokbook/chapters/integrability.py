"""Chapter 2, integrability: what it asks for and what it counts."""

from __future__ import annotations

from collections.abc import Sequence

from grokbook.chapters import asked
from grokbook.chapters.wording import PLACEBO
from grokbook.checks import ConfigError, integer
from grokbook.claims.readings.integrability import held
from grokbook.claims.readings.leads import onset
from grokbook.config import RunConfig
from grokbook.events import FACTORS, PLACEBOS, PUBLISHED_RULE
from grokbook.events.track_record import TrackRecord
from grokbook.instruments.runs import Missing, Run
from grokbook.plan import Plan
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

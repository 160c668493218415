"""Steps at which the lifecycle of the spectral edge is looked at.

The published scripts look at fixed steps, which were chosen on one seed and differ from script to
script: what they call "at grok" is before the grok step of other seeds.  So a run is measured there
and at fixed multiples of its own grok step as well, and on an even grid, where runs that never
grok can be read at a step that is matched to others.  Source: 2604.07380 section 3, weakness C.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from grokbook.config import DyckConfig
from grokbook.events import crossing
from grokbook.instruments.subject import Subject

SHARES = (300, 600, 1_500, 4_000)
"""Of gradient and decay; functional content and the loss decomposition are read there, too."""
ABLATIONS = (200, 500, 1_400, 3_900)
"""Of ablations, curvature, curves and the spectra of depth, and of what was done on all seeds."""
PROBES = (200, 600, 2_000, 5_000)
"""Of the probes of one layer."""
LAYERS = (100, 500, 5_000)
"""Of layers, positions, attention and geometry: early with decay, early without, late."""
SWITCHED = (3_400, 4_000)
"""3,000 steps after weight decay was switched; a run that was not is read there beside them."""

MULTIPLES = (0.5, 1.0, 2.5, 20 / 3)
"""Of a run's own grok step: what `SHARES` are of the published run's, which is 600."""


def edge_grok_step(subject: Subject) -> int | None:
    """First evaluation with all tasks at 0.95 (2602.18523 section 4.12)."""
    record = subject.record
    least = np.min([record.accuracy(task) for task in subject.config.tasks], axis=0)
    return crossing(record.steps, least, 0.95)


def own(subject: Subject) -> dict[float, int]:
    """Snapshots nearest to `MULTIPLES` of the run's grok step, by 0.95, as far as the run goes.

    Returns:
        Step by multiple; nothing if the run never grokked.
    """
    at = edge_grok_step(subject)
    wanted = {} if at is None else {each: each * at for each in MULTIPLES}
    return {
        each: nearest(subject.steps, step) for each, step in wanted.items() if step <= subject.last
    }


def place(steps: np.ndarray, step: float) -> int:
    """Where in ascending steps the one nearest to a step stands, the earlier of two.

    >>> place(np.array([0, 100, 200]), 150), place(np.array([0, 100, 200]), 151)
    (1, 2)
    """
    return int(np.argmin(np.abs(steps - step)))


def nearest(steps: np.ndarray, step: float) -> int:
    """The snapshot nearest to a step, the earlier of two."""
    return int(steps[place(steps, step)])


def chosen(
    subject: Subject, published: Iterable[int], every: int, among: Iterable[int]
) -> list[int]:
    """The published steps, the run's own phases, and an even grid with the last, ascending.

    Args:
        subject: the run; published steps are those of runs on brackets, and of no others.
        published: steps.
        every: steps of the grid.
        among: steps at which there is something to measure.
    """
    among = [int(step) for step in among]
    wanted = {*own(subject).values()}
    if isinstance(subject.config, DyckConfig):
        wanted |= {*published}
    return [step for step in among if step in wanted or step % every == 0 or step == among[-1]]

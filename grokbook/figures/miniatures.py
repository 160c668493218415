"""Miniatures: one tiny picture of recorded runs for each chapter, as SVG that draws itself.

Each has 120 × 48 units, no words and no axes: it shows the shape of a finding, not its size.  What
a picture shows is said in its caption, for those who do not see it.  Lines are drawn from left to
right when the page opens, or when a reader points at them; where motion is unwelcome they are
simply there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from html import escape

import numpy as np

from grokbook.claims.shelf import Shelf
from grokbook.config import Config, DyckConfig, RunConfig
from grokbook.geometry.edge_windows import WINDOW
from grokbook.instruments.runs import Missing, Run
from grokbook.palette import decay_colour
from grokbook.thinning import thin

WIDTH, HEIGHT, EDGE = 120, 48, 3

_DUAL = RunConfig(tasks=("add", "mul"), seed=42)


@dataclass(frozen=True)
class Miniature:
    """A tiny picture.

    Attributes:
        shapes: SVG elements within 120 × 48 units.
        caption: what it shows, in one line.
    """

    shapes: tuple[str, ...]
    caption: str

    @property
    def svg(self) -> str:
        """The picture as one element, named by its caption."""
        return (
            f"<svg class='gb-mini' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
            f"aria-label='{escape(self.caption, quote=True)}'>{''.join(self.shapes)}</svg>"
        )


def line(x: Sequence[float], y: Sequence[float], colour: str, *, faint: bool = False) -> str:
    """A polyline through points of the unit square, (0, 0) at the lower left.

    >>> line([0, 1], [0, 1], "red")
    "<polyline class='gb-mini-line' points='3,45 117,3' pathLength='1' style='stroke:red'/>"
    """
    points = " ".join(f"{_across(a)},{_up(b)}" for a, b in zip(x, y, strict=True))
    classes = "gb-mini-line gb-mini-faint" if faint else "gb-mini-line"
    return f"<polyline class='{classes}' points='{points}' pathLength='1' style='stroke:{colour}'/>"


def _across(x: float) -> str:
    return f"{EDGE + x * (WIDTH - 2 * EDGE):.1f}".removesuffix(".0")


def _up(y: float) -> str:
    return f"{HEIGHT - EDGE - y * (HEIGHT - 2 * EDGE):.1f}".removesuffix(".0")


def _task(name: str) -> str:
    return f"var(--gb-task-{name})"


def _thinned(*series: np.ndarray, most: int = 80) -> list[np.ndarray]:
    """At most so many points of series that belong together."""
    kept = thin(np.arange(len(series[0])), most)
    return [np.asarray(each)[kept] for each in series]


def _accuracies(run: Run, end: float, *, faint: bool = False) -> Iterable[str]:
    """Test accuracy of every task, up to a step."""
    kept = run.record.steps <= end
    for task in run.tasks:
        steps, accuracy = _thinned(run.record.steps[kept], run.record.accuracy(task, "test")[kept])
        yield line(steps / end, accuracy, _task(task), faint=faint)


def staggered_order(shelf: Shelf) -> Miniature:
    """Test accuracy of three tasks on one trunk."""
    run = shelf.run(RunConfig(tasks=("add", "mul", "sq"), seed=42))
    return Miniature(
        tuple(_accuracies(run, run.record.last_step)),
        "Test accuracy of three tasks on one network.",
    )


def integrability(shelf: Shelf) -> Miniature:
    """The true defect, on a logarithmic scale, above test accuracy."""
    run = shelf.run(_DUAL)
    rows = run.rows("commutator", "defect", variant="corrected", at=0.5)
    steps, defect = _thinned(rows["step"].to_numpy(), np.log10(rows["value"].to_numpy()))
    height = (defect - defect.min()) / np.ptp(defect)
    end = float(steps[-1])
    return Miniature(
        (*_accuracies(run, end, faint=True), line(steps / end, height, "var(--gb-ink)")),
        "The true commutator defect, logarithmic, above test accuracy, faint.",
    )


def phase_structure(shelf: Shelf) -> Miniature:
    """Grok step against weight decay, both logarithmic; the points slide as τ = ηλt does."""
    found = []
    for tasks in (("add", "mul"), ("add", "mul", "sq")):
        for decay in (1.0, 0.5, 0.3, 0.2, 0.1):
            for seed in shelf.seeds:
                try:
                    run = shelf.run(RunConfig(tasks=tasks, weight_decay=decay, seed=seed))
                    steps = [run.grok(task) for task in tasks]
                except Missing:
                    continue
                if None not in steps:
                    found.append((decay, max(steps)))
    ends = [step * decay**way for decay, step in found for way in (0, 1)]  # steps, and τ/η
    low, high = math.log(0.7 * min(ends, default=1)), math.log(1.4 * max(ends, default=10))
    dots = []
    for decay, step in found:
        x = (math.log(decay) - math.log(0.1)) / math.log(10)
        y = (math.log(step) - low) / (high - low)
        fall = -math.log(decay) / (high - low) * (HEIGHT - 2 * EDGE)  # to where τ would put it
        dots.append(
            f"<circle class='gb-mini-dot' cx='{_across(0.05 + 0.9 * x)}' cy='{_up(y)}' r='2.6' "
            f"style='--gb-weak:{decay_colour(decay)};--gb-strong:{decay_colour(decay, dark=True)};"
            f"--gb-fall:{fall:.1f}px'/>"
        )
    return Miniature(
        tuple(dots),
        "Grok steps against weight decay; pointed at, they move to where τ = ηλt puts them.",
    )


def incompressibility(shelf: Shelf) -> Miniature:
    """Test accuracy when only the first k directions of the path are kept."""
    run = shelf.run(_DUAL)
    lines = []
    for task in run.tasks:
        rows = run.rows("reconstruction", "test_accuracy", part=task, variant="published", at=None)
        kept, accuracy = rows["at"].to_numpy(), rows["value"].to_numpy()
        order = np.argsort(kept)
        lines.append(line(kept[order] / kept.max(), accuracy[order], _task(task)))
    return Miniature(tuple(lines), "Test accuracy against the number of directions that are kept.")


def transverse_fragility(shelf: Shelf) -> Miniature:
    """A run, and the same run with a part of its gradient deleted, where there is one."""
    run = shelf.run(_DUAL)
    others = [shelf.execution(name) for name in _deletions(shelf)]
    end = float(max(each.record.last_step for each in [run, *others]))
    lines = [*_accuracies(run, end, faint=bool(others))]
    for other in others:
        lines += _accuracies(other, end)
    caption = "Test accuracy of a run, faint, and of runs with a part of the gradient deleted."
    return Miniature(tuple(lines), caption if others else "Test accuracy of a run left alone.")


def _deletions(shelf: Shelf) -> list[str]:
    """Executions of the run of seed 42 whose gradient was changed before Adam."""
    found = []
    for name, entry in shelf.results.manifest().items():
        config = Config.from_json(entry["config"])
        plain = replace(config, intervention=None)
        if plain.id == _DUAL.id and getattr(config.intervention, "transform", "") == "delete":
            found.append(name)
    return found


def spectral_edge_lifecycle(shelf: Shelf) -> Miniature:
    """The gradient's share along the first direction, and what it is without pure decay."""
    run = shelf.run(DyckConfig(seed=42))
    lines = []
    for variant, faint in (("less decay", True), ("published", False)):
        rows = run.rows("edge", "gradient_share", part=WINDOW, variant=variant, at=1)
        kept = rows["step"] <= 10 * _FIRST
        steps, share = rows["step"][kept].to_numpy(), rows["value"][kept].to_numpy(float)
        lines.append(line(steps / steps[-1], share, "var(--gb-ink)", faint=faint))
    return Miniature(
        tuple(lines),
        "Share of the gradient in what moves the edge, early in a run; faint, the same with the "
        "decay of the initial weights taken away.",
    )


_FIRST = 300
"""A tenth of the steps that the picture of the edge shows: there is more to see in them."""


MINIATURES: dict[str, Callable[[Shelf], Miniature]] = {
    "staggered-order": staggered_order,
    "integrability": integrability,
    "phase-structure": phase_structure,
    "incompressibility": incompressibility,
    "transverse-fragility": transverse_fragility,
    "spectral-edge-lifecycle": spectral_edge_lifecycle,
}
"""Chapter ↦ what draws its picture."""

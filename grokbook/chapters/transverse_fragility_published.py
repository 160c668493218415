"""Chapter 5, transverse fragility: what the paper says of the same runs."""

from __future__ import annotations

from collections.abc import Mapping

from grokbook.chapters.wording import counted
from grokbook.claims.readings.transverse_fragility import BUDGET
from grokbook.claims.registry import Claim
from grokbook.studies.deletion import Noise, Trials
from grokbook.studies.settings import published_setting

RECOVERY = (0.25, 0.5, 0.75)
"""Doses of the claim that half deleted is milder than a quarter."""


def as_published(trials: Trials) -> str | None:
    """``"dual"`` or ``"tri"`` if all but the seed is as published, else None."""
    return published_setting(trials.plain[0].run.config)


def published_doses(trials: Trials, claims: Mapping[str, Claim]) -> list[float]:
    """Doses that a claim needs runs at; none where nothing was published."""
    steps = published_steps(trials, claims)
    return sorted({*filter(None, steps), *RECOVERY}) if steps else []


def budget(trials: Trials) -> int | None:
    """The published budget, in steps; None where nothing was published."""
    name = as_published(trials)
    return None if name is None else BUDGET[name]


def published_list(claims: Mapping[str, Claim]) -> str:
    """The chapter's claims as published, as a Markdown list."""
    return "\n".join(
        f"- **{c.id}** · {c.statement} ({', '.join(filter(None, (c.where, counted(c.n, 'run'))))}) "
        f"To decide: {c.test}."
        for c in claims.values()
    )


def published_steps(trials: Trials, claims: Mapping[str, Claim]) -> dict[float, int | None]:
    """Dose ↦ published step of the last task, None where it was cut off; 0 is the plain run."""
    name = as_published(trials)
    if name is None:
        return {}
    published = claims[{"dual": "MT-51", "tri": "MT-52"}[name]].published
    found: dict[float, int | None] = dict.fromkeys(published["failed"])
    for dose, tasks in published["values"].items():
        found[float(dose)] = max(tasks.values())
    return dict(sorted(found.items()))


def published_noise(claims: Mapping[str, Claim], orders: Mapping[str, Claim]) -> Noise:
    """The published plain runs of one seed with two tasks: three times the same config.

    Args:
        claims: of this chapter.
        orders: of the first one.
    """
    seed = 42
    main = max(orders[name].at(1.0)["seeds"][seed] for name in ("MT-02", "MT-03"))
    scan = max(claims["MT-51"].published["values"][0.0].values())
    steps = (main, scan, claims["MT-55"].published["steps"]["without"])
    return Noise(f"published, seed {seed}", steps, plain=scan)

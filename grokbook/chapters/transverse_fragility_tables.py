"""Chapter 5, transverse fragility: its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

import pandas as pd

from grokbook.chapters.deleted import DoseGap
from grokbook.chapters.tables import keyed
from grokbook.chapters.transverse_fragility import title
from grokbook.chapters.transverse_fragility_published import budget, published_steps
from grokbook.chapters.transverse_fragility_shares import SPARED, outsides
from grokbook.chapters.wording import percentages, share
from grokbook.claims.numbers import interval, listed, show
from grokbook.claims.registry import Claim
from grokbook.statistics import mean_interval
from grokbook.studies.arms import OWN, Arm
from grokbook.studies.deletion import Change, Noise, Trials, mean_of
from grokbook.studies.settings import setting


def outside_table(found: Sequence[Trials]) -> pd.DataFrame:
    """How much of the gradient lies outside, beside what random directions leave."""
    shares, rows = outsides(found), []
    for name in SPARED:
        if shares:
            inside = mean_interval([100 - each[name] for each in shares.values()])
            rows.append(
                {
                    "outside of": name,
                    "outside (% of ‖g‖²)": f"{100 - inside.mean:.3f}",
                    "inside (%)": interval(inside.mean, inside.low, inside.high),
                    "n": inside.n,
                }
            )
    return keyed(rows, "outside of")


def noise_table(found: Sequence[Trials], published: Noise) -> pd.DataFrame:
    """What should be the same run, several times: when its last task groks."""
    apart = "apart (% of the plain run's time)"
    rows = [
        {
            "run": f"{title(trials)}, {each.label}",
            "groks at": ", ".join(f"{step:,}" for step in each.steps),
            apart: "at least " * each.bound + show(each.percent),
        }
        for trials in found
        for each in trials.noise()
    ]
    theirs = {
        "run": f"dual, {published.label}",
        "groks at": ", ".join(f"{step:,}" for step in published.steps),
        apart: show(published.percent),
    }
    return keyed([*rows, theirs], "run")


def dose_table(
    found: Sequence[Trials], claims: Mapping[str, Claim], doses: Sequence[float]
) -> pd.DataFrame:
    """The published deletion, dose by dose: who groks, how much later, and the published delay."""
    rows = []
    for trials in found:
        theirs, limit = published_steps(trials, claims), budget(trials)
        plain = theirs.get(0.0)
        for dose in sorted({*doses, *(d for d in theirs if d)}):
            changes = list(trials.delays(OWN, dose).values())
            rows.append(
                {
                    "dose": f"{100 * dose:g} %, {setting(trials.plain[0].run.config)}",
                    "later than plain": _later(changes, len(trials.of(OWN, dose))),
                    "cut off": sum(bool(c.bound) for c in changes) if changes else "–",
                    "delay (%)": _mean(changes),
                    "published (%)": _theirs(theirs, dose, plain, limit),
                }
            )
    return keyed(rows, "dose")


def _later(changes: Sequence[Change], runs: int) -> str:
    if not changes:
        return "plain never groks" if runs else "none yet"
    return share(sum(change.percent > 0 for change in changes), len(changes))


def _mean(changes: Sequence[Change]) -> str:
    """The mean of all; where some are bounds it is one itself, and has no interval."""
    bounds = {change.bound for change in changes} - {""}
    if not changes:
        return "–"
    if not bounds:
        mean = mean_of(changes)
        return interval(mean.mean, mean.low, mean.high)
    if bounds in ({"at least"}, {"at most"}):
        return f"{bounds.pop()} {show(fmean(change.percent for change in changes))}"
    return "open"


def _theirs(
    theirs: Mapping[float, int | None], dose: float, plain: int | None, limit: int | None
) -> str:
    if dose not in theirs or plain is None:
        return "–"
    step = theirs[dose]
    if step is None:
        return f"at least {show(100 * (limit / plain - 1))}"
    return show(100 * (step / plain - 1))


def shift_table(
    found: Sequence[Trials], arms: Sequence[Arm], doses: Sequence[float]
) -> pd.DataFrame:
    """Every control against the published deletion at equal dose, beside the same-seed noise."""
    rows = []
    for trials in found:
        where = setting(trials.plain[0].run.config)
        for arm in arms:
            for dose in doses if arm.name != OWN else ():
                shifts = list(trials.shifts(arm.name, dose).values())
                if not shifts:
                    continue
                rows.append(
                    {
                        "control": f"{arm.title}, {100 * dose:g} %, {where}",
                        "shift (points)": _mean(shifts),
                        "seeds": len(shifts),
                        "cut off": sum(bool(change.bound) for change in shifts),
                        "noise (points)": "–" if trials.floor is None else show(trials.floor),
                    }
                )
    return keyed(rows, "control")


def missing_list(found: Sequence[DoseGap], seeds: int) -> str:
    """What has not been trained yet, and what trains it, as a Markdown list.

    Args:
        found: what is not there.
        seeds: how many there are plain runs of.
    """
    lines = []
    for gap in found:
        named = f"seed{'s' * (len(gap.seeds) > 1)} {listed([str(seed) for seed in gap.seeds])}"
        which = "" if len(gap.seeds) == seeds else f", {named}"
        lines.append(
            f"- **{gap.arm.title}** (deleted {gap.arm.what}), {percentages(gap.doses)}{which}: "
            f"`{gap.command}`"
        )
    return "\n".join(lines)


def computed_table(found: Sequence[Trials], arms: Sequence[Arm]) -> pd.DataFrame:
    """The runs behind the page and what they cost."""
    titles = {arm.name: arm.title for arm in arms}
    every = [
        (trials, trial)
        for trials in found
        for trial in (*trials.plain, *trials.again, *trials.deleted, *trials.repeated)
    ]
    rows = [
        {
            "execution": trial.run.name,
            "run": f"{title(trials)}, seed {trial.seed}, "
            + (f"{titles[trial.arm]} {100 * trial.dose:g} %" if trial.arm else "plain"),
            "steps": f"{trial.run.record.last_step:,}",
            "training (core-s)": f"{trial.run.record.seconds:,.0f}",
        }
        for trials, trial in every
    ]
    return keyed(rows, "execution", wraps=True)

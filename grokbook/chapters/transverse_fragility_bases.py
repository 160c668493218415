"""Chapter 5, transverse fragility: which runs are outside the same directions, and which are not.

A basis is measured on one execution of the plain run, and that of another execution is another one.
"""

from __future__ import annotations

from collections.abc import Sequence

from grokbook.chapters.wording import percentages, share
from grokbook.claims.numbers import listed, show
from grokbook.studies.arms import OWN, Arm
from grokbook.studies.deletion import Trial, Trials


def bases_sentence(trials: Trials) -> str:
    """Which doses of a seed are outside which basis; empty where each seed has one."""
    found: dict[int, dict[str | None, list[float]]] = {}
    for dose in trials.doses:
        for seed, trial in trials.of(OWN, dose).items():
            found.setdefault(seed, {}).setdefault(_basis(trial), []).append(dose)
    several = [
        f"for seed {seed}, {' apart from '.join(percentages(doses) for doses in bases.values())}"
        for seed, bases in found.items()
        if len(bases) > 1
    ]
    if not several:
        return ""
    return (
        "Not every dose of a seed is outside the same directions, since some were measured on "
        f"another execution of the plain run. Doses share their directions as follows: "
        f"{'; '.join(several)}. Between doses that stand apart a curve has a break."
    )


def partners_sentence(trials: Trials, arms: Sequence[Arm], doses: Sequence[float]) -> str:
    """How many shifts of arms with the run's own path compare two bases; empty if none does.

    Args:
        trials: of one setting.
        arms: that the page shows.
        doses: that it shows.
    """
    own = next((arm for arm in arms if arm.name == OWN), None)
    alike = [arm for arm in arms if own and arm.name != OWN and _measured(arm) == _measured(own)]
    pairs = [
        (arm, trial, trials.of(OWN, dose)[seed])
        for arm in alike
        for dose in doses
        for seed, trial in trials.of(arm.name, dose).items()
        if seed in trials.of(OWN, dose)
    ]
    apart = [arm for arm, one, other in pairs if _basis(one) != _basis(other)]
    if not apart or trials.floor is None:
        return ""
    which = listed(list(dict.fromkeys(arm.title for arm in apart)))
    return (
        f"Of the shifts of arms with the run's own path ({which}), {share(len(apart), len(pairs))} "
        "are between directions of two executions of the plain run, so that two things differ and "
        f"not one: that alone moves a run by up to {show(trials.floor)} % of the plain run's time."
    )


def _measured(arm: Arm) -> tuple[str, dict[str, object]]:
    return arm.measure, arm.parameters


def _basis(trial: Trial) -> str | None:
    return trial.run.config.intervention.basis

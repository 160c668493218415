"""Runs with and without deletion: which there are, how much later they grok, how sure that is.

A run's time is the step at which its last task groks (98 % × 3); one that its budget cut off before
that is only known to be later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from grokbook.events import PUBLISHED_RULE
from grokbook.instruments.runs import Run
from grokbook.statistics import Interval, Survival, mean_interval, survival
from grokbook.studies.arms import OWN, title_of


@dataclass(frozen=True, eq=False)
class Trial:
    """One run, plain or with deletion.

    Attributes:
        run: its record.
        arm: name; empty for a plain run.
        dose: f, 0 for a plain run.
    """

    run: Run
    arm: str = ""
    dose: float = 0.0

    @property
    def seed(self) -> int:
        """Of the run."""
        return self.run.config.seed

    @property
    def place(self) -> tuple[str, float, int]:
        """Arm, dose and seed, which several executions have in common."""
        return self.arm, self.dose, self.seed

    @property
    def grok(self) -> int | None:
        """The step at which its last task groks; None if it was cut off before."""
        steps = [self.run.record.grok_step(task, PUBLISHED_RULE) for task in self.run.tasks]
        return None if None in steps else max(steps)

    @property
    def end(self) -> int:
        """The grok step, or the last step of a run that was cut off."""
        return self.run.record.last_step if self.grok is None else self.grok


@dataclass(frozen=True)
class Change:
    """By how much one run groks later than another.

    Attributes:
        percent: of the plain run's time; below 0 is earlier.
        bound: ``""``, or what a cut-off run leaves known: ``"at least"``, ``"at most"``; with both
            cut off ``"unknown"``.
        again: the same against every further execution of the plain run that groks.
    """

    percent: float
    bound: str = ""
    again: tuple[float, ...] = field(default=(), compare=False)

    @property
    def every(self) -> tuple[float, ...]:
        """Against every execution of the plain run, rising."""
        return tuple(sorted((self.percent, *self.again)))


@dataclass(frozen=True)
class Noise:
    """One run carried out several times under the same seed.

    Attributes:
        label: of the run.
        steps: its time in each execution; of one that was cut off the last step.
        plain: the time of the plain run of its seed, in which delays are told.
        same: is it the same config?  Else the basis is that of another execution of the plain run.
        bound: was the longest cut off, so that they lie at least that far apart?
    """

    label: str
    steps: tuple[int, ...]
    plain: int
    same: bool = True
    bound: bool = False

    @property
    def percent(self) -> float:
        """How far apart the slowest and the quickest lie, in % of the plain run's time.

        >>> Noise("seed 1", (1_000, 1_100), plain=2_000).percent
        5.0
        """
        return round(100 * (max(self.steps) - min(self.steps)) / self.plain, 6)


@dataclass(frozen=True, eq=False)
class Trials:
    """All runs of one setting that differ in seed, arm and dose alone.

    Attributes:
        plain: one run a seed, as claims read them.
        again: further executions of these.
        deleted: with deletion, one run an arm, dose and seed.
        repeated: further runs of the same arm, dose and seed: executions of these, or outside the
            basis of another execution of the plain run.
    """

    plain: tuple[Trial, ...]
    again: tuple[Trial, ...] = ()
    deleted: tuple[Trial, ...] = ()
    repeated: tuple[Trial, ...] = ()
    _by_place: dict[tuple[str, float], dict[int, Trial]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __post_init__(self) -> None:
        for trial in self.deleted:
            self._by_place.setdefault((trial.arm, trial.dose), {})[trial.seed] = trial

    @property
    def tasks(self) -> tuple[str, ...]:
        """Of every run."""
        return self.plain[0].run.tasks

    @property
    def doses(self) -> tuple[float, ...]:
        """Of which there is a run, rising."""
        return tuple(sorted({dose for _, dose in self._by_place}))

    @property
    def arms(self) -> tuple[str, ...]:
        """Of which there is a run."""
        return tuple(dict.fromkeys(arm for arm, _ in self._by_place))

    def of(self, arm: str, dose: float) -> dict[int, Trial]:
        """Seed ↦ run."""
        seeds = {trial.seed for trial in self.plain}
        found = self._by_place.get((arm, dose), {})
        return {seed: found[seed] for seed in sorted(found) if seed in seeds}

    def plain_of(self, seed: int) -> Trial:
        """The plain run of a seed."""
        return next(trial for trial in self.plain if trial.seed == seed)

    def delay(self, trial: Trial) -> Change | None:
        """How much later than the plain run of its seed; None if that one never groks."""
        plain = self.plain_of(trial.seed)
        if plain.grok is None:
            return None
        bound = "at least" if trial.grok is None else ""
        others = (each for each in self.again if each.seed == trial.seed)
        again = tuple(100 * (trial.end / o.grok - 1) for o in others if o.grok is not None)
        return Change(100 * (trial.end / plain.end - 1), bound, again)

    def delays(self, arm: str, dose: float) -> dict[int, Change]:
        """Seed ↦ delay."""
        found = {seed: self.delay(trial) for seed, trial in self.of(arm, dose).items()}
        return {seed: change for seed, change in found.items() if change is not None}

    def shifts(self, arm: str, dose: float, against: str = OWN) -> dict[int, Change]:
        """Seed ↦ delay under an arm less that under another at equal dose, in % of plain time."""
        mine, theirs = self.delays(arm, dose), self.delays(against, dose)
        kinds = {
            ("", ""): "",
            ("at least", ""): "at least",
            ("", "at least"): "at most",
            ("at least", "at least"): "unknown",
        }
        return {
            seed: Change(
                mine[seed].percent - theirs[seed].percent,
                kinds[mine[seed].bound, theirs[seed].bound],
            )
            for seed in mine
            if seed in theirs
        }

    def noise(self) -> list[Noise]:
        """Every plain or deleted run beside what should be the same, where one of them groks."""
        found, groks = [], {trial.seed: trial.grok for trial in self.plain}
        for trial in (*self.plain, *self.deleted):
            alike = [other for other in (*self.again, *self.repeated) if other.place == trial.place]
            plain = groks.get(trial.seed)
            if plain is None:
                continue
            dose = f", {title_of(trial.arm)} {100 * trial.dose:g} %" if trial.arm else ""
            for same, word in ((True, ""), (False, ", basis of another execution")):
                mine, theirs = trial.run.config.id, [other.run.config.id for other in alike]
                others = [o for o, id_ in zip(alike, theirs, strict=True) if (id_ == mine) == same]
                several = _comparable((trial, *others))
                if len(several) > 1:
                    label = f"seed {trial.seed}{dose}{word}"
                    steps = tuple(each.end for each in several)
                    bound = max(several, key=lambda each: each.end).grok is None
                    found.append(Noise(label, steps, plain, same, bound))
        return found

    @property
    def floor(self) -> float | None:
        """The largest difference of what should be the same run, in % of the plain run's time.

        Another execution's basis counts too: the basis is a part of the experiment.  None without a
        second execution of any.
        """
        return max((each.percent for each in self.noise()), default=None)

    @property
    def same_floor(self) -> float | None:
        """As `floor`, of runs that are the same config."""
        return max((each.percent for each in self.noise() if each.same), default=None)

    def curve(self, arm: str = "", dose: float = 0.0) -> Survival | None:
        """The share of runs that have not grokked yet; of the plain ones without an arm."""
        chosen = list(self.plain) if not arm else list(self.of(arm, dose).values())
        if not chosen:
            return None
        return survival([t.grok for t in chosen], [t.end for t in chosen])

    def within(self, arm: str, dose: float, budget: int) -> tuple[int, int]:
        """How many runs grok within a budget, of those that tell."""
        told = [t for t in self.of(arm, dose).values() if t.grok is not None or t.end >= budget]
        return sum(t.grok is not None and t.grok <= budget for t in told), len(told)


def _comparable(trials: Sequence[Trial]) -> list[Trial]:
    """Those whose distance is known or bounded: all that grok, and the longest that was cut off.

    One that was cut off before the others grokked says nothing.
    """
    groks = [trial for trial in trials if trial.grok is not None]
    if not groks:
        return []
    last = max(trial.grok for trial in groks)
    return [t for t in trials if t.grok is not None or t.end > last]


def mean_of(changes: Iterable[Change]) -> Interval | None:
    """Mean with its interval over seeds; None of nothing, or where a budget cut one off.

    A mean of what is left over would be one of the quick runs.
    """
    changes = list(changes)
    if not changes or any(change.bound for change in changes):
        return None
    return mean_interval([change.percent for change in changes])

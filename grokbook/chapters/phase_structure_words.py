"""Chapter 3, phase structure: what it says, of so few runs, and of what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from grokbook.chapters import phase_structure_exchange as exchange
from grokbook.chapters.phase_structure import LONGER
from grokbook.chapters.wording import bullets
from grokbook.claims.numbers import show
from grokbook.claims.registry import Claim
from grokbook.config import RunConfig
from grokbook.studies.command import command
from grokbook.studies.published import EXCHANGE
from grokbook.studies.settings import TASKS, setting
from grokbook.studies.study import first_seeds
from grokbook.widgets import Pace, clock_sentence
from grokbook.widgets.clock_words import answer, never, together


@dataclass(frozen=True)
class Asked:
    """The runs that a page asks for, and how to get those that are not there.

    Attributes:
        configs: of all runs.
        weight_decays: of the sweep.
        seeds: of each cell.
        modulus: p.
        width: of the residual stream; hidden layers are twice as wide.
        learning_rate: η of the sweep.
    """

    configs: Sequence[RunConfig]
    weight_decays: Sequence[float]
    seeds: Sequence[int]
    modulus: int
    width: int
    learning_rate: float

    def command(self, verb: str, study: str, *words: str, decays: Sequence[float] = ()) -> str:
        """A command of the command line for these seeds, in this world.

        >>> asked = Asked((), (0.3, 0.1), (42, 137), 97, 128, 0.001)
        >>> asked.command("study", "dual", decays=[0.3, 0.1])
        'grokbook study dual --set weight_decay=0.3,0.1 --seeds 2'
        """
        usual = RunConfig(tasks=TASKS["dual"])
        changes = [f"weight_decay={','.join(f'{decay:g}' for decay in decays)}"] if decays else []
        if self.modulus != usual.modulus:
            changes.append(f"modulus={self.modulus}")
        if self.width != usual.width:
            changes += [f"width={self.width}", f"hidden={2 * self.width}"]
        if self.learning_rate != usual.learning_rate and study != EXCHANGE.name:
            changes.append(f"learning_rate={self.learning_rate:g}")
        usual_seeds = tuple(self.seeds) == first_seeds(len(self.seeds))
        if not usual_seeds:
            changes.append(f"seed={','.join(map(str, self.seeds))}")
        seeds = len(self.seeds) if usual_seeds else None
        return command(verb, study, *words, changes=changes, seeds=seeds)

    def cells(self) -> dict[tuple[str, float], int]:
        """Setting and λ ↦ runs of the sweep that are asked for."""
        found: dict[tuple[str, float], int] = {}
        for config in self.configs:
            swept = config.weight_decay in self.weight_decays
            if swept and config.learning_rate == self.learning_rate:
                key = (setting(config), config.weight_decay)
                found[key] = found.get(key, 0) + 1
        return dict(sorted(found.items(), key=lambda cell: (cell[0][0], -cell[0][1])))


def finding(paces: Sequence[Pace]) -> str:
    """The chapter's finding in plain words, from the runs at hand, a bullet a result."""
    said = [exchange.sentence(paces), clock_sentence(paces, control=True)]
    clause = answer(paces)
    if clause:
        said.append(together(paces))
    still = [pace for pace in paces if pace.weight_decay == 0]
    if still:
        words, whose = never(still)[2:], "its" if len(still) == 1 else "their"
        said.append(f"{words[0].upper()}{words[1:]}{_of_each(still)}; {whose} clock stands still.")
    if not said[0]:
        said.append("The control that decides, another learning rate at equal ηλ, is not run yet.")
    if exchange.missed(paces):
        clause = (
            "The time that grokking keeps is not ηλt alone: at another learning rate and equal ηλ, "
            "runs grok at other steps"
        )
    return bullets(said, f"{clause}." if clause else "")


def _of_each(runs: Sequence[Pace]) -> str:
    """How many of each setting they are, where there are several settings."""
    settings = [pace.setting for pace in runs]
    each = [f"{settings.count(name)} of {name}" for name in dict.fromkeys(settings)]
    return f" ({', '.join(each)})" if len(each) > 1 else ""


def few(asked: Asked, paces: Sequence[Pace]) -> str:
    """How many of the runs there are, said before anything is concluded from them."""
    lines = []
    have = [p for p in paces if (p.setting, p.weight_decay) in asked.cells() and not p.exchanged]
    settings = list(dict.fromkeys(name for name, _ in asked.cells()))
    for name in settings:
        wanted = [decay for each, decay in asked.cells() if each == name]
        there = {p.weight_decay: 0 for p in have if p.setting == name}
        for pace in (p for p in have if p.setting == name):
            there[pace.weight_decay] += 1
        known = ", ".join(f"{n} at λ = {decay:g}" for decay, n in sorted(there.items())[::-1])
        lacking = [decay for decay in wanted if decay not in there]
        line = f"- **{name}**: {known or 'no run'}."
        if lacking:
            line += (
                f" None at λ = {', '.join(f'{decay:g}' for decay in lacking)}: "
                f"`{asked.command('study', name, decays=lacking)}`."
            )
        lines.append(line)
    exchanged = sum(pace.exchanged for pace in paces)
    others = sum(config.learning_rate != asked.learning_rate for config in asked.configs)
    if others:
        rest = f"; more of them: `{exchange_command(asked)}`"
        lines.append(
            f"- **another learning rate**: {exchanged or 'none'} of {others} further runs"
            f"{rest if exchanged < others else ''}."
        )
    total = sum(asked.cells().values())
    are = "is" if len(have) == 1 else "are"
    head = f"{len(have)} of the {total} runs that this page asks for {are} there.\n\n"
    return head + "\n".join(lines)


def exchange_command(asked: Asked) -> str:
    """What trains the exchange."""
    return asked.command("study", EXCHANGE.name)


def notes(asked: Asked, paces: Sequence[Pace]) -> dict[str, str]:
    """What the explorable says in the place of something that is not there."""
    found = {
        "hessian": "The curvature of this run is not measured yet: "
        f"`{asked.command('measure', 'dual', '--instruments', 'hessian')}`.",
        "leads": "The defect of this run is not measured yet: "
        f"`{asked.command('measure', 'dual', '--instruments', 'commutator')}`.",
    }
    if not any(pace.exchanged for pace in paces):
        found["exchange"] = (
            "No run has another learning rate yet; their place is here (□): "
            f"`{exchange_command(asked)}`."
        )
    return found


def longest_still(asked: Asked, paces: Sequence[Pace]) -> str:
    """What became of a longer run without weight decay, or what it would take."""
    still = [pace for pace in paces if pace.weight_decay == 0 and pace.setting == "dual"]
    longest = max(still, key=lambda pace: pace.last_step, default=None)
    if longest is not None and longest.last_step >= LONGER:
        return _carried_on(longest)
    budget = ("--set", f"plan.steps_without_decay={LONGER}")
    longer = replace(asked, seeds=asked.seeds[:1]).command("study", "dual", *budget, decays=[0.0])
    return (
        f"A run cut off has an open end: it may grok later. One of {LONGER:,} steps is not there "
        f"yet: `{longer}`."
    )


def _carried_on(pace: Pace) -> str:
    """Whether a run without weight decay groks at last, and how far it has come."""
    head = (
        f"Without weight decay the run of seed {pace.seed} was carried on to step "
        f"{pace.last_step:,}"
    )
    if None not in pace.groks:
        return f"{head}, and groks at step {max(pace.groks):,}."
    third = pace.last_step // 3
    early = pace.accuracy[:, pace.steps <= third].max(axis=1)
    tasks = (
        f"of {task} {100 * then:.0f} % at most up to step {third:,} and {100 * now:.0f} % at the "
        "end"
        for task, then, now in zip(pace.tasks, early, pace.accuracy[:, -1], strict=True)
    )
    return f"{head} and has not grokked: its test accuracy is {', '.join(tasks)}."


def no_depth(asked: Asked, published: Mapping[str, Claim]) -> str:
    """In the place of the figure of depths."""
    deep = published["MT-22"].at(1.0)["total"]
    return (
        f"No Hessian of these runs is recorded yet, so nothing stands beside the published "
        f"{show(deep['mean'])} ± {show(deep['sd'])} at λ = 1: "
        f"`{asked.command('measure', 'dual', '--instruments', 'hessian')}`."
    )


def no_defect(asked: Asked) -> str:
    """In the place of the figure of leads."""
    return (
        "No defect of these runs is recorded yet: "
        f"`{asked.command('measure', 'dual', '--instruments', 'commutator')}`."
    )

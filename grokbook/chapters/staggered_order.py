"""Chapter 1, staggered order: which runs it asks for, what it counts and what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grokbook.chapters.wording import bullets, counted, percent, share
from grokbook.claims.numbers import listed
from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.record import RunRecord
from grokbook.statistics import OrderTest
from grokbook.studies.finishing_order import GrokGap, count_orders, gap
from grokbook.studies.settings import setting

CLAIMED = {"dual": ("mul", "add"), "tri": ("mul", "sq", "add")}
"""The published order of each setting, first to last (MT-05, MT-08)."""

COUNTED = ("0.90", "0.95", PUBLISHED_RULE)
"""The three rules under which orders are counted."""


@dataclass(frozen=True)
class Race:
    """Runs that differ in nothing but their seeds, so that each is one independent unit.

    Attributes:
        name: of the setting, ``"dual"`` or ``"tri"``.
        weight_decay: λ, above 0.
        order: the published order of the tasks.
        records: the runs.
    """

    name: str
    weight_decay: float
    order: tuple[str, ...]
    records: tuple[RunRecord, ...]

    @property
    def title(self) -> str:
        """``"dual"``, with the weight decay where it is not 1."""
        return self.name if self.weight_decay == 1 else f"{self.name}, λ {self.weight_decay:g}"


def races(records: Sequence[RunRecord]) -> list[Race]:
    """Runs with weight decay, by setting and weight decay, in the order of settings."""
    found: dict[tuple[str, float], list[RunRecord]] = {}
    for name in CLAIMED:
        for record in records:
            decay = record.config.weight_decay
            if setting(record.config) == name and decay > 0:
                found.setdefault((name, decay), []).append(record)
    return [Race(name, decay, CLAIMED[name], tuple(runs)) for (name, decay), runs in found.items()]


def groups(records: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """Runs by setting and weight decay, titled for panels."""
    found: dict[str, list[RunRecord]] = {}
    for record in records:
        tasks = " + ".join(record.config.tasks)
        title = f"{tasks}, weight decay {record.config.weight_decay:g}"
        found.setdefault(title, []).append(record)
    return found


def counts(race: Race, *, control: bool = False) -> list[OrderTest]:
    """Order counts of a race under each rule of `COUNTED`."""
    return [count_orders(race.records, race.order, rule, control=control) for rule in COUNTED]


def gaps(records: Sequence[RunRecord], *, control: bool = False) -> dict[str, list[GrokGap]]:
    """Gaps behind the task that should be first, by panel title, one a rule."""
    return {
        f"{race.title}: {later} after {race.order[0]}": [
            gap(race.records, later, race.order[0], rule, control=control) for rule in RULES
        ]
        for race in races(records)
        for later in race.order[1:]
    }


def finding(
    records: Sequence[RunRecord],
    swept: Sequence[RunRecord] = (),
    again: Sequence[RunRecord] = (),
    more: Sequence[str] = (),
) -> str:
    """The chapter's finding in plain words, from the runs at hand, a bullet a result.

    Args:
        records: of the page.
        swept: the same at other weight decays, or none.
        again: further executions of the page's runs, which differ from them by rounding alone.
        more: results of the controls.
    """
    every = [*{r.config.id: r for r in (*records, *swept)}.values()]
    said = []
    for name in CLAIMED:
        said += [_race_sentence(race) for race in races(records) if race.name == name]
        said += _over_decays([race for race in races(every) if race.name == name])
    rule = RULES[PUBLISHED_RULE].text
    said += _repeated(again)
    return bullets([*said, *_stillness(every), *more], f"Orders are counted by the rule {rule}.")


def _repeated(again: Sequence[RunRecord]) -> list[str]:
    """How the orders come out where rounding alone is another, if any run was carried out again."""
    said = []
    for race in races(again):
        *_, count = counts(race)
        if not count.n:
            continue
        seeds = len({record.config.seed for record in race.records})
        what, held = (
            ("the full order holds", count.strict)
            if len(race.order) > 2
            else (f"{race.order[0]} is strictly first", count.first)
        )
        where = f"with {len(race.order)} tasks at weight decay {race.weight_decay:g}"
        said.append(f"{where}, {what} in {share(held.runs, count.n)} ({counted(seeds, 'seed')})")
    start = "Carried out again by other arithmetic, which rounds differently: "
    return [f"{start}{'; '.join(said)}."] if said else []


def _over_decays(found: Sequence[Race]) -> list[str]:
    """How often the claimed task is first at all weight decays together, if there are several."""
    each = [counts(race)[-1] for race in found]
    runs = sum(count.n for count in each)
    if len(found) < 2 or not runs:
        return []
    first, tied = (sum(getattr(c, name).runs for c in each) for name in ("first", "first_or_tied"))
    order, decays = found[0].order, sorted((race.weight_decay for race in found), reverse=True)
    said = [f"{order[0]} is strictly first in {share(first, runs)}"]
    said += [f"tied for first in {tied - first}"] * (tied > first)
    said += [f"behind another task in {runs - tied}"] * (runs > tied)
    text = (
        f"With {len(order)} tasks, over the {len(found)} weight decays with runs "
        f"({listed([f'{d:g}' for d in decays])}), {', '.join(said)}"
    )
    if len(order) > 2:
        text += f"; the full order holds in {share(sum(c.strict.runs for c in each), runs)}"
    return [f"{text}."]


def _race_sentence(race: Race) -> str:
    *_, published = counts(race)
    start = f"With {len(race.order)} tasks at weight decay {race.weight_decay:g}, "
    if not published.n:
        return f"{start}no task groks in any run at hand."
    text = (
        f"{start}{race.order[0]} is strictly first in {share(published.first.runs, published.n)} "
        f"runs (as many by chance alone: {percent(published.first.p)})"
    )
    if len(race.order) > 2:
        text += (
            f"; the full order {' → '.join(race.order)} holds in "
            f"{share(published.strict.runs, published.n)}"
        )
        *_, fair = counts(race, control=True)
        if fair.undecided:
            text += (
                f", but is open on test pairs without a trained twin: "
                f"{share(fair.undecided, fair.n)} runs end before several tasks are right on them"
            )
        elif fair.n:
            text += (
                f", and in {share(fair.strict.runs, fair.n)} on test pairs without a trained twin"
            )
    return f"{text}."


def _stillness(records: Sequence[RunRecord]) -> list[str]:
    """What runs without weight decay do, if there are any."""
    still = [r for r in records if r.config.weight_decay == 0]
    if not still:
        return []
    never = [r for r in still if all(r.grok_step(t, "0.90") is None for t in r.config.tasks)]
    if not never:
        return ["Without weight decay every run groks all the same."]
    ends = sorted(r.last_step for r in never)
    far = f"{ends[0]:,}" + f" to {ends[-1]:,}" * (ends[-1] > ends[0])
    return [
        f"Without weight decay, {share(len(never), len(still))} "
        f"run{'s' * (len(still) > 1)} did not grok within {far} steps."
    ]


def guard(records: Sequence[RunRecord]) -> None:
    """Assert what the page says of its own runs, so that a change of the record is noticed.

    Raises:
        AssertionError: naming the run that no longer does what the page says.
    """
    for record in records:
        for task in record.config.tasks:
            step = record.grok_step(task, "0.90")
            groks = record.config.weight_decay > 0
            assert (step is not None) == groks, f"{record.config.label}: {task} at {step}"
    for race in races(records):
        *_, published = counts(race)
        beaten = published.n - published.first_or_tied.runs
        assert not beaten, f"{race.order[0]} was beaten in {beaten} of {published.n} runs"

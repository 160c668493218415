"""Chapter 1, staggered order: the published numbers, and how near ours are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from grokbook.chapters.wording import percent, share
from grokbook.claims.registry import Claim
from grokbook.config import RunConfig
from grokbook.events import PUBLISHED_RULE
from grokbook.record import RunRecord
from grokbook.studies.settings import TASKS


def published_list(claims: Mapping[str, Claim]) -> str:
    """The chapter's claims as published, as a Markdown list."""
    return "\n".join(
        f"- **{c.id}** · {c.statement} *{_published(c)}* ({c.where}; "
        f"{c.n} run{'s' * (c.n > 1)}). To decide: {c.test}."
        for c in claims.values()
    )


def _published(claim: Claim) -> str:
    at = claim.at(1.0)
    if claim.kind == "count":
        each = "; ".join(f"{what}: {share(k, claim.published['of'])}" for what, k in at.items())
        return f"{each} at λ = 1"
    if claim.kind == "ordering":
        overall = claim.published["overall"]
        return (
            f"holds strictly in {share(at['strict'], at['n'])} at λ = 1, in "
            f"{share(overall['strict'], overall['n'])} over all λ"
        )
    if "mean" in at:
        spread = f" ± {at['sd']:,}" if "sd" in at else ""
        return f"{at['mean']:,}{spread} {claim.published['unit']} at λ = 1"
    if "seeds" in at and isinstance(next(iter(at["seeds"].values())), int):
        return "; ".join(f"seed {seed}: {step:,}" for seed, step in at["seeds"].items())
    if "seeds" in at:
        return "; ".join(
            f"seed {seed}: " + ", ".join(f"{t} {s:,}" for t, s in steps.items())
            for seed, steps in at["seeds"].items()
        )
    return "; ".join(f"{task} {v['mean']:,} ± {v['sd']:,}" for task, v in at.items())


def published_steps(claims: Mapping[str, Claim]) -> dict[str, dict[str, int]]:
    """Published grok steps at weight decay 1, by config id and task."""
    steps: dict[str, dict[str, int]] = {}

    def put(kind: str, seed: int, found: Mapping[str, int]) -> None:
        config = RunConfig(tasks=TASKS[kind], weight_decay=1.0, seed=seed)
        steps.setdefault(config.id, {}).update(found)

    for task, name in (("add", "MT-02"), ("mul", "MT-03")):
        for seed, step in claims[name].at(1.0)["seeds"].items():
            put("dual", seed, {task: step})
    for seed, per_task in claims["MT-06"].at(1.0)["seeds"].items():
        put("tri", seed, per_task)
    return steps


def published_gaps(claims: Mapping[str, Claim]) -> dict[str, float]:
    """Published mean gaps at weight decay 1, by the titles of `gaps`."""
    tri = claims["MT-06"].at(1.0)["seeds"].values()
    found = {"dual: add after mul": float(claims["MT-05"].at(1.0)["mean"])}
    for later in ("sq", "add"):
        found[f"tri: {later} after mul"] = sum(s[later] - s["mul"] for s in tri) / len(tri)
    return found


def closeness_sentence(records: Sequence[RunRecord], claims: Mapping[str, Claim]) -> str:
    """How near our grok steps are to the published ones of the same seeds, in plain words."""
    published = published_steps(claims)
    off = [
        abs(ours - theirs) / theirs
        for record in records
        for task, theirs in published.get(record.config.id, {}).items()
        if (ours := record.grok_step(task, PUBLISHED_RULE)) is not None
    ]
    if not off:
        return "None of the runs at hand was published."
    return (
        f"Over the {len(off)} curves that were published for the same seed, our grok step "
        f"differs from the published one by {percent(float(np.mean(off)))} on average, and by "
        f"{percent(max(off))} at most."
    )

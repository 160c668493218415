"""Negative results: its tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from grokbook.chapters.negative_results import (
    BASES,
    Again,
    declines,
    first_shares,
    thresholds,
)
from grokbook.chapters.negative_results_defects import Reading
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import mean_over
from grokbook.claims.numbers import show
from grokbook.instruments.runs import Run


def reading_table(found: Sequence[Reading]) -> pd.DataFrame:
    """The defect in every form, at both ends of the runs."""
    rows = [
        {
            "weights": f"{each.run}, {'trained' if each.trained else 'untrained'}",
            "as published": show(each.defect.published),
            "true": show(each.defect.corrected),
            "rounding": show(each.defect.rounding),
            "frozen gradients": show(each.defect.floor),
        }
        for each in found
    ]
    return keyed(rows, "weights")


def walk_table(runs: Sequence[Run]) -> pd.DataFrame:
    """First component's share beside its nulls."""
    rows = []
    for matrix, (ours, walk, other) in first_shares(runs).items():
        rows.append(
            {
                "layer and matrix": matrix.replace(".", " · "),
                "ours (%)": mean_over(ours),
                "random walk (%)": show(walk),
                "relaxation (%)": show(other),
            }
        )
    return keyed(rows, "layer and matrix")


def decline_table(runs: Sequence[Run]) -> pd.DataFrame:
    """Decline of g23 by spacing and scale."""
    words = {"decline": "σ2² − σ3²", "decline_share": "the same as a share of Σσ²"}
    rows = [
        {
            "decline of": f"{words[quantity]}, every {spacing}",
            **{
                f"seed {run.config.seed}": show(value)
                for run, value in zip(runs, values, strict=True)
            },
        }
        for (spacing, quantity), values in declines(runs).items()
    ]
    return keyed(rows, "decline of")


def threshold_table(runs: Sequence[Run]) -> pd.DataFrame:
    """k* of every basis and every run."""
    every = {run.config.seed: thresholds(run) for run in runs}
    rows = [
        {
            "from": words,
            **{
                f"k*, seed {seed}": str(found[variant] or "none") if variant in found else "–"
                for seed, found in every.items()
            },
        }
        for variant, words in BASES.items()
    ]
    return keyed(rows, "from")


def again_table(found: Sequence[Again]) -> pd.DataFrame:
    """Every execution's grok step."""
    rows = [
        {
            "run and task": f"{each.run} · {each.task}",
            "first execution": f"{each.steps[0]:,}",
            "others": ", ".join(f"{step:,}" for step in each.steps[1:]),
            "apart": f"{each.apart:,}",
            "first to last task": ", ".join(f"{gap:,}" for gap in each.gaps),
        }
        for each in found
    ]
    return keyed(rows, "run and task")

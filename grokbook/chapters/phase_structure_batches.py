"""Chapter 3, phase structure: what the batch does to a converged eigenvalue.

A loss on few pairs is another function than the loss on all of them.  Its lowest eigenvalue is as
converged, and belongs to those pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grokbook.chapters.phase_structure_words import Asked
from grokbook.chapters.wording import counted, span
from grokbook.claims.numbers import show
from grokbook.claims.readings.curvature import FULL
from grokbook.instruments.runs import Missing, Run

WITHOUT_CHECKPOINTS = {"checkpoints": 0, "subsets": 0}
"""Parameters that leave out the published checkpoints and the resampled batches, which are no
other on the whole training set.  The preset steps are still read as published, too."""


@dataclass(frozen=True)
class BatchCheck:
    """The converged eigenvalue of one run on two batches, at the same steps and in the same loss.

    Attributes:
        weight_decay: λ.
        few: pairs in the batch that all runs have.
        whole: pairs in the training set.
        ratios: on the whole training set, over the value on the few; one a preset step.
        deepest: the same ratio of the lowest value that each of the two meets.
        residual: the largest residual, as a share of its own eigenvalue.
    """

    weight_decay: float
    few: int
    whole: int
    ratios: tuple[float, ...]
    deepest: float
    residual: float


def batch_checks(runs: Sequence[Run]) -> list[BatchCheck]:
    """Of the runs that were read on both, where the two are two, at all preset steps.

    Steps at which one of the values is not negative have no ratio of depths, and are left out.
    """
    found = []
    for run in runs:
        try:
            few, whole = (
                run.rows("hessian", "lowest", variant="corrected", at=1, where=where)
                for where in (None, FULL)
            )
        except Missing:
            continue
        pairs = run.config.table().drawn_from
        both = few.merge(whole, on="step", suffixes=("_few", "_whole"))
        both = both[(both["value_few"] < 0) & (both["value_whole"] < 0)]
        both = both[(both["count_few"] < pairs) & (both["count_whole"] == pairs)]
        if both.empty:
            continue
        small, large = (both[f"value_{batch}"].to_numpy(float) for batch in ("few", "whole"))
        shares = [
            (both[f"error_{batch}"] / both[f"value_{batch}"].abs()).max()
            for batch in ("few", "whole")
        ]
        found.append(
            BatchCheck(
                weight_decay=run.config.weight_decay,
                few=int(both["count_few"].max()),
                whole=pairs,
                ratios=tuple((large / small).tolist()),
                deepest=float(large.min() / small.min()),
                residual=float(max(shares)),
            )
        )
    return found


def batch_sentence(found: Sequence[BatchCheck], asked: Asked) -> str:
    """What the whole training set changes about the converged curvature."""
    if not found:
        whole = [
            f"hessian.{name}={value}" for name, value in {**FULL, **WITHOUT_CHECKPOINTS}.items()
        ]
        with_it = [word for each in whole for word in ("--with", each)]
        return (
            "No run's Hessian is read on the whole training set yet: "
            f"`{asked.command('measure', 'dual', '--instruments', 'hessian', *with_it)}`."
        )
    decays = ", ".join(f"{decay:g}" for decay in sorted({f.weight_decay for f in found})[::-1])
    ratios = [ratio for each in found for ratio in each.ratios]
    worst, deepest = max(each.residual for each in found), [each.deepest for each in found]
    return (
        f"The one batch has {span([each.few for each in found])} pairs, the training set "
        f"{span([each.whole for each in found])}. On "
        f"{counted(len(found), 'run')} (λ = {decays}) all of them were taken as well, at the same "
        f"steps. The deepest reading there is {span(deepest)} times as "
        f"deep, and a single one {span(ratios)} times, of {len(ratios)}; no residual is above "
        f"{show(100 * worst)} % of its eigenvalue."
        + (_SHALLOWER if max(deepest) < 1 - worst else "")
        + (_ON_THE_WHOLE if max(deepest) < 1 - worst and max(ratios) > 1 else "")
    )


_SHALLOWER = (
    " So on these runs the deepest reading is deeper on fewer pairs: a part of the depth is the "
    "batch's own, and the published batches are smaller still."
)
_ON_THE_WHOLE = " A single reading need not be so."

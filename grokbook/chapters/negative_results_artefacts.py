"""Negative results: published numbers of chapters 3 to 5 that come from how they were taken.

What is counted, the chapters count; here are the sentences, and what they must keep saying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from grokbook.chapters.incompressibility import Cut, opening
from grokbook.chapters.negative_results_words import span
from grokbook.chapters.phase_structure import Depth
from grokbook.chapters.tables import keyed
from grokbook.chapters.wording import counted, share
from grokbook.widgets.incompressibility import OPENING

_PROTOCOLS = {
    "published": "of θ − θ(0) (%)",
    "corrected": "of θ (%)",
    "corrected, noise": "noise (%)",
}


def depth_sentence(found: Sequence[Depth]) -> str:
    """How deep curvature is by the published steps, and by as many as it takes.

    Args:
        found: by both protocols, in any order; a run with one of them is left out.
    """
    pairs = _both(found)
    if not pairs:
        return "No run's Hessian is measured by both protocols yet: `grokbook measure dual`."
    off = span([100 * one.residual / one.depth for one, _ in pairs], " %")
    left = span([100 * two.residual / two.depth for _, two in pairs], " %")
    deeper = span([one.depth / two.depth for one, two in pairs])
    worse = sum(one.residual > one.depth / 2 for one, _ in pairs)
    return (
        f"On {counted(len(pairs), 'run')} the deepest published reading has a residual of {off} of "
        f"its own size, in {share(worse, len(pairs))} more than half of it. Converged on one batch "
        f"the residual is {left}, and the published depth, on other examples, is {deeper} times "
        "the converged one."
    )


def _both(found: Sequence[Depth]) -> list[tuple[Depth, Depth]]:
    """Published and corrected readings of the runs that have both."""
    by_run: dict[tuple[str, float], dict[str, Depth]] = {}
    for each in found:
        by_run.setdefault((each.label, each.weight_decay), {})[each.protocol] = each
    return [
        (both["published"], both["corrected"])
        for both in by_run.values()
        if set(both) == {"published", "corrected"}
    ]


def cut_table(found: Sequence[Cut]) -> pd.DataFrame:
    """The published examples: test accuracy after a cut of either kind, and after noise."""
    titles = {
        "scale": f"scaled by {OPENING['scale']:g}",
        "rank": f"every matrix cut to rank {OPENING['rank']:.0f}",
        "share": f"{100 * (1 - OPENING['share']):.0f} % of the entries zero, the smallest",
    }
    rows = [
        {"cut": title}
        | {name: f"{_accuracy(found, kind, protocol):.1f}" for protocol, name in _PROTOCOLS.items()}
        for kind, title in titles.items()
    ]
    return keyed(rows, "cut")


def cut_sentence(found: Sequence[Cut]) -> str:
    """How much each cut of the weights is better than noise of its size."""
    runs = len({cut.run for cut in found})
    scale, small = (
        _accuracy(found, kind, "corrected") - _accuracy(found, kind, "corrected, noise")
        for kind in ("scale", "share")
    )
    return (
        f"Test accuracy, mean of {counted(runs, 'run')}. Against noise of the same size, scaling "
        f"the weights is better by {scale:.1f} points, zeroing their smallest entries by "
        f"{small:.1f}."
    )


def _accuracy(found: Sequence[Cut], kind: str, protocol: str) -> float:
    return float(np.mean([cut.accuracy for cut in opening(found, kind, protocol)]))


def outside_sentence(shares: Mapping[str, tuple[float, float]]) -> str:
    """How much of the gradient is deleted from.

    Args:
        shares: run ↦ share of the squared gradient outside the path, and outside random
            directions with its footprint, in %.
    """
    if not shares:
        return "No gradient is measured yet: `grokbook measure dual --instruments integrability`."
    own, random = zip(*shares.values(), strict=True)
    return (
        f"On {counted(len(shares), 'run')} {span(own, ' %')} of the squared gradient lies outside "
        "the path's directions; outside random ones with the same footprint it is "
        f"{span(random, ' %')}."
    )


def guard(
    cuts: Sequence[Cut], shares: Mapping[str, tuple[float, float]], depths: Sequence[Depth]
) -> None:
    """Stop the build if something that the page's prose says no longer holds.

    Raises:
        AssertionError: naming what changed.
    """
    scale, small = (
        {protocol: _accuracy(cuts, kind, protocol) for protocol in _PROTOCOLS}
        for kind in ("scale", "share")
    )
    assert scale["published"] < 10 < 90 < scale["corrected"], "scaling no longer tells them apart"
    assert scale["corrected, noise"] < scale["corrected"] - 10, "noise does as little as scaling"
    assert abs(small["corrected"] - small["corrected, noise"]) < 1, "pruning is not noise"
    assert min(own for own, _ in shares.values()) > 99, "the path holds a hundredth of the gradient"
    pairs = _both(depths)
    far = [one for one, _ in pairs if one.residual > one.depth / 2]
    assert far, "every published reading has converged"
    for _, two in pairs:
        assert two.residual < two.depth / 50, f"{two.label}: the corrected one has not"

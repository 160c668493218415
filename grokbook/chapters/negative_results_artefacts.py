"""Negative results: published numbers of chapters 3 to 5 that come from how they were taken.

What is counted, the chapters count; here are the sentences, and what they must keep saying.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from grokbook.chapters.incompressibility import Cut, cuts_at
from grokbook.chapters.incompressibility_tables import depths
from grokbook.chapters.phase_structure import Depth
from grokbook.chapters.tables import keyed
from grokbook.chapters.transverse_fragility_shares import ALIKE, PATH
from grokbook.chapters.wording import counted, share, span

_PROTOCOLS = {
    "published": "of θ − θ(0) (%)",
    "corrected": "of θ (%)",
    "corrected, noise by tensor": "noise as large in every tensor (%)",
    "corrected, noise": "noise as large in all (%)",
}


def depth_sentence(found: Sequence[Depth]) -> str:
    """How deep curvature is by the published steps, and by as many as it takes.

    Args:
        found: by both protocols, in any order; a run with one of them is left out.
    """
    pairs = _both(found)
    if not pairs:
        return "No run's Hessian is measured by both protocols yet: `grokbook measure dual`."
    off = span([100 * max(one.residual, one.floor) / one.depth for one, _ in pairs], " %")
    left = span([100 * two.residual / two.depth for _, two in pairs], " %")
    deeper = span([one.depth / two.depth for one, two in pairs])
    worse = sum(one.residual > one.depth / 2 for one, _ in pairs)
    return (
        f"On {counted(len(pairs), 'run')} the deepest published reading has a residual of {off} of "
        f"its own size, as Lanczos estimates it, in {share(worse, len(pairs))} more than half of "
        f"it. Converged on one batch the residual is {left}, and the published depth, on other "
        f"examples, is {deeper} times the converged one."
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
    """Test accuracy after a cut of either kind, and after both noises of the second one's size."""
    rows = [
        {"cut": name}
        | {
            title: f"{_accuracy(found, kind, protocol, depth):.1f}"
            for protocol, title in _PROTOCOLS.items()
        }
        for name, kind, depth in depths(found)
    ]
    return keyed(rows, "cut")


def cut_sentence(found: Sequence[Cut]) -> str:
    """How much further the published cuts go, and whether the others are better than noise."""
    if not found:
        return "No run is compressed yet: `grokbook measure dual --instruments compression`."
    runs, places = len({cut.run for cut in found}), list(depths(found))
    times = [
        _mean(found, kind, "published", depth, "change")
        / _mean(found, kind, "corrected", depth, "change")
        for _, kind, depth in places
    ]
    tensor, whole = (
        {place: _better(found, *place[1:], by) for place in places} for by in (" by tensor", "")
    )
    best, worst = max(tensor, key=tensor.get), min(tensor, key=tensor.get)
    least = (
        f"at most {tensor[best]:.1f} points better ({best[0]})"
        if tensor[best] >= 0.05
        else "nowhere better"
    )
    return (
        f"Test accuracy, mean of {counted(runs, 'run')}. As published, a cut moves the weights "
        f"{span(times)} times as far as the same cut of θ. Noise of the size of the latter, spread "
        "over all weights, leaves less than it by more than a point at "
        f"{share(sum(each > 1 for each in whole.values()), len(places))} depths; but beside noise "
        f"as large in every tensor the cut of θ is {least}"
        + (f", and up to {-tensor[worst]:.1f} points worse ({worst[0]})" * (tensor[worst] < 0))
        + "."
    )


def _better(found: Sequence[Cut], kind: str, depth: float, by: str) -> float:
    """Points that a cut of the weights leaves more than noise of its size."""
    noise = _accuracy(found, kind, f"corrected, noise{by}", depth)
    return _accuracy(found, kind, "corrected", depth) - noise


def _accuracy(found: Sequence[Cut], kind: str, protocol: str, depth: float) -> float:
    return _mean(found, kind, protocol, depth, "accuracy")


def _mean(found: Sequence[Cut], kind: str, protocol: str, depth: float, of: str) -> float:
    return float(np.mean([getattr(cut, of) for cut in cuts_at(found, kind, protocol, depth)]))


def outside_sentence(shares: Mapping[str, Mapping[str, float]]) -> str:
    """How much of the gradient is deleted from.

    Args:
        shares: run ↦ what is spared ↦ share of the squared gradient outside it, in %, as
            `grokbook.chapters.transverse_fragility_shares.outsides_of` gives them.
    """
    if not shares:
        return "No gradient is measured yet: `grokbook measure dual --instruments integrability`."
    own, random = ([share[name] for share in shares.values()] for name in (PATH, ALIKE))
    return (
        f"On {counted(len(shares), 'run')} {span(own, ' %')} of the squared gradient lies outside "
        "the path's directions; outside random ones with the same footprint it is "
        f"{span(random, ' %')}."
    )


def guard(
    cuts: Sequence[Cut], shares: Mapping[str, Mapping[str, float]], curvatures: Sequence[Depth]
) -> None:
    """Stop the build if something that the page's prose says no longer holds.

    Raises:
        AssertionError: naming what changed.
    """
    for name, kind, depth in depths(cuts):
        far = _mean(cuts, kind, "published", depth, "change")
        near = _mean(cuts, kind, "corrected", depth, "change")
        assert far > 2 * near, f"{name}: the published cut moves the weights no further"
        better = _better(cuts, kind, depth, " by tensor")
        assert better < 2, f"{name}: a cut beats noise as large in every tensor"
    assert any(_better(cuts, kind, depth, "") > 10 for _, kind, depth in depths(cuts)), (
        "noise spread over all weights does as little as the cuts"
    )
    own = min(share[PATH] for share in shares.values())
    assert own > 99, "the path holds a hundredth of the gradient"
    pairs = _both(curvatures)
    far = [one for one, _ in pairs if one.residual > one.depth / 2]
    assert far, "every published reading has converged"
    for _, two in pairs:
        assert two.residual < two.depth / 50, f"{two.label}: the corrected one has not"

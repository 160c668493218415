"""Chapter explorable: is the solution fragile, or is the test?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import traitlets as t

from grokbook.widgets.assets import css, module
from grokbook.widgets.explorable import Explorable, within
from grokbook.widgets.surgeries import CUTS, Surgery

OPENING = {"scale": 0.95, "share": 0.8, "rank": 64.0, "directions": 5.0}
"""The depth at which a cut opens: the published examples."""

_DONE = {
    "scale": "with the displacement scaled by {:g}",
    "share": "with the largest {} of the displacement's entries kept",
    "rank": "with the displacement of every matrix cut to rank {:.0f}",
    "directions": "from the first {} of the path",
}
_INSTEAD = {
    "scale": "with the weights themselves scaled by {:g}",
    "share": "with the largest {} of the weights themselves kept",
    "rank": "with the matrices themselves cut to rank {:.0f}",
    "directions": "from as many directions of a path that ends a tenth earlier",
}


_RIGHT = "of the test pairs are answered right"


def at_depth(
    surgery: Surgery,
    kind: str,
    line: str = "published",
    of: str = "accuracy",
    depth: float | None = None,
) -> float | None:
    """A mean over the tasks at a depth; None if the run was not cut so.

    Args:
        surgery: of the run.
        kind: of `CUTS`.
        line: of the cut.
        of: test accuracy, or the ``"change"`` of the weights.
        depth: by default that of `OPENING`.
    """
    cut, at = surgery.cuts.get(kind), OPENING[kind] if depth is None else depth
    place = None if cut is None else np.flatnonzero(np.isclose(cut.at, at, atol=0))
    if place is None or not len(place) or line not in cut.accuracy:
        return None
    return float(getattr(cut, of)[line][..., place[0]].mean())


def depths(surgeries: Sequence[Surgery], kind: str) -> list[float]:
    """Every depth at which any of the runs was cut, ascending."""
    found = {
        float(f"{at:.6g}") for each in surgeries if kind in each.cuts for at in each.cuts[kind].at
    }
    return sorted(found)


def cut_sentence(
    surgeries: Sequence[Surgery], kind: str, control: bool = False, depth: float | None = None
) -> str:
    """One sentence that answers the title from the data.

    Args:
        surgeries: runs.
        kind: of `CUTS`.
        control: speak of the control, beside what was published.
        depth: of which it speaks; by default that of `OPENING`.
    """
    depth = OPENING[kind] if depth is None else depth
    by_setting: dict[str, list[Surgery]] = {}
    for each in surgeries:
        if None not in (
            at_depth(each, kind, line, depth=depth) for line in ("published", "control")
        ):
            by_setting.setdefault(each.setting, []).append(each)
    if not by_setting:
        return f"No run here was cut by {CUTS[kind]}."
    amount = _amount(kind, depth)
    done, instead = (text[kind].format(amount) for text in (_DONE, _INSTEAD))
    said, several = [], len(by_setting) > 1
    for setting, found in by_setting.items():
        published, corrected = (
            100 * float(np.mean([at_depth(each, kind, line, depth=depth) for each in found]))
            for line in ("published", "control")
        )
        notes = [setting] * several + [f"mean of {len(found)} runs"] * (len(found) > 1)
        whole = f" ({', '.join(notes)})" if notes else ""
        right = f" {_RIGHT}" * (not said)  # what is answered is said of the first alone
        if control:
            why = _said(kind, published, corrected, _moves(found, kind, depth))
            said.append(f"{corrected:.1f} %{right}, as published {published:.1f} %{whole}: {why}")
        else:
            said.append(f"{published:.1f} %{right}{whole}")
    if control:
        return f"{instead[0].upper()}{instead[1:]}, {'; '.join(said)}."
    return f"As published, {done}, {' and '.join(said)}."


def _amount(kind: str, depth: float) -> float | str:
    """How much is kept, as `_DONE` and `_INSTEAD` put it."""
    if kind == "share":
        return f"{100 * depth:.3g} %"
    if kind == "directions":
        return "direction" if depth == 1 else f"{depth:.0f} directions"
    return depth


def _moves(surgeries: Sequence[Surgery], kind: str, depth: float) -> str:
    """How far both cuts move the weights, as a clause."""
    far, near = (
        100 * float(np.mean([each for each in found if each is not None]))
        for found in (
            [at_depth(each, kind, line, "change", depth) for each in surgeries]
            for line in ("published", "control")
        )
    )
    return f"by {near:.3g} % of their length, not by {far:.3g} %"


def _said(kind: str, published: float, corrected: float, moves: str) -> str:
    if corrected > published + 10:
        return f"it does less harm, and moves the weights {moves}"
    if corrected < published - 10:
        late = "without the end of the path less of the network is rebuilt"
        return late if kind == "directions" else "the network is more fragile than was published"
    return "both ways of cutting say the same"


class Incompressibility(Explorable):
    """One knob of how much is cut, one switch for the protocol, every run in a list.

    Args:
        surgeries: shown in this order.
        kwargs: traits.

    Attributes:
        frame: index of the depth shown.
        control: cut the weights themselves, of a path one that ends earlier.
        cut: what is cut, of `CUTS`; it follows the reader, too.
        depths: by cut, every depth of which there is a sentence.
        sentences: the answer to the title at each of them, by cut; with ``+control`` that of the
            control.

    Raises:
        ValueError: if there are no surgeries.
    """

    _esm = module("parts", "panels", "stage", "cuts", "incompressibility")
    _css = css("parts", "integrability", "incompressibility")

    title = t.Unicode("Is the solution fragile, or is the test?").tag(sync=True)
    name = t.Unicode("surgery").tag(sync=True)
    depths = t.Dict().tag(sync=True)
    sentences = t.Dict().tag(sync=True)
    surgeries = t.List(t.Dict()).tag(sync=True)
    kinds = t.List([list(each) for each in CUTS.items()]).tag(sync=True)
    openings = t.Dict(OPENING).tag(sync=True)
    cut = t.Enum(list(CUTS), "scale").tag(sync=True)

    def __init__(self, surgeries: Sequence[Surgery], **kwargs: object) -> None:
        if not surgeries:
            raise ValueError("Incompressibility needs at least one surgery")
        run = within(int(kwargs.pop("run", 0)), len(surgeries), "run")
        cut = kwargs.pop("cut", next(kind for kind in CUTS if kind in surgeries[run].cuts))
        kwargs.setdefault("frame", opening(surgeries[run].cuts[cut].at, cut))
        rows = sum(cut in each.cuts for each in surgeries)  # the others are one line
        super().__init__(
            surgeries=[surgery.packed() for surgery in surgeries],
            depths={kind: depths(surgeries, kind) for kind in CUTS},
            sentences=_sentences(surgeries),
            run=run,
            cut=cut,
            heights=[900 + 50 * rows, 1500 + 90 * rows],
            **kwargs,
        )

    def _rows(self) -> int:
        return len(self.surgeries)


def opening(at: np.ndarray, kind: str) -> int:
    """Index of the depth nearest to the published example."""
    return int(np.abs(np.asarray(at) - OPENING[kind]).argmin())


def _sentences(surgeries: Sequence[Surgery]) -> Mapping[str, list[str]]:
    return {
        kind + ("+control" if control else ""): [
            cut_sentence(surgeries, kind, control, depth) for depth in depths(surgeries, kind)
        ]
        for kind in CUTS
        for control in (False, True)
    }

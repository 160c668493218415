"""Where a run goes on from: the newest resume point that is whole, and what damage costs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Resumption:
    """How a run goes on.

    Attributes:
        file: of the resume point.
        marker: of the run, less what is damaged or later than the point.
        said: a line for everything that is lost or made again.
    """

    file: str
    marker: dict[str, Any]
    said: tuple[str, ...]


def choose(marker: Mapping[str, Any], problems: Mapping[str, str]) -> Resumption | None:
    """The resume point to go on from; None if none is whole.

    A point before the first damaged snapshot is preferred, as it trains past that snapshot again,
    to the same bits; if there is none, the snapshot is given up.

    Args:
        marker: of the run.
        problems: file ↦ what is wrong with it, for those that the marker lists.
    """
    points = marker["resume"]
    whole = [point for point in points if point["file"] not in problems]
    if not whole:
        return None
    lost = [name for name in marker["snapshots"] if name in problems]
    first = min(map(_step, lost), default=None)
    before = [point for point in whole if first is None or point["step"] < first]
    point = before[0] if before else whole[0]
    step, said = point["step"], []
    if point is not points[0]:
        said = [f"{problem}; falling back to step {step}" for problem in problems.values()]
    elif lost:
        said = [f"{problems[name]}; the run goes on without this snapshot" for name in lost]
    left = dict(marker)
    if problems:  # derived files are written again from the resume point
        left |= {
            "resume": [point for point in whole if point["step"] <= step],
            "snapshots": {
                name: entry
                for name, entry in marker["snapshots"].items()
                if name not in problems and _step(name) <= step
            },
            "files": {},
        }
    return Resumption(point["file"], left, tuple(said))


def _step(snapshot: str) -> int:
    return int(Path(snapshot).stem)

"""Chapter 6: how the directions of the window turn, and whether they are there in its halves."""

from __future__ import annotations

from grokbook.claims.readings.edge_phases import (
    AS_IT_IS,
    ORTHOGONAL,
    SHARES,
    number,
    own,
    published,
    random_labels,
)
from grokbook.claims.readings.place import Place, Reader
from grokbook.geometry.edge_windows import WINDOW
from grokbook.instruments.runs import Run

ROTATION, DISJOINT = "rotation", "rotation_disjoint"


# --- rotation


def turn(run: Run, direction: str, quantity: str = ROTATION, variant: str = AS_IT_IS) -> float:
    """Mean angle in degrees by which ``v1`` … turns between full windows of five, over the run.

    Raises:
        Missing: if it was not measured.
    """
    k = int(direction.removeprefix("v"))
    rows = run.rows("edge", quantity, part=WINDOW, variant=variant, at=k)
    return float(rows["value"].astype(float).mean())


def _turn(quantity: str = ROTATION, variant: str = AS_IT_IS) -> Reader:
    def read(at: Place) -> float:
        return turn(at.run(at["corpus"], at.decay), at["direction"], quantity, variant)

    return read


def _stability(at: Place, run: Run, step: int) -> float:
    read = number("edge", "stability", part=WINDOW, variant=AS_IT_IS, at=int(at["item"]))
    return read(at, run, step)


READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-29", "angle"): _turn(),
    ("SE-29", "order"): _turn(),
    ("SE-29", "order", "disjoint windows"): _turn(DISJOINT),
    ("SE-29", "order", "orthogonal updates"): _turn(variant=ORTHOGONAL),
    ("SE-30", "stability"): published(SHARES, _stability, phase="at"),
    ("SE-30", "stability", "own phases"): own(_stability, phase="at"),
    ("SE-30", "stability", "random labels"): own(_stability, phase="at", of=random_labels),
}

"""Chapter 6: what a network loses with its edge, and with as much of anything else."""

from __future__ import annotations

from grokbook.claims.readings.edge_phases import ABLATIONS, Number, own, published, value
from grokbook.claims.readings.place import Place, Reader
from grokbook.instruments.edge_ablation import TAKEN
from grokbook.instruments.runs import Run

RANDOM, EQUAL_NORM = "random", "random, equal norm"
SCALED = "scaled, equal norm"
"""Controls of `grokbook.geometry.edge_ablation`."""
OF_ITEM = {
    "edge": ("accuracy_change", TAKEN),
    "equal norm": ("worst_accuracy_change", EQUAL_NORM),
    "scaled": ("accuracy_change", SCALED),
}
"""What SE-14 sets beside each other; of the random vectors the most harmful."""


def change(part: str, variant: str, quantity: str = "accuracy_change") -> Number:
    """Of the accuracy without a set of directions, or by one of its controls."""

    def read(at: Place, run: Run, step: int) -> float:
        return value(run, "edge-ablation", quantity, step, part=part, variant=variant)

    return read


EDGE, BULK = change("edge", TAKEN), change("bulk", TAKEN)


def beyond_scaling(at: Place, run: Run, step: int) -> float:
    """The change without the edge, less that of weights that are shrunk to the norm it leaves."""
    return EDGE(at, run, step) - change("edge", SCALED)(at, run, step)


def _of_item(at: Place, run: Run, step: int) -> float:
    quantity, variant = OF_ITEM[at["item"]]
    return change("edge", variant, quantity)(at, run, step)


UNSEEN = change("edge", TAKEN, "unseen_accuracy_change")

READINGS: dict[tuple[str, ...], Reader] = {
    ("SE-12", "change"): published(ABLATIONS, EDGE),
    ("SE-12", "change", "own phases"): own(EDGE),
    ("SE-12", "change", "unseen prefixes"): published(ABLATIONS, UNSEEN),
    ("SE-12", "beyond scaling"): published(ABLATIONS, beyond_scaling),
    ("SE-12", "beyond scaling", "own phases"): own(beyond_scaling),
    ("SE-13", "change"): published(ABLATIONS, BULK),
    ("SE-13", "change", "own phases"): own(BULK),
    ("SE-13", "change", "equal norm"): published(ABLATIONS, change("bulk", EQUAL_NORM)),
    ("SE-14", "random"): published(ABLATIONS, change("edge", RANDOM)),
    ("SE-14", "random", "own phases"): own(change("edge", RANDOM)),
    ("SE-14", "change"): published(ABLATIONS, _of_item),
    ("SE-14", "change", "own phases"): own(_of_item),
}

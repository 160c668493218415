"""Lanes as small byte strings that a page can hold.

Tables change little from one frame to the next, so a frame is stored as the cells that flipped
since the one before (the first: since an empty table), as the gaps between them in a Golomb-Rice
code. That stays within a few per cent of the entropy at any density, never exceeds a plain bitmap
by more than a header, and decodes in a dozen synchronous lines of JavaScript (``tables.js``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from grokbook.palette import decay_colour
from grokbook.widgets.lanes import Lane

MISSING = 65535
"""uint16 code of an accuracy that does not exist; 0..65534 stand for 0..1."""


class Headed(Protocol):
    """A run that an explorable shows, whatever it shows of it."""

    label: str
    run_id: str
    weight_decay: float
    seed: int
    command: str


def pack_lanes(lanes: Sequence[Lane], frames: np.ndarray) -> list[dict]:
    """One JSON-able dict a lane, with ``bytes`` where there is bulk.

    Byte fields, all little-endian: ``steps`` uint32 (E,), ``curves`` uint16 (3, T, E) in the order
    train, test, control, ``trained`` and ``twinless`` (the pairs that the control counts) packed
    bits, row-major and most significant first, ``tables`` as `pack_tables`.

    Args:
        lanes: with one answer table a frame.
        frames: (F,) steps, increasing from 0; F must equal each lane's.

    Raises:
        ValueError: if frames and lanes disagree.
    """
    frames = np.asarray(frames)
    if frames.ndim != 1 or frames.size < 2 or frames[0] != 0 or np.any(np.diff(frames) <= 0):
        raise ValueError("frames must be two or more steps that increase from 0")
    return [_pack_lane(lane, frames) for lane in lanes]


def _pack_lane(lane: Lane, frames: np.ndarray) -> dict:
    if lane.answers.shape[0] != frames.size:
        raise ValueError(
            f"lane {lane.label!r}: {lane.answers.shape[0]} answer frames for {frames.size} frames"
        )
    curves = np.stack([lane.train_accuracy, lane.test_accuracy, lane.control_accuracy])
    return {
        **heading(lane),
        "setting": lane.setting,
        "rate": float(lane.learning_rate),
        "tasks": list(lane.tasks),
        "titles": list(lane.titles),
        "side": lane.side,
        "low": lane.low,
        "crossings": {key: list(value) for key, value in lane.crossings.items()},
        "controlCrossings": {key: list(value) for key, value in lane.control_crossings.items()},
        "steps": lane.steps.astype("<u4").tobytes(),
        "curves": quantise(curves).tobytes(),
        "trained": np.packbits(lane.trained).tobytes(),
        "twinless": np.packbits(lane.control_pairs).tobytes(),
        "tables": pack_tables(lane.answers),
    }


def heading(run: Headed) -> dict[str, Any]:
    """What the record of every run opens with: which one it is, its colours, how to repeat it."""
    return {
        "label": run.label,
        "run": run.run_id,
        "decay": float(run.weight_decay),
        "seed": int(run.seed),
        "ink": [decay_colour(run.weight_decay), decay_colour(run.weight_decay, dark=True)],
        "command": run.command,
    }


def whole(values: np.ndarray) -> bytes:
    """Steps as little-endian uint32.

    >>> whole(np.array([1, 256])).hex()
    '0100000000010000'
    """
    return np.asarray(values).astype("<u4").tobytes()


def single(*values: np.ndarray) -> bytes:
    """Arrays one after the other, row-major, as little-endian float32.

    >>> single(np.array([1.0]), np.array([[2.0]])).hex()
    '0000803f00000040'
    """
    return np.concatenate([np.ravel(each) for each in values]).astype("<f4").tobytes()


def quantise(accuracy: np.ndarray) -> np.ndarray:
    """Accuracies in 0..1 as uint16 0..65534, NaN as `MISSING`; same shape, little-endian.

    The step, 1.5e-5, is fine enough to give back an exact count out of 9,409 pairs.
    """
    codes = np.rint(np.nan_to_num(accuracy) * (MISSING - 1))
    return np.where(np.isnan(accuracy), MISSING, codes).astype("<u2")


def pack_tables(answers: np.ndarray) -> bytes:
    """(F, T, n, n) bool -> bytes: for each task, for each frame, a header and its flips.

    The header is one uint32: Rice parameter in the top byte, number of flips below. The bits
    follow, most significant first, filled up to a whole byte.
    """
    frames, tasks = answers.shape[:2]
    flat = answers.reshape(frames, tasks, -1)
    before = np.concatenate([np.zeros_like(flat[:1]), flat[:-1]])
    flipped = flat ^ before
    parts = []
    for task in range(tasks):
        for frame in range(frames):
            parts.extend(_rice(np.flatnonzero(flipped[frame, task])))
    return b"".join(parts)


def _rice(cells: np.ndarray) -> tuple[bytes, bytes]:
    """Header and bits of increasing cell numbers."""
    if not cells.size:
        return np.uint32(0).astype("<u4").tobytes(), b""
    gaps = np.diff(cells, prepend=-1) - 1
    costs = [int((gaps >> k).sum()) + gaps.size * (k + 1) for k in range(16)]
    low_bits = int(np.argmin(costs))
    quotients = gaps >> low_bits
    widths = quotients + 1 + low_bits
    # A gap is `quotient` zeros, a one, then its low bits; `ones` is where each one lands.
    ones = np.cumsum(widths) - widths + quotients
    bits = np.zeros(int(widths.sum()), dtype=np.uint8)
    bits[ones] = 1
    for place in range(low_bits):
        bits[ones + 1 + place] = (gaps >> (low_bits - 1 - place)) & 1
    header = np.uint32(low_bits << 24 | cells.size).astype("<u4").tobytes()
    return header, np.packbits(bits).tobytes()

"""Sequences that have a spectrum and no meaning: ramp, parabola, white noise, random walk.

A smooth function of a few points has most of its power at the lowest frequency, whatever it is of.
What a spectrum of depth or of positions says is what it says beyond these.  Source: 2604.07380,
weakness I.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grokbook.geometry.nulls import Null

CERTAIN = ("ramp", "parabola")
"""Nulls of one sequence each, which nothing draws."""
DRAWN = ("white noise", "random walk")
"""Nulls of which every draw is another sequence."""
NULLS = CERTAIN + DRAWN
"""All of them, in the order of their generators: a null keeps its place."""


def sequences(
    name: str, count: int, shape: tuple[int, ...], generator: np.random.Generator
) -> np.ndarray:
    """(…, count) sequences of a null; the certain ones are all alike.

    Args:
        name: one of `NULLS`.
        count: points of a sequence.
        shape: how many.
        generator: of the caller's own.

    Raises:
        ValueError: for another name, or no points.

    >>> sequences("parabola", 5, (), np.random.default_rng(0)).tolist()
    [4.0, 1.0, 0.0, 1.0, 4.0]
    """
    if name not in NULLS:
        raise ValueError(f"there is no null {name!r}; there are {', '.join(NULLS)}")
    if count < 1:
        raise ValueError(f"a sequence needs a point, not {count}")
    if name in CERTAIN:
        line = np.arange(count, dtype=np.float64)
        one = line if name == "ramp" else (line - line.mean()) ** 2
        return np.broadcast_to(one, (*shape, count)).copy()
    steps = generator.standard_normal((*shape, count))
    return steps if name == "white noise" else steps.cumsum(axis=-1)


def bands(
    statistic: Callable[[str, np.random.Generator], float], *, draws: int, seed: int
) -> dict[str, Null]:
    """The law of a statistic under every null.

    Args:
        statistic: (null, generator) ↦ its value in one draw.
        draws: of those that are drawn; each null has a generator of its own.
        seed: of those.

    Returns:
        By null; the certain ones have one value, no spread and no draws.

    Raises:
        ValueError: for fewer than two draws.
    """
    if draws < 2:
        raise ValueError(f"a null needs 2 draws or more, not {draws}")
    found = {}
    for place, name in enumerate(NULLS):
        generator = np.random.default_rng([seed, place])
        if name in CERTAIN:
            found[name] = Null.certain(float(statistic(name, generator)))
        else:
            values = [statistic(name, generator) for _ in range(draws)]
            found[name] = Null.of(np.array(values))
    return found

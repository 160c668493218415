"""Numbers and names as a reader sees them, in claims, chapters and explorables alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

WHOLE = ("steps", "directions", "cases", "parameters")
"""Units in which nobody counts fractions."""

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def show(value: float, unit: str = "") -> str:
    """A number with three or four digits, and what is not a number as a dash.

    >>> show(14_933.3, "steps"), show(0.00812), show(float("nan"))
    ('14,933', '0.00812', '–')
    >>> show(-35.04), show(302_914.0), show(6.3333, "directions")
    ('−35', '302,914', '6.33')
    >>> show(5.48e-6)
    '5.48 × 10⁻⁶'
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if abs(value) >= 999.5 or (unit in WHOLE and float(value).is_integer()):
        text = f"{value:,.0f}"
    elif 0 < abs(value) < 1e-4:
        digits, power = f"{value:.2e}".split("e")
        text = f"{digits} × 10{str(int(power)).translate(_RAISED)}"
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")


def interval(value: float, low: float, high: float, unit: str = "") -> str:
    """A mean with its interval; without one if a single run gives none.

    >>> interval(12_900.0, 5_944.2, 19_855.8, "steps"), interval(1.0, -math.inf, math.inf)
    ('12,900 [5,944, 19,856]', '1')
    """
    if math.isnan(value):
        return "–"
    if not (math.isfinite(low) and math.isfinite(high)):
        return show(value, unit)
    return f"{show(value, unit)} [{show(low, unit)}, {show(high, unit)}]"


def seeds(n: int) -> str:
    """So many of them.

    >>> seeds(1), seeds(3)
    ('1 seed', '3 seeds')
    """
    return "1 seed" if n == 1 else f"{n} seeds"


def steps_span(steps: Sequence[int]) -> str:
    """The range of some numbers of steps, or the one that they all are.

    >>> steps_span([1_000, 300]), steps_span([300])
    ('300 to 1,000', '300')
    """
    low, high = min(steps), max(steps)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """Names in a sentence.

    >>> listed(["add"]), listed(["add", "mul"]), listed(["add", "mul", "sq"], "or")
    ('add', 'add and mul', 'add, mul or sq')
    """
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end

"""One judge a kind of claim: from one number a run to what holds.

A judge is a pure function of a criterion, the published numbers by cell, and a series, cell ↦ run ↦
number.  It returns one `Finding` a cell and knows nothing of controls, for the same judge looks at
them (`grokbook.claims.verdicts`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from grokbook.claims.criteria import Absence, Count, Criterion, Exact, Magnitude, Ordering
from grokbook.claims.findings import (
    DIFFERENCE,
    FAILS,
    GEOMETRIC,
    HOLDS,
    MEAN,
    NONE,
    OPEN,
    SHARE,
    Finding,
    named,
)
from grokbook.claims.series import Runs, Series, by_seed, seeds_of, split
from grokbook.statistics import (
    chance_of_at_least,
    difference_interval,
    mean_interval,
    proportion,
)

ALPHA = 0.05
LEFT_OPEN = "the mean holds, its interval leaves it open"
"""Of a cell with seeds enough whose mean alone is asked for: that is less than a full disc."""
WIDE = "the mean would do, its interval goes beyond"
"""Of a cell that asks for the whole interval, and has runs enough to have it judged."""


def exact(criterion: Exact, published: Mapping[str, float], ours: Series) -> list[Finding]:
    """Every run of a cell gives the published number; one that does not is enough to fail."""
    found = []
    for cell in criterion.cells or published:
        runs = ours.get(cell, {})
        values, lost = split(runs)
        if not values and None not in runs.values():
            found.append(_nothing(cell, lost))
            continue
        numbers, n = list(values.values()), seeds_of(runs)
        wrong = [value for value in numbers if value != published[cell]]
        value = (wrong or numbers or [math.nan])[0]
        low, high = (min(numbers), max(numbers)) if numbers else (math.nan, math.nan)
        caveats = (*_few(n, criterion.least_seeds), *lost)
        outcome = FAILS if wrong or lost else HOLDS
        found.append(Finding(cell, value, low, high, n, n, outcome, caveats, compared=True))
    return found


def count(criterion: Count, published: Mapping[str, float], ours: Series) -> list[Finding]:
    """The share of runs beyond a bound; its interval counts seeds (`proportion`)."""
    low = -math.inf if criterion.above is None else criterion.above
    high = math.inf if criterion.below is None else criterion.below
    yes = {
        cell: {r: v is not None and low < v < high for r, v in ours.get(cell, {}).items()}
        for cell in criterion.cells or published
    }
    return _shares(criterion, yes)


def magnitude(criterion: Magnitude, published: Mapping[str, float], ours: Series) -> list[Finding]:
    """The mean over seeds, each with the mean of its runs, against its region.

    Runs that were cut off are missing from it.
    """
    return [
        _mean(criterion, cell, criterion.region(published.get(cell)), ours.get(cell, {}))
        for cell in criterion.cells or published
    ]


def absence(criterion: Absence, published: Mapping[str, float], ours: Series) -> list[Finding]:
    """The whole interval of the mean within ± ``below``; with few seeds the mean itself."""
    region = (-criterion.below, criterion.below)
    return [
        _mean(criterion, cell, region, ours.get(cell, {})) for cell in criterion.cells or published
    ]


def ordering(criterion: Ordering, published: Mapping[str, float], ours: Series) -> list[Finding]:
    """The share of runs in which an order holds, or the differences between groups.

    Nothing is taken from the published numbers: the order is the criterion's.
    """
    if criterion.compare == "groups":
        return [
            _difference(criterion, cell, lower, higher, ours)
            for cell in criterion.cells
            for lower, higher in criterion.pairs()
        ]
    yes = {}
    for cell in criterion.cells:
        items = [ours.get(f"{cell}/{item}", {}) for item in criterion.order]
        rows = {r: [i[r] for i in items] for r in items[0] if all(r in i for i in items)}
        yes[cell] = {r: _in_order(row, criterion) for r, row in rows.items() if set(row) != {None}}
    return _shares(criterion, yes)


JUDGES: dict[type[Criterion], Callable[..., list[Finding]]] = {
    Exact: exact,
    Count: count,
    Magnitude: magnitude,
    Ordering: ordering,
    Absence: absence,
}
"""The judge of each kind."""


def _nothing(cell: str, caveats: Sequence[str] = ()) -> Finding:
    return Finding(cell, math.nan, math.nan, math.nan, 0, 0, NONE, tuple(caveats))


def _few(n: int, least: int) -> list[str]:
    return [f"{n} of {least} seeds"] if n < least else []


def _told(few: Sequence[str], sure: bool) -> list[str]:
    """Where a mean or a share decides: is the interval as sure of it?"""
    if not (sure or few):
        return [LEFT_OPEN]
    return [text + ", whose interval leaves it open" * (not sure) for text in few]


def _in_order(row: Sequence[float | None], criterion: Ordering) -> bool:
    """What was cut off comes after all that was not."""
    numbers = [math.inf if value is None else value for value in row]
    at = dict(zip(criterion.order, numbers, strict=True))
    return all(
        at[low] < at[high] or (criterion.ties and at[low] == at[high])
        for low, high in criterion.pairs()
    )


def _shares(criterion: Count | Ordering, yes: Mapping[str, Mapping[str, bool]]) -> list[Finding]:
    if criterion.pool and len(yes) > 1:
        return [_share(criterion, "all", yes)]
    return [_share(criterion, cell, {cell: here}) for cell, here in yes.items()]


def _share(
    criterion: Count | Ordering, name: str, yes: Mapping[str, Mapping[str, bool]]
) -> Finding:
    """One share over the runs of some cells; its interval is of seeds."""
    successes, n = sum(sum(here.values()) for here in yes.values()), sum(map(len, yes.values()))
    if not n:
        return _nothing(name)
    least, seeds = criterion.least_seeds, seeds_of(*yes.values())
    short: dict[str, list[str]] = {}
    for cell, here in yes.items():
        for text in _few(seeds_of(here), least):
            short.setdefault(text, []).append(named("", cell, criterion.by))
    few = [
        text if len(yes) == 1 else f"{text} at {', '.join(cells)}" for text, cells in short.items()
    ]
    absent = sum(_absent(here, least) for here in yes.values())
    best = successes + absent * (criterion.at_most is None)
    if _enough(criterion, successes, n, seeds):
        outcome = HOLDS
    else:
        # Of runs, for seeds that are to come may fall together less than these did.
        outcome = OPEN if absent and _enough(criterion, best, n + absent) else FAILS
    found, fewest = proportion(successes, n, seeds=seeds), min(map(seeds_of, yes.values()))
    # With the seeds that were agreed, the share alone is asked for.
    sure = outcome != HOLDS or not few or _beyond(criterion, found.low, found.high)
    few = _told(few, sure)
    return Finding(
        *(name, found.share, found.low, found.high, seeds, fewest, outcome, tuple(few), SHARE),
        sure=sure,
    )


def _beyond(criterion: Count | Ordering, low: float, high: float) -> bool:
    """Does a whole interval of a share meet the criterion?"""
    if criterion.at_most is not None:
        return high <= criterion.at_most
    return low >= criterion.at_least


def _absent(here: Mapping[str, bool], least: int) -> int:
    """How many runs a cell lacks, each seed having as many as those that are there."""
    seeds = seeds_of(here)
    return math.ceil(max(0, least - seeds) * len(here) / max(seeds, 1)) if seeds else least


def _enough(criterion: Count | Ordering, successes: int, n: int, seeds: int | None = None) -> bool:
    """Is the count what the criterion asks for?  Shares are compared up to rounding."""
    if criterion.at_most is not None:
        return successes / n <= criterion.at_most + 1e-12
    chance = criterion.chance
    lucky = chance is not None and chance_of_at_least(successes, n, chance, seeds=seeds) > ALPHA
    return successes / n >= criterion.at_least - 1e-12 and not lucky


def _mean(
    criterion: Magnitude | Absence, cell: str, region: tuple[float, float], runs: Runs
) -> Finding:
    geometric = isinstance(criterion, Magnitude) and criterion.factor is not None
    if geometric:  # what is not positive has no logarithm
        runs = {r: v if v is None or v > 0 else math.nan for r, v in runs.items()}
    values, lost = split(runs)
    if not values:
        if None not in runs.values():
            return _nothing(cell, lost)
        nan = math.nan
        beside = isinstance(criterion, Magnitude)
        return Finding(
            *(cell, nan, nan, nan, seeds_of(runs), seeds_of(runs), FAILS, tuple(lost)),
            compared=beside,
        )
    if geometric:
        values = {run: math.log(value) for run, value in values.items()}
    mean = mean_interval(list(by_seed(values).values()))
    value, low, high = mean.mean, mean.low, mean.high
    if geometric:
        with np.errstate(over="ignore"):
            value, low, high = map(float, np.exp([value, low, high]))
    few = _few(mean.n, criterion.least_seeds)
    whole = isinstance(criterion, Absence) or criterion.whole_interval
    inner = (low, high) if whole and not few else (value, value)
    if region[0] <= inner[0] and inner[1] <= region[1]:
        outcome = HOLDS
    else:
        outcome = OPEN if few and low <= region[1] and region[0] <= high else FAILS
    sure = not math.isfinite(low) or outcome != HOLDS
    sure = sure or (region[0] <= low and high <= region[1])
    wide = [WIDE] if outcome == FAILS and region[0] <= value <= region[1] else []
    return Finding(
        *(cell, value, low, high, mean.n, mean.n, outcome, (*_told(few, sure), *wide, *lost)),
        of=GEOMETRIC if geometric else MEAN,
        compared=isinstance(criterion, Magnitude),
        sure=sure,
    )


def _difference(criterion: Ordering, cell: str, lower: str, higher: str, ours: Series) -> Finding:
    """Mean of the higher item less that of the lower one."""
    name = f"{cell}: {lower} < {higher}"
    a, b = (ours.get(f"{cell}/{item}", {}) for item in (lower, higher))
    (x, lost), (y, more) = split(a), split(b)
    if not x or not y:
        return _nothing(name, lost + more)
    below, above = by_seed(x), by_seed(y)
    if set(below) == set(above):
        gap = mean_interval([above[seed] - below[seed] for seed in below])
    else:
        gap = difference_interval(list(below.values()), list(above.values()))
    few = _few(gap.n, criterion.least_seeds)
    if (gap.mean if few else gap.low) > 0:
        outcome = HOLDS
    else:
        outcome = OPEN if few and gap.high > 0 else FAILS
    sure = not math.isfinite(gap.low) or outcome != HOLDS or gap.low > 0
    return Finding(
        *(name, gap.mean, gap.low, gap.high, gap.n, gap.n, outcome),
        *((*_told(few, sure), *lost, *more), DIFFERENCE),
        sure=sure,
    )

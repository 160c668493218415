"""Times, sizes and counts as a person says them."""

from __future__ import annotations

import shutil
import textwrap


def duration(seconds: float) -> str:
    """A time as a person says it, to the two largest units.

    >>> duration(45), duration(3_900), duration(100_000)
    ('45 s', '1 h 5 min', '1 d 3 h')
    """
    left, parts = round(seconds), []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
    return " ".join(part for part in parts[:2] if part) or "0 s"


def roughly(seconds: float) -> str:
    """An estimated time, in one unit: more would be feigned.

    >>> roughly(45), roughly(3_900), roughly(9_000), roughly(100_000)
    ('45 s', '65 min', '2.5 h', '28 h')
    """
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            count = seconds / size
            return f"{count:.{int(unit != 'min' and count < 10)}f} {unit}"
    return f"{seconds:.0f} s"


def runs(count: int) -> str:
    """So many runs.

    >>> runs(1), runs(18)
    ('1 run', '18 runs')
    """
    return f"{count:,} run{'s' * (count != 1)}"


def measurements(count: int) -> str:
    """So many measurements.

    >>> measurements(1), measurements(18)
    ('1 measurement', '18 measurements')
    """
    return f"{count:,} measurement{'s' * (count != 1)}"


def size(count: float) -> str:
    """Bytes as a person says them.

    >>> size(3_400), size(2.5e8), size(3.2e10)
    ('1 MB', '250 MB', '32.0 GB')
    """
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{max(1, round(count / 1e6))} MB"


def exact_size(count: int) -> str:
    """Bytes as an option takes them.

    >>> exact_size(60_000_000), exact_size(1_500)
    ('60MB', '1500B')
    """
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count % unit == 0:
            return f"{count // unit}{name}"
    return f"{count}B"


def paragraph(text: str, indent: str, first: str | None = None) -> str:
    """Wrapped to what the terminal shows; to 92 columns where there is none, or a wider one."""
    columns = shutil.get_terminal_size((92, 24)).columns
    return textwrap.fill(
        " ".join(text.split()),
        width=max(40, min(92, columns)),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )

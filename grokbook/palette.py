"""One palette for every figure and explorable: one colour, one meaning.

Okabe-Ito hues. A task has a *mark* colour (lines, cells, ticks: at least 3:1 against the page)
and a *text* colour (at least 4.5:1), each for a light and a dark page; plotly figures ask the
functions, the explorables get the same numbers as CSS variables, so no colour is typed twice.
"""

from __future__ import annotations

from math import log10
from typing import NamedTuple

LIGHT_PAGE = "#ffffff"
DARK_PAGE = "#14181d"
"""The page's colours: those of ``publishing/static/gb-book.css``."""

PUBLISHED = ("#767676", "#9a9a9a")
"""Published values are drawn hollow, in this grey (light page, dark page) unless marks of several
tasks share a row: then each has its task's colour."""

NULL_BAND = ("#8c8c8c", "#8c8c8c")
"""Null models and controls are a band of this grey, never a line (light page, dark page)."""

INK = "#6b7684"
"""Of marks without task, decay or dose where a figure does not know the page: 3:1 on both."""


class TaskStyle(NamedTuple):
    """How a task is coloured, as ``#rrggbb``.

    Attributes:
        light: mark colour on a light page.
        dark: mark colour on a dark page.
        light_text: text colour on a light page.
        dark_text: text colour on a dark page.
    """

    light: str
    dark: str
    light_text: str
    dark_text: str


TASKS: dict[str, TaskStyle] = {
    "add": TaskStyle("#0072B2", "#56B4E9", "#0072B2", "#56B4E9"),
    "mul": TaskStyle("#D55E00", "#F07A1F", "#B35000", "#F07A1F"),
    "sq": TaskStyle("#009E73", "#2BBF93", "#007A59", "#2BBF93"),
    "sub": TaskStyle("#CC79A7", "#DD94BC", "#A8527F", "#DD94BC"),
    # The set's orange is too pale for a white page; the same hue, darker, is not.
    "x2_xy_y2": TaskStyle("#B07A00", "#F0B429", "#8A6000", "#F0B429"),
    "x3_xy": TaskStyle("#000000", "#F2F2F2", "#000000", "#F2F2F2"),
}

# Weak and strong end of the decay ramp. The page decides how far each may go: the strong end of
# the light page would vanish on a dark one.
_DECAY_LIGHT = ("#9b8cc0", "#33196b")
_DECAY_DARK = ("#e4dcf7", "#8266c4")

# Of the dose ramp. One for both pages, since the figures that use it do not know theirs, so it has
# less than 20 steps of lightness and gains most of its way in saturation: from near the grey of
# plain runs, which have dose 0, to a red.
_DOSES = ("#b98a7a", "#cd1434")


def _style(name: str) -> TaskStyle:
    try:
        return TASKS[name]
    except KeyError:
        raise ValueError(f"no colour for task {name!r}; known: {', '.join(TASKS)}") from None


def task_colour(name: str, dark: bool = False) -> str:
    """Mark colour of a task as ``#rrggbb``.

    Raises:
        ValueError: if the task is unknown.
    """
    return _style(name).dark if dark else _style(name).light


def task_text_colour(name: str, dark: bool = False) -> str:
    """Text colour of a task as ``#rrggbb``.

    Raises:
        ValueError: if the task is unknown.
    """
    return _style(name).dark_text if dark else _style(name).light_text


def decay_colour(weight_decay: float, dark: bool = False) -> str:
    """Colour of a weight decay λ on the ramp (light = weak), as ``#rrggbb``.

    λ runs from 0 to 1 on a logarithmic scale that keeps 0 at the weak end; stronger decay than 1
    takes the strong end.

    Raises:
        ValueError: if λ is negative or not a number.
    """
    if not weight_decay >= 0:
        raise ValueError(f"weight decay must be >= 0, got {weight_decay}")
    share = min(1.0, log10(1 + 9 * weight_decay))
    return _between(_DECAY_DARK if dark else _DECAY_LIGHT, share)


def dose_colour(dose: float) -> str:
    """Colour of a deleted share f on the ramp (pale = little), as ``#rrggbb``, for both pages.

    f runs from 0 to one half on a logarithmic scale that keeps 0 at the weak end; more than half
    takes the strong end.  Neighbours on the ramp may look alike in grey: never by colour alone.

    >>> dose_colour(0.01), dose_colour(0.5)
    ('#ba8275', '#cd1434')

    Raises:
        ValueError: if f is not a share from 0 to 1.
    """
    if not 0 <= dose <= 1:
        raise ValueError(f"a dose lies from 0 to 1, got {dose}")
    return _between(_DOSES, min(1.0, log10(1 + 18 * dose)))


def contrast(first: str, second: str) -> float:
    """WCAG contrast ratio of two ``#rrggbb`` colours, 1 to 21."""
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def css_variables(selector: str = ".gb-explorable") -> str:
    """The palette as CSS custom properties on ``selector``, light, dark and print.

    Dark is what the book says (``html[data-theme=dark]``) or what JupyterLab says
    (``body[data-jp-theme-light=false]``). Names: ``--gb-task-NAME``, ``--gb-text-NAME``,
    ``--gb-published``, ``--gb-null``. Paper is white, so print takes the light set.
    """
    light, dark = _declarations(False), _declarations(True)
    on_dark = f'html[data-theme="dark"] {selector},body[data-jp-theme-light="false"] {selector}'
    return (
        f"{selector}{{{light}}}\n{on_dark}{{{dark}}}\n"
        f"@media print{{{selector},{on_dark}{{{light}}}}}\n"
    )


def _declarations(dark: bool) -> str:
    lines = [f"--gb-published:{PUBLISHED[dark]}", f"--gb-null:{NULL_BAND[dark]}"]
    for name in TASKS:
        lines.append(f"--gb-task-{name}:{task_colour(name, dark)}")
        lines.append(f"--gb-text-{name}:{task_text_colour(name, dark)}")
    return ";".join(lines)


def _between(ends: tuple[str, str], share: float) -> str:
    weak, strong = (_rgb(colour) for colour in ends)
    return "#" + "".join(
        f"{round(a + share * (b - a)):02x}" for a, b in zip(weak, strong, strict=True)
    )


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _rgb(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

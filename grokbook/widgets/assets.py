"""The explorables' browser side as text.

A book page imports a widget's module from a blob, and a blob has no neighbours to import from: so
the shared helpers are put in front of each module here instead of being imported there.
"""

from __future__ import annotations

from importlib.resources import files

from .palette import css_variables

_STATIC = files(__package__) / "static"


def module(*names: str) -> str:
    """ES module made of ``core.js`` and the named files, in order; FileNotFoundError if absent."""
    return "\n".join(_text(f"{name}.js") for name in ("core", *names))


def css(name: str) -> str:
    """Style sheet of the explorable ``name``: palette, common rules, its own rules."""
    return css_variables() + _text("core.css") + _text(f"{name}.css")


def _text(filename: str) -> str:
    return (_STATIC / filename).read_text(encoding="utf-8")

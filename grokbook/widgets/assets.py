"""The explorables' browser side as text.

A book page imports a widget's module from a blob, and a blob has no neighbours to import from: so
the shared files are put in front of each module here instead of being imported there.
"""

from __future__ import annotations

from importlib.resources import files

from grokbook.palette import css_variables

_STATIC = files(__package__) / "static"


_SHARED = ("page", "tables", "curves")


def module(*names: str) -> str:
    """ES module made of the shared files and the named ones, in order.

    Raises:
        FileNotFoundError: if there is no such file.
    """
    return "\n".join(_text(f"{name}.js") for name in (*_SHARED, *names))


def css(*names: str) -> str:
    """Style sheet of an explorable: palette, common rules, then the named files."""
    return css_variables() + "".join(_text(f"{name}.css") for name in ("core", *names))


def _text(filename: str) -> str:
    return (_STATIC / filename).read_text(encoding="utf-8")

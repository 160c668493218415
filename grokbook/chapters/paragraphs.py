"""Sentences of a chapter, shown as the page's own text."""

from __future__ import annotations

from IPython.display import Markdown, display


def paragraph(text: str) -> None:
    """Show Markdown, such as what still lacks; where nothing is to be said, nothing is shown.

    Jupyter shows an empty text as the name of its class.
    """
    if text.strip():
        display(Markdown(text))

"""What closes every chapter: its verdicts, and the guard of its finding.

Both are of the page's own parameters.  With others there are none, and the page says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from IPython.display import HTML, display

from grokbook.chapters.paragraphs import paragraph
from grokbook.claims.board import board
from grokbook.claims.registry import Claim
from grokbook.publishing.parameters import Parameters
from grokbook.publishing.verdicts import table


def verdicts(chosen: Parameters, published: Mapping[str, Claim]) -> None:
    """Show the chapter's claims with their verdicts.

    Args:
        chosen: parameters of the page.
        published: the chapter's claims by id.
    """
    if chosen.are_default:
        display(HTML(table(board(registry=published))))
    else:
        paragraph(
            "*Verdicts hold for the page's own parameters, so with others they are withheld.*"
        )


def guard(chosen: Parameters, check: Callable[..., None], *found: Any) -> None:
    """Check what the page finds, whatever its sign, against what its prose says.

    Args:
        chosen: parameters of the page.
        check: the chapter's guard.
        found: what it looks at.

    Raises:
        AssertionError: if the finding is another.
    """
    if chosen.are_default:
        check(*found)
    else:
        paragraph("*Other parameters than the page's own: its finding is not checked here.*")

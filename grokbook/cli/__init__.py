"""The command line: ``grokbook …`` or ``python -m grokbook …``.

Every command checks its input before any work starts; what is wrong is said in one line on
standard error, and the exit status is 2 for bad input, 1 for damage or failure, 130 for an
interruption, and 3 for a study of which only what another process trains is left.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from grokbook import __version__
from grokbook.checks import ConfigError
from grokbook.cli import bench, claims, measure, packs, records, status, study, train
from grokbook.cli.common import app

__all__ = [
    "app",
    "bench",
    "claims",
    "main",
    "measure",
    "packs",
    "records",
    "status",
    "study",
    "train",
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"grokbook {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point; complaints about arguments are one line each, too."""
    try:
        status = app(standalone_mode=False)
    except typer.Abort:
        status = 130
    except ConfigError as error:
        typer.echo(f"grokbook: {error}", err=True)
        status = 2
    except Exception as error:
        # Typer's usage errors, whichever copy of click they come from.
        if not hasattr(error, "format_message"):
            raise
        without_command = type(error).__name__ == "NoArgsIsHelpError"
        typer.echo(("" if without_command else "grokbook: ") + error.format_message(), err=True)
        status = error.exit_code
    sys.exit(status if isinstance(status, int) else 0)

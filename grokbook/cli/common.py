"""What the commands share: the application, options, and how complaints are made."""

from __future__ import annotations

from typing import NoReturn

import typer

from grokbook.checks import ConfigError, parse_size

app = typer.Typer(
    name="grokbook",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Train small transformers until they grok, and measure what happens.\n\n"
    "Runs are kept in the folder that GROKBOOK_STORE names, else in the user's cache; a run "
    "that was stopped or killed goes on where it was when the same command is given again.",
)


def fail(message: str, status: int = 2) -> NoReturn:
    """Say what is wrong in one line, and end the command."""
    typer.echo(f"grokbook: {message}", err=True)
    raise typer.Exit(status)


def number(text: str) -> float:
    """A number, or a complaint that names what was given."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number") from None


def whole(text: str) -> int:
    """A whole number, or a complaint that names what was given."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number") from None


def real_option(text: str) -> typer.models.OptionInfo:
    """An option that takes a number."""
    return typer.Option(help=text, parser=number, metavar="NUMBER")


def whole_option(text: str) -> typer.models.OptionInfo:
    """An option that takes a whole number."""
    return typer.Option(help=text, parser=whole, metavar="INTEGER")


def size(text: str) -> int:
    """Bytes, or a complaint that names what was given."""
    try:
        return parse_size(text)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from None


def size_option(text: str) -> typer.models.OptionInfo:
    """An option that takes a size, such as 60MB, and gives bytes."""
    return typer.Option(help=text, parser=size, metavar="SIZE")


def warn(line: str) -> None:
    """One line on standard error; the command goes on."""
    typer.echo(f"grokbook: {line}", err=True)

"""What pages say of the code is true: names exist, colours are the palette's, commands parse."""

import importlib
import re
from pathlib import Path

import nbformat
import pytest
from typer.testing import CliRunner

from grokbook.claims.registry import claims
from grokbook.cli import app
from grokbook.palette import task_colour
from grokbook.studies.published import STUDIES

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in [*ROOT.glob("*.md"), *ROOT.glob("book/*.md"), *ROOT.glob("results/*.md")]
}
PAGES |= {
    path.name: "\n".join(
        cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "markdown"
    )
    for path in ROOT.glob("notebooks/*.ipynb")
}


@pytest.mark.parametrize("page", PAGES)
def test_dotted_names_exist(page):
    for name in set(re.findall(r"`(grokbook(?:\.\w+)+)(?:\(\))?`", PAGES[page])):
        parts, found = name.split("."), None
        for cut in range(len(parts), 0, -1):
            try:
                found = importlib.import_module(".".join(parts[:cut]))
            except ModuleNotFoundError:
                continue
            for attribute in parts[cut:]:
                found = getattr(found, attribute)
            break
        assert found is not None, f"{page} names {name}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_exist(page):
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    for command, rest in re.findall(r"\bgrokbook (\w+)((?: [^\s`]+)*)", PAGES[page]):
        if command not in commands:
            continue  # a sentence, not a command
        known = CliRunner().invoke(app, [command, "--help"]).output
        for option in re.findall(r"--[\w-]+", rest):
            assert option in known, f"{page}: grokbook {command} has no {option}"


def test_swatches_are_the_palettes_colours():
    page = PAGES["book/how_to_read.md"]
    shown = re.findall(r"#[0-9A-Fa-f]{6}", page)
    assert shown, "the page shows no colours"
    for task in ("add", "mul", "sq"):
        assert task_colour(task).lower() in {colour.lower() for colour in shown}


def test_the_doses_of_the_deviations_are_those_of_the_studies_and_claims():
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    strength = "intervention.strength"
    dual, tri = (STUDIES[name].grid[strength] for name in ("deletion", "deletion-tri"))
    page = " ".join(PAGES["book/deviations.md"].split())
    told = f"{words[len(dual)]} doses for two tasks and {words[len(tri)]} for three tasks"
    assert told in page
    asked = {
        float(dose)
        for claim in claims(chapter="transverse-fragility").values()
        for each in claim.needs.every
        for text in each.set
        if text.startswith(strength)
        for dose in text.partition("=")[2].split(",")
    }
    *first, last = (f"{100 * dose:g}" for dose in sorted(asked - set(dual)))
    assert f"The claims also read {', '.join(first)} and {last} %" in page

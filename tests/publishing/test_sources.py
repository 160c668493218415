"""Chapter sources are clean, their parameters stated, and no result is typed into their prose."""

import ast
import re
from pathlib import Path

import nbformat
import papermill
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "notebooks").glob("*.ipynb"))
CHAPTERS = [path for path in SOURCES if path.stem != "index"]

every_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
every_chapter = pytest.mark.parametrize("source", CHAPTERS, ids=lambda path: path.stem)

# what may hold digits without being a result
_NOT_PROSE = re.compile(
    r"```.*?```"  # fenced code
    r"|`[^`\n]*`"  # code, and targets of roles such as cite
    r"|<!--.*?-->"
    r"|\]\([^)]*\)|<https?:[^>]*>|https?://\S+"  # where links lead
    r"|(?i:arxiv:?\s*)?\b\d{4}\.\d{5}(v\d+)?\b"
    r"|\b(?i:chapters?|sections?|figures?|tables?|claims?|equations?)\s+[\d.]+"
    r"|\b[A-Z]{2}-\d+\b"  # claims
    r"|^\s*\d+[.)]\s",  # numbered lists
    re.DOTALL | re.MULTILINE,
)
_NUMBER = re.compile(r"(?<![\w./])\d+(?:[,\u2009\u202f ]\d{3}\b)*(?:\.\d+)?(?:[eE]-?\d+)?\s?%?")
_YEAR = re.compile(r"(19|20)\d\d")
# a cell says which numbers are choices of the design: <!-- by design: 97, 0.98 -->
_BY_DESIGN = re.compile(r"<!--\s*by design:(.*?)-->", re.DOTALL)


def results_in(markdown: str) -> list[str]:
    """Numbers that look like results: decimals, thousands, per cent, two digits or more."""
    allowed = {
        number.strip()
        for listed in _BY_DESIGN.findall(markdown)
        for number in re.split(r";|,\s+", listed)
    }
    prose = _NOT_PROSE.sub(" ", markdown)
    found = [match[0].strip() for match in _NUMBER.finditer(prose)]
    return [n for n in found if len(n) > 1 and not _YEAR.fullmatch(n) and n not in allowed]


@every_source
def test_source_is_clean(source):
    saved = nbformat.read(source, as_version=4)
    nbformat.validate(saved)
    assert "widgets" not in saved.metadata
    assert "papermill" not in saved.metadata
    for cell in saved.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [], "make tidy"
            assert cell.execution_count is None, "make tidy"


@every_chapter
def test_first_code_cell_holds_typed_and_commented_parameters(source):
    code = [c for c in nbformat.read(source, as_version=4).cells if c.cell_type == "code"]
    assert "parameters" in code[0].metadata.get("tags", [])
    known = papermill.inspect_notebook(source)
    assert known
    for name, parameter in known.items():
        assert parameter["inferred_type_name"] != "None", f"{name} has no type"
        assert parameter["help"].strip(), f"{name} has no comment"


@every_chapter
def test_published_values_are_the_defaults(source):
    """The second cell restates the defaults: that is how a page knows that its verdicts hold."""
    code = [c for c in nbformat.read(source, as_version=4).cells if c.cell_type == "code"]
    calls = [
        node
        for node in ast.walk(ast.parse(code[1].source))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "read_parameters"
    ]
    assert len(calls) == 1, "the cell after the parameters reads them"
    (published,) = (k.value for k in calls[0].keywords if k.arg == "published")
    known = papermill.inspect_notebook(source)
    defaults = {name: ast.literal_eval(spec["default"]) for name, spec in known.items()}
    assert ast.literal_eval(published) == defaults


@every_source
def test_no_result_is_typed_into_prose(source):
    """Contract: sentences with results come from code cells."""
    for number, cell in enumerate(nbformat.read(source, as_version=4).cells):
        if cell.cell_type == "markdown":
            assert results_in(cell.source) == [], f"cell {number}"


@pytest.mark.parametrize(
    ("prose", "found"),
    [
        ("mul groks at step 13,133 on average", ["13,133"]),
        ("98.3 % of the answers", ["98.3 %"]),
        ("a defect of 0.97, or 5%", ["0.97", "5%"]),
        ("27 of 30 runs", ["27", "30"]),
        ("about 3e-4", ["3e-4"]),
        ("$\\lambda = 0.5$", ["0.5"]),
        ("two tasks, 3 seeds, section 4.2, Chapter 12, MT-02", []),
        ("published in 2026 (arXiv 2602.18523), `p = 97`", []),
        ("[Power](https://arxiv.org/abs/2201.02177) {cite}`power2022grokking`", []),
        ("modulo $p = 97$ <!-- by design: 97 -->", []),
        ("to 5,000 steps, at 0.98 <!-- by design: 5,000, 0.98 -->", []),
        ("modulo 97, and 98 <!-- by design: 97 -->", ["98"]),
        ("1. first\n12. twelfth", []),
        ("```\n13,133\n```", []),
    ],
)
def test_results_in_prose_are_found(prose, found):
    assert results_in(prose) == found

"""The status page: what an execution cost and read, and what the page says of it."""

import json
from datetime import UTC, datetime

import nbformat
import pytest

from grokbook.instruments.recorded import Recorded
from grokbook.publishing.notebooks import ChapterError, execute
from grokbook.publishing.places import account_of, accounts, sources
from grokbook.publishing.status import Account, page
from grokbook.store.recorded import Results

RUN = "274dd975d93d"
READING = f"""
from grokbook.instruments.recorded import Recorded
from grokbook.store.recorded import Results
Results().get("{RUN}")
Results().get("{RUN}")
place = next(place for place, entry in Recorded().manifest().items() if "{RUN}" in place)
Recorded().read(place)
big = bytes(200 * 2**20)
"""


def source(folder, name, *cells):
    made = nbformat.v4.new_notebook()
    made.metadata["kernelspec"] = {"name": "python3", "language": "python", "display_name": "P"}
    made.cells = [nbformat.v4.new_markdown_cell(f"# The {name} page\n\nText.")]
    made.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    path = folder / f"{name}.ipynb"
    nbformat.write(made, path)
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A page that reads a run twice and a measurement once, and one that reads nothing."""
    folder = tmp_path_factory.mktemp("status")
    found = []
    for name, cell in (("reading", READING), ("idle", "1 + 1")):
        path, account = source(folder, name, cell), folder / f"{name}.json"
        execute(path, folder / "made" / path.name, account=account)
        found.append(Account.read(account, path))
    return found


def test_an_account_names_every_result_once(made):
    reading, idle = made
    assert reading.runs == (RUN,)
    assert len(reading.measurements) == 1
    assert reading.measurements[0].startswith(f"measurements/{RUN}/")
    assert (idle.runs, idle.measurements) == ((), ())


def test_an_account_says_what_it_cost(made):
    reading, idle = made
    assert reading.title == "The reading page"
    assert reading.mebibytes > 250  # the kernel alone has some 60, the cell asks for 200
    assert 0 < idle.seconds < 120
    now = datetime.now(UTC)
    for each in made:
        then = datetime.strptime(each.executed, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
        assert 0 <= (now - then).total_seconds() < 900


def test_the_page_says_it(made):
    results = Results()
    entry, text = results.manifest()[RUN], page(made, results)
    measured = Recorded(results).manifest()
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| {doc}")}
    reading = rows["The reading page <chapters/reading>"]
    days = {entry["recorded"], measured[made[0].measurements[0]]["recorded"]}
    said = " to ".join(sorted(day.replace("-", "\u2011") for day in days))
    assert reading.endswith(f"| 1 | 1 | {said} |")
    assert rows["The idle page <chapters/idle>"].endswith("| – | – | – |")
    assert f"| `{RUN}` | {entry['label']} | {entry['steps']:,} |" in text
    assert ":::{dropdown} The idle page" not in text
    hours = sum(each["seconds"] for each in results.manifest().values()) / 3600
    assert f"{hours:,.1f} hours of training" in text


def test_every_source_has_an_account_of_its_own(tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("02_b", "index", "01_a"):
        source(tmp_path / "notebooks", name)
    assert [path.stem for path, _ in accounts(tmp_path)] == ["index", "01_a", "02_b"]
    assert len({account_of(path, tmp_path) for path in sources(tmp_path)}) == 3


def test_a_chapter_that_fails_leaves_no_account(tmp_path):
    path, account = source(tmp_path, "broken", "1 / 0"), tmp_path / "broken.json"
    with pytest.raises(ChapterError):
        execute(path, tmp_path / "made" / "broken.ipynb", account=account)
    assert not account.exists()


def test_every_recorded_result_has_its_day():
    results = Results()
    recorded = json.loads((results.folder / "measurements.json").read_text())["measurements"]
    for entry in [*results.manifest().values(), *recorded.values()]:
        day = datetime.strptime(entry["recorded"], "%Y-%m-%d").replace(tzinfo=UTC)
        assert datetime(2026, 11, 1, tzinfo=UTC) < day <= datetime.now(UTC)

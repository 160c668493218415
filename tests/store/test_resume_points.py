"""Which resume point is taken when files are damaged; the run itself is tested beside this."""

import pytest

from grokbook.store.resume_points import choose

NEW, OLD = ({"file": f"resume-{step:09d}.safetensors", "step": step} for step in (40, 30))
MARKER = {
    "step": 40,
    "resume": [NEW, OLD],
    "snapshots": {f"snapshots/{step:09d}.safetensors": {} for step in (0, 20, 40)},
    "files": {"metrics.parquet": {}},
}


def damaged(*names):
    return {name: f"{name} is cut short" for name in names}


def snapshot(step):
    return f"snapshots/{step:09d}.safetensors"


def test_nothing_is_said_or_dropped_where_all_is_whole():
    found = choose(MARKER, {})
    assert (found.file, found.said, found.marker) == (NEW["file"], (), MARKER)


@pytest.mark.parametrize("broken", [NEW["file"], snapshot(40)])
def test_the_point_before_makes_it_again(broken):
    found = choose(MARKER, damaged(broken))
    assert found.file == OLD["file"]
    assert found.said == (f"{broken} is cut short; falling back to step 30",)
    assert found.marker["resume"] == [OLD] and found.marker["files"] == {}
    assert list(found.marker["snapshots"]) == [snapshot(0), snapshot(20)]


def test_an_old_snapshot_is_given_up():
    found = choose(MARKER, damaged(snapshot(20)))
    assert found.file == NEW["file"] and found.marker["resume"] == [NEW, OLD]
    assert found.said == (f"{snapshot(20)} is cut short; the run goes on without this snapshot",)
    assert list(found.marker["snapshots"]) == [snapshot(0), snapshot(40)]


def test_without_a_whole_point_there_is_none():
    assert choose(MARKER, damaged(NEW["file"], OLD["file"])) is None

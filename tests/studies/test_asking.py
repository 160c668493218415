"""Ask, and it is there or it is made: recorded, stored, trained; never too short."""

import pytest

from grokbook.config import RunConfig
from grokbook.models.layout import Layout
from grokbook.plan import Plan
from grokbook.store import Store, StoreError
from grokbook.store.recorded import Results
from grokbook.studies.asking import MissingRun, ask, repeated

TINY = RunConfig(tasks=("add",), modulus=11, width=16, heads=2, hidden=16, batch_size=16)


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKBOOK_TRAIN", "allowed")
    return {"store": Store(tmp_path / "store"), "results": Results(tmp_path / "results")}


def test_recorded_stored_trained(places, monkeypatch):
    short, long = Plan(steps=100), Plan(steps=300)
    assert ask(TINY, short, **places).source == "trained now"
    assert ask(TINY, short, **places).source == "store"
    places["results"].add(places["store"].runs(TINY)[0])
    assert ask(TINY, short, **places).source == "recorded"
    further = ask(TINY, long, **places)  # the record is too short, so the run goes on
    assert (further.source, further.last_step) == ("trained now", 300)
    assert ask(TINY, short, **places).source == "recorded"
    monkeypatch.setenv("GROKBOOK_TRAIN", "never")
    assert ask(TINY, long, **places).source == "store"
    with pytest.raises(MissingRun, match="not recorded as far as asked.*grokbook train --tasks"):
        ask(TINY, Plan(steps=400), **places)


def test_a_record_is_not_replaced_by_accident(places):
    ask(TINY, Plan(steps=100), **places)
    run = places["store"].runs(TINY)[0]
    places["results"].add(run)
    places["results"].add(run)  # the same once more is fine
    ask(TINY, Plan(steps=200), **places)
    longer = places["store"].runs(TINY)[0]
    with pytest.raises(StoreError, match="recorded already, with other measurements") as refused:
        places["results"].add(longer)
    said = str(refused.value)
    assert ": 100 steps under numerics " in said and "and this one 200 under" in said
    assert said.endswith("; --replace puts it in the other's place")  # it is the same execution
    assert places["results"].add(longer, replace=True)["steps"] == 200
    assert places["results"].verify() == []


def test_another_execution_stands_beside_the_first(places, tmp_path):

    ask(TINY, Plan(steps=100), **places)
    places["results"].add(places["store"].runs(TINY)[0])
    other = Store(tmp_path / "other")
    ask(TINY, Plan(steps=200), store=other, results=Results(tmp_path / "none"))
    second = other.runs(TINY)[0]
    second.numerics = second.numerics | {"machine": "elsewhere"}
    with pytest.raises(StoreError, match="; --again puts it beside the other, --replace in its"):
        places["results"].add(second)
    entry = places["results"].add(second, again=True, weights=True)
    assert (entry["steps"], entry["numerics"]["machine"]) == (200, "elsewhere")
    assert [r.last_step for r in places["results"].executions(TINY)] == [100, 200]
    assert places["results"].get(TINY.id).last_step == 100
    assert [r.last_step for r in repeated([TINY], results=places["results"])] == [200]
    assert repeated([], results=places["results"]) == []
    assert places["results"].verify() == []
    weights = places["results"].weights(TINY)
    layout = Layout.of(TINY)
    assert {name: value.shape for name, value in weights.items()} == layout.shapes
    places["results"].add(second, again=True)  # the same once more keeps them
    assert places["results"].verify() == [] and places["results"].weights(TINY)
    state = second.resume()["trainer.theta"]
    assert (weights["norm.weight"] == state[layout.offsets["norm.weight"] :][: layout.width]).all()


def test_readouts_are_recorded_without_the_rest_and_stay_so(places):
    ask(TINY, Plan(steps=100), **places)
    (run,), results = places["store"].runs(TINY), places["results"]
    files = results.add(run, heads=True)["files"]
    assert files["heads.safetensors"]["bytes"] < 4 * 11 * 17 + 400, "no more than the readouts"
    heads = results.heads(TINY)
    shapes = Layout.of(TINY).shapes
    assert {name: value.shape for name, value in heads.items()} == {
        name: shape for name, shape in shapes.items() if name.startswith("heads.")
    }
    with pytest.raises(StoreError, match="no weights of run"):
        results.weights(TINY)
    assert "heads.safetensors" in results.add(run)["files"] and results.verify() == []
    both = results.add(run, weights=True)["files"]
    assert "weights.safetensors" in both and "heads.safetensors" not in both
    assert all((results.heads(TINY)[name] == value).all() for name, value in heads.items())
    assert set(results.weights(TINY)) == set(shapes)
    assert results.verify() == []


def test_without_weights_recorded_there_are_none(places):
    ask(TINY, Plan(steps=100), **places)
    places["results"].add(places["store"].runs(TINY)[0])
    for read in (places["results"].weights, places["results"].heads):
        with pytest.raises(StoreError, match="no weights of run"):
            read(TINY)


def test_one_damaged_run_does_not_hide_the_others(places):
    other = RunConfig(tasks=("add",), modulus=13, width=16, heads=2, hidden=16, batch_size=16)
    for config in (TINY, other):
        ask(config, Plan(steps=100), **places)
    (places["store"].runs(TINY)[0].path / "commit.json").write_text("{}")
    said = []
    assert [r.config.id for r in places["store"].runs(warn=said.append)] == [other.id]
    assert len(said) == 1 and "commit.json was changed" in said[0]


def test_a_run_keeps_the_streams_it_was_begun_with(places):
    ask(TINY, Plan(steps=100), **places)
    with pytest.raises(StoreError, match="begun with window 20, not 5"):
        ask(TINY, Plan(steps=200, window=5), **places)

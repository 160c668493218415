"""Small facts that nothing else pins: each test fails if one line of the package goes wrong."""

import dataclasses
import threading

import numpy as np
import pandas as pd
import pytest
import torch

import made_records
from grokbook.chapters import staggered_leaks as leaks
from grokbook.chapters import staggered_order as chapter
from grokbook.chapters import staggered_tables as tables
from grokbook.claims.registry import claims
from grokbook.config import RunConfig
from grokbook.events import RULES
from grokbook.geometry.trajectory import gram
from grokbook.instruments.recorded import Recorded
from grokbook.models import trunk
from grokbook.models.layout import Layout
from grokbook.numerics import Numerics
from grokbook.plan import Plan
from grokbook.store import Store, StoreError
from grokbook.store.files import read_sealed, seal
from grokbook.store.recorded import Results
from grokbook.store.run_directory import RunDirectory
from grokbook.studies.asking import MissingRun, ask
from grokbook.studies.finishing_order import count_orders, gap, leak_test
from grokbook.studies.replaying import compare
from grokbook.tasks.modular import Table
from grokbook.training.run import run
from grokbook.training.session import Session
from grokbook.training.trainer import Trainer

TINY = RunConfig(
    tasks=("add", "mul"),
    modulus=11,
    width=16,
    heads=2,
    hidden=16,
    batch_size=16,
    learning_rate=3e-3,
    seed=5,
)
STREAMS = {"after_grok": None, "cadence": 10, "dense_until": 30, "global_limit": 5, "window": 3}


@pytest.fixture
def finished(tmp_path):
    return run(TINY, Plan(steps=300, **STREAMS), Store(tmp_path / "s")).directory


def test_twins_by_hand():
    table = Table.make(("sq",), 11, "nonzero", 0.5, 0)

    def at(a, b):
        return (a - 1) * 10 + (b - 1)

    orbit = {at(x, y) for a, b in ((2, 3), (3, 2)) for x in (a, 11 - a) for y in (b, 11 - b)}
    assert set(table.twins("sq")[at(2, 3)]) == orbit
    assert len(orbit) == 8
    assert set(table.twins("mul")[at(2, 3)]) == {at(2, 3), at(3, 2), at(9, 8), at(8, 9)}


def test_the_control_reads_the_tasks_own_answers():
    record = made_records.record(7, {"add": 800, "mul": 600}, leaked_first=True)
    found = [record.grok_step(task, "0.98", control=True) for task in ("add", "mul")]
    assert found == [800, 600]


@pytest.mark.parametrize(
    ("add", "mul", "end"), [(500, 900, 900 + 200 + 2_000), (500, 10**9, 100_000)]
)
def test_the_stop_rule_waits_for_the_last_task(add, mul, end):
    work = Session.alone(TINY, Plan(steps=100_000, after_grok=2_000))
    state = work.log.state()
    steps = np.arange(0, 2_000, 100)
    rows = np.zeros((len(steps), state["rows"].shape[1]))
    rows[:, 0], rows[:, 4], rows[:, 8] = steps, steps >= add, steps >= mul
    names = list(work.log.frame())
    assert (names[4], names[8]) == ("test_accuracy_add", "test_accuracy_mul")
    work.log.load({"rows": rows, "answers": state["answers"]})
    assert work.end() == end


def test_a_row_by_hand():
    work = Session.alone(TINY, Plan(steps=20, after_grok=None, cadence=10))
    work.trainer.advance(3)
    work.measure()
    row, trainer = work.log.last, work.trainer
    table = trainer.tables[0]
    views = trainer.layout.views(trainer.theta)
    with torch.no_grad():
        out = trunk.logits(trainer.layout, views, torch.from_numpy(table.pairs)[None])[0]
    for k, task in enumerate(TINY.tasks):
        nats = -out[:, k].log_softmax(-1).numpy()[np.arange(100), table.labels[:, k]]
        right = out[:, k].argmax(-1).numpy() == table.labels[:, k]
        for part, pairs in (("train", table.train), ("test", table.test)):
            assert row[f"{part}_loss_{task}"] == pytest.approx(nats[pairs].mean(), abs=1e-5)
            assert row[f"{part}_accuracy_{task}"] == right[pairs].mean()

    def norm(x):
        return float(torch.linalg.vector_norm(x.double()))

    assert row["parameter_norm"] == pytest.approx(norm(trainer.theta))
    assert row["attention_norm"] == pytest.approx(norm(trainer.layout.attention(trainer.theta)))
    assert row["embedding_norm"] == pytest.approx(norm(views["token.weight"]))
    assert row["batch_loss"] == pytest.approx(float(trainer.loss.sum()))


def test_the_disk_estimate_is_an_upper_bound(finished):
    used = sum(p.stat().st_size for p in finished.path.rglob("*") if p.is_file())
    assert used <= Plan(steps=300, **STREAMS).disk_bytes(TINY) < 100 * used


def test_what_is_recorded(finished, tmp_path):
    results = Results(tmp_path / "r")
    results.add(finished)
    folder = tmp_path / "r" / "runs" / TINY.id
    stride = finished.marker["global_stride"] * 10
    with np.load(folder / "gram.npz") as archive:
        steps = [s for s in finished.snapshots() if s % stride == 0 or s == 300]
        assert archive["steps"].tolist() == steps
        weights = np.stack([finished.snapshot(s) for s in steps])
        wanted = gram(weights, Layout.of(TINY).attention_blocks())
        assert archive["blocks"].tolist() == list(wanted)
    for block, products in Results(tmp_path / "r").grams(TINY.id).products.items():
        np.testing.assert_array_equal(products, wanted[block].astype(np.float32))
    (folder / "stray.bin").write_bytes(b"x")
    assert any("stray.bin is not in the manifest" in line for line in results.verify())
    (folder / "stray.bin").unlink()
    assert results.verify() == []
    path = folder / "metrics.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match="metrics.parquet is damaged"):
        results.get(TINY.id)


def test_results_may_be_named_from_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/reader")
    monkeypatch.setenv("GROKBOOK_RESULTS", "~/results")
    assert str(Results().folder) == "/home/reader/results"


def test_verify_compares_answers_accuracies_and_grok_steps(finished, tmp_path):
    results = Results(tmp_path / "r")
    results.add(finished)
    path = tmp_path / "r" / "manifest.json"
    manifest = read_sealed(path)
    manifest["runs"][TINY.id]["grok_steps"]["mul"]["0.90"] = 100
    path.write_bytes(seal(manifest))  # a careful forger seals it again
    assert any("do not give the grok steps of mul" in line for line in results.verify())


def test_what_is_wrong_with_one_record_hides_nothing_of_the_next(finished, tmp_path):
    results, other = Results(tmp_path / "r"), dataclasses.replace(TINY, batch_seed=6)
    results.add(finished)
    results.add(run(other, Plan(steps=300, **STREAMS), Store(tmp_path / "s")).directory)
    manifest = read_sealed(results.folder / "manifest.json")
    first, second = manifest["runs"]
    (results.folder / "runs" / first / "gram.npz").unlink()
    manifest["runs"][second]["grok_steps"]["mul"]["0.90"] = 100
    (results.folder / "manifest.json").write_bytes(seal(manifest))
    missing, disagrees = results.verify()
    assert missing.endswith("gram.npz is missing")
    assert disagrees.startswith(f"recorded run {second}: its accuracies do not give")


def test_an_unfinished_run_is_neither_recorded_nor_taken(tmp_path, monkeypatch):
    stop, store = threading.Event(), Store(tmp_path / "s")
    plan = Plan(steps=300, **STREAMS)
    watch = {"stop": stop, "watch": lambda p: stop.set() if p.step == 20 else None}
    directory = run(TINY, plan, store, **watch).directory
    with pytest.raises(StoreError, match="only finished runs"):
        Results(tmp_path / "r").add(directory)
    record = directory.record()
    assert directory.status == "interrupted" and record.status == "partial"
    assert record.last_step == 20 and not record.reaches(Plan(steps=10, **STREAMS))
    for word in ("never", " NEVER "):
        monkeypatch.setenv("GROKBOOK_TRAIN", word)
        with pytest.raises(MissingRun, match="not recorded as far as asked"):
            ask(TINY, plan, store=store, results=Results(tmp_path / "r"))
    monkeypatch.setenv("GROKBOOK_TRAIN", "perhaps")
    with pytest.raises(MissingRun, match="it can be never or allowed"):
        ask(TINY, plan, store=store, results=Results(tmp_path / "r"))


def test_an_accuracy_alone_can_differ():
    rows = pd.DataFrame({"step": [0], "test_accuracy_add": [0.5], "test_loss_add": [1.0]})
    assert not compare("x", rows, rows.assign(test_accuracy_add=0.51), same=False).agrees


def leaky():
    """A run whose plain curves come long before those on twinless pairs."""
    record = made_records.record(7, {"add": 800, "mul": 600}, leaked_first=True)
    metrics = record.metrics.copy()
    metrics["test_accuracy_add"] = (metrics.step >= 100) * 1.0
    metrics["test_accuracy_mul"] = (metrics.step >= 300) * 1.0
    return dataclasses.replace(record, metrics=metrics)


def test_the_control_is_applied_everywhere():
    record = leaky()
    plain, fair = (gap([record], "add", "mul", "0.98", control=c).steps for c in (False, True))
    assert plain != fair
    assert count_orders([record], ("mul", "add"), "0.98").first.runs == 0
    assert count_orders([record], ("mul", "add"), "0.98", control=True).first.runs == 1
    for control, wanted in ((False, "0 of 1"), (True, "1 of 1")):
        table = tables.order_table([record], control=control)
        assert table.loc["dual, 98 % × 3", "mul first"] == wanted
    said = leaks.leak_sentence(leaks.leak_tests([record]))
    assert "In 0 of 2 curves" in said  # 5 x 5 pairs: a random subset may be as late
    assert "500 steps after the step on all test pairs in the median, and 700 at most" in said


def test_the_null_of_the_control():
    record = made_records.record(7, {"add": 800, "mul": 600}, leaked_first=True)
    found = leak_test(record, "add", "0.98")
    assert (found.plain, found.control, found.later) == (800, 800, False)
    assert found.low <= 800 <= found.high
    assert found.pairs == record.table.twinless("add").sum()
    assert found.right == pytest.approx(1.0) and found.pairs / 2 <= found.orbits < found.pairs
    # Twinless pairs never answered, all others at once: no random subset is as late.
    bits = record.correct().copy()
    bits[:, 0, ~record.table.twinless("add")] = True
    bits[:, 0, record.table.twinless("add")] = False
    metrics = record.metrics.assign(test_accuracy_add=(record.steps >= 100) * 1.0)
    late = dataclasses.replace(record, metrics=metrics, bits=np.packbits(bits, axis=-1))
    found = leak_test(late, "add", "0.90", draws=20)
    assert found.control is None
    assert found.plain == 100 and found.right == 0
    said = leaks.leak_sentence([found])
    assert said.endswith("At the grok step on all pairs, right on twinless pairs: 0 % of add.")
    assert tables.leak_table([late], [found])["right by then (%)"].item() == "0.0"


def test_with_twins_on_one_side_the_control_is_the_plain_curve(tmp_path):
    config = dataclasses.replace(TINY, split="symmetric")
    shown = run(config, Plan(steps=300, **STREAMS), Store(tmp_path)).directory.record()
    assert shown.config == config and len(shown.table.train) == 50
    assert shown.accuracy("add", "train")[-1] > shown.accuracy("add", "train")[0]
    for task in config.tasks:
        assert np.allclose(shown.twinless_accuracy(task), shown.accuracy(task), atol=1e-6)
        for rule in RULES:
            assert shown.grok_step(task, rule, control=True) == shown.grok_step(task, rule)
        found = leak_test(shown, task, "0.90", draws=3)
        assert found.pairs == len(shown.table.test) and not found.later


def test_a_task_that_never_finishes_comes_last():
    runs = [
        made_records.record(1, {"add": None, "mul": 400}),
        made_records.record(2, {"add": 400, "mul": None}),
        made_records.record(3, {"add": None, "mul": None}),
    ]
    found = count_orders(runs, ("mul", "add"), "0.98")
    assert (found.n, found.censored, len(found.left_out)) == (2, 2, 1)
    held = (found.first, found.strict, found.first_or_tied)
    assert [each.runs for each in held] == [1, 1, 1]


def test_the_finding_in_full():
    still = made_records.record(9, {"add": None, "mul": None})
    config = RunConfig(tasks=("add", "mul"), modulus=5, seed=9, weight_decay=0.0)
    still = dataclasses.replace(still, config=config, metrics=still.metrics.iloc[:15])
    runs = [
        made_records.record(1, {"add": 500, "mul": 400}),
        made_records.record(4, {"add": 500, "mul": 300}),
        made_records.record(3, {"add": 400, "mul": 700}),
    ]
    said = chapter.finding([*runs, still])
    assert "mul is strictly first in 2 of 3 runs (as many by chance alone: 50 %)" in said
    assert "Without weight decay, 1 of 1 run did not grok within 1,400 steps" in said
    config = RunConfig(tasks=("add", "mul"), modulus=5, seed=10, weight_decay=0.0)
    shorter = dataclasses.replace(still, config=config, metrics=still.metrics.iloc[:8])
    both = chapter.finding([*runs, still, shorter])
    assert "Without weight decay, 2 of 2 runs did not grok within 700 to 1,400 steps" in both


def test_seeds_are_the_unit_and_decays_are_not_pooled():
    runs = [made_records.record(1, {"add": 500, "mul": 400})]
    config = dataclasses.replace(runs[0].config, weight_decay=0.5)
    runs.append(dataclasses.replace(runs[0], config=config))
    assert [race.title for race in chapter.races(runs)] == ["dual", "dual, λ 0.5"]
    assert {g.interval.n for panel in chapter.gaps(runs).values() for g in panel} == {1}


def test_means_are_of_the_published_rule():
    record = made_records.record(1, {"add": 500, "mul": 400})
    record = dataclasses.replace(record, config=RunConfig(tasks=("add", "mul"), seed=1))
    assert tables.mean_table([record], claims()).iloc[0]["our mean"] == "700"


def test_the_config_of_another_run_is_refused(finished):
    path = finished.path / "config.json"
    head = read_sealed(path)
    head["config"] |= dict.fromkeys(("seed", "split_seed", "init_seed", "batch_seed"), 6)
    path.write_bytes(seal(head))
    with pytest.raises(StoreError, match="names config"):
        RunDirectory(finished.path)


@pytest.mark.parametrize("name", ["config.json", "commit.json"])
def test_a_run_of_another_format_is_refused_and_passed_over(name, finished):
    path = finished.path / name
    path.write_bytes(seal(read_sealed(path) | {"format": 2}))
    says = rf"{name} is of another version: its format is 2, and grokbook [\d.]+ reads format 1$"
    with pytest.raises(StoreError, match=says):
        RunDirectory(finished.path)
    said = []
    assert Store(finished.path.parents[2]).runs(warn=said.append) == []
    assert len(said) == 1 and "\n" not in said[0]


def test_the_marker_of_another_run_is_refused(finished):
    path = finished.path / "commit.json"
    path.write_bytes(seal(read_sealed(path) | {"config_id": "0" * 12}))
    with pytest.raises(StoreError, match=rf"commit.json is of run 0{{12}}, .* is of {TINY.id} \("):
        RunDirectory(finished.path)


@pytest.mark.parametrize("kind", [Results, lambda folder: Recorded(Results(folder))])
def test_results_of_another_format_are_refused(kind, tmp_path):
    results = kind(tmp_path)
    for name in ("manifest", "measurements"):
        (tmp_path / f"{name}.json").write_bytes(seal({"format": 2, "runs": {}, "measurements": {}}))
    with pytest.raises(StoreError, match="of another version: its format is 2, .* reads format 1$"):
        results.manifest()
    (line,) = results.verify()
    assert "its format is 2" in line


def test_divergence_ends_a_run(tmp_path):
    bad = dataclasses.replace(TINY, weight_decay=1e308)
    outcome = run(bad, Plan(steps=100, **STREAMS), Store(tmp_path))
    assert outcome.status == "diverged"
    assert outcome.step <= 10


def test_each_model_has_its_own_clip():
    configs = [RunConfig(tasks=("add",), seed=1, clip_norm=c) for c in (1.0, 0.1)]
    both, alone = (Trainer(c, dtype=torch.float64) for c in (configs, configs[1:]))
    for trainer in (both, alone):
        trainer.advance(5)
    torch.testing.assert_close(both.theta[1], alone.theta[0], rtol=0, atol=1e-10)


def test_the_trainers_state_is_whole():
    first, second = Trainer([TINY]), Trainer([TINY])
    first.advance(3)
    second.load(first.state())
    state = second.state()
    assert all(torch.equal(value, state[name]) for name, value in first.state().items())


def test_a_lost_marker_loses_no_run(finished):
    (finished.path / "commit.json").rename(finished.path / "commit.json.bak")
    before = sorted(finished.path.rglob("*"))
    with pytest.raises(StoreError, match="holds a run but no commit.json"):
        run(TINY, Plan(steps=300, **STREAMS), Store(finished.path.parents[2]))
    assert sorted(finished.path.rglob("*")) == before


def test_a_failed_extension_keeps_the_run_usable(finished, monkeypatch):
    from grokbook.store.files import Disk

    store, place = Store(finished.path.parents[2]), Disk.place

    def full(self, path, data):
        if path.name == "answers.npz":
            raise StoreError("the disk is full")
        return place(self, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Disk, "place", full)
        with pytest.raises(StoreError, match="disk is full"):
            run(TINY, Plan(steps=400, **STREAMS), store)
    left = RunDirectory(finished.path)
    assert left.verify() == []
    outcome = run(TINY, Plan(steps=400, **STREAMS), store)
    assert outcome.directory.record().last_step == 400


def test_a_longer_plan_leaves_what_one_long_plan_leaves(finished, tmp_path):
    longer = run(TINY, Plan(steps=350, **STREAMS), Store(finished.path.parents[2])).directory
    straight = run(TINY, Plan(steps=350, **STREAMS), Store(tmp_path / "straight")).directory
    assert list(longer.snapshots()) == list(straight.snapshots())


def test_minus_zero_is_zero():
    assert (
        RunConfig(tasks=("add",), weight_decay=-0.0).id
        == RunConfig(tasks=("add",), weight_decay=0.0).id
    )


def test_the_numerics_id_is_for_ever():
    pinned = Numerics(
        torch="2.13.0", numpy="2.4.6", machine="x86_64", capability="AVX512", kernels="00000000"
    )
    assert pinned.id == "2e15cf59"
    assert dataclasses.replace(pinned, kernels="00000001").id != pinned.id
    assert Numerics.here() == Numerics.here()

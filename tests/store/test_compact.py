"""The recorded forms say what the store's forms say: answers to the bit, products in float32."""

import dataclasses
import io
import zipfile

import numpy as np
import pandas as pd
import pytest

import made_records
from grokbook.claims.shelf import Shelf
from grokbook.config import RunConfig
from grokbook.events import RULES
from grokbook.plan import Plan
from grokbook.store import Store, StoreError, compact, parquet
from grokbook.store.derived import Grams, gram_file, measured
from grokbook.store.recorded import Results
from grokbook.studies.finishing_order import leak_test
from grokbook.training.run import run


def archive(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def named(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return dict(found)


def told(right, accuracy=0.0, by_heart=1.0):
    """A record of (E, T, N) answers, whose test and training accuracies are given."""
    config = RunConfig(tasks=("add", "mul", "sq")[: right.shape[1]], modulus=5, domain="full")
    accuracy = np.broadcast_to(accuracy, (len(right),))
    metrics = {"step": np.arange(len(right)) * 100}
    metrics |= {f"test_accuracy_{task}": accuracy for task in config.tasks}
    metrics |= {f"train_accuracy_{task}": by_heart for task in config.tasks}
    return made_records.finished(config, metrics, right)


@pytest.mark.parametrize(("evaluations", "tasks"), [(1, 1), (9, 2), (16, 3), (compact.LONG, 2)])
def test_answers_come_back_to_the_bit(evaluations, tasks):
    right = np.random.default_rng(0).random((evaluations, tasks, 25)) < 0.5
    record = told(right)
    small = compact.read_answers(compact.answers(record))
    np.testing.assert_array_equal(small["bits"], record.bits)
    np.testing.assert_array_equal(small["answered"], record.steps)
    assert small["bits"].dtype == record.bits.dtype and "twinless" not in small
    again = compact.answers(dataclasses.replace(record, **small))
    assert again == compact.answers(record)  # once is enough


def test_the_stores_form_is_read_as_it_is():
    bits = np.arange(8, dtype=np.uint8).reshape(4, 1, 2)
    found = compact.read_answers(archive(steps=np.arange(4), bits=bits))
    assert set(found) == {"bits"}
    np.testing.assert_array_equal(found["bits"], bits)


def test_a_history_is_one_pairs_answers_over_time():
    right = np.zeros((9, 1, 25), dtype=bool)
    right[8, 0, 2] = right[0, 0, 2] = True
    histories = named(compact.answers(told(right)))["histories"]
    assert histories.shape == (1, 32, 2)
    assert histories[0, 2].tolist() == [128, 128] and histories.sum() == 256


def test_of_a_long_run_the_plateaus_are_thinned_and_the_rise_is_whole():
    count = compact.LONG + 73
    accuracy = np.where(np.arange(count) < 150, 0.1, 0.5)
    by_heart = np.where(np.arange(count) < 17, 0.98, 1.0)
    right = np.random.default_rng(0).random((count, 2, 25)) < accuracy[:, None, None]
    record = told(right, accuracy, by_heart)
    rows = compact.kept(record)
    assert rows.tolist() == [*range(17), *range(20, 150, 10), *range(150, count)]
    assert compact.kept(told(right)).tolist() == [*range(0, count, 10)]  # never half right
    assert compact.kept(told(right[:-4])).tolist()[-2:] == [190, 196]  # the last one, too
    one = told(right, accuracy)  # as long as one of two tasks is not known by heart
    one.metrics["train_accuracy_mul"] = by_heart
    assert compact.kept(one).tolist() == rows.tolist()

    small = compact.answers(record)
    thin = dataclasses.replace(record, **compact.read_answers(small))
    assert thin.answer_steps.tolist() == (rows * 100).tolist()
    np.testing.assert_array_equal(thin.correct(), right[rows])
    assert compact.answers(thin) == small
    for task in record.config.tasks:  # what is counted is known of every evaluation
        np.testing.assert_array_equal(thin.twinless_accuracy(task), record.twinless_accuracy(task))
        assert len(thin.twinless_accuracy(task)) == count
        assert np.nanmax(thin.twinless_accuracy(task)) > 0


@pytest.mark.parametrize("count", [7, 21, 25, compact.LONG + 73])
def test_of_a_run_with_an_intervention_one_evaluation_in_ten_is_kept_and_the_last(count):
    right = np.random.default_rng(0).random((count, 2, 25)) < 0.5
    record = told(right, accuracy=0.5)
    kick = {"transform": "kick", "strength": 1.0, "start": 5}
    record = dataclasses.replace(
        record, config=dataclasses.replace(record.config, intervention=kick)
    )
    rows = sorted({*range(0, count, 10), count - 1})
    assert compact.kept(record).tolist() == rows
    thin = dataclasses.replace(record, **compact.read_answers(compact.answers(record)))
    np.testing.assert_array_equal(thin.correct(), right[rows])
    for task in record.config.tasks:  # what is counted is known of every evaluation
        np.testing.assert_array_equal(thin.twinless_accuracy(task), record.twinless_accuracy(task))


def test_a_long_run_with_twins_apart_is_thinned_from_end_to_end():
    def rows(count, **change):
        record = told(np.zeros((count, 2, 16), dtype=bool), 0.6)
        config = dataclasses.replace(record.config, tasks=("add", "mul"), **change)
        return compact.kept(dataclasses.replace(record, config=config)).tolist()

    long = compact.LONG_APART + 5
    apart = {"split": "symmetric", "domain": "nonzero"}
    assert rows(long, **apart) == [*range(0, long, 10), long - 1]
    assert rows(compact.LONG_APART, **apart) == [*range(compact.LONG_APART)]
    assert rows(long) == [*range(long)]


def test_a_rule_says_of_subsets_of_a_thinned_run_what_it_says_of_the_whole():
    count = 400
    place = np.arange(count)[:, None, None]
    late = np.random.default_rng(2).normal(300, 20, size=(1, 1, 25))
    right = np.random.default_rng(3).random((count, 1, 25)) < 0.98 / (
        1 + np.exp((late - place) / 9)
    )
    record = told(right)
    accuracy = right[:, 0, ~record.table.trained].mean(axis=1)
    record = dataclasses.replace(record, metrics=record.metrics.assign(test_accuracy_add=accuracy))
    thin = dataclasses.replace(record, **compact.read_answers(compact.answers(record)))
    assert len(thin.answer_steps) < 0.5 * count
    for rule in RULES:
        assert leak_test(thin, "add", rule, draws=40) == leak_test(record, "add", rule, draws=40)
    assert leak_test(thin, "add", "0.90").low > 20_000


def symmetric(seed):
    paths = np.random.default_rng(seed).normal(size=(9, 7, 5))
    products = paths @ paths.transpose(0, 2, 1)
    return (products + products.transpose(0, 2, 1)) / 2


def test_inner_products_come_back_each_as_the_nearest_in_float32():
    products = symmetric(2)
    content = archive(steps=np.arange(7), blocks=np.array(list("abcdefghi")), products=products)
    small = compact.grams(content)
    packed = named(small)["products"]
    assert packed.shape == (9, 28) and packed.dtype == np.float32
    back = compact.gram_products(named(small))
    assert back.dtype == np.float64
    np.testing.assert_array_equal(back, products.astype(np.float32))
    np.testing.assert_allclose(back, products, rtol=2.0**-24, atol=0)
    np.testing.assert_array_equal(compact.gram_products(named(content)), products)
    assert compact.grams(small) == small
    for name, found in Grams.read(small).products.items():
        np.testing.assert_array_equal(found, back["abcdefghi".index(name)])


def test_triangles_of_float64_as_they_were_recorded_once_become_float32():
    products = symmetric(3)
    rows, columns = np.triu_indices(7)
    old = archive(
        steps=np.arange(7), blocks=np.array(list("abcdefghi")), products=products[:, rows, columns]
    )
    np.testing.assert_array_equal(compact.gram_products(named(old)), products)
    np.testing.assert_array_equal(
        compact.gram_products(named(compact.grams(old))), products.astype(np.float32)
    )


def test_the_same_arrays_give_the_same_bytes_whenever_they_are_recorded(monkeypatch):
    record = told(np.ones((4, 1, 25), dtype=bool))
    first = compact.answers(record)
    with zipfile.ZipFile(io.BytesIO(first)) as found:
        assert {each.date_time for each in found.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert compact.answers(record) == first


def test_metrics_come_back_to_the_bit_and_in_order():
    noise = np.random.default_rng(6).normal(size=300)
    loss = np.exp(-np.arange(300) / 40) * (1 + 0.01 * noise)
    columns = {"step": np.arange(300) * 100, "train_loss_add": loss, "gradient_norm": loss**0.5}
    columns |= {"test_accuracy_add": np.minimum(np.arange(300) // 60 / 4, 1.0)}
    columns["gradient_norm"][0] = np.nan
    frame = pd.DataFrame(columns)
    file = io.BytesIO()
    frame.to_parquet(file, index=False, compression="zstd")
    small = compact.metrics(file.getvalue())
    back = parquet.table(small).to_pandas()
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert back.index.equals(frame.index)
    assert [back[name].to_numpy().tobytes() for name in back] == [
        frame[name].to_numpy().tobytes() for name in frame
    ]
    assert compact.metrics(small) == small and len(small) < 0.7 * len(file.getvalue())


def test_products_that_are_not_symmetric_stay_whole():
    products = np.arange(9.0).reshape(1, 3, 3)
    content = archive(steps=np.arange(3), blocks=np.array(["a"]), products=products)
    assert compact.grams(content) == content


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    tiny = RunConfig(
        tasks=("add", "mul"), modulus=11, width=16, heads=2, hidden=16, batch_size=16, seed=5
    )
    plan = Plan(steps=200, after_grok=None, cadence=10, dense_until=30, window=3)
    return run(tiny, plan, Store(tmp_path_factory.mktemp("store"))).directory


def test_a_recorded_run_says_what_its_run_says(finished, tmp_path):
    Results(tmp_path).add(finished)
    (folder,) = (tmp_path / "runs").iterdir()
    assert "histories" in named((folder / "answers.npz").read_bytes())
    theirs = measured(finished).files["metrics.parquet"]
    recorded = (folder / "metrics.parquet").read_bytes()
    assert recorded == compact.metrics(theirs) != theirs
    assert named((folder / "gram.npz").read_bytes())["products"].ndim == 2
    record = Results(tmp_path).get(finished.config.id)
    np.testing.assert_array_equal(record.bits, finished.record().bits)
    ours, theirs = Results(tmp_path).grams(finished.config.id), Grams.read(gram_file(finished))
    for block, products in theirs.products.items():
        np.testing.assert_array_equal(ours.products[block], products.astype(np.float32))
    assert not (folder / "band.npz").exists() and finished.file("band.npz").exists()
    assert "bits" in named(measured(finished).files["answers.npz"])  # the store keeps its form


def test_of_a_run_with_an_intervention_no_inner_products_are_recorded(
    finished, tmp_path, monkeypatch
):
    kick = {"transform": "kick", "strength": 1.0, "start": 5}
    kicked = dataclasses.replace(finished.config, intervention=kick)
    plan = Plan(steps=200, after_grok=None, cadence=10, dense_until=30, window=3)
    kicked = run(kicked, plan, Store(tmp_path / "store")).directory
    results = Results(tmp_path / "results")
    with monkeypatch.context() as before:  # as all runs were recorded once
        before.setattr(compact, "products_are_kept", lambda config: True)
        assert len(results.add(kicked)["files"]) == 3
    assert results.grams(kicked.config.id).products
    entry = results.add(kicked)
    folder = tmp_path / "results" / "runs" / kicked.config.id
    names = ["answers.npz", "metrics.parquet"]
    assert sorted(entry["files"]) == sorted(each.name for each in folder.iterdir()) == names
    assert results.verify() == [] and results.add(kicked) == entry
    steps = kicked.record().steps
    assert results.get(kicked.config.id).answer_steps.tolist() == [*steps[::10], steps[-1]]
    with pytest.raises(StoreError, match="kick.*recorded without inner products"):
        results.grams(kicked.config.id)
    assert Shelf(results).execution(kicked.config.id).read_grams is None

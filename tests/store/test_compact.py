"""The recorded forms say what the store's forms say: answers to the bit, products in float32."""

import io
import zipfile

import numpy as np
import pytest

from grokbook.config import RunConfig
from grokbook.plan import Plan
from grokbook.store import Store, compact
from grokbook.store.derived import Grams, gram_file, measured
from grokbook.store.recorded import Results
from grokbook.training.run import run


def archive(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def named(content):
    with np.load(io.BytesIO(content), allow_pickle=False) as found:
        return dict(found)


@pytest.mark.parametrize(("evaluations", "tasks", "items"), [(1, 1, 1), (9, 2, 23), (16, 3, 64)])
def test_answers_come_back_to_the_bit(evaluations, tasks, items):
    right = np.random.default_rng(0).random((evaluations, tasks, items)) < 0.5
    bits = np.packbits(right, axis=-1)
    steps = np.arange(evaluations) * 100
    small = compact.answers(archive(steps=steps, bits=bits))
    np.testing.assert_array_equal(compact.answer_bits(small), bits)
    assert compact.answer_bits(small).dtype == bits.dtype
    assert compact.answers(small) == small  # once is enough


def test_a_history_is_one_pairs_answers_over_time():
    right = np.zeros((9, 1, 8), dtype=bool)
    right[8, 0, 2] = right[0, 0, 2] = True
    small = compact.answers(archive(steps=np.arange(9), bits=np.packbits(right, axis=-1)))
    histories = named(small)["histories"]
    assert histories.shape == (1, 8, 2)
    assert histories[0, 2].tolist() == [128, 128] and histories.sum() == 256


def test_histories_take_less_room_where_each_pair_keeps_to_its_answer():
    draw = np.random.default_rng(1)
    mostly, slips = draw.random(2_000) < 0.5, draw.random((400, 1, 2_000)) < 0.05
    content = archive(steps=np.arange(400), bits=np.packbits(mostly ^ slips, axis=-1))
    assert len(compact.answers(content)) < 0.8 * len(content)


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


def test_a_band_comes_back_each_product_as_the_nearest_in_float32():
    products = np.random.default_rng(4).normal(size=(5, 210)) * 10.0 ** np.arange(-8, 2, 2)[:, None]
    content = archive(steps=np.arange(5), products=products, window=np.array(20))
    small = compact.bands(content)
    assert named(small)["products"].dtype == np.float32 and named(small)["window"] == 20
    np.testing.assert_allclose(named(small)["products"], products, rtol=2.0**-24, atol=0)
    np.testing.assert_array_equal(named(small)["steps"], np.arange(5))
    assert compact.bands(small) == small and len(small) < 0.6 * len(content)


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
    content = archive(steps=np.arange(4), bits=np.arange(8, dtype=np.uint8).reshape(4, 1, 2))
    first = compact.answers(content)
    with zipfile.ZipFile(io.BytesIO(first)) as found:
        assert {each.date_time for each in found.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert compact.answers(content) == first


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
    assert named((folder / "gram.npz").read_bytes())["products"].ndim == 2
    record = Results(tmp_path).get(finished.config.id)
    np.testing.assert_array_equal(record.bits, finished.record().bits)
    ours, theirs = Results(tmp_path).grams(finished.config.id), Grams.read(gram_file(finished))
    for block, products in theirs.products.items():
        np.testing.assert_array_equal(ours.products[block], products.astype(np.float32))
    theirs = named(finished.file("band.npz").read_bytes())["products"]
    np.testing.assert_array_equal(
        named((folder / "band.npz").read_bytes())["products"], theirs.astype(np.float32)
    )
    assert "bits" in named(measured(finished).files["answers.npz"])  # the store keeps its form

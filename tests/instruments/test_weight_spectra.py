"""The instrument ``weight-spectra`` on a run: rows against plain numpy on the same snapshot."""

import numpy as np
import pandas as pd
import pytest

from grokbook.config import RunConfig
from grokbook.instruments.subject import Subject
from grokbook.instruments.weight_spectra import WEIGHT_SPECTRA
from grokbook.plan import Plan
from grokbook.store import Store
from grokbook.training.run import run

TINY = {"modulus": 13, "width": 16, "heads": 2, "hidden": 32, "batch_size": 32}
STEP = 60


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    config = RunConfig(tasks=("add", "mul"), learning_rate=1e-2, **TINY)
    plan = Plan(steps=80, cadence=20, full_state=True)
    return Subject(run(config, plan, Store(tmp_path_factory.mktemp("store"))).directory)


@pytest.fixture(scope="module")
def rows(subject):
    found = WEIGHT_SPECTRA.rows(subject, STEP, WEIGHT_SPECTRA.complete({}))
    return pd.DataFrame(found).set_index(["quantity", "part"]).sort_index()


def test_a_point_a_snapshot(subject):
    assert WEIGHT_SPECTRA.points(subject, WEIGHT_SPECTRA.complete({})) == [0, 20, 40, 60, 80]
    assert WEIGHT_SPECTRA.points(subject, {"snapshots": 3}) == [0, 40, 80]
    stopped = Subject(subject.run)
    stopped.grok = 75
    assert WEIGHT_SPECTRA.points(stopped, {"snapshots": 3}) == [0, 40, 60, 80]
    assert WEIGHT_SPECTRA.seconds(subject, {}) > 0


def test_a_matrix(subject, rows):
    state = subject.layout.views(subject.theta(STEP)[None].double())
    start = subject.layout.views(subject.theta(0)[None].double())
    name = "encoder.layers.1.self_attn.in_proj_weight"
    now, first = (each[name][0, 16:32].numpy() for each in (state, start))  # W_K
    values = np.linalg.svd(now, compute_uv=False)
    found = {q: rows.loc[(q, "1.W_K")] for q in ("sigma", "moved_sigma", "g12", "g23", "ratio")}
    np.testing.assert_allclose(found["sigma"].value, values[:5], rtol=1e-12)
    assert found["sigma"]["at"].tolist() == [1, 2, 3, 4, 5]
    moved = np.linalg.svd(now - first, compute_uv=False)
    np.testing.assert_allclose(found["moved_sigma"].value, moved[:5], rtol=1e-10)
    assert found["g12"].value.item() == pytest.approx(values[0] - values[1], rel=1e-10)
    assert found["g23"].value.item() == pytest.approx(values[1] - values[2], rel=1e-10)
    assert found["ratio"].value.item() == pytest.approx(values[0] / values[1], rel=1e-12)
    assert found["g12"].error.item() == pytest.approx(2 * found["sigma"].error.max(), rel=1e-12)
    p = values / values.sum()
    rank = rows.loc[("effective_rank", "1.W_K")].value.item()
    assert rank == pytest.approx(np.prod(p**-p), rel=1e-10)
    # Either of the two may be off by its own bound.
    bound = 2**-24 * (np.linalg.norm(now) + np.linalg.norm(first))
    np.testing.assert_allclose(found["moved_sigma"].error, bound, rtol=1e-12)


def test_a_layer_and_its_heads(subject, rows):
    views = subject.layout.views(subject.theta(STEP)[None].double())
    for layer in (0, 1):
        fused = views[f"encoder.layers.{layer}.self_attn.in_proj_weight"][0].numpy()
        q, k = fused[:16], fused[16:32]
        size = np.linalg.norm(q @ k - k @ q)
        assert rows.loc[("commutator", f"{layer}")].value.item() == pytest.approx(size, rel=1e-11)
        share = rows.loc[("commutator_share", f"{layer}")].value.item()
        assert share == pytest.approx(size / np.linalg.norm(q) / np.linalg.norm(k), rel=1e-11)
        x, y = q[8:, 8:], k[8:, 8:]
        block = rows.loc[("commutator", f"{layer}.1")].value.item()
        assert block == pytest.approx(np.linalg.norm(x @ y - y @ x), rel=1e-11)
        operator = q[8:].T @ k[8:]
        values = np.linalg.svd(operator, compute_uv=False)[:5]
        np.testing.assert_allclose(rows.loc[("operator_sigma", f"{layer}.1")].value, values)
        size = rows.loc[("operator_norm", f"{layer}.1")].value.item()
        assert size == pytest.approx(np.linalg.norm(operator), rel=1e-11)
        sigma = np.linalg.svd(operator, compute_uv=False)[:8]  # the head's eight dimensions
        p = sigma / sigma.sum()
        rank = rows.loc[("operator_effective_rank", f"{layer}.1")].value.item()
        assert rank == pytest.approx(np.prod(p**-p), rel=1e-9)
        asymmetry = np.linalg.norm(operator - operator.T) / np.linalg.norm(operator)
        found = rows.loc[("operator_asymmetry", f"{layer}.1")].value.item()
        assert found == pytest.approx(asymmetry, rel=1e-11)


def test_readouts(subject, rows):
    views = subject.layout.views(subject.theta(STEP)[None].double())
    x, y = (views[f"heads.{t}.weight"][0].reshape(-1).numpy() for t in (0, 1))
    cosine = x @ y / np.linalg.norm(x) / np.linalg.norm(y)
    found = rows.loc[("head_cosine", "add×mul")]
    assert found.value.item() == pytest.approx(cosine, abs=1e-13)
    sds = rows.loc[("head_cosine_sds", "add×mul")].value.item()
    assert sds == pytest.approx(cosine * np.sqrt(13 * 16), rel=1e-9)


def test_a_run_without_full_states_has_no_readouts(tmp_path):
    config = RunConfig(tasks=("add", "mul"), **TINY)
    subject = Subject(run(config, Plan(steps=20, cadence=20), Store(tmp_path)).directory)
    found = pd.DataFrame(WEIGHT_SPECTRA.rows(subject, 20, {"snapshots": 9}))
    assert "head_cosine" not in set(found.quantity)
    assert set(found.quantity) == set(WEIGHT_SPECTRA.quantities) - {
        "head_cosine",
        "head_cosine_sds",
    }

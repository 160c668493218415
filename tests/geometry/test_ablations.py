"""Eigenvector ablations: every protocol against dense matrices, block by block."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from grokbook.geometry.ablations import ablations, attention_entries

D = 16  # entries of a 4 × 4 matrix


@pytest.fixture(scope="module")
def path(tiny):
    """14 snapshots (n, P) in float64."""
    noise = np.random.default_rng(3).standard_normal((14, tiny.layout.size))
    return tiny.theta.numpy() + noise.cumsum(axis=0)


@pytest.fixture(scope="module")
def found(tiny, path):
    return {
        name: [new.theta.numpy() for new in ablation.path()]
        for name, ablation in ablations(tiny.layout, path)
    }


@pytest.fixture(scope="module")
def blocks(tiny):
    """The eight matrices' entries by hand, from the plain shapes."""
    entries = []
    for layer in range(2):
        at = tiny.layout.offsets[f"encoder.layers.{layer}.self_attn.in_proj_weight"]
        entries += [np.arange(at + k * D, at + (k + 1) * D) for k in range(3)]
        at = tiny.layout.offsets[f"encoder.layers.{layer}.self_attn.out_proj.weight"]
        entries.append(np.arange(at, at + D))
    return entries


def projector(rows, k, *, centred):
    if centred:
        vectors = PCA(k, svd_solver="full").fit(rows).components_
    else:
        vectors = np.linalg.svd(rows - rows[0], full_matrices=False)[2][:k]
    return vectors.T @ vectors


def test_entries_are_those_of_the_four_matrices(tiny, blocks):
    entries = attention_entries(tiny.layout)
    assert list(entries)[:5] == ["0.W_Q", "0.W_K", "0.W_V", "0.W_O", "1.W_Q"]
    assert all(np.array_equal(a, b) for a, b in zip(entries.values(), blocks, strict=True))


def test_how_far_each_protocol_goes(found):
    lengths = {name: len(path) for name, path in found.items()}
    assert lengths == {
        "v1": 3,
        "v1 removed": 2,
        "v2": 16,
        "v3": 20,
        "v1 uncentred": 8,
        "v1 uncentred removed": 2,
        "v1 on weights": 3,
        "v1 on weights removed": 2,
        "v4": 13 - 1,  # centring takes one direction of 13 displacements
        "v4 on weights": 13 - 1,
    }


def test_the_published_k(tiny, path):
    """2602.18523 section 4.9; uncentred directions are ours, up to all that are kept."""
    counts = {name: ablation.count for name, ablation in ablations(tiny.layout, path)}
    published = {"v1": 3, "v1 removed": 2, "v2": 16, "v3": 20, "v4": 30}
    own = {"v1 uncentred": 8, "v1 uncentred removed": 2}
    own |= {f"{name} on weights": published[name] for name in ("v1", "v4")}
    assert counts == published | own | {"v1 on weights removed": 2}


@pytest.mark.parametrize("name", ["v1", "v1 uncentred", "v1 removed", "v1 uncentred removed"])
def test_v1_treats_every_matrix_alike(found, path, blocks, name):
    for k, theta in enumerate(found[name], start=1):
        expected = path[-1].copy()
        for part in blocks:
            rows = path[:, part]
            kept = projector(rows, k, centred="uncentred" not in name) @ (rows[-1] - rows[0])
            expected[part] = rows[-1] - kept if "removed" in name else rows[0] + kept
        assert np.allclose(theta, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("name", "elsewhere"), [("v2", 0), ("v3", -1)])
def test_v2_and_v3_go_matrix_by_matrix(found, path, blocks, name, elsewhere):
    for k, theta in enumerate(found[name], start=1):
        expected = path[elsewhere].copy()
        for place, part in enumerate(blocks):
            rows, own = path[:, part], min(max(k - 8 * place, 0), 8)
            expected[part] = rows[0]
            if own:
                expected[part] += projector(rows, own, centred=True) @ (rows[-1] - rows[0])
        assert np.allclose(theta, expected, rtol=0, atol=1e-10)


def test_v4_loses_the_mean(found, path):
    """θ(0) + V_kV_kᵀΔ with centred directions: what of the mean is orthogonal to them is gone."""
    rows, delta = path[1:], path[-1] - path[0]
    for k, theta in enumerate(found["v4"], start=1):
        pca = PCA(k, svd_solver="full").fit(rows)
        expected = path[0] + pca.components_.T @ (pca.components_ @ delta)
        assert np.allclose(theta, expected, rtol=0, atol=1e-9)
    lost = path[-1] - found["v4"][-1]
    assert np.allclose(pca.components_ @ lost, 0, atol=1e-9)
    mean = rows.mean(axis=0) - path[0]
    mean -= pca.components_.T @ (pca.components_ @ mean)
    assert np.allclose(lost, mean, rtol=0, atol=1e-9)


def test_on_weights_the_directions_are_of_what_is_there(found, path, blocks):
    """V_kV_kᵀθ and θ − V_kV_kᵀθ, matrix by matrix and of the whole: θ(0) is not put back."""
    for k, (kept, gone) in enumerate(
        zip(found["v1 on weights"], found["v1 on weights removed"], strict=False), start=1
    ):
        left, removed = path[-1].copy(), path[-1].copy()
        for part in blocks:
            own = projector(path[:, part], k, centred=True) @ path[-1, part]
            left[part] = own
            removed[part] -= own
        assert np.allclose(kept, left, rtol=0, atol=1e-10)
        assert np.allclose(gone, removed, rtol=0, atol=1e-10)
    for k, theta in enumerate(found["v4 on weights"], start=1):
        expected = projector(path[1:], k, centred=True) @ path[-1]
        assert np.allclose(theta, expected, rtol=0, atol=1e-9)


def test_snapshots_are_not_changed(tiny, path, found):
    before = path.copy()
    for _, ablation in ablations(tiny.layout, path):
        list(ablation.path())
    assert np.array_equal(path, before)
    assert torch.equal(ablation.theta, torch.from_numpy(path[-1]))

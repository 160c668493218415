"""Gram matrices against brute force and against scikit-free PCA by SVD."""

import numpy as np

from grokbook.geometry.trajectory import gram, thin


def test_gram_holds_the_pca():
    generator = np.random.default_rng(0)
    walk = generator.normal(size=(12, 40)).cumsum(axis=0).astype(np.float32)
    blocks = {"a": slice(0, 25), "b": slice(25, 40)}
    found = gram(walk, blocks)
    moved = walk.astype(np.float64) - walk[0].astype(np.float64)
    brute = [[float((x[:25] * y[:25]).sum()) for y in moved] for x in moved]
    np.testing.assert_allclose(found["a"], brute, rtol=1e-12)
    centring = np.eye(12) - 1 / 12
    spectrum = np.linalg.eigvalsh(centring @ found["all"] @ centring)[::-1]
    singular = np.linalg.svd(moved - moved.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(spectrum[:11], singular[:11] ** 2, rtol=1e-9)


def test_a_partial_cover_has_no_total():
    assert "all" not in gram(np.ones((2, 4)), {"a": slice(0, 3)})


def test_thin_keeps_both_ends():
    steps = np.arange(0, 30_100, 100)
    kept = thin(steps, 64)
    assert len(kept) == 64 and kept[0] == 0 and kept[-1] == 30_000
    assert thin(steps[:5], 64).tolist() == steps[:5].tolist()

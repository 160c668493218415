"""Compression: Eckart and Young, other libraries' SVD, brute force entry by entry, no-ops."""

import numpy as np
import pytest
import scipy.linalg
import torch
from sklearn.decomposition import TruncatedSVD

from grokbook.geometry.compression import modules, pruned, scaled, swapped, truncated
from grokbook.geometry.loss import Loss
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import TrunkLayout


@pytest.fixture(scope="module")
def origin(tiny):
    return initial_parameters(tiny.layout, [1], dtype=torch.float64)[0]


def matrices(layout, theta):
    return {
        name: view[0].numpy()
        for name, view in layout.views(theta[None]).items()
        if view[0].dim() == 2
    }


@pytest.mark.parametrize("attention", [False, True])
def test_truncation_is_scipys_and_its_error_the_dropped_singular_values(tiny, origin, attention):
    found = truncated(tiny.layout, tiny.theta, origin, (0, 1, 2, 3), attention=attention)
    before, start = matrices(tiny.layout, tiny.theta), matrices(tiny.layout, origin)
    reached = {n for n in before if not attention or "in_proj" in n or "out_proj" in n}
    total = sum(np.sum((before[n] - start[n]) ** 2) for n in reached)
    for rank, new in found.items():
        after, lost = matrices(tiny.layout, new.theta), 0.0
        for name in before:
            if name not in reached:
                assert np.array_equal(after[name], before[name])
                continue
            moved = before[name] - start[name]
            u, s, vt = scipy.linalg.svd(moved, full_matrices=False, lapack_driver="gesvd")
            expected = start[name] + (u[:, :rank] * s[:rank]) @ vt[:rank]
            assert np.allclose(after[name], expected, rtol=0, atol=1e-12)
            lost += np.sum(s[rank:] ** 2)
        change = np.sqrt(lost) / tiny.theta.norm().item()
        assert new.change == pytest.approx(change, rel=1e-10)
        assert new.kept == pytest.approx(1 - lost / total, abs=1e-12)
        for name, part in tiny.layout.slices.items():  # vectors stay
            if name not in before:
                assert torch.equal(new.theta[part], tiny.theta[part])


def test_the_fused_qkv_weight_is_one_matrix_and_scikit_learn_agrees(tiny):
    name = "encoder.layers.1.self_attn.in_proj_weight"
    part = tiny.layout.slices[name]
    weight = tiny.theta[part].view(12, 4).numpy()
    new = truncated(tiny.layout, tiny.theta, torch.zeros_like(tiny.theta), [2])[2]
    model = TruncatedSVD(2, algorithm="arpack", random_state=0)
    expected = model.fit_transform(weight) @ model.components_
    assert np.allclose(new.theta[part].view(12, 4).numpy(), expected, rtol=0, atol=1e-12)


def test_what_loses_nothing_changes_no_bit(tiny, origin):
    theta = tiny.theta.float()
    for start in (origin.float(), torch.zeros_like(theta)):
        for new in (
            pruned(theta, start, 1.0),
            scaled(theta, start, 1.0),
            truncated(tiny.layout, theta, start, [4])[4],
            truncated(tiny.layout, theta, start, [99], attention=True)[99],
            swapped(theta, start, torch.zeros(len(theta), dtype=torch.bool)),
        ):
            assert torch.equal(new.theta, theta) and new.change == 0 and new.kept == 1


def test_what_loses_everything_is_the_origin(tiny, origin):
    everywhere = torch.ones(tiny.layout.size, dtype=torch.bool)
    for new in (pruned(tiny.theta, origin, 0.0), swapped(tiny.theta, origin, everywhere)):
        assert torch.equal(new.theta, origin) and new.kept == 0
    assert torch.allclose(scaled(tiny.theta, origin, 0.0).theta, origin, rtol=0, atol=1e-15)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.999])
def test_pruning_keeps_the_largest_displacements_entry_by_entry(tiny, origin, share):
    new = pruned(tiny.theta, origin, share)
    sizes = sorted(
        range(tiny.layout.size), key=lambda i: (-abs((tiny.theta[i] - origin[i]).item()), i)
    )
    kept = set(sizes[: round(share * tiny.layout.size)])
    lost = 0.0
    for i in range(tiny.layout.size):
        assert new.theta[i] == (tiny.theta[i] if i in kept else origin[i])
        lost += 0 if i in kept else (tiny.theta[i] - origin[i]).item() ** 2
    assert new.change == pytest.approx(lost**0.5 / tiny.theta.norm().item(), rel=1e-12)


def test_of_equal_displacements_the_first_are_kept():
    theta = torch.ones(1000)  # many: short sorts are stable anyway
    assert pruned(theta, torch.zeros(1000), 0.3).theta.tolist() == [1] * 300 + [0] * 700


@pytest.mark.parametrize("factor", [0.1, 0.95, 1.05, 1.5])
def test_scaling_mixes_theta_with_its_origin(tiny, origin, factor):
    new = scaled(tiny.theta, origin, factor)
    assert torch.allclose(new.theta, factor * tiny.theta + (1 - factor) * origin, atol=1e-14)
    away = (tiny.theta - origin).norm() / tiny.theta.norm()
    assert new.change == pytest.approx(abs(1 - factor) * away.item(), rel=1e-10)
    assert new.kept == pytest.approx(1 - (1 - factor) ** 2, rel=1e-10)


def test_modules_cover_everything_once(tiny):
    masks = modules(tiny.layout)
    assert list(masks) == ["other", "block 0", "block 1", "heads"]
    assert torch.equal(sum(mask.int() for mask in masks.values()), torch.ones(358).int())
    # 5·4 + 2·4 + 2·4 | 4·16 + 16 + 2·(16 + 4) + 16 = 136 | heads 2·(20 + 5)
    sizes = {name: int(mask.sum()) for name, mask in masks.items()}
    assert sizes == {"other": 36, "block 0": 136, "block 1": 136, "heads": 50}
    published = {n: int(m.sum()) for n, m in modules(TrunkLayout(modulus=97, tasks=2)).items()}
    assert sum(published.values()) == 302_914 and published["heads"] == 2 * 97 * 129


def test_a_swap_is_a_copy_of_the_modules_tensors(tiny, origin):
    new = swapped(tiny.theta, origin, modules(tiny.layout)["block 1"])
    for name, part in tiny.layout.slices.items():
        source = origin if name.startswith("encoder.layers.1.") else tiny.theta
        assert torch.equal(new.theta[part], source[part])
    moved = (tiny.theta - origin).square()
    lost = moved[modules(tiny.layout)["block 1"]].sum() / moved.sum()
    assert new.kept == pytest.approx(1 - lost.item(), rel=1e-12)


def test_a_block_at_zero_lets_the_residual_stream_pass(tiny):
    """Then the network is one with that block's layers never built."""
    zero = torch.zeros_like(tiny.theta)
    new = swapped(tiny.theta, zero, modules(tiny.layout)["block 1"])
    short = TrunkLayout(modulus=5, tasks=2, layers=1, width=4, heads=2, hidden=4)
    rest = torch.cat(
        [
            tiny.theta[part]
            for name, part in tiny.layout.slices.items()
            if not name.startswith("encoder.layers.1.")
        ]
    )
    indices = list(range(16))
    both = [
        Loss.on(layout, tiny.table, indices).value(theta)
        for layout, theta in ((tiny.layout, new.theta), (short, rest))
    ]
    assert both[0] == pytest.approx(both[1], rel=1e-13)


def test_bad_arguments_are_named(tiny, origin):
    with pytest.raises(ValueError, match="not -1"):
        truncated(tiny.layout, tiny.theta, origin, [3, -1])
    with pytest.raises(ValueError, match=r"0 … 1, not 1\.5"):
        pruned(tiny.theta, origin, 1.5)
    with pytest.raises(ValueError, match="finite, not nan"):
        scaled(tiny.theta, origin, float("nan"))
    with pytest.raises(ValueError, match=r"\(358,\) bool"):
        swapped(tiny.theta, origin, torch.ones(358))

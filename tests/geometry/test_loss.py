"""The loss and its derivatives: the plain reference, finite differences, autograd's own checks."""

import pytest
import torch
import torch.nn.functional as F

from grokbook.geometry.loss import Loss, batches
from grokbook.models.exchange import to_state_dict
from grokbook.models.reference import PlainTransformer


def test_value_and_gradient_are_those_of_the_plain_reference(tiny):
    plain = PlainTransformer(tiny.config).double()
    plain.load_state_dict(to_state_dict(tiny.layout, tiny.theta[None]))
    out = plain(tiny.loss.pairs)
    loss = sum(F.cross_entropy(out[:, t], tiny.loss.labels[:, t]) for t in (0, 1))
    loss.backward()
    named = dict(plain.named_parameters())
    expected = torch.cat([named[name].grad.reshape(-1) for name in tiny.layout.shapes])
    assert tiny.loss.value(tiny.theta) == pytest.approx(loss.item(), rel=1e-12)
    assert torch.allclose(tiny.loss.gradient(tiny.theta), expected, rtol=0, atol=1e-12)


def test_the_heads_gradients_add_up(tiny):
    each = tiny.loss.gradients(tiny.theta)
    alone = Loss.on(tiny.layout, tiny.table, [0, 3, 3, 5, 8, 9, 11, 14, 15], heads=[1])
    assert torch.allclose(each.sum(0), tiny.loss.gradient(tiny.theta), atol=1e-13)
    assert torch.allclose(each[1], alone.gradient(tiny.theta), atol=1e-13)
    assert alone.value(tiny.theta) < tiny.loss.value(tiny.theta)


def test_some_heads_on_the_same_examples(tiny):
    alone = tiny.loss.only((1,))
    assert torch.equal(alone.pairs, tiny.loss.pairs) and alone.heads == (1,)
    assert torch.allclose(alone.gradient(tiny.theta), tiny.loss.gradients(tiny.theta)[1])
    for heads in ((), (0,), (2,)):
        with pytest.raises(ValueError, match=r"some of \(1,\)"):
            alone.only(heads)


def test_products_with_the_hessian_are_differences_of_gradients(tiny):
    hessian = tiny.loss.hessian(tiny.theta)
    step = 1e-5
    for seed in range(3):
        v = torch.randn(tiny.layout.size, generator=torch.Generator().manual_seed(seed)).double()
        v /= v.norm()
        ahead, behind = (tiny.loss.gradient(tiny.theta + s * step * v) for s in (1, -1))
        assert torch.allclose(hessian @ v, (ahead - behind) / (2 * step), atol=1e-8)


def test_second_derivatives_by_gradgradcheck(tiny):
    leaves = {
        name: view.clone().requires_grad_()
        for name, view in tiny.layout.views(tiny.theta[None]).items()
    }
    names = ["position", "encoder.layers.0.self_attn.in_proj_weight", "norm.weight"]

    def value(*chosen):
        return tiny.loss.total(leaves | dict(zip(names, chosen, strict=True)))

    assert torch.autograd.gradgradcheck(value, tuple(leaves[name] for name in names))


def test_the_hessian_is_symmetric_and_a_sum_over_examples(tiny):
    size = tiny.layout.size
    dense = torch.stack([tiny.loss.hessian(tiny.theta) @ row for row in torch.eye(size).double()])
    assert torch.allclose(dense, dense.T, atol=1e-12)
    indices = [0, 3, 3, 5, 8, 9, 11, 14, 15]
    v = torch.ones(size).double()
    singles = [Loss.on(tiny.layout, tiny.table, [i]).hessian(tiny.theta) @ v for i in indices]
    assert torch.allclose(dense @ v, sum(singles) / len(indices), atol=1e-12)


def test_accuracy_counts_right_answers(tiny):
    answers = tiny.loss.logits(tiny.layout.views(tiny.theta[None]))[0].argmax(-1)
    expected = (answers == tiny.loss.labels).double().mean(0)
    assert torch.equal(tiny.loss.accuracy(tiny.theta), expected)


def test_batches_are_of_training_pairs_and_repeatable(tiny):
    first = list(batches(tiny.table, 3, 50, 2))
    again = list(batches(tiny.table, 3, 50, 2))
    assert set(torch.cat(first).tolist()) == set(tiny.table.train.tolist())
    assert all(len(set(one.tolist())) < len(one) == 50 for one in first)  # with replacement
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize(
    ("indices", "heads", "says"),
    [
        ([], None, "B > 0"),
        ([[1]], None, "B > 0"),
        ([99], None, "0 … 15"),
        ([-1], None, "0 … 15"),
        ([1], [2], "0 … 1"),
        ([1], [], "0 … 1"),
    ],
)
def test_what_is_no_loss_is_refused(tiny, indices, heads, says):
    with pytest.raises(ValueError, match=says):
        Loss.on(tiny.layout, tiny.table, indices, heads)


def test_parameters_of_another_size_are_refused(tiny):
    with pytest.raises(ValueError, match="358"):
        tiny.loss.gradient(tiny.theta[1:])

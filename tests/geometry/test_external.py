"""Foreign weights: files that a plain PyTorch model writes give what the direct call gives."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
import torch.nn.functional as F

from grokbook.config import RunConfig
from grokbook.geometry.defect import read_pair, referee
from grokbook.geometry.external import (
    commutators_on,
    eigenpairs_on,
    losses_on,
    read_weights,
    reconstruction_on,
)
from grokbook.geometry.loss import Loss
from grokbook.models import trunk
from grokbook.models.layout import Layout
from grokbook.models.reference import build

CONFIG = RunConfig(tasks=("add", "mul"), modulus=7, layers=3, width=8, heads=2, hidden=12)


@pytest.fixture(scope="module")
def state():
    """What their training script would save."""
    return build(CONFIG).state_dict()


def save(path, state):
    if path.suffix == ".npz":
        np.savez(path, **{name: value.numpy() for name, value in state.items()})
    else:
        safetensors.torch.save_file(state, path)
    return path


@pytest.mark.parametrize("name", ["theirs.npz", "theirs.safetensors"])
def test_a_file_gives_what_the_direct_call_gives(tmp_path, state, name):
    """The example of the module's docstring, with our own route beside it."""
    layout, theta = read_weights(save(tmp_path / name, state), heads=2)
    table = CONFIG.table()
    batches = [table.train[:9], table.train[9:18], [0, 0, 3], torch.tensor([5, 6, 7])]
    losses = losses_on(layout, table, batches)
    readings = commutators_on(losses, theta, table.tasks)

    ours = Layout.of(CONFIG)
    flat = torch.cat([state[key].reshape(-1) for key in ours.shapes])
    assert layout == ours and torch.equal(theta, flat) and len(readings) == 2
    for reading, (a, b) in zip(readings, (batches[:2], batches[2:]), strict=True):
        first, second = Loss.on(ours, table, a), Loss.on(ours, table, b)
        direct = read_pair(first, second, flat, ("add", "mul"))
        assert reading.cosines == direct.cosines and reading.norms == direct.norms
        for mode, found in reading.defects.items():
            assert found.published == direct.defects[mode].published
            assert found.corrected == direct.defects[mode].corrected
        exact = referee(first.only((0,)), second.only((1,)), flat)
        assert torch.equal(reading.brackets["add×mul"].vector, exact.vector)
        assert torch.equal(reading.brackets[""].vector, referee(first, second, flat).vector)


def test_the_step_size_is_the_callers(state):
    """The corrected defect has a limit in η, the rounding of the published one grows as η falls."""
    layout, theta = read_weights(state, heads=2)
    table = CONFIG.table()
    losses = losses_on(layout, table, [table.train[:9], table.train[9:18]])
    (small,) = commutators_on(losses, theta, table.tasks, eta=1e-4)
    (usual,) = commutators_on(losses, theta, table.tasks)
    direct = read_pair(*losses, theta, table.tasks, eta=1e-4)
    assert small.defects[""].published == direct.defects[""].published
    assert small.defects[""].published != usual.defects[""].published


@pytest.fixture(scope="module")
def solved(state):
    """A loss on nine pairs, in float64, with the eigenvalues at both ends of its Hessian."""
    layout, theta = read_weights({k: v.double() for k, v in state.items()}, heads=2)
    table = CONFIG.table()
    (loss,) = losses_on(layout, table, [table.train[:9]])
    return loss, theta, table, eigenpairs_on(loss, theta, table.tasks, seed=0, tolerance=1e-6)


def test_options_reach_the_eigensolver(solved):
    loss, theta, table, both = solved
    low = eigenpairs_on(loss, theta, table.tasks, seed=0, tolerance=1e-6, ends="low", pairs=3)
    assert {len(found.values) for found in low.values()} == {3}
    assert low[""].values[0] == pytest.approx(both[""].values[0], rel=1e-6)


def test_eigenvalues_are_those_of_the_dense_hessian(solved):
    loss, theta, table, found = solved
    layout = loss.layout
    assert list(found) == ["", "add", "mul"]
    pairs, labels = (torch.from_numpy(a)[table.train[:9]] for a in (table.pairs, table.labels))
    for part, heads in (("", (0, 1)), ("mul", (1,))):

        def total(at, heads=heads):
            out = trunk.logits(layout, layout.views(at[None]), pairs[None])[0]
            return sum(F.cross_entropy(out[:, head], labels[:, head]) for head in heads)

        dense = torch.autograd.functional.hessian(total, theta, vectorize=True)
        ends = torch.linalg.eigvalsh(dense)[[0, -1]].numpy()
        assert found[part].values == pytest.approx(ends, rel=1e-6)
        assert found[part].converged.all()
    with pytest.raises(ValueError, match="a loss of 2 heads"):
        eigenpairs_on(loss, theta, ("add",), seed=0)


def test_a_path_of_two_directions_is_rebuilt_from_two(state):
    layout, theta = read_weights(state, heads=2)
    table = CONFIG.table()
    (loss,) = losses_on(layout, table, [table.train])
    first, second = torch.randn(2, layout.size, generator=torch.Generator().manual_seed(0))
    path = [theta, theta + first, theta + first + second, theta + 0.5 * first + 2 * second]
    found = reconstruction_on(path, loss, count=2)
    assert [one.count for one in found] == [1, 2]
    assert found[0].captured < 1 - 1e-3 and found[1].captured == pytest.approx(1, abs=1e-10)
    assert found[1].change < 1e-6 < found[0].change
    assert found[1].accuracy == tuple(loss.accuracy(path[-1]).tolist())
    with pytest.raises(ValueError, match="three snapshots"):
        reconstruction_on(path[:2], loss)
    with pytest.raises(ValueError, match=r"one shape, not \(\d+,\) and \(\d+,\)$"):
        reconstruction_on([theta, theta[:-1], theta], loss)


def test_a_mapping_will_do_and_precision_is_kept(state):
    arrays = {name: value.double().numpy() for name, value in state.items()}
    layout, theta = read_weights(arrays, heads=4)
    assert theta.dtype == torch.float64 and layout.heads == 4 and layout.layers == 3
    halves = {name: value.bfloat16() for name, value in state.items()}
    assert read_weights(halves, heads=2)[1].dtype == torch.float32
    halves["norm.bias"] = halves["norm.bias"].double()
    assert read_weights(halves, heads=2)[1].dtype == torch.float64


def test_the_loss_is_that_of_the_model_that_wrote_them(state):
    table, model = CONFIG.table(), build(CONFIG)
    layout, theta = read_weights(state, heads=2)
    (loss,) = losses_on(layout, table, [table.train])
    outputs = model(torch.from_numpy(table.pairs[table.train]))
    labels = torch.from_numpy(table.labels[table.train])
    expected = sum(
        torch.nn.functional.cross_entropy(outputs[:, t], labels[:, t]).item() for t in (0, 1)
    )
    assert loss.value(theta) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"token.weight": None}, "no parameter 'token.weight'"),
        ({"token.weight": None, "theta": torch.ones(9)}, "a snapshot of a run of ours"),
        ({"norm.bias": None}, "no parameter 'norm.bias'"),
        ({"heads.1.bias": None}, "no parameter 'heads.1.bias'"),
        ({"heads.0.weight": None, "heads.0.bias": None}, "no parameter|unknown parameter"),
        ({"extra": torch.ones(2)}, "unknown parameter 'extra'"),
        ({"norm.bias": torch.ones(3)}, r"'norm.bias' has shape \(3,\), not \(8,\)"),
        ({"token.weight": torch.ones(7)}, "must be a matrix"),
        ({"position": torch.ones(3, 8)}, "3 rows; the model reads 2 tokens"),
        ({"norm.bias": torch.full((8,), float("inf"))}, "'norm.bias' is not finite"),
        (
            {"norm.bias": torch.ones(8, dtype=torch.int64)},
            "floating-point numbers, not torch.int64",
        ),
        ({"norm.bias": np.array(["a"] * 8)}, "'norm.bias' must hold floating-point numbers"),
        ({"norm.bias": [0.0] * 8}, "'norm.bias' must hold floating-point numbers"),
    ],
)
def test_weights_of_another_model_are_refused_by_name(state, change, says):
    changed = {k: v for k, v in {**state, **change}.items() if v is not None}
    with pytest.raises(ValueError, match=says) as caught:
        read_weights(changed, heads=2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("heads", "says"), [(3, "width 8 .* heads 3"), (0, "at least 1")])
def test_heads_must_fit(state, heads, says):
    with pytest.raises(ValueError, match=says):
        read_weights(state, heads=heads)


def test_what_is_no_state_dict_is_refused(state):
    with pytest.raises(ValueError, match="^weights come as a file or a state_dict, not as Linear$"):
        read_weights(torch.nn.Linear(2, 2), heads=2)
    wrapped = {f"model.{name}": value for name, value in state.items()}
    with pytest.raises(ValueError, match=r"'token.weight'; its first: model.position, model.tok"):
        read_weights(wrapped, heads=2)


def test_no_head_at_all(state):
    bare = {name: value for name, value in state.items() if not name.startswith("heads")}
    with pytest.raises(ValueError, match="heads.0.weight"):
        read_weights(bare, heads=2)


def test_pickles_are_refused_unread(tmp_path, state):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("it was unpickled",))

    import pickle

    for name in ("theirs.pt", "pytorch_model.bin"):
        (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
        with pytest.raises(ValueError, match=f"not as {name}; a pickle can run code"):
            read_weights(tmp_path / name, heads=2)
    (tmp_path / "disguised.npz").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="disguised.npz is no npz file"):
        read_weights(tmp_path / "disguised.npz", heads=2)
    np.savez(tmp_path / "objects.npz", x=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="objects.npz is no npz file"):
        read_weights(tmp_path / "objects.npz", heads=2)


@pytest.mark.parametrize("name", ["theirs.npz", "theirs.safetensors"])
def test_damaged_files_are_one_line(tmp_path, state, name):
    path = save(tmp_path / name, state)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole[: len(whole) // 2], b"\0" * 4 + whole[4:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=f"{name} is no {path.suffix[1:]} file") as caught:
            read_weights(path, heads=2)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"absent\.\w+ cannot be read"):
        read_weights(tmp_path / f"absent{path.suffix}", heads=2)
    with pytest.raises(ValueError, match="not as theirs.txt$"):
        read_weights(tmp_path / "theirs.txt", heads=2)


def test_an_array_is_not_an_archive(tmp_path):
    np.save(tmp_path / "one.npy", np.ones(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(ValueError, match="one.npz is no npz file"):
        read_weights(tmp_path / "one.npz", heads=2)


def test_batches_that_do_not_fit_are_refused(state):
    layout, theta = read_weights(state, heads=2)
    table = CONFIG.table()
    with pytest.raises(ValueError, match="modulus 5 and 2 tasks"):
        losses_on(layout, RunConfig(tasks=("add", "mul"), modulus=5).table(), [[0]])
    with pytest.raises(ValueError, match="modulus 7 and 1 tasks"):
        losses_on(layout, RunConfig(tasks=("add",), modulus=7).table(), [[0]])
    with pytest.raises(ValueError, match="batch 1 of 2 from 0: .* B > 0"):
        losses_on(layout, table, [[0], table.train[512:1024]])
    with pytest.raises(ValueError, match=r"batch 0 of 1 from 0: .* 0 … 35, not 36$"):
        losses_on(layout, table, [[0, 36, 1]])
    mask = np.isin(np.arange(36), table.train)
    for wrong, kind in ((mask, "torch.bool"), ([0.0, 1.0], "torch.float32")):
        with pytest.raises(ValueError, match=f"indices must be whole numbers, not {kind}"):
            losses_on(layout, table, [wrong])
    for count in (0, 1, 3):
        with pytest.raises(ValueError, match=f"pairs of batches, not {count}"):
            commutators_on(losses_on(layout, table, [[0]] * count), theta, table.tasks)


@pytest.mark.parametrize("page", ["README.md", "book/how_it_was_computed.md"])
def test_the_example_that_is_printed_runs(page, tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    (example,) = (
        block for block in re.findall(r"```python\n(.*?)```", text, re.S) if "read_weights" in block
    )
    small = replace(CONFIG, modulus=59, layers=2, width=16, heads=4)
    save(tmp_path / "theirs.safetensors", build(small).state_dict())
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    said = capsys.readouterr().out.splitlines()
    first, second, *_, last = said
    assert first.startswith("accuracy tensor([") and len(said) == 3 + (page == "README.md")
    assert all(float(number) > 0 for number in second.removeprefix("defect ").split())
    assert len(re.findall(r"[-\d.]+(?:e[-+]\d+)?", last.removeprefix("extreme eigen"))) == 2

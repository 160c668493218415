"""The benchmark: its arithmetic counted independently, its statistics, a small real run."""

import dataclasses
import io
import json
import os
import signal
import sys
import time

import numpy as np
import pytest
import torch
from scipy.special import erf, expit
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from grokbook import cli
from grokbook.benchmark import (
    GpuBenchmark,
    Median,
    WorkerLost,
    comparison,
    measure,
    median_interval,
    published_flops,
    step_flops,
    two_workers,
)
from grokbook.benchmark.roof import Roof, routes
from grokbook.benchmark.worker import serve
from grokbook.cli.bench import gpu_lines
from grokbook.config import RunConfig
from grokbook.models import reference
from grokbook.models.reference import PlainLoop
from grokbook.training.trainer import Trainer

TINY = RunConfig(tasks=("add", "mul"), modulus=13, width=16, heads=2, hidden=24, batch_size=32)
DEPTHS = pytest.mark.parametrize("layers", [1, 2, 3])

FIELDS = {
    "reference_steps_per_core_s",
    "steps_per_core_s",
    "ratio",
    "ratio_low",
    "ratio_high",
    "roof_percent",
    "route",
    "route_reason",
    "gflops",
    "gemm_gflops",
    "gemm_route",
    "bookkeeping_percent",
    "gram_s",
    "memory_mb",
    "two_worker_factor",
    "torch",
    "processor",
    "capability",
    "blocks",
    "tasks",
    "config",
}


# --- arithmetic -----------------------------------------------------------------------------------


def _norm(x, state, at):
    centred = x - x.mean(-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / spread * state[f"{at}.weight"] + state[f"{at}.bias"]


def _frugal_forward(config, state, pairs):
    """The form that `step_flops` counts, in NumPy, and the multiply-adds it really made."""
    d, p, made = config.width, config.modulus, 0

    def product(x, weight, bias):
        nonlocal made
        made += x.size // x.shape[-1] * weight.size
        return x @ weight.T + bias

    rows = state["token.weight"] + state["position"][:, None]
    hidden = np.stack([rows[0, pairs[:, 0]], rows[1, pairs[:, 1]]], axis=1)
    for layer in range(config.layers):
        at = f"encoder.layers.{layer}."
        weights = np.split(state[at + "self_attn.in_proj_weight"], 3)
        biases = np.split(state[at + "self_attn.in_proj_bias"], 3)
        read = 1 if layer == config.layers - 1 else 2
        if layer == 0:
            normed = _norm(rows.reshape(2 * p, d), state, at + "norm1")
            table = [product(normed, w, b) for w, b in zip(weights, biases, strict=True)]
            query, key, value = (t.reshape(2, p, d)[np.arange(2), pairs] for t in table)
            query, delta = query[:, :read], key[:, 1] - key[:, 0]
        else:
            normed = _norm(hidden, state, at + "norm1")
            query = product(normed[:, :read], weights[0], biases[0])
            delta = product(normed[:, 1] - normed[:, 0], weights[1], 0)
            value = product(normed, weights[2], biases[2])
        by_head = (query * delta[:, None]).reshape(len(pairs), read, config.heads, -1)
        share = expit(by_head.sum(-1) / np.sqrt(d // config.heads)).repeat(d // config.heads, -1)
        mixed = value[:, :1] + share * (value[:, 1:] - value[:, :1])
        out = [state[at + f"self_attn.out_proj.{kind}"] for kind in ("weight", "bias")]
        hidden = hidden[:, :read] + product(mixed, *out)
        first, second = (
            [state[at + f"linear{k}.{kind}"] for kind in ("weight", "bias")] for k in (1, 2)
        )
        inner = product(_norm(hidden, state, at + "norm2"), *first)
        hidden = hidden + product(inner * (1 + erf(inner / np.sqrt(2))) / 2, *second)
    last = _norm(hidden, state, "norm")[:, 0]
    heads = [
        product(last, state[f"heads.{k}.weight"], state[f"heads.{k}.bias"])
        for k in range(len(config.tasks))
    ]
    return np.stack(heads, axis=1), made


@DEPTHS
def test_our_flops_are_those_of_a_forward_pass_that_is_the_model(layers):
    config = dataclasses.replace(TINY, layers=layers)
    model = reference.build(config, torch.float64)
    pairs = np.random.default_rng(0).integers(0, config.modulus, (config.batch_size, 2))
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    logits, made = _frugal_forward(config, state, pairs)
    with torch.no_grad():
        np.testing.assert_allclose(logits, model(torch.from_numpy(pairs)).numpy(), atol=1e-12)
    assert step_flops(config) == 3 * 2 * made  # backward: a product for either factor


@pytest.mark.parametrize("models", [1, 2])
def test_our_flops_are_those_of_the_step(models):
    trainer = Trainer([RunConfig(tasks=("add", "mul"), seed=seed) for seed in range(models)])
    products = {
        torch.ops.mkldnn._linear_pointwise: lambda x, weight, *_, **__: (
            2 * int(np.prod(x)) * weight[0]
        )
    }
    with FlopCounterMode(display=False, custom_mapping=products) as counter:
        trainer.advance()
    # Up to 1 % more: pointwise sums may be written as thin products with zeros and ones.
    needed = models * step_flops(trainer.configs[0])
    assert needed <= counter.get_total_flops() <= 1.01 * needed


@DEPTHS
def test_published_flops_are_those_of_the_reference(layers):
    loop = PlainLoop(dataclasses.replace(TINY, layers=layers))
    # Attention as two plain products, which the counter knows on every device.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loop.advance()
    assert counter.get_total_flops() == published_flops(dataclasses.replace(TINY, layers=layers))


# --- the plain loop -------------------------------------------------------------------------------


def test_the_plain_loop_goes_on_where_it_was():
    loop = PlainLoop(TINY)
    loop.advance(2)
    loop.advance()
    trained = reference.train(TINY, 3).state_dict()
    untrained = reference.build(TINY).state_dict()
    for name, tensor in loop.model.state_dict().items():
        assert torch.equal(tensor, trained[name])
        assert not torch.equal(tensor, untrained[name]), name


# --- statistics -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "low", "high", "level"),
    [(1, 1, 1, 0), (5, 1, 5, 1 - 2 / 2**5), (6, 1, 6, 1 - 2 / 2**6), (12, 3, 10, 1 - 158 / 2**12)],
)
def test_median_interval_by_hand(n, low, high, level):
    values = np.random.default_rng(n).permutation(np.arange(1.0, n + 1))
    found = median_interval(values)
    assert found == Median((n + 1) / 2, low, high, n, pytest.approx(level))


def test_the_interval_covers_the_true_ratio_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(2_000):
        # Both of a pair share the machine's mood; each has its own skewed noise.
        mood = np.exp(rng.normal(0, 0.5, 12))
        ours = mood * (1 + rng.exponential(0.1, 12))
        plain = 2 * mood * (1 + rng.exponential(0.1, 12))
        found = median_interval(plain / ours)
        covered.append(found.low <= 2 <= found.high)
    assert np.mean(covered) == pytest.approx(found.level, abs=0.012)


def test_one_disturbed_block_changes_nothing_but_the_order():
    quiet = np.linspace(1.9, 2.1, 12)
    disturbed = quiet.copy()
    disturbed[-1] = 40
    assert median_interval(disturbed) == median_interval(quiet)


@pytest.mark.parametrize("values", [[], [1.0, float("nan")], [float("inf")]])
def test_a_median_needs_finite_values(values):
    with pytest.raises(ValueError, match="finite values"):
        median_interval(values)


@pytest.mark.parametrize("models", [1, 3])
def test_the_comparison_on_synthetic_timings(models, monkeypatch):
    """A plain step costs 20 ms, one of our ensemble 5 ms, a measurement 50 ms; drifting."""
    calls, drift = [], 1.0
    cost = {"PlainLoop": 0.020, "Trainer": 0.005}

    def clock(act, *steps):
        nonlocal drift
        act(*steps)
        if act.__name__ == "measure":
            spent, drift = 0.050 * drift, drift * 1.3  # the machine slows down after every pair
            return spent
        name = type(act.__self__).__name__
        calls.append(name)
        return steps[0] * cost[name] * drift

    monkeypatch.setattr(comparison, "cpu_seconds", clock)
    found = measure(TINY, blocks=5, seconds=0.05, models=models, workers=False)
    last = 5 * models / (0.020 * 1.3**2 * 5 * models)  # middle pair, model-steps a second
    assert found.reference.value == pytest.approx(last)
    assert found.ours.value == pytest.approx(models * 4 * last)
    for median, true in ((found.ratio, 4 * models), (found.bookkeeping, 10 * models)):
        assert (median.value, median.low, median.high, median.n) == pytest.approx(
            (true, true, true, 5)
        )
    expected = 100 * found.gflops / found.gemm.value
    assert found.roof.low <= expected <= found.roof.high
    assert found.gflops == pytest.approx(found.ours.value * step_flops(TINY) / 1e9)
    assert calls[-10:] == ["PlainLoop", "Trainer", "Trainer", "PlainLoop"] * 2 + [
        "PlainLoop",
        "Trainer",
    ]


# --- the roof -------------------------------------------------------------------------------------


def test_every_route_is_a_linear_layer():
    generator = torch.Generator().manual_seed(1)
    x, weight = torch.randn(40, 24, generator=generator), torch.randn(56, 24, generator=generator)
    for name, route in routes().items():
        found = route(x, weight, torch.zeros(56), torch.empty(40, 56))
        torch.testing.assert_close(found, x @ weight.t(), rtol=0, atol=1e-4, msg=name)


def test_the_best_product_is_the_best():
    roof = Roof()
    for _ in range(3):
        roof.sample()
    best = roof.best()
    medians = [np.median(rates) for rates in roof.rates.values()]
    assert np.median(best.gflops) == max(medians) > min(medians)
    assert len(best.gflops) == 3
    assert best.route in routes()


# --- workers --------------------------------------------------------------------------------------


def test_a_worker_answers():
    answers, begun = io.StringIO(), time.monotonic()
    serve(io.StringIO(json.dumps([TINY.to_json()]) + "\n0.1\n0\n"), answers)
    ready, first, second = answers.getvalue().splitlines()
    assert ready == "ready"
    steps, seconds = json.loads(first)
    assert steps >= 1 and 0.1 <= seconds < time.monotonic() - begun
    assert json.loads(second)[0] == 0


def test_a_lost_worker_is_named():
    worker = two_workers.Worker([TINY])
    os.kill(worker.process.pid, signal.SIGKILL)
    with pytest.raises(WorkerLost, match="a worker ended with status -9"):
        worker.wait()
    worker.close()


def test_two_workers_on_synthetic_rates(monkeypatch):
    """Alone a worker makes 10 steps a second; beside another, 9."""
    running, begun = set(), []

    class Paced:
        def __init__(self, configs):
            self.alone = True

        def wait(self):
            pass

        def begin(self, seconds):
            running.add(self)
            begun.append(self)
            for worker in running:
                worker.alone = len(running) == 1

        def rate(self):
            running.discard(self)
            return 10.0 if self.alone else 9.0

        def close(self):
            assert self not in running

    monkeypatch.setattr(two_workers, "Worker", Paced)
    found = two_workers.two_worker_factor([TINY], rounds=3, seconds=0.1)
    assert (found.low, found.value, found.high, found.n) == (1.8, 1.8, 1.8, 3)
    one, other = begun[1:3]
    assert begun[::3] == [one, other, one]  # either is the one alone, in turn


def test_no_worker_outlives_an_interruption(monkeypatch):
    started = []

    class Interrupted(two_workers.Worker):
        def wait(self):
            started.append(self.process)
            if len(started) == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(two_workers, "Worker", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        two_workers.two_worker_factor([TINY], rounds=1, seconds=0.1)
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 2


# --- the whole ------------------------------------------------------------------------------------


def test_a_small_real_run():
    done = []
    found = measure(TINY, blocks=6, seconds=0.05, workers=True, watch=lambda *at: done.append(at))
    assert done == [(k, 6) for k in range(1, 7)]
    facts = json.loads(json.dumps(found.to_json()))
    assert set(facts) >= FIELDS
    for median in (found.reference, found.ours, found.ratio, found.gemm, found.roof):
        assert 0 < median.low <= median.value <= median.high
        assert median.n == 6 and median.level == pytest.approx(0.96875)
    assert 0 < facts["ratio_low"] <= facts["ratio"] <= facts["ratio_high"]
    assert 0 < facts["roof_percent"] < 110
    assert 0 < facts["gflops"] < 1.1 * facts["gemm_gflops"]
    assert 0 < facts["bookkeeping_percent"] < 100
    assert 0 < facts["gram_s"] < 60
    assert 50 < facts["memory_mb"] < 10_000
    assert 0.2 < facts["two_worker_factor"] < 5
    assert facts["route"] and facts["route_reason"]
    assert (facts["blocks"], facts["models"], facts["tasks"]) == (6, 1, ["add", "mul"])
    assert RunConfig.from_json(facts["config"]) == TINY


def call(arguments, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["grokbook", "bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capsys.readouterr()
    return ended.value.code, out, err


SHORT = ["--tasks", "add", "--blocks", "1", "--seconds", "0.05", "--no-workers"]


def test_json_is_one_object(capsys, monkeypatch):
    status, out, err = call([*SHORT, "--models", "2", "--json"], capsys, monkeypatch)
    assert (status, err, out.count("\n")) == (0, "", 1)
    facts = json.loads(out)
    assert (facts["tasks"], facts["models"], facts["two_worker_factor"]) == (["add"], 2, None)


def test_the_table_is_for_a_person(capsys, monkeypatch):
    status, out, err = call(SHORT, capsys, monkeypatch)
    assert (status, err) == (0, "")
    for part in ("add, λ = 1, seed 42", "published loop", "ratio", "of the roof", "core-second"):
        assert part in out
    rows = [line for line in out.splitlines() if " – " in line]
    assert len(rows) == 6 and len({line.index(" – ") for line in rows}) <= 3
    assert len({line[27:36].rindex(line[27:36].strip()[-1]) for line in rows}) == 1  # flush right
    assert "two workers" not in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--tasks", "add,div"], "unknown task 'div'"),
        (["--blocks", "0"], "blocks must be from 1 to 1000, not 0"),
        (["--blocks", "2.5"], "'2.5' is not a whole number"),
        (["--seconds", "nan"], "seconds must be a finite number, not nan"),
        (["--seconds", "0"], "seconds must lie in [0.01, 60], not 0.0"),
        (["--models", "65"], "models must be from 1 to 64, not 65"),
        (["--device", "tpu"], "unknown device 'tpu'; known: cpu, cuda"),
        (["--device", "cuda"], "device cuda is not there: PyTorch finds no GPU"),
        (["--device", "cuda", "--models", "0"], "models must be from 1 to 100000, not 0"),
        (["--colour"], "No such option: --colour"),
    ],
)
def test_bad_input(arguments, says, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    status, out, err = call(arguments, capsys, monkeypatch)
    assert (status, out) == (2, "")
    assert says in err and err.count("\n") == 1 and err.startswith("grokbook: ")


def test_what_is_said_of_a_gpu():
    found = GpuBenchmark(
        config=TINY,
        models=256,
        gpu="a card",
        rate=median_interval([9e3, 1e4, 1.1e4]),
        elapsed=12.0,
    )
    assert found.to_json()["steps_per_s"] == 1e4
    assert found.to_json()["gflops"] == pytest.approx(1e4 * step_flops(TINY) / 1e9)
    assert "10,000     9,000 – 11,000" in "\n".join(gpu_lines(found))

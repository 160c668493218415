"""Fourier: in which frequencies, of which group, a run keeps its answers.

The spectra of the token embedding, of each head and of its logits; restricted and excluded loss;
and what a head loses when the frequencies that stand out in the embedding are taken out of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from grokbook.geometry.fourier import chance, difference_share, power_spectrum, without
from grokbook.geometry.progress import Answers, basis_of
from grokbook.instruments.frequencies import Frequencies
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.subject import Subject
from grokbook.models import trunk


def _points(subject: Subject, parameters: Mapping[str, Any]) -> Sequence[int]:
    return sorted({*subject.spaced(parameters["snapshots"]).tolist(), subject.stop_snapshot})


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    run = Frequencies.of(subject, parameters)
    logits = run.logits(subject.theta(step), subject.table.pairs)
    answers = [
        Answers.of(logits[:, number], subject.table.labels[:, number], basis_of(task, run.modulus))
        for number, task in enumerate(run.tasks)
    ]
    rows = [*_spectra(run, step, answers), *_ablated(run, step)]
    for number, whole in enumerate(answers):
        rows += _progress(run, step, number, logits[:, number], whole)
    if step == subject.steps[0]:
        rows += _chance(run, step)
    if step == subject.last:
        rows += _key(run, step)
    return rows


def _spectra(run: Frequencies, step: int, answers: Sequence[Answers]) -> Iterator[Row]:
    """Concentration of every part in every basis; all shares where the basis is the part's own."""
    weights = run.weights(step)
    yield Row(step, "position_difference", difference_share(weights["position"]), "position")
    parts = [("token", weights["token.weight"], run.tokens, None)]
    for number, task in enumerate(run.tasks):
        own = basis_of(task, run.modulus).name
        head = weights[f"heads.{number}.weight"]
        parts.append((f"head {task}", head, run.answers[number], own))
        parts.append((f"logits {task}", *answers[number].by_residue, own))
    for part, matrix, present, own in parts:
        for basis in run.bases:
            found, top = power_spectrum(matrix, basis, present=present), run.top(basis)
            named = {"part": part, "variant": basis.name, "error": found.residual}
            yield Row(step, "participation", found.participation, **named)
            yield Row(step, "gini", found.gini, **named)
            yield Row(step, "top_share", found.top_share(top), at=float(top), **named)
            if part == "token" and basis.name == "discrete log":
                yield Row(step, "even_share", found.even_share, **named)
            if own in (None, basis.name):
                for k, share in zip(basis.frequencies, found.shares, strict=True):
                    yield Row(step, "share", float(share), at=float(k), **named)


def _progress(
    run: Frequencies, step: int, number: int, logits: np.ndarray, whole: Answers
) -> Iterator[Row]:
    """One head's losses: key frequencies and two nulls under every protocol."""
    task, table = run.tasks[number], run.subject.table
    labels, key = table.labels[:, number], run.key_of_heads[number]
    sets = {
        "": [key],
        ", initial": [run.head(int(run.subject.steps[0]), number).top(len(key))],
        ", random": run.random(f"head {task}", whole.basis, len(key)),
    }
    protocols = [
        (split, variant, on)
        for variant in ("published", "corrected")
        for split, on in (("train", table.trained), ("test", ~table.trained))
    ]
    twinless = table.twinless(task)
    if twinless.sum() >= run.modulus:  # fewer pairs than answers cannot be projected
        protocols.append(("test", "twinless", twinless))
    for split, variant, on in protocols:
        published = variant == "published"
        fitted = whole if published else Answers.of(logits, labels, whole.basis, fitted=on)
        if split == "test":
            count = int(fitted.counts.sum())
            yield Row(step, "answer_share", fitted.share, task, variant, count=count)
        for null, chosen in sets.items():
            found = [fitted.progress(frequencies, on=on) for frequencies in chosen]
            one = {"part": task, "error": found[0].error, "count": found[0].pairs}
            if not null and variant != "corrected":  # its plain losses are the published ones
                yield Row(step, f"{split}_loss", found[0].loss, variant=variant, **one)
            for kind in ("restricted", "excluded"):
                values = [getattr(each, kind) for each in found]
                spread = _spread(values) if null == ", random" else one
                yield Row(
                    step,
                    f"{kind}_{split}_loss",
                    float(np.mean(values)),
                    variant=variant + null,
                    **{**one, **spread},
                )


def _ablated(run: Frequencies, step: int) -> Iterator[Row]:
    """Test loss and accuracy of every head with frequencies taken out of the embedding."""
    table, tested = run.subject.table, run.subject.table.test
    labels = torch.from_numpy(table.labels[tested])
    for basis, key in zip(run.bases, run.key_of_token, strict=True):
        for null, chosen in (("", [key]), (", random", run.random("token", basis, len(key)))):
            losses, right = [], []
            for frequencies in chosen:
                theta = run.subject.theta(step)
                token = run.subject.layout.views(theta[None])["token.weight"][0]
                changed = without(token.numpy(), basis, frequencies, present=run.tokens)
                token.copy_(torch.from_numpy(changed))
                out = torch.from_numpy(run.logits(theta, table.pairs[tested]))
                losses.append(trunk.losses(out[None].double(), labels[None])[0].numpy())
                right.append((out.argmax(-1) == labels).double().mean(0).numpy())
            for quantity, values in (("ablated_loss", losses), ("ablated_accuracy", right)):
                for task, drawn in zip(run.tasks, np.transpose(values), strict=True):
                    yield Row(
                        step,
                        quantity,
                        float(drawn.mean()),
                        task,
                        basis.name + null,
                        at=float(len(key)),
                        **(_spread(drawn) if null else {"count": len(tested)}),
                    )


def _spread(values: Sequence[float]) -> dict[str, float | int]:
    """The standard deviation over draws and their number."""
    error = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return {"error": error, "count": len(values)}


def _chance(run: Frequencies, step: int) -> Iterator[Row]:
    """What random matrices of the shapes of embedding and heads show; said once, at the start."""
    parts = [("token", run.tokens)]
    parts += [(f"head {t}", present) for t, present in zip(run.tasks, run.answers, strict=True)]
    for part, present in parts:
        for basis in run.bases:
            top = run.top(basis)
            seed = run.subject.seed(f"fourier/chance/{part}/{basis.name}")
            null = chance(basis, run.subject.layout.width, top, present=present, seed=seed)
            for quantity, (mean, deviation), at in (
                ("participation", null.participation, math.nan),
                ("gini", null.gini, math.nan),
                ("top_share", null.top_share, float(top)),
            ):
                variant = f"{basis.name}, random"
                yield Row(step, quantity, mean, part, variant, at, deviation, null.draws)


def _key(run: Frequencies, step: int) -> Iterator[Row]:
    """Which frequencies were key, largest first; said once, at the end."""
    chosen = [("token", b.name, key) for b, key in zip(run.bases, run.key_of_token, strict=True)]
    for task, key in zip(run.tasks, run.key_of_heads, strict=True):
        chosen.append((f"head {task}", basis_of(task, run.modulus).name, key))
    for part, basis, key in chosen:
        yield Row(step, "key_frequencies", float(len(key)), part, basis)
        for rank, k in enumerate(key, start=1):
            yield Row(step, "key_frequency", float(k), part, basis, at=float(rank))


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    """Forward passes over half the table, 0.15 s each at the published size, and projections."""
    passes = 2 + 2 * (1 + parameters["draws"])
    projections = 5 * len(subject.config.tasks) * (2 + parameters["draws"])
    return len(subject.table.pairs) / 9216 * (0.15 * passes + 0.02 * projections)


_LOSSES = {
    "_".join([*kind, split, "loss"]): Quantity("nats", f"{text} on the {split} pairs")
    for split in ("train", "test")
    for kind, text in (
        ([], "the head's cross-entropy"),
        (["restricted"], "with the key frequencies' logits alone"),
        (["excluded"], "with the key frequencies taken out of the logits"),
    )
}

FOURIER = Instrument(
    name="fourier",
    title="Fourier spectra, restricted and excluded loss",
    formula=(
        "power of frequency k: Σ over columns of ⟨cos_k, x⟩² + ⟨sin_k, x⟩², cos_k and sin_k "
        "orthonormal over Z_p in natural order (additive) or over Z_(p−1) in the order of discrete "
        "logarithms; participation 1/Σ share²; restricted logits P_K z, excluded logits "
        "z − P_K z + mean, P_K the projection on functions of the answer at the key frequencies K: "
        "those with more than `excess` times an equal share of the head's readout at the end"
    ),
    source="2301.05217 section 5; discrete logarithms as in 2604.06256",
    error=(
        "spectra: Parseval's residual; losses: rounding of float32 logits; variants with "
        "'random': standard deviation over draws"
    ),
    parts="of spectra: token, the embedding, position, head add: a readout, logits add: mean "
    "logits of a residue; of losses and accuracies the task",
    variants="of spectra and ablations the group: additive or discrete log, and after it random: "
    "of random matrices, or frequencies drawn at random; of losses published: projections over "
    "the whole table, corrected: over the pairs whose loss is taken, twinless: over test pairs "
    "of which no twin was trained on, and after it the null: initial, as many frequencies chosen "
    "from the head at the start, or random, drawn at random",
    quantities={
        "share": Quantity("1", "of the power about the mean row", "frequency"),
        "participation": Quantity("frequencies", "effective number of frequencies, 1/Σ share²"),
        "gini": Quantity("1", "Gini's coefficient of the shares"),
        "top_share": Quantity("1", "what the largest shares add up to", "how many"),
        "even_share": Quantity("1", "of the power, that of functions of the token's square"),
        "position_difference": Quantity("1", "of the positions' squared norm, their difference's"),
        "answer_share": Quantity("1", "R² of the logits on the answer, in any basis"),
        **_LOSSES,
        "ablated_loss": Quantity(
            "nats", "test loss with frequencies taken out of the embedding", "how many"
        ),
        "ablated_accuracy": Quantity("1", "test accuracy, likewise", "how many"),
        "key_frequencies": Quantity("frequencies", "how many are key"),
        "key_frequency": Quantity("1", "a key frequency", "its rank, by power"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=2.0,
    cost="41 points of 3.5 core-seconds a run of add and mul, 4.8 with sq",
    parameters={
        "snapshots": Parameter(40, "most snapshots", low=2),
        "excess": Parameter(2.0, "times an equal share, above which a frequency is key"),
        "draws": Parameter(5, "of each null"),
        "top": Parameter(5, "frequencies in `top_share`"),
    },
    needs=("theta", "pairs"),
)
"""Spectra in both groups, progress measures with their nulls, ablations of the embedding."""

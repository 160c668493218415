"""The instrument ``positional``: states along positions, and how evenly attention is spread.

Padded states with frequency 0 are as published; without each string's level, and of full strings
alone, they say what is not the padding's.  Attention rows of padding are as published, rows of
tokens the correction, and the variance of the logits says why attention is even where it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.attention_modes import entropies, modes, scores
from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.positional_fourier import positional_nulls, positional_spectrum
from grokbook.geometry.strings import Strings, attention, padded
from grokbook.instruments import phases
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.network import first_strings
from grokbook.instruments.subject import Subject
from grokbook.tasks import dyck

GRID = 500
"""Steps between points, beside the phases."""
FORMS = {
    "published": {},
    "level removed": {"level": "removed"},
    "full strings": {"length": dyck.LENGTH},
    "full strings level removed": {"length": dyck.LENGTH, "level": "removed"},
}
"""What is taken of states, by variant."""
TOP = 3
"""Shares that are published together."""


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    published = (0, *phases.LAYERS, *phases.ABLATIONS)
    return phases.chosen(subject, published, GRID, subject.steps)


class _Sequences:
    """What the points of a run share: strings of the spectra, and padded ones of the attention."""

    def __init__(self, subject: Subject, parameters: Mapping[str, Any]) -> None:
        count, strings = parameters["attended"], subject.table.test_strings
        self.strings = first_strings(subject, parameters["strings"])
        each = strings[:count]
        self.padded = Strings.of(subject.layout, padded(each, dyck.LENGTH, dyck.PAD))
        lengths = torch.tensor([len(string) for string in each])
        self.rows = torch.arange(dyck.LENGTH) < lengths[:, None]
        self.switched = parameters["switched"]

    @property
    def valid(self) -> np.ndarray:
        """(N, T) bool: is there a token?  As wide as the longest string of the corpus."""
        found = self.strings.valid
        return np.pad(found, ((0, 0), (0, dyck.LENGTH - found.shape[1])))

    def laid_out(self, states: np.ndarray) -> np.ndarray:
        """(N, T, d) of states (nodes, d); where a string has ended no spectrum looks."""
        more = dyck.LENGTH - self.strings.paths.shape[1]
        return np.pad(states[self.strings.paths], ((0, 0), (0, more), (0, 0)))

    def states(self, theta: Tensor) -> dict[str, np.ndarray]:
        """(N, T, d) float64 by layer."""
        with torch.no_grad():
            found = self.strings.states(theta)
        return {name: self.laid_out(each.double().numpy()) for name, each in found.items()}

    def references(self) -> dict[str, np.ndarray]:
        """(N, T, 1): the brackets themselves as ±1, and depth, their running sum."""
        opens = self.strings.tree.token == dyck.OPEN
        sign = self.laid_out(np.where(opens, 1.0, -1.0)[:, None])
        return {"brackets": sign, "depth": sign.cumsum(1)}


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    key = "positional", *sorted(parameters.items())
    sequences = subject.once(key, lambda: _Sequences(subject, parameters))
    theta = subject.theta(step)
    states = sequences.states(theta)
    if step == subject.last:
        states |= sequences.references()
    rows: list[Row] = []
    for part, each in states.items():
        rows += _spectra(sequences, each, step, part)
    rows += _attention(subject, sequences, theta, step)
    if step == subject.last:
        rows += _nulls(subject, sequences, step, parameters["draws"])
    return rows


def _spectra(sequences: _Sequences, states: np.ndarray, step: int, part: str) -> Iterator[Row]:
    for variant, form in FORMS.items():
        try:
            found = positional_spectrum(states, sequences.valid, **form)
        except Degenerate:  # nothing that varies, or no full string among so few
            continue
        about = {"part": part, "variant": variant, "count": found.strings}
        for k, share in enumerate(found.shares):
            error = found.residual * float(share)
            yield Row(step, "share", float(share), at=float(k), error=error, **about)
        yield Row(step, "frequency", float(found.frequency), **about)
        yield Row(step, "largest", found.top(1), **about)
        yield Row(step, "top_three", found.top(TOP), **about)


def _nulls(subject: Subject, sequences: _Sequences, step: int, draws: int) -> Iterator[Row]:
    """Of the same strings, with what is drawn at every position of every feature."""
    width, seed = subject.layout.width, subject.seed("positional/nulls")
    for variant, form in FORMS.items():
        try:
            found = positional_nulls(sequences.valid, width, draws=draws, seed=seed, **form)
        except Degenerate:  # no full string among so few
            continue
        for null, law in found.items():
            about = {"variant": f"{variant}, {null}", "count": law.draws or 1}
            yield Row(step, "largest", law.mean, error=law.sd, **about)


def _attention(subject: Subject, sequences: _Sequences, theta: Tensor, step: int) -> Iterator[Row]:
    with torch.no_grad():
        logits = sequences.padded.scores(theta)
    weights, heads = attention(logits.double()), subject.layout.heads
    w_q, w_k = _queries_and_keys(subject, theta)
    for variant, rows in (("published", None), ("tokens", sequences.rows)):
        found, shape = entropies(weights, rows), modes(weights, rows)
        sizes = scores(logits, w_q, w_k, heads, rows)
        each = {
            "entropy": found.each,
            "counting": shape.counting,
            "local": shape.local,
            "recent": shape.recent,
            "logit_variance": sizes.variance,
        }
        if rows is None:
            each |= {"size": sizes.product, "operator": sizes.operator}
        for name, values in each.items():
            weightless = name in ("size", "operator")
            about = {"variant": "" if weightless else variant, "count": found.rows}
            for layer, head in np.ndindex(*values.shape):
                part, value = f"{layer}.{head}", float(values[layer, head])
                error = found.residual if name == "entropy" else np.nan
                yield Row(step, name, value, part=part, error=error, **about)
        yield Row(step, "most_entropy", found.most, variant=variant, count=found.rows)
        few = slice(0, sequences.switched)
        mean = entropies(weights[:, few], None if rows is None else rows[few])
        about = {"variant": variant, "count": mean.rows, "error": mean.residual}
        yield Row(step, "mean_entropy", mean.mean, **about)


def _queries_and_keys(subject: Subject, theta: Tensor) -> tuple[Tensor, Tensor]:
    """(layers, d, d) W_Q and W_K."""
    layout = subject.layout
    whole = layout.attention(theta[None])[0].view(layout.layers, 4, layout.width, layout.width)
    return whole[:, 0], whole[:, 1]


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    points = len(_points(subject, parameters))
    share = parameters["strings"] / 500 * subject.layout.width / 128
    return 1.0 + 0.4 * parameters["draws"] * share / points


POSITIONAL = Instrument(
    name="positional",
    title="States along positions, and how evenly attention is spread",
    formula="|rfft of h over 24 positions|², mean over test strings and features → shares; entropy "
    "H = −Σ_s a_s ln a_s of a row of attention; counting = KL(mean row t ‖ even over t + 1), mean "
    "over t ≥ 1; logits ⟨q, k⟩/√d_h",
    source="2604.07380 sections 4.11 and 4.12, 6 and 8; weaknesses I, O",
    error="of shares what Parseval's sum is off by; of entropies what a row's sum is off by; of "
    "nulls the standard deviation over draws",
    parts="the layer: embedding, layer 0, layer 1 after its block, norm behind the last LayerNorm; "
    "in place of states brackets: ±1 of the strings themselves, depth: their running sum; a head: "
    "0.1 of layer 0",
    variants="of states published: padding set to 0, frequency 0 included; level removed: each "
    "string's and feature's own mean taken away; full strings: those of 24 brackets alone; after "
    "the comma the null in place of states: ramp, parabola, white noise, random walk; of attention "
    "published: all 24 rows, padding included; tokens: rows of tokens alone",
    quantities={
        "share": Quantity("1", "of the power", "waves over the positions"),
        "frequency": Quantity("waves", "ω of the largest share"),
        "largest": Quantity("1", "the largest share"),
        "top_three": Quantity("1", "what the three largest shares add up to"),
        "entropy": Quantity("nats", "of a head's rows, mean over strings and rows"),
        "most_entropy": Quantity("nats", "what even attention has over these rows"),
        "mean_entropy": Quantity("nats", "over layers and heads, of the strings of section 6"),
        "counting": Quantity("nats", "KL of a head's mean rows from even ones"),
        "local": Quantity("1", "weight of a row on its own position"),
        "recent": Quantity("1", "weight of a row on its last three positions"),
        "logit_variance": Quantity("1", "of a row's logits over what it sees, mean over rows"),
        "size": Quantity("squared norm", "‖W_Q‖ ‖W_K‖ of a head"),
        "operator": Quantity("squared norm", "‖W_Qᵀ W_K‖₂ / √d_h, of a logit without biases"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=0.3,
    cost="about 35 core-seconds a run of 10,000 steps",
    parameters={
        "strings": Parameter(500, "test strings of the spectra", low=2),
        "attended": Parameter(200, "test strings of the attention"),
        "switched": Parameter(100, "of these, those of the mean entropy"),
        "draws": Parameter(20, "of each null that is drawn", low=2),
    },
    memory=2_000_000_000,
    needs=("theta", "strings"),
)

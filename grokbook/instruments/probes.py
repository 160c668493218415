"""The instrument ``probes``: what of depth can be read off the states of every layer.

Raw features, a fixed penalty and a split over tokens are as published; standardised features, a
tuned penalty and splits by string and by prefix are the correction.  Products and the small network
are costly and come at the phases; the linear probes of all layers, the geometry of depths and the
composition at every point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.depth_geometry import depth_geometry
from grokbook.geometry.probe_splits import SPLITS, split
from grokbook.geometry.probes import Probe, probe
from grokbook.instruments import phases
from grokbook.instruments.instrument import Instrument, Parameter, Quantity, Row
from grokbook.instruments.network import first_strings
from grokbook.instruments.subject import Subject
from grokbook.tasks import dyck

GRID = 1_000
"""Steps between points, beside the phases."""
COSTLY = (("raw", "token"), ("standardised", "string"), ("standardised", "prefix"))
"""Forms and splits of the probes that take seconds."""
LAST = ("layer 1", "norm")
"""The layer that published probes read, the last of two, and what the head reads."""


def _points(subject: Subject, parameters: Mapping[str, Any]) -> list[int]:
    published = (0, *phases.PROBES, *phases.ABLATIONS, *phases.LAYERS, *phases.SWITCHED)
    return phases.chosen(subject, published, GRID, subject.steps)


def _whole(subject: Subject) -> set[int]:
    """Steps at which all kinds of probes are fitted."""
    steps = {*phases.PROBES, *phases.ABLATIONS, *phases.own(subject).values(), subject.last}
    return steps & {*subject.steps.tolist()}


class Tokens:
    """The tokens of the first test strings, with what is known of each.

    Attributes:
        strings: the decoder on them.
        depths: (n,) of each token.
        ids: (n,) of its string; equal strings have one.
        prefixes: (n,) of its prefix.
        open: (n,) bool.
        position: (n,) from 0.
    """

    def __init__(self, subject: Subject, count: int) -> None:
        self.strings = first_strings(subject, count)
        each, valid = subject.table.test_strings[: len(self.strings.paths)], self.strings.valid
        self.depths = np.concatenate([dyck.depths(string) for string in each])
        known = {string: number for number, string in enumerate(dict.fromkeys(each))}
        self.ids = np.repeat([known[string] for string in each], valid.sum(axis=1))
        self.prefixes = self.strings.tokens
        self.open = self.strings.tree.token[self.prefixes] == dyck.OPEN
        self.position = self.strings.tree.position[self.prefixes]

    def states(self, theta: torch.Tensor) -> dict[str, np.ndarray]:
        """(n, d) float64 by layer, a row a token."""
        with torch.no_grad():
            found = self.strings.states(theta)
        return {name: each[self.prefixes].double().numpy() for name, each in found.items()}

    def probe(
        self, features: np.ndarray, target: np.ndarray, kind: str, form: str, by: str, seed: int
    ) -> Probe:
        """One probe, on the split that all probes of one kind of unit share."""
        parts = split(self.ids, self.prefixes, by=by, seed=seed)
        return probe(features, target, self.ids, parts, kind=kind, form=form, seed=seed)


def _tokens(subject: Subject, count: int) -> Tokens:
    return subject.once(("probes", count), lambda: Tokens(subject, count))


def _take(subject: Subject, step: int, parameters: Mapping[str, Any]) -> list[Row]:
    theta, seed = subject.theta(step), subject.seed("probes/split")
    rows: list[Row] = []
    few = _tokens(subject, parameters["strings"])
    states = few.states(theta)
    for name, features in states.items():
        rows += _linear(few, features, name, step, seed)
    if step in _whole(subject):
        for kind in ("quadratic", "mlp"):
            for form, by in COSTLY:
                got = few.probe(states[LAST[0]], few.depths, kind, form, by, seed)
                rows += _row(step, kind, LAST[0], got)
    many = _tokens(subject, parameters["layered"])
    layered = many.states(theta)
    for name, features in layered.items():
        rows += _geometry(features, many.depths, name, step)
    rows += _composed(many, layered[LAST[0]], step, seed)
    return rows


def _row(step: int, name: str, part: str, got: Probe) -> Iterator[Row]:
    about = {"part": part, "variant": f"{got.form}, {got.by}", "count": got.test}
    yield Row(step, name, got.r2, error=got.error, **about)
    if got.form == "raw":
        yield Row(step, f"{name}_inside", got.inside, **about)
    if got.bound:
        yield Row(step, f"{name}_bound", 1.0, **about)


def _linear(tokens: Tokens, features: np.ndarray, part: str, step: int, seed: int) -> Iterator[Row]:
    """Of the layers that published probes read by every split, of the others by two."""
    for by in SPLITS:
        for kind, form in (("linear", "raw"), ("linear", "standardised"), ("ols", "standardised")):
            needed = by == ("token" if form == "raw" else "prefix")
            if part not in LAST and not needed:
                continue
            got = tokens.probe(features, tokens.depths, kind, form, by, seed)
            yield from _row(step, kind, part, got)
        if part == "norm":
            about = {"variant": by, "count": got.test}
            yield Row(step, "leaked", got.leaked, **about)
            yield Row(step, "repeated", got.repeated, **about)


def _geometry(features: np.ndarray, depths: np.ndarray, part: str, step: int) -> Iterator[Row]:
    try:
        found = depth_geometry(features, depths)
    except Degenerate:  # all centroids alike
        return
    about = {"part": part, "count": len(depths)}
    for k, share in enumerate(found.explained[:5], start=1):
        yield Row(step, "axis", float(share), at=float(k), **about)
    noise = float(np.sqrt(np.nanmean(found.noise[:-1] ** 2 + found.noise[1:] ** 2)))
    yield Row(step, "distance", found.step, error=noise, **about)
    yield Row(step, "separation", found.separation, error=noise / found.spread, **about)
    yield Row(step, "spread", found.spread, **about)
    yield Row(step, "inside", found.inside, **about)


def _composed(tokens: Tokens, states: np.ndarray, step: int, seed: int) -> Iterator[Row]:
    """Depth from what it is composed of, and that from the last block's states."""
    sign = np.where(tokens.open, 1.0, -1.0)
    token, position = np.stack([tokens.open, ~tokens.open], axis=1), tokens.position / dyck.LENGTH
    together = np.column_stack([token, position])
    products = np.column_stack([token * position[:, None], tokens.depths[:, None] * token])
    inputs = {
        "token to depth": token.astype(float),
        "position to depth": position[:, None],
        "token and position to depth": together,
        "composed to depth": np.column_stack([together, tokens.depths, products]),
    }
    probes = {name: (features, tokens.depths) for name, features in inputs.items()}
    probes["states to depth"] = states, tokens.depths
    probes["states to token"] = states, sign
    for name, (features, target) in probes.items():
        for form, by in (("raw", "token"), ("standardised", "prefix")):
            got = tokens.probe(features, target, "linear", form, by, seed)
            yield from _row(step, "composed", name, got)


def _seconds(subject: Subject, parameters: Mapping[str, Any]) -> float:
    points = len(_points(subject, parameters))
    return 13.0 + 30.0 * len(_whole(subject)) / points


PROBES = Instrument(
    name="probes",
    title="What of depth can be read off the states",
    formula="R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)² on held-out tokens of test strings, y depth, ŷ from "
    "the states of a layer: linear, of products, by one hidden layer of 64, by least squares",
    source="2604.07380 sections 4.10 and 4.13; weaknesses G, O",
    error="of R² the standard error by a bootstrap over test strings, the fit left as it is; of a "
    "distance that of the centroids, tokens taken to be independent",
    parts="the layer: embedding, layer 0, layer 1 after its block, norm behind the last LayerNorm; "
    "of what is composed from what to what: composed to depth (token, position, running sum and "
    "products), states to token",
    variants="raw: features and penalty as published; standardised: features in units of their "
    "spread, penalty by cross-validation; after the comma the split: by token as published, string "
    "or prefix",
    quantities={
        "linear": Quantity("1", "R² of ridge"),
        "quadratic": Quantity("1", "R² of ridge with products of two features"),
        "mlp": Quantity("1", "R² of a network with one hidden layer"),
        "ols": Quantity("1", "R² of least squares"),
        "composed": Quantity("1", "R² of ridge from inputs or to parts; the running sum is depth"),
        **{
            f"{name}_inside": Quantity("1", "the same on the tokens that were fitted on")
            for name in ("linear", "quadratic", "mlp", "composed")
        },
        **{
            f"{name}_bound": Quantity("1", "1 where the tuned penalty lies at an end of its grid")
            for name in ("linear", "quadratic", "composed")
        },
        "mlp_bound": Quantity("1", "1 where the epochs ran out"),
        "leaked": Quantity("1", "share of held-out tokens whose string was fitted on"),
        "repeated": Quantity("1", "share of held-out tokens whose prefix was fitted on"),
        "axis": Quantity(
            "1", "share of the centroids' variance along a principal axis", "its rank"
        ),
        "distance": Quantity("norm", "mean distance between centroids of consecutive depths"),
        "spread": Quantity("norm", "root mean square distance of tokens from their centroid"),
        "separation": Quantity("1", "distance / spread"),
        "inside": Quantity("1", "R² of the published ridge on the tokens it was fitted on"),
    },
    points=_points,
    take=_take,
    seconds=_seconds,
    budget=2.0,
    cost="about 520 core-seconds a run of 10,000 steps: 13 a point, 30 more at a phase",
    parameters={
        "strings": Parameter(300, "test strings of the probes", low=10),
        "layered": Parameter(500, "test strings of geometry and composition", low=10),
    },
    memory=2_000_000_000,
    needs=("theta", "strings"),
    lacking=lambda subject: "" if subject.config.layers == 2 else "a network of two layers",
)

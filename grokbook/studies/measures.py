"""Measures: ways to take a basis of a finished run, by name.

Those of the trajectory and of the weights are the papers'; those at random, and another seed's,
are what they have to be compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from grokbook.geometry import bases as geometry
from grokbook.geometry.subspaces import Basis
from grokbook.instruments.subject import Subject
from grokbook.models.layout import Layout
from grokbook.store import RunDirectory, StoreError


@dataclass(frozen=True)
class Measure:
    """A way to measure a basis.

    Attributes:
        take: from a finished run and the parameters to arrays, ``basis`` among them.
        full_state: does it need snapshots of all parameters?
        columns: k, from the layout and all parameters.
        sibling: is it taken on the run of another seed instead?
    """

    take: Callable[..., dict[str, np.ndarray]]
    full_state: bool
    columns: Callable[[Layout, Mapping[str, Any]], int]
    sibling: bool = False


def trajectory(
    run: RunDirectory, *, k: int = 20, to_grok: bool = False, skip: int = 0, until: int = 100
) -> dict[str, np.ndarray]:
    """The top k right singular vectors of θ_t − θ_0, uncentred, all parameters.

    2602.18523 sections 4.7 and 4.10: at most 100 snapshots, evenly spaced, the last included; the
    whole trajectory, future and all.

    Args:
        run: finished, with full states.
        k: directions.
        to_grok: only up to the published stop, as published, where the run goes on after it.
        skip: directions left out of the k, from the first on; 1 drops the drift.
        until: per cent of the trajectory's steps that it is measured on; 50 is its first half.

    Returns:
        ``basis`` (P, k − skip) float32, ``singular_values`` (n − 1,) and ``steps`` (n,).

    Raises:
        StoreError: if the trajectory spans fewer than k directions, or a snapshot is damaged.
    """
    subject = Subject(run)
    steps = subject.path(to_grok=to_grok, until=until)
    with _named(run):
        found = geometry.trajectory(subject.layout, subject.thetas(steps), k=k, skip=skip)
    return {"basis": _single(found.basis), "singular_values": found.sizes, "steps": steps}


def trajectory_attention(
    run: RunDirectory, *, per_matrix: int = 2, to_grok: bool = False, until: int = 100
) -> dict[str, np.ndarray]:
    """The top centred principal directions of each attention matrix, in one basis.

    2602.18523 section 4.3: for every layer and W_Q, W_K, W_V, W_O the displacements M_t − M_0, the
    first included, less their mean; the directions lie at the matrix's place in R^P.

    Args:
        run: finished.
        per_matrix: directions a matrix; with 2 layers of 4 matrices, 2 of each make K = 16.
        to_grok: only up to the published stop.
        until: per cent of the trajectory's steps.

    Returns:
        ``basis`` (P, K) float32, matrix by matrix, and ``steps`` (n,).

    Raises:
        StoreError: if a matrix moves in too few directions, or a snapshot is damaged.
    """
    subject = Subject(run)
    steps = subject.path(to_grok=to_grok, until=until)
    with _named(run):
        found = geometry.trajectory_attention(
            subject.layout, subject.attention(steps), per_matrix=per_matrix
        )
    return {"basis": _single(found), "steps": steps}


def random(run: RunDirectory, *, k: int = 20, seed: int = 0) -> dict[str, np.ndarray]:
    """Random directions of all of R^P: the published control (2602.18523 section 4.10).

    Args:
        run: any; its own seed goes into the draw.
        k: directions; the paper's projection ablation has 16.
        seed: of one draw among several.
    """
    subject = Subject(run)
    drawn = geometry.random(subject.layout.size, k, seed=subject.seed(f"random {seed}"))
    return {"basis": _single(drawn)}


def random_matched(
    run: RunDirectory, *, k: int = 20, to_grok: bool = False, seed: int = 0
) -> dict[str, np.ndarray]:
    """Random directions that have the energy of `trajectory`'s in every parameter.

    Args:
        run: finished, with full states.
        k: directions.
        to_grok: the trajectory only up to the published stop.
        seed: of one draw among several.

    Raises:
        StoreError: as `trajectory`.
    """
    subject = Subject(run)
    steps = subject.path(to_grok=to_grok)
    with _named(run):
        found = geometry.trajectory(subject.layout, subject.thetas(steps), k=k)
    drawn = geometry.random_matched(
        found.basis, subject.layout.parts, seed=subject.seed(f"random_matched {seed}")
    )
    return {"basis": _single(drawn), "steps": steps}


def random_attention(
    run: RunDirectory, *, per_matrix: int = 2, seed: int = 0
) -> dict[str, np.ndarray]:
    """Random directions within each attention matrix: `trajectory_attention`'s matched control.

    Args:
        run: any; its own seed goes into the draw.
        per_matrix: directions a matrix.
        seed: of one draw among several.
    """
    subject = Subject(run)
    drawn = geometry.random_within(
        subject.layout, per_matrix=per_matrix, seed=subject.seed(f"random_attention {seed}")
    )
    return {"basis": _single(drawn)}


def weight_svd(run: RunDirectory, *, rank: int = 3, to_grok: bool = False) -> dict[str, np.ndarray]:
    """The top singular directions u_i v_iᵀ of each attention matrix at the end.

    2602.16746 section 4.6; there rebuilt at every step, here of the last snapshot.

    Args:
        run: finished.
        rank: directions a matrix.
        to_grok: at the published stop instead of the end.

    Raises:
        StoreError: if a matrix has a lower rank, or the snapshot is damaged.
    """
    return _singular(run, rank, to_grok, moved=False)


def displacement_svd(
    run: RunDirectory, *, rank: int = 3, to_grok: bool = False
) -> dict[str, np.ndarray]:
    """`weight_svd` of what each attention matrix has moved, W_T − W_0.

    2602.16746 section 4.13; there of the feed-forward matrices, too.
    """
    return _singular(run, rank, to_grok, moved=True)


def gradient_window(
    run: RunDirectory, *, rank: int = 3, window: int = 50, to_grok: bool = False
) -> dict[str, np.ndarray]:
    """The top singular directions of every matrix of the sum of the last gradients.

    2602.16746 section 4.13 sums those of the last 50 updates, which no run keeps: here the loss
    of all training pairs is differentiated at as many snapshots.  Costs a gradient each.

    Args:
        run: finished, with full states.
        rank: directions a matrix, feed-forward matrices included.
        window: snapshots.
        to_grok: the last before the published stop.

    Raises:
        StoreError: if the sum has a lower rank in a matrix, or a snapshot is damaged.
    """
    subject = Subject(run)
    steps = subject.path(to_grok=to_grok)[-window:]
    loss = subject.loss(subject.table.train)
    rows = np.stack([loss.gradient(subject.theta(step)).numpy() for step in steps])
    with _named(run):
        found = geometry.gradient_window(subject.layout, rows, rank=rank)
    return {"basis": _single(found), "steps": steps}


def _singular(run: RunDirectory, rank: int, to_grok: bool, *, moved: bool) -> dict[str, np.ndarray]:
    subject = Subject(run)
    steps = subject.path(to_grok=to_grok)[[0, -1]]
    first, last = subject.attention(steps).astype(np.float64)
    theta = np.zeros(subject.layout.size)
    for name, block in subject.layout.attention_blocks().items():
        theta[subject.layout.parts[name]] = (last - first * moved)[block]
    with _named(run):
        found = geometry.weight_svd(subject.layout, theta, rank=rank)
    return {"basis": _single(found), "steps": steps}


def _by_k(layout: Layout, given: Mapping[str, Any]) -> int:
    return given["k"] - given.get("skip", 0)


def _by_matrix(layout: Layout, given: Mapping[str, Any]) -> int:
    return 4 * layout.layers * given.get("per_matrix", given.get("rank"))


def _by_block(layout: Layout, given: Mapping[str, Any]) -> int:
    return 6 * layout.layers * given["rank"]


MEASURES = {
    "trajectory": Measure(trajectory, True, _by_k),
    "trajectory_attention": Measure(trajectory_attention, False, _by_matrix),
    "other_seed": Measure(trajectory, True, _by_k, sibling=True),
    "other_seed_attention": Measure(trajectory_attention, False, _by_matrix, sibling=True),
    "random": Measure(random, False, _by_k),
    "random_matched": Measure(random_matched, True, _by_k),
    "random_attention": Measure(random_attention, False, _by_matrix),
    "weight_svd": Measure(weight_svd, False, _by_matrix),
    "displacement_svd": Measure(displacement_svd, False, _by_matrix),
    "gradient_window": Measure(gradient_window, True, _by_block),
}
"""Measures by the name under which a study asks for them."""


def _single(basis: Basis) -> np.ndarray:
    return basis.columns.astype(np.float32)


@contextmanager
def _named(run: RunDirectory) -> Iterator[None]:
    """What a run does not give, as an error that names it."""
    try:
        yield
    except ValueError as error:
        raise StoreError(f"run {run.config.id} ({run.config.label}): {error}") from None

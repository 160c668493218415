"""Bases measured on a finished run, for the interventions of later runs.

A basis B is (P, k), float32, with orthonormal columns in the order of `grokbook.models.layout`.
It is stored as an artefact; a sealed note says what it was measured on, so that it is measured
once: on another machine the last bits would differ, and with them the id of every run after it.

    bases/<config id>/<artefact>.json     sealed: measure, parameters, step, grok steps, artefact
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from grokbook.checks import ConfigError, integer
from grokbook.events import PUBLISHED_RULE
from grokbook.geometry.trajectory import gram, thin
from grokbook.plan import Plan
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.store.artefacts import Artefacts
from grokbook.store.files import read_sealed, seal

if TYPE_CHECKING:
    from grokbook.models.layout import Layout

POINTS = 100
"""Most snapshots that a trajectory is measured on (2602.18523 section 4.7)."""


@dataclass(frozen=True)
class Measure:
    """A way to measure a basis.

    Attributes:
        take: from a finished run and the parameters to arrays, ``basis`` among them.
        full_state: does it need snapshots of all parameters?
        columns: k, from the layout and all parameters.
    """

    take: Callable[..., dict[str, np.ndarray]]
    full_state: bool
    columns: Callable[[Layout, Mapping[str, Any]], int]


def trajectory(run: RunDirectory, *, k: int = 20, to_grok: bool = False) -> dict[str, np.ndarray]:
    """The top k right singular vectors of θ_t − θ_0, uncentred, all parameters.

    2602.18523 sections 4.7 and 4.10: at most 100 snapshots, evenly spaced, the last included; the
    whole trajectory, future and all.

    Args:
        run: finished, with full states.
        k: directions.
        to_grok: only up to the published stop, as published, where the run goes on after it.

    Returns:
        ``basis`` (P, k) float32, ``singular_values`` (n − 1,) and ``steps`` (n,).

    Raises:
        StoreError: if the trajectory spans fewer than k directions, or a snapshot is damaged.
    """
    from grokbook.models.layout import Layout  # with it PyTorch, which declaring does without

    layout, steps = Layout.of(run.config), _steps(run, to_grok)
    theta = np.stack([run.snapshot(int(step), "theta") for step in steps])
    parts = {
        name: slice(start, start + int(np.prod(layout.shapes[name])))
        for name, start in layout.offsets.items()
    }
    products = gram(theta, parts)["all"][1:, 1:]  # θ_0 moved by nothing
    basis, sizes = _directions(run, theta[1:], theta[0], products, k)
    return {"basis": basis, "singular_values": sizes, "steps": steps}


def trajectory_attention(
    run: RunDirectory, *, per_matrix: int = 2, to_grok: bool = False
) -> dict[str, np.ndarray]:
    """The top centred principal directions of each attention matrix, in one basis.

    2602.18523 section 4.3: for every layer and W_Q, W_K, W_V, W_O the displacements M_t − M_0, the
    first included, less their mean; the directions lie at the matrix's place in R^P.

    Args:
        run: finished.
        per_matrix: directions a matrix; with 2 layers of 4 matrices, 2 of each make K = 16.
        to_grok: only up to the published stop.

    Returns:
        ``basis`` (P, K) float32, matrix by matrix, and ``steps`` (n,).

    Raises:
        StoreError: if a matrix moves in too few directions, or a snapshot is damaged.
    """
    import torch

    from grokbook.models.layout import Layout

    layout, steps = Layout.of(run.config), _steps(run, to_grok)
    weights = np.stack([run.snapshot(int(step)) for step in steps])
    # Where in R^P each entry of the attention vector lies.
    places = layout.attention(torch.arange(layout.size)[None])[0].numpy()
    blocks = layout.attention_blocks()
    basis = np.zeros((layout.size, per_matrix * len(blocks)), dtype=np.float32)
    products = gram(weights, blocks)
    for at, (name, block) in enumerate(blocks.items()):
        centring = np.eye(len(steps)) - 1 / len(steps)
        mean = weights[:, block].mean(axis=0, dtype=np.float64)
        inner = centring @ products[name] @ centring
        found, _ = _directions(run, weights[:, block], mean, inner, per_matrix)
        basis[places[block], at * per_matrix : (at + 1) * per_matrix] = found
    return {"basis": basis, "steps": steps}


MEASURES = {
    "trajectory": Measure(trajectory, True, lambda layout, given: given["k"]),
    "trajectory_attention": Measure(
        trajectory_attention, False, lambda layout, given: 4 * layout.layers * given["per_matrix"]
    ),
}
"""Measures by the name under which a study asks for them."""


def complete(measure: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a measure, those not given at their default.

    Raises:
        ConfigError: naming a measure or a parameter that there is not.

    >>> complete("trajectory", {"k": 5})
    {'k': 5, 'to_grok': False}
    """
    if measure not in MEASURES:
        raise ConfigError(f"unknown measure {measure!r}; known: {', '.join(MEASURES)}")
    known = {
        name: parameter.default
        for name, parameter in inspect.signature(MEASURES[measure].take).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    for name, value in parameters.items():
        if name not in known:
            raise ConfigError(f"{measure} has no parameter {name!r}; known: {', '.join(known)}")
        if isinstance(known[name], bool) and not isinstance(value, bool):
            raise ConfigError(f"{name} of {measure} must be true or false, not {value!r}")
        if not isinstance(known[name], bool):
            integer(f"{name} of {measure}", value, low=1, high=POINTS - 1)
    return known | dict(parameters)


def find(
    store: Store, config_id: str, plan: Plan, measure: str, parameters: Mapping[str, Any]
) -> str | None:
    """The artefact of a basis measured before on a run that had gone as far as the plan asks.

    Raises:
        StoreError: if the note of a basis was edited or is damaged.
    """
    found = []
    for path in sorted((store.root / "bases" / config_id).glob("*.json")):
        note = read_sealed(path)
        fits = note["measure"] == measure and note["parameters"] == dict(parameters)
        # The shortest run that was long enough: training it further changes nothing.
        if fits and note["step"] >= plan.end(note["grok_steps"]):
            found.append((note["step"], note["artefact"]))
    return min(found)[1] if found else None


def measure_basis(
    store: Store, run: RunDirectory, measure: str, parameters: Mapping[str, Any]
) -> str:
    """Measure a basis and store it.

    Returns:
        The artefact's hash.

    Raises:
        StoreError: if the run does not give it, or it cannot be stored.
    """
    arrays = MEASURES[measure].take(run, **parameters)
    facts = {"measure": measure, "parameters": dict(parameters), "step": run.step}
    facts |= {"config_id": run.config.id, "numerics_id": run.path.name, "run": run.config.label}
    name = Artefacts(store).put(arrays, facts)
    note = facts | {"artefact": name, "grok_steps": _groks(run)}
    store.disk.place(store.root / "bases" / run.config.id / f"{name}.json", seal(note))
    return name


def _groks(run: RunDirectory) -> list[int | None]:
    record = run.record()
    return [record.grok_step(task, PUBLISHED_RULE) for task in run.config.tasks]


def _steps(run: RunDirectory, to_grok: bool) -> np.ndarray:
    """At most 100 steps of the global stream, evenly spaced, with the last of the trajectory."""
    last, groks = run.step, _groks(run)
    if to_grok and None not in groks:
        last = max(groks)
    kept = [step for step in run.snapshots() if step <= last]
    stride = run.marker["global_stride"] * run.marker["plan"]["cadence"]
    spaced = [step for step in kept if step % stride == 0 or step == kept[-1]]
    return thin(np.array(spaced, dtype=np.int64), POINTS)


def _directions(
    run: RunDirectory, rows: np.ndarray, origin: np.ndarray, products: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Top k right singular vectors of ``rows − origin`` from its Gram matrix XXᵀ.

    With XXᵀ = UΣ²Uᵀ the right singular vectors are Xᵀu/σ, all in float64.  Their signs, which
    nothing fixes, make the largest entry positive.

    Returns:
        (D, k) float32 orthonormal columns, and all singular values, descending.
    """
    squares, left = np.linalg.eigh(products)
    squares, left = squares[::-1], left[:, ::-1]
    sizes = np.sqrt(np.maximum(squares, 0.0))
    # A Gram matrix knows singular values to √ε of the largest.
    rank = int((sizes > 1e-7 * sizes[0]).sum())
    if rank < k:
        raise StoreError(
            f"the trajectory of run {run.config.id} ({run.config.label}) spans {rank} "
            f"directions, fewer than {k}"
        )
    moved = rows.astype(np.float64)
    moved -= origin
    vectors = moved.T @ (left[:, :k] / sizes[:k])
    # Orthonormal to the last bit also where singular values are far apart.
    basis, triangle = np.linalg.qr(vectors)
    basis *= np.sign(np.diag(triangle))
    largest = basis[np.abs(basis).argmax(axis=0), np.arange(k)]
    return (basis * np.sign(largest)).astype(np.float32), sizes

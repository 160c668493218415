"""Rows of windows, for ``edge`` and ``spectral-edge``: dictionaries of the fields of a `Row`.

Beside them stand what both instruments say of the quantities that they share.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.edge_shares import Shares, at_random, cosines, share_errors, shares
from grokbook.geometry.edge_windows import Window, window
from grokbook.geometry.spectral_edge import Edge, Rotation, edge, halves, rotation
from grokbook.geometry.trajectory import ROUNDING
from grokbook.instruments.edge_path import EdgePath
from grokbook.instruments.instrument import Quantity

ROTATED = 3
"""Directions whose rotation is published."""

_OF_K = "k"

SPECTRUM = {
    "sigma": Quantity("norm", "singular value of the window", _OF_K),
    "g23": Quantity("squared norm", "σ2² − σ3²"),
    "g23_share": Quantity("1", "(σ2² − σ3²) / Σσ²"),
    "ratio": Quantity("1", "R = σ_k* / σ_{k*+1}"),
    "k_star": Quantity("1", "j of the largest (σ_j/Σσ)(σ_j/σ_{j+1}), as published"),
    "k_star_unweighted": Quantity("1", "j of the largest σ_j / σ_{j+1}"),
}
"""What `spectrum` gives."""

ROTATIONS = {
    "rotation": Quantity("degrees", "of v_k from one window to the next, one update on", _OF_K),
    "rotation_disjoint": Quantity("degrees", "of v_k between windows that share nothing", _OF_K),
    "rotation_of_span": Quantity(
        "degrees", "largest angle of span(v_1 … v_k) from one window to the next", _OF_K
    ),
    "rotation_disjoint_of_span": Quantity(
        "degrees", "the same between windows that share nothing", _OF_K
    ),
}
"""What `rotated` gives."""


def spectrum(at: Edge, count: int = 4) -> Iterator[dict[str, Any]]:
    """Singular values, ``count`` of them, and what follows from them."""
    for k in range(1, count + 1):
        yield {"quantity": "sigma", "value": at.size(k), "at": k, "error": at.floor}
    yield {"quantity": "g23", "value": at.g23, "error": at.g23_error}
    yield {"quantity": "g23_share", "value": at.g23_share, "error": at.g23_share_error}
    yield {"quantity": "ratio", "value": at.ratio, "error": at.ratio_error}
    yield {"quantity": "k_star", "value": at.k_star}
    yield {"quantity": "k_star_unweighted", "value": at.k_star_unweighted}


def composition(found: Window, path: EdgePath, last: int) -> Iterator[dict[str, Any]]:
    """Cosines with the weights, the initial ones, and what was learned."""
    theta = path.theta[last + 1].astype(np.float64)
    at = cosines(found, theta, path.theta[0], float(path.kept[last + 1]))
    for name, values in (("weights", at.weights), ("start", at.start), ("learned", at.learned)):
        for k, value in enumerate(values, start=1):
            error = at.error[k - 1]
            yield {"quantity": f"cos_{name}", "value": value, "at": k, "error": error}
    yield {"quantity": "cos_chance", "value": at.chance}


def shared(
    found: Window, updates: np.ndarray, decay: np.ndarray, centred: bool
) -> Iterator[dict[str, Any]]:
    """Of what was moved in the window, by the same centring as its directions."""
    if centred:
        updates, decay = (part - part.mean(axis=0) for part in (updates, decay))
    yield from _shares(found, updates - decay, decay, updates, net=not centred)


def _shares(
    found: Window, gradient: np.ndarray, decay: np.ndarray, updates: np.ndarray, *, net: bool = True
) -> Iterator[dict[str, Any]]:
    got: Shares = shares(found.directions, gradient, decay, updates)
    published, signed = share_errors(got, found.errors, gradient, decay, updates)
    for name, values, errors in (
        ("gradient_share", got.published, published),
        ("signed_share", got.signed, signed),
        ("net_share", got.net, None),
        ("alignment", got.alignment, None),
    ):
        if name == "net_share" and not net:
            continue
        for k, value in enumerate(values, start=1):
            error = np.nan if errors is None else errors[k - 1]
            yield {"quantity": name, "value": value, "at": k, "error": error}


def as_published(path: EdgePath, rows: slice) -> Iterator[dict[str, Any]]:
    """By the trapezoid: over the window, and of its last interval alone, as for several seeds."""
    updates, decay = path.updates(rows), path.by_trapezoid(rows)
    found = window(updates)
    for variant, part in (
        ("published", slice(None)),
        ("published, last interval", slice(-1, None)),
    ):
        for row in _shares(found, (updates - decay)[part], decay[part], updates[part]):
            yield row | {"variant": variant}


def by_chance(
    updates: np.ndarray, decay: np.ndarray, *, draws: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Shares along v_1 and v_2 of gradients as long as the run's, in random directions."""
    norms = np.linalg.norm(updates - decay, axis=1)
    null = at_random(decay, norms, count=2, draws=draws, seed=seed)
    about = {"variant": "random gradient", "count": draws}
    low, high = null.band()
    for k in (1, 2):
        for name, values in (("gradient_share", null.published), ("signed_share", null.signed)):
            value, sd = values[:, k - 1].mean(), values[:, k - 1].std(ddof=1)
            yield {"quantity": name, "value": value, "error": sd, "at": k} | about
        yield {"quantity": "gradient_share_low", "value": low[k - 1], "at": k} | about
        yield {"quantity": "gradient_share_high", "value": high[k - 1], "at": k} | about


def turning(path: EdgePath, last: int, size: int) -> Iterator[dict[str, Any]]:
    """Rotations between windows, and between the halves of one, from inner products."""
    reach = slice(max(0, last + 1 - 2 * size), last + 1)
    updates = path.updates(reach)
    products = updates @ updates.T
    inner = {"uncentred": (products, False), "centred": (products, True)}
    if (less := path.pure_decay(reach)).any():
        left = updates - less
        # Where only rounding of what was taken away is left, nothing turns.
        if np.linalg.norm(left) > np.sqrt(len(left)) * ROUNDING * np.linalg.norm(updates):
            inner["less decay"] = left @ left.T, False
    inner["orthogonal"] = np.diag(np.diag(products)), False
    if len(products) >= size:
        at = edge(inner["orthogonal"][0][-size:, -size:])
        yield from ({"variant": "orthogonal"} | row for row in spectrum(at))
    for form, (each, centred) in inner.items():
        count = len(each)
        for name, earlier, later in turns(count, size):
            found = _turned(each, earlier, later, centred=centred)
            if found is None:
                continue
            yield from ({"variant": form} | row for row in rotated(found, name))
        if form != "orthogonal" and min(count, size) >= 4:
            yield from _stability(each[-size:, -size:], form, centred)


def turns(count: int, size: int) -> Iterator[tuple[str, slice, slice]]:
    """The last window, after that of one update earlier and after one that shares none with it.

    Yields:
        The quantity, and both windows of ``size`` updates; nothing where too few are there.
    """
    for name, shift in (("rotation", 1), ("rotation_disjoint", size)):
        if count >= size + shift:
            yield name, slice(count - size - shift, count - shift), slice(count - size, count)


def rotated(found: Rotation, name: str) -> Iterator[dict[str, Any]]:
    """Of every direction, and of what the leading ones span."""
    for k, (angle, span) in enumerate(zip(found.angles, found.spans, strict=True), start=1):
        error = found.error[k - 1]
        yield {"quantity": name, "value": angle, "at": k, "error": error}
        if k > 1:
            yield {"quantity": f"{name}_of_span", "value": span, "at": k}


def _turned(
    products: np.ndarray, earlier: slice, later: slice, *, centred: bool
) -> Rotation | None:
    """Of as many of `ROTATED` directions as both windows have; None of none."""
    for k in range(ROTATED, 0, -1):
        try:
            return rotation(products, earlier, later, k=k, centred=centred)
        except Degenerate:
            continue
    return None


def _stability(products: np.ndarray, form: str, centred: bool) -> Iterator[dict[str, Any]]:
    for k in range(min(5, len(products) // 2 - centred), 0, -1):
        try:
            found = halves(products, k=k, centred=centred)
        except Degenerate:
            continue
        for j, angle in enumerate(found.angles, start=1):
            error = np.radians(found.error[j - 1])
            value = np.cos(np.radians(angle))
            yield {
                "variant": form,
                "quantity": "stability",
                "value": value,
                "at": j,
                "error": error,
            }
        return

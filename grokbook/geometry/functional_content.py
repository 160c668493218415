"""What a direction of the weights does to representations, and what of a target is in that.

    Δh_n = h_n(θ + εv) − h_n(θ),   f_n = ‖Δh_n‖²,   ε = 0.005 ‖θ‖, a row n a token

Published is the R² of depth from Δh by ridge regression with a fixed penalty on raw features,
whose size falls with ε and with what the direction does: the penalty alone can make it small.  It
is given beside the standardised one, on splits by token, by string and by prefix, and for random
directions of the same length.  Source: 2604.07380 section 4.8, weakness G.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.isotropic import frame
from grokbook.geometry.operators import unit_vector
from grokbook.geometry.probe_splits import SPLITS, split
from grokbook.geometry.probes import FORMS, Probe, probe

SHARE = 0.005
"""ε / ‖θ‖, as published."""

Hidden = Callable[[Tensor], Tensor]
"""θ (P,) ↦ representations (n, d), a row a token; padding left out."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Response:
    """How representations move along +v and −v.

    Attributes:
        ahead: (n, d) h(θ + εv) − h(θ), float64: the published Δh.
        behind: (n, d) h(θ − εv) − h(θ).
        step: ε, in the weights' unit.
        floor: ‖rounding‖ / ‖Δh‖ to be expected, u ‖h‖_F / ‖Δh‖_F in the precision of θ; about 1
            or more says that Δh is rounding.
    """

    ahead: np.ndarray
    behind: np.ndarray
    step: float
    floor: float

    @property
    def size(self) -> np.ndarray:
        """(n,) f = ‖Δh‖² of every token."""
        return (self.ahead**2).sum(axis=1)

    @property
    def bent(self) -> float:
        """‖Δh₊ + Δh₋‖ / ‖Δh₊ − Δh₋‖: 0 of a linear response, of which +v and −v say the same."""
        apart = float(np.linalg.norm(self.ahead - self.behind))
        return float(np.linalg.norm(self.ahead + self.behind)) / apart if apart else float("nan")


@torch.no_grad()
def response(
    hidden: Hidden,
    theta: Tensor,
    direction: np.ndarray,
    *,
    share: float = SHARE,
    here: Tensor | None = None,
) -> Response:
    """The response to one direction; two forward passes, and one for h(θ) if it is not given.

    Args:
        hidden: representations of the tokens that count.
        theta: (P,) θ, in the precision in which all is computed.
        direction: (P,), of any length; its sign is which way is ahead.
        share: ε / ‖θ‖.
        here: (n, d) h(θ), where several directions share it.

    Raises:
        ValueError: for a direction of another size or of length 0, a step of 0, or representations
            that are not (n, d).
    """
    unit = unit_vector(direction, len(theta))
    step = share * float(theta.double().norm())
    if not step > 0:
        raise ValueError(f"a response needs a step above 0, not {step}")
    moved = step * unit
    at = [(theta.double() + sign * moved).to(theta.dtype) for sign in (1, -1)]
    ahead, behind = (hidden(each).double() for each in at)
    here = (hidden(theta) if here is None else here).double()
    if here.dim() != 2:
        raise ValueError(f"representations must be (n, d), not {tuple(here.shape)}")
    size, unit = float((ahead - here).norm()), torch.finfo(theta.dtype).eps / 2
    floor = unit * float(here.norm()) / size if size else float("inf")
    return Response((ahead - here).numpy(), (behind - here).numpy(), step, floor)


@dataclass(frozen=True, eq=False)
class Content:
    """What of a target is in a response.

    Attributes:
        probes: linear probes of Δh by (form, split): published is ``("raw", "token")``.
        correlation: Pearson's of f with the target; NaN if f does not vary.
        floor: of the response.
    """

    probes: dict[tuple[str, str], Probe]
    correlation: float
    floor: float


def content(
    found: Response,
    target: np.ndarray,
    strings: np.ndarray,
    prefixes: np.ndarray | None = None,
    *,
    seed: int,
    chosen: Sequence[tuple[str, str]] | None = None,
) -> Content:
    """Functional R² in both forms, by every split that there is.

    Args:
        found: the response.
        target: (n,) real numbers, such as depths.
        strings: (n,) id of each token's string; equal strings have one id.
        prefixes: (n,) id of each token's prefix, for the split by prefix.
        seed: of the splits, folds and bootstraps.
        chosen: forms and splits, where not all are wanted.

    Raises:
        ValueError: as `grokbook.geometry.probes.probe`.
    """
    probes = {}
    for by in SPLITS:
        if by == "prefix" and prefixes is None:
            continue
        forms = [form for form in FORMS if chosen is None or (form, by) in chosen]
        if not forms:
            continue
        parts = split(strings, prefixes, by=by, seed=seed)
        for form in forms:
            probes[form, by] = probe(found.ahead, target, strings, parts, form=form, seed=seed)
    size = found.size
    flat = np.ptp(size) <= 1e-12 * np.abs(size).max()
    correlation = float("nan") if flat else float(np.corrcoef(size, target)[0, 1])
    return Content(probes, correlation, found.floor)


def random_directions(size: int, count: int, *, seed: int) -> np.ndarray:
    """(count, P) orthonormal isotropic directions, to stand beside v_k.

    Raises:
        ValueError: for more directions than dimensions, or fewer than none.
    """
    return frame(np.random.default_rng(seed), size, count).T


def ratio(found: Response, one: np.ndarray, other: np.ndarray) -> float:
    """Mean f over some tokens, by that over others, such as opening and closing brackets.

    Raises:
        ValueError: if there is no token on a side, or the others do not move.
    """
    if not np.any(one) or not np.any(other):
        raise ValueError("a ratio needs tokens on both sides")
    below = float(found.size[other].mean())
    if not below > 0:
        raise ValueError("the other tokens do not move")
    return float(found.size[one].mean()) / below

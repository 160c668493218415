"""The bases of ``integrability``: of the path that a run takes, and of its weights as they are."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from grokbook.geometry import bases
from grokbook.geometry.degenerate import Degenerate
from grokbook.geometry.subspaces import Basis, Footprint
from grokbook.instruments.subject import Subject

OTHER = " of another seed"
"""How the names of the bases end that another seed's run gives."""


class Space(NamedTuple):
    """A basis and where it lives."""

    basis: Basis
    footprint: Footprint


def lasting(subject: Subject, k: int) -> dict[str, Space]:
    """Bases that are the same at every snapshot: future included, as published."""

    def spaces() -> dict[str, Space]:
        return {
            name + suffix: _space(subject, basis)
            for suffix, half, of in (
                ("", False, subject),
                (" of the first half", True, subject),
                (OTHER, False, subject.sibling()),
            )
            if of is not None and of.has("theta")
            for name, basis in trajectories(of, k, half=half).items()
        }

    return subject.once(("integrability", k), spaces)


def per_matrix(subject: Subject) -> int:
    """Principal directions of an attention matrix's path, as published."""
    return 3 if len(subject.config.tasks) == 3 else 2


def trajectories(subject: Subject, k: int, *, half: bool) -> dict[str, Basis]:
    """Up to the published stop: the principal directions of each matrix, and of all parameters.

    Args:
        subject: a run that kept all parameters.
        k: directions of all parameters, if the path has so many.
        half: of the first half of the path alone.
    """
    steps = subject.path(until=50 if half else 100)
    layout, attention, theta = subject.layout, subject.attention(steps), subject.thetas(steps)
    return {
        "attention path": bases.trajectory_attention(
            layout, attention, per_matrix=per_matrix(subject)
        ),
        "full path": bases.trajectory(layout, theta, k=min(k, len(steps) - 1)).basis,
    }


def present(subject: Subject, step: int, rank: int) -> dict[str, Space]:
    """Bases of the weights as they are, and of what they have moved."""
    return singular(subject, step, rank) | singular(subject, step, rank, feedforward=True)


def singular(
    subject: Subject, step: int, rank: int, *, feedforward: bool = False
) -> dict[str, Space]:
    """Singular directions of every matrix, as it is and of what it has moved, as far as it has.

    Args:
        subject: a run that kept all parameters.
        step: of a snapshot.
        rank: directions a matrix.
        feedforward: of the feed-forward matrices, too.
    """
    start, theta = (subject.theta(s).double().numpy() for s in (int(subject.steps[0]), step))
    found = {}
    for name, values in (("weights", theta), ("displacements", theta - start)):
        with suppress(Degenerate):  # a matrix that has not moved, or not in so many directions
            basis = bases.weight_svd(subject.layout, values, rank=rank, feedforward=feedforward)
            found[name + " with feed-forward" * feedforward] = _space(subject, basis)
    return found


def _space(subject: Subject, basis: Basis) -> Space:
    return Space(basis, Footprint.of(basis, subject.layout.parts))

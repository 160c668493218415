"""One intervention on a run's updates, with or without a basis.

Intervention("delete", 0.1, start=500, basis=…)  g ← g − 0.1 (g − BBᵀg) from then on
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from grokbook.changes.values import LATEST, as_record, is_sha256, made, read_value, short
from grokbook.checks import ConfigError, integer, number

TRANSFORMS: dict[str, dict[str, Any]] = {
    "delete": {"low": 0, "high": 1},
    "delete_update": {"low": 0, "high": 1},
    "amplify": {"low": 0, "high": 1, "open_high": True},
    "penalty": {"low": 0, "high": 1},
    "noise": {"low": 0},
    "noise_inside": {"low": 0},
    "kick": {"low": 0},
    "kick_published": {"low": 0},
    "kick_sham": {"low": 0},
    "kick_fixed": {"low": 0},
}
"""Interventions by name, with the bounds of their strength."""

ADDING = tuple(name for name in TRANSFORMS if name.startswith(("noise", "kick")))
"""Those that add to the weights after an update; the others change the update itself."""

COMMUTING = ("kick", "kick_published", "kick_sham")
"""Those that take gradients of their own."""


@dataclass(frozen=True)
class Intervention:
    """What is done to a run's updates, against a basis B (P × k, orthonormal columns).

    ``g`` is the clipped gradient, ``u`` the Adam step without its decay, f the strength:

        delete         g ← g − f (g − BBᵀg), before AdamW (2602.18523 section 4.10)
        delete_update  u ← u − f (u − BBᵀu)
        amplify        g ← g + f / (1 − f) BBᵀg: what ``delete`` is to AdamW, which does not see
                       the common factor 1 − f
        penalty        ``delete``, every few updates only (2602.16746)
        noise          θ ← θ + f z / ‖z‖ after the update, z = (I − BBᵀ) n or n if there is no
                       basis, n standard normal from a generator of its own, seeded by batch_seed
        noise_inside   the same with z = BBᵀn: the sham of ``noise``
        kick           θ ← θ + f ‖ηg_A‖ z / ‖z‖ after the update, z = (I − BBᵀ) δ, δ the commutator
                       of two fresh batches A and B (2602.16746 section 4.10)
        kick_published the same along δ as published, a difference of float32 weights
        kick_sham      the same norm in a random direction that has in every parameter the energy
                       of z, so that it differs in nothing but the direction
        kick_fixed     along (I − BBᵀ) n with norm 0.0015 f: the published sham

    Attributes:
        transform: its name.
        strength: f; in [0, 1], for ``amplify`` below 1, for what adds to the weights any.
        start: updates made before the first that is touched.
        every: updates from one that is touched to the next; of ``penalty`` and of what adds to
            the weights only.
        basis: sha256 of the artefact that holds B as ``basis``; what adds outside B can do
            without, and then B is empty.
        times: how many updates are touched at most; 0 for no limit.
        pairs: batches from which δ comes, that with the median defect; odd, of kicks along δ and
            of their sham.

    Raises:
        ConfigError: if no run can have it.
    """

    transform: str
    strength: float
    start: int = 0
    every: int = 1
    basis: str | None = None
    times: int = 0
    pairs: int = 1

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            known = ", ".join(TRANSFORMS)
            raise ConfigError(f"unknown intervention {self.transform!r}; known: {known}")
        name, bounds = self.transform, TRANSFORMS[self.transform]
        strength = number(f"strength of {name}", self.strength, **bounds)
        object.__setattr__(self, "strength", strength)
        start = integer(f"start of {name}", self.start, low=0, high=LATEST)
        object.__setattr__(self, "start", start)
        every = integer(f"every of {name}", self.every, low=1, high=LATEST)
        object.__setattr__(self, "every", every)
        if name == "penalty" and every == 1:
            raise ConfigError("every of penalty must be at least 2, not 1; at every update: delete")
        if name not in ("penalty", *ADDING) and every > 1:
            raise ConfigError(f"{name} acts at every update, not at every {every}")
        times = integer(f"times of {name}", self.times, low=0, high=LATEST)
        object.__setattr__(self, "times", times)
        pairs = integer(f"pairs of {name}", self.pairs, low=1, high=99)
        object.__setattr__(self, "pairs", pairs)
        if pairs % 2 == 0:
            raise ConfigError(f"pairs of {name} must be odd to have a median, not {pairs}")
        if pairs > 1 and name not in COMMUTING:
            raise ConfigError(f"{name} takes no commutators: pairs must be 1, not {pairs}")
        if self.basis is None and (name not in ADDING or name == "noise_inside"):
            raise ConfigError(f"{name} needs a basis: the sha256 of a stored artefact")
        if self.basis is not None and not is_sha256(self.basis):
            raise ConfigError(
                f"basis of {name} must be a sha256 (64 hexadecimal digits), not {self.basis!r}"
            )

    def acts(self, step: int) -> bool:
        """Is the update made after ``step`` others touched?

        >>> [s for s in range(9) if Intervention("noise", 0.1, start=2, every=3).acts(s)]
        [2, 5, 8]
        """
        past, rest = divmod(step - self.start, self.every)
        return past >= 0 and rest == 0 and (self.times == 0 or past < self.times)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``transform=delete,strength=0.1,start=500,basis=…``."""
        words = [word.strip().partition("=") for word in text.split(",")]
        found: dict[str, Any] = {}
        for name, sign, value in words:
            if not sign or not value:
                raise ConfigError(f"intervention {text!r}: {name!r} is not of the form NAME=VALUE")
            if name in found:
                raise ConfigError(f"intervention {text!r}: {name} is given twice")
            found[name] = value if name in ("transform", "basis") else read_value(value)
        return made(cls, "intervention", found)

    @property
    def text(self) -> str:
        """The inverse of `parse`; fields at their default are left out."""
        return ",".join(f"{name}={short(value)}" for name, value in self.facts().items())

    @property
    def words(self) -> str:
        """What a person reads.

        >>> Intervention("noise", 0.1, start=500, every=50).words
        'noise 0.1 from step 500 every 50'
        """
        words = [self.transform, short(self.strength), f"from step {self.start}"]
        words += [f"every {self.every}"] if self.every > 1 else []
        words += [f"at most {self.times} times"] if self.times else []
        words += [f"median of {self.pairs}"] if self.pairs > 1 else []
        words += [f"on basis {self.basis[:12]}"] if self.basis else []
        return " ".join(words)

    def facts(self) -> dict[str, Any]:
        """Fields that are not at their default: what a config id hashes."""
        defaults = {f.name: f.default for f in fields(self)}
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}


def as_intervention(value: Any) -> Intervention | None:
    """An intervention from itself, its fields or its text; None for one of no strength.

    Raises:
        ConfigError: if it is none.
    """
    found = None if value is None else as_record(Intervention, "intervention", value)
    return found if found is not None and found.strength > 0 else None

"""The schedule of a run: fields that have another value from some step on.

Switch(2_000, "weight_decay", 0.0)               λ is 0 once 2,000 updates were made
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from grokbook.changes.values import LATEST, as_record, read_value, short
from grokbook.checks import ConfigError, integer, number

SWITCHABLE: dict[str, dict[str, Any]] = {
    "learning_rate": {"low": 0, "open_low": True},
    "weight_decay": {"low": 0},
    "clip_norm": {"low": 0, "open_low": True},
}
"""Fields that a schedule can set, with their bounds."""

RESET = "moments"
"""What a switch sets to 0 to begin the optimiser anew: its moments, and with them the count of
updates in its bias corrections."""
_SET = SWITCHABLE | {RESET: {"low": 0, "high": 0}}

SYMBOLS = {"learning_rate": "η =", "modulus": "p =", "weight_decay": "λ ="}
"""Fields that are read as symbols."""


@dataclass(frozen=True, order=True)
class Switch:
    """A field that has another value from update ``step`` + 1 on.

    Attributes:
        step: updates made before the value is in force; at least 1, for a value that is in force
            from the start is the field itself.
        field: one of `SWITCHABLE`, or `RESET`.
        value: in the field's own bounds; of `RESET` 0.

    Raises:
        ConfigError: if no run can have it.

    >>> Switch.parse("2000:weight_decay=0").value
    0.0
    """

    step: int
    field: str
    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", integer("switch step", self.step, low=1, high=LATEST))
        if self.field not in _SET:
            raise ConfigError(f"a switch sets {', '.join(_SET)}, not {self.field!r}")
        name = self.field.replace("_", " ")
        object.__setattr__(self, "value", number(name, self.value, **_SET[self.field]))

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``STEP:FIELD=VALUE``."""
        match = re.fullmatch(r"(\d+):(\w+)=(.+)", text.strip())
        if match is None:
            raise ConfigError(f"switch {text!r} is not of the form STEP:FIELD=VALUE")
        return cls(int(match[1]), match[2], read_value(match[3]))

    @property
    def text(self) -> str:
        """The inverse of `parse`."""
        return f"{self.step}:{self.field}={short(self.value)}"

    @property
    def words(self) -> str:
        """What a person reads.

        >>> Switch(400, "moments", 0).words, Switch(400, "weight_decay", 2).words
        ('moments reset at step 400', 'λ = 2 from step 400')
        """
        if self.field == RESET:
            return f"moments reset at step {self.step}"
        symbol = SYMBOLS.get(self.field, self.field.replace("_", " "))
        return f"{symbol} {short(self.value)} from step {self.step}"


def as_schedule(value: Any, first: Mapping[str, float]) -> tuple[Switch, ...]:
    """Switches in order; one that sets what is in force anyway changes nothing and is left out.

    Args:
        value: an iterable of switches, of their fields, or of their texts.
        first: the values in force at step 0.

    Raises:
        ConfigError: if it is none, or two switches set one field at one step.
    """
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigError(f"schedule must be a list of switches, not {value!r}")
    switches = sorted(as_record(Switch, "switch", each) for each in value)
    kept, force, last = [], dict(first), dict[str, int]()
    for switch in switches:
        if last.get(switch.field) == switch.step:
            raise ConfigError(f"{switch.field} is switched twice at step {switch.step}")
        last[switch.field] = switch.step
        if force.get(switch.field) != switch.value or switch.field == RESET:
            force[switch.field] = switch.value
            kept.append(switch)
    return tuple(kept)

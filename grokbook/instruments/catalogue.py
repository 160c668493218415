"""Every instrument by its name."""

from __future__ import annotations

from grokbook.checks import ConfigError
from grokbook.instruments.instrument import Instrument

INSTRUMENTS: dict[str, Instrument] = {each.name: each for each in ()}
"""In the order in which a study is measured: the cheap ones first."""


def instrument(name: str) -> Instrument:
    """An instrument.

    Raises:
        ConfigError: naming those that there are.
    """
    if name not in INSTRUMENTS:
        raise ConfigError(f"unknown instrument {name!r}; known: {', '.join(INSTRUMENTS)}")
    return INSTRUMENTS[name]

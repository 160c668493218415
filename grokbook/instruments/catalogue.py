"""Every instrument by its name."""

from __future__ import annotations

from grokbook.checks import ConfigError, suggest
from grokbook.instruments.ablations import ABLATIONS
from grokbook.instruments.commutator import COMMUTATOR
from grokbook.instruments.compression import COMPRESSION
from grokbook.instruments.edge import EDGE
from grokbook.instruments.edge_ablation import EDGE_ABLATION
from grokbook.instruments.edge_curves import EDGE_CURVES
from grokbook.instruments.edge_functional import EDGE_FUNCTIONAL
from grokbook.instruments.events import EVENTS
from grokbook.instruments.fourier import FOURIER
from grokbook.instruments.gap_flow import GAP_FLOW
from grokbook.instruments.hessian import HESSIAN
from grokbook.instruments.instrument import Instrument
from grokbook.instruments.integrability import INTEGRABILITY
from grokbook.instruments.positional import POSITIONAL
from grokbook.instruments.probes import PROBES
from grokbook.instruments.reconstruction import RECONSTRUCTION
from grokbook.instruments.spectral_edge import SPECTRAL_EDGE
from grokbook.instruments.trajectory import TRAJECTORY
from grokbook.instruments.weight_spectra import WEIGHT_SPECTRA

INSTRUMENTS: dict[str, Instrument] = {
    each.name: each
    for each in (
        EVENTS,
        TRAJECTORY,
        SPECTRAL_EDGE,
        EDGE,
        EDGE_ABLATION,
        EDGE_FUNCTIONAL,
        EDGE_CURVES,
        POSITIONAL,
        PROBES,
        GAP_FLOW,
        WEIGHT_SPECTRA,
        RECONSTRUCTION,
        COMPRESSION,
        ABLATIONS,
        FOURIER,
        INTEGRABILITY,
        COMMUTATOR,
        HESSIAN,
    )
}
"""In the order in which a study is measured: the cheap ones first."""


def instrument(name: str) -> Instrument:
    """An instrument.

    Raises:
        ConfigError: naming those that are spelt nearly so, or all that there are.
    """
    if name not in INSTRUMENTS:
        raise ConfigError(f"unknown instrument {name!r}; {suggest(name, INSTRUMENTS)}")
    return INSTRUMENTS[name]

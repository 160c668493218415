"""Replay: train the start of a recorded run again, as proof that the record is real."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from grokbook.checks import ConfigError
from grokbook.numerics import Numerics, hardware
from grokbook.plan import Plan
from grokbook.record import RunRecord
from grokbook.training.process import single_thread
from grokbook.training.session import Session

ACCURACY_TOLERANCE = 0.002
"""Largest difference of an accuracy under other numerics, over the first hundreds of steps."""
RELATIVE_TOLERANCE = 2e-3
"""Largest relative difference of a loss or a norm under other numerics, likewise."""


@dataclass(frozen=True)
class Replay:
    """What a replay found.

    Attributes:
        label: of the run.
        rows: evaluations compared.
        same_numerics: was the record made under the numerics of this process, and on a processor
            of the same name?
        identical: are all compared rows equal to the last bit?
        accuracy_difference: largest absolute difference of an accuracy.
        relative_difference: largest relative difference of a loss or norm.
    """

    label: str
    rows: int
    same_numerics: bool
    identical: bool
    accuracy_difference: float
    relative_difference: float

    @property
    def agrees(self) -> bool:
        """Equal bits under equal numerics, else equal within the tolerances."""
        if self.same_numerics:
            return self.identical
        return (
            self.accuracy_difference <= ACCURACY_TOLERANCE
            and self.relative_difference <= RELATIVE_TOLERANCE
        )

    def text(self) -> str:
        """One line for a person."""
        verdict = "agrees with" if self.agrees else "DIFFERS from"
        how = (
            "identical bits"
            if self.identical
            else f"largest difference {self.accuracy_difference:.5f} in accuracy, "
            f"{self.relative_difference:.1e} relative in losses and norms"
        )
        under = "same numerics" if self.same_numerics else "other numerics"
        return f"{self.label}: replay {verdict} the record in {self.rows} rows ({under}): {how}"


def compare(label: str, recorded: pd.DataFrame, again: pd.DataFrame, same: bool) -> Replay:
    """Compare rows of two metrics tables of the same steps."""
    accuracies = [name for name in recorded if "accuracy" in name]
    others = [name for name in recorded if name not in accuracies and name != "step"]
    a, b = recorded[others].to_numpy(), again[others].to_numpy()
    relative = np.abs(a - b) / np.maximum(np.abs(a), 1e-12)
    both_missing = np.isnan(a) & np.isnan(b)
    return Replay(
        label,
        len(recorded),
        same,
        recorded.equals(again[list(recorded)]),
        float((recorded[accuracies] - again[accuracies]).abs().to_numpy().max()),
        float(np.where(both_missing, 0.0, np.nan_to_num(relative, nan=np.inf)).max()),
    )


def retrain(record: RunRecord, steps: int) -> pd.DataFrame:
    """The evaluations of a record's first ``steps`` steps, trained again in memory.

    Before its intervention starts a run is the run without one, and its basis, which is not
    recorded, is not needed.

    Raises:
        ConfigError: if the intervention starts before.
    """
    config, change = record.config, record.config.intervention
    if change is not None and change.start < steps:
        raise ConfigError(
            f"{config.label} can be trained again up to step {change.start:,} only: there its "
            "intervention starts, whose basis is not recorded"
        )
    work = Session.alone(replace(config, intervention=None), Plan(steps=steps, after_grok=None))
    with single_thread():
        for step in record.steps[record.steps <= steps].tolist():
            work.trainer.advance(step - work.step)
            work.measure()
    return work.log.frame()


def against(record: RunRecord, again: pd.DataFrame) -> Replay:
    """Compare a record with what `retrain` made of the same config on this machine.

    Raises:
        ValueError: if the two were evaluated at other steps.
    """
    until = record.metrics["step"] <= again["step"].max()
    recorded = record.metrics[until].reset_index(drop=True)
    if recorded["step"].tolist() != again["step"].tolist():
        raise ValueError(f"{record.config.label} was recorded at other steps than trained again")
    with single_thread():
        here = asdict(Numerics.here())
    # A field that the record was made without says nothing either way.
    same = all(here.get(name) == value for name, value in record.numerics.items())
    same = same and record.hardware in ("", hardware())
    return compare(record.config.label, recorded, again, same)


def replay(record: RunRecord, steps: int) -> Replay:
    """Train ``steps`` steps again and compare with the record's rows."""
    return against(record, retrain(record, steps))

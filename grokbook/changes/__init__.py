"""What changes while a run is trained: its schedule, and one intervention on its updates.

Both are declarations: checked here, hashed with the run's config, carried out by training.
"""

from grokbook.changes.intervention import (
    ADDING,
    COMMUTING,
    TRANSFORMS,
    Intervention,
    as_intervention,
)
from grokbook.changes.schedule import RESET, SWITCHABLE, SYMBOLS, Switch, as_schedule
from grokbook.changes.values import is_sha256, read_value, short

__all__ = [
    "ADDING",
    "COMMUTING",
    "RESET",
    "SWITCHABLE",
    "SYMBOLS",
    "TRANSFORMS",
    "Intervention",
    "Switch",
    "as_intervention",
    "as_schedule",
    "is_sha256",
    "read_value",
    "short",
]

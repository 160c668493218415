"""Do the parts of what an explorable shows fit together?  One line says what does not.

Each check calls ``refuse`` with the reason, which raises in the record's own name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NoReturn

import numpy as np

Refuse = Callable[[str], NoReturn]


def require_steps(record: Any, names: Iterable[str], refuse: Refuse) -> None:
    """Fields that are an axis of time: two or more steps from 0 on, each later than the last."""
    for name in names:
        values = getattr(record, name)
        if values.size < 2 or np.any(np.diff(values) <= 0) or values[0] < 0:
            refuse(f"{name} must be two or more steps that increase")


def require_shapes(record: Any, shapes: Mapping[str, tuple[int, ...]], refuse: Refuse) -> None:
    """Fields that are arrays of a shape."""
    for name, shape in shapes.items():
        if getattr(record, name).shape != shape:
            refuse(f"{name} must be {shape}, got {getattr(record, name).shape}")


def require_groups(
    record: Any, groups: Mapping[str, tuple[Collection[str], tuple[int, ...]]], refuse: Refuse
) -> None:
    """Fields that hold arrays of one shape by name: these names and no others."""
    for name, (keys, shape) in groups.items():
        found = getattr(record, name)
        if set(found) != set(keys):
            refuse(f"{name} must have {', '.join(keys)}, got {', '.join(found)}")
        if any(values.shape != shape for values in found.values()):
            refuse(f"each of {name} must be {shape}")

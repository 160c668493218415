"""Studies of the spectral edge over training: Dyck-1, its controls, and modular arithmetic.

All keep every parameter every 100 steps and go to their budget: what comes after the grok step is
what is asked about.  Source: 2604.07380.
"""

from __future__ import annotations

from typing import Any

from grokbook.studies.study import PUBLISHED_SEEDS, Study, first_seeds
from grokbook.tasks.dyck import TASK

STEPS = 10_000
SWITCHED = (400, 1_000)
"""Updates before weight decay is switched: before and after most seeds grok."""
AFTERWARDS = 3_000
"""Steps after the switch."""
_DECAYS = (0.0, 0.5, 1.0, 2.0)
_BASE = {"tasks": (TASK,)}
_PLAN = {"steps": STEPS, "after_grok": None, "full_state": True}


def _dyck(name: str, title: str, source: str, **given: Any) -> Study:
    fields = {"base": _BASE, "plan": _PLAN, "seeds": PUBLISHED_SEEDS} | given
    return Study(name=name, title=title, source=source, **fields)


LIFECYCLE = _dyck(
    "lifecycle",
    "the depth of balanced brackets, with and without weight decay",
    "2604.07380, sections 2 and 3",
    grid={"weight_decay": (1.0, 0.0)},
    seeds=first_seeds(5),
)

CONTROLS = (
    _dyck(
        "random-labels",
        "depths dealt out anew to the training prefixes: decay with nothing to understand",
        "control of 2604.07380, section 3; SE-05",
        base=_BASE | {"labels": "random"},
        grid={"weight_decay": (1.0,)},
    ),
    _dyck(
        "small-init",
        "initial weights a quarter as large: little for decay to take away",
        "control of 2604.07380, section 3",
        base=_BASE | {"init_scale": 0.25},
        grid={"weight_decay": (1.0,)},
    ),
    _dyck(
        "same-clock",
        "half the learning rate, twice the decay: initial weights shrink as fast",
        "control of 2604.07380, section 3",
        grid={"learning_rate,weight_decay": ((5e-4, 2.0),)},
    ),
)
"""Does the flip mark grokking, or initial weights that decay?"""

DECAYS = _dyck(
    "lifecycle-decays",
    "other weight decays on the depth of balanced brackets",
    "control of 2604.07380, sections 2 and 3",
    grid={"weight_decay": (0.5, 2.0)},
)


def _switched(reset: bool) -> tuple[tuple[str, ...], ...]:
    """Schedules; one that changes nothing is the plain run, and is `LIFECYCLE`'s."""
    found = []
    for step in SWITCHED:
        anew = (f"{step}:moments=0",) if reset else ()
        for decay in _DECAYS:
            to = () if decay == 1 else (f"{step}:weight_decay={decay:g}",)
            found += [(*to, *anew)] if to or anew else []
    return tuple(found)


SWITCHES = tuple(
    _dyck(
        name,
        f"weight decay switched, the optimiser {how}",
        source,
        grid={"schedule": _switched(reset)},
        plan=_PLAN | {"steps": max(SWITCHED) + AFTERWARDS},
    )
    for name, how, source, reset in (
        (
            "decay-switched",
            "going on",
            "2604.07380, section 6, with the optimiser's state kept",
            False,
        ),
        ("decay-switched-anew", "begun anew", "2604.07380, section 6", True),
    )
)

MODULAR = Study(
    name="lifecycle-modular",
    title="add and mul alone, with and without weight decay, past their grok steps",
    source="2604.07380, section 6; 2603.28964, Table 7",
    base={},
    grid={"tasks": (("add",), ("mul",)), "weight_decay": (1.0, 0.0)},
    plan=_PLAN,
)
"""The same windows of the same length on the functional class."""

STUDIES = (LIFECYCLE, *CONTROLS, DECAYS, *SWITCHES, MODULAR)
"""In the order in which they are to be trained."""

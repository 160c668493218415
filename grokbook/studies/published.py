"""The papers' studies, declared."""

from __future__ import annotations

from grokbook.studies.study import Dependency, Study

DECAYS = (1.0, 0.5, 0.3, 0.2, 0.1, 0.0)
_PLAN = {"after_grok": 2_000, "after_grok_from": 0.5, "full_state": True}

DUAL = Study(
    name="dual",
    title="add and mul on one trunk, over weight decay",
    source="2602.18523, sections 2 and 3",
    base={"tasks": ("add", "mul")},
    grid={"weight_decay": DECAYS},
    plan=_PLAN,
)

TRI = Study(
    name="tri",
    title="add, mul and sq on one trunk, over weight decay",
    source="2602.18523, sections 2 and 3",
    base={"tasks": ("add", "mul", "sq")},
    grid={"weight_decay": DECAYS},
    plan=_PLAN,
)

DELETION = Study(
    name="deletion",
    title="part of the gradient outside the run's own trajectory deleted",
    source="2602.18523, section 4.10, Tables 10 and 16",
    base={
        "tasks": ("add", "mul"),
        "weight_decay": 1.0,
        "intervention": {"transform": "delete", "start": 500},
    },
    grid={"intervention.strength": (0.01, 0.03, 0.07, 0.10, 0.25, 0.50)},
    plan={"steps": 60_000},
    after=Dependency("dual", "trajectory", {"k": 20, "to_grok": True}),
)

STUDIES = {study.name: study for study in (DUAL, TRI, DELETION)}
"""Every study that can be asked for by name."""

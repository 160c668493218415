"""The papers' studies, declared."""

from __future__ import annotations

from typing import Any

from grokbook.studies import lifecycle
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

_CONTROL = {name: value for name, value in _PLAN.items() if name != "full_state"}
"""Of runs of which only the record is asked for: their snapshots are of attention matrices."""


def _symmetric(study: Study) -> Study:
    """A study at the published λ, with twins on one side of the split."""
    return Study(
        name=f"{study.name}-symmetric",
        title=f"{study.title.removesuffix(', over weight decay')}, twins on one side of the split",
        source="control of 2602.18523, sections 2 and 3; D15",
        base=study.base | {"split": "symmetric"},
        grid={"weight_decay": (1.0,)},
        plan=_CONTROL,
    )


SYMMETRIC = (_symmetric(DUAL), _symmetric(TRI))
"""`DUAL` and `TRI` where no test pair has its answer from a training pair by symmetry."""

SINGLES = Study(
    name="singles",
    title="add, mul and sq alone, on the operands that they share a trunk on",
    source="control of 2602.18523, section 3; D16",
    base={"domain": "nonzero"},
    grid={"tasks": (("add",), ("mul",), ("sq",)), "weight_decay": (1.0,)},
    plan=_CONTROL,
)

EXCHANGE = Study(
    name="exchange",
    title="learning rate and weight decay halved and doubled, at equal ηλ and one alone",
    source="control of 2602.18523, section 7; D17",
    base=DUAL.base,
    grid={"learning_rate,weight_decay": ((5e-4, 2.0), (2e-3, 0.5), (1e-3, 0.5), (1e-3, 2.0))},
    plan=_CONTROL,
)
"""Is the grok step one of τ = ηλt?  The point in the middle, (1e-3, 1), is `DUAL`'s."""

_DOSES = (0.07, 0.25, 0.50)
_TRAJECTORY = ("trajectory", {"k": 20, "to_grok": True})

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
    after=Dependency("dual", *_TRAJECTORY),
)

DELETION_TRI = Study(
    name="deletion-tri",
    title="part of the gradient outside the trajectory of three tasks deleted",
    source="2602.18523, section 4.10, Tables 11 and 17",
    base=DELETION.base | TRI.base,
    # Three doses up to 7 %, without which there is no slope (MT-52).
    grid={"intervention.strength": (0.01, 0.03, 0.07, 0.10, 0.50)},
    plan=DELETION.plan,
    after=Dependency("tri", *_TRAJECTORY),
)


def _deletion(
    name: str,
    title: str,
    measure: tuple[str, dict[str, Any]] = _TRAJECTORY,
    transform: str = "delete",
) -> Study:
    """An arm of `DELETION`: another basis or another transform, all else alike."""
    return Study(
        name=f"deletion-{name}",
        title=title,
        source="control of 2602.18523, section 4.10; D5",
        base=DELETION.base | {"intervention.transform": transform},
        grid={"intervention.strength": _DOSES},
        plan=DELETION.plan,
        after=Dependency("dual", *measure),
    )


DELETION_ARMS = (
    _deletion("random", "outside random directions of ℝᴾ", ("random", {"k": 20})),
    _deletion(
        "random-matched",
        "outside random directions with the trajectory's energy in every parameter",
        ("random_matched", {"k": 20, "to_grok": True}),
    ),
    _deletion(
        "attention",
        "outside the principal directions of the attention matrices",
        ("trajectory_attention", {"per_matrix": 2, "to_grok": True}),
    ),
    _deletion(
        "random-attention",
        "outside random directions of the attention matrices",
        ("random_attention", {"per_matrix": 2}),
    ),
    _deletion("other-seed", "outside another seed's trajectory", ("other_seed", _TRAJECTORY[1])),
    _deletion(
        "first-half",
        "outside the first half of the trajectory",
        ("trajectory", _TRAJECTORY[1] | {"until": 50}),
    ),
    _deletion(
        "without-drift",
        "outside the trajectory less its first direction",
        ("trajectory", _TRAJECTORY[1] | {"skip": 1}),
    ),
    _deletion(
        "weight-svd",
        "outside the singular directions of the final attention matrices",
        ("weight_svd", {"rank": 3, "to_grok": True}),
    ),
    _deletion(
        "displacement-svd",
        "outside the singular directions of what the attention matrices have moved",
        ("displacement_svd", {"rank": 3, "to_grok": True}),
    ),
    _deletion(
        "gradient-window",
        "outside the singular directions of the sum of the last gradients",
        ("gradient_window", {"rank": 3, "to_grok": True}),
    ),
    _deletion("update", "part of the Adam step deleted", transform="delete_update"),
    _deletion(
        "update-random",
        "part of the Adam step deleted outside random directions, which leaves a shorter step",
        ("random_matched", {"k": 20, "to_grok": True}),
        transform="delete_update",
    ),
    _deletion("amplify", "the gradient inside amplified as deletion does", transform="amplify"),
)
"""What deletion is to be compared with; ``amplify`` at f is what AdamW sees of ``delete`` at f."""

ADD = Study(
    name="add",
    title="add alone",
    source="2602.16746, sections 1 to 3",
    base={"tasks": ("add",)},
    plan={"steps": 200_000, "after_grok": 1_000, "full_state": True},
)


def _added(name: str, title: str, strengths: tuple[float, ...], **change: Any) -> Study:
    """Something added to the weights of `ADD` outside its own attention trajectory."""
    return Study(
        name=name,
        title=title,
        source="2602.16746, section 4.10; S7",
        base={"tasks": ("add",), "intervention": {"start": 500} | change},
        grid={"intervention.strength": strengths},
        plan={"steps": 15_000},
        after=Dependency("add", "trajectory_attention", {"per_matrix": 2, "to_grok": True}),
    )


_SUSTAINED = {"every": 50, "pairs": 5}
_SIZES = (50.0, 100.0, 200.0, 500.0)
ADDED = (
    _added("kick", "one kick along a commutator", (1, 5, 10, 20), transform="kick", times=1),
    _added("kicks", "kicks along commutators", _SIZES, transform="kick", **_SUSTAINED),
    _added(
        "kicks-published",
        "kicks along commutators in float32",
        _SIZES,
        transform="kick_published",
        **_SUSTAINED,
    ),
    _added(
        "kicks-sham",
        "kicks of the same norm in matched random directions",
        _SIZES,
        transform="kick_sham",
        **_SUSTAINED,
    ),
    _added(
        "kicks-fixed",
        "kicks of fixed norm in random directions",
        _SIZES,
        transform="kick_fixed",
        every=50,
    ),
    _added("noise", "noise outside", (0.01, 0.05, 0.1, 0.5), transform="noise", every=50),
    _added(
        "noise-inside",
        "noise of the same norm inside",
        (0.01, 0.05, 0.1, 0.5),
        transform="noise_inside",
        every=50,
    ),
)
"""Kicks and noise, each with its sham."""

_ALL = (
    *(DUAL, TRI, *SYMMETRIC, SINGLES, EXCHANGE),
    *(DELETION, DELETION_TRI, *DELETION_ARMS),
    *(ADD, *ADDED),
    *lifecycle.STUDIES,
)
STUDIES = {study.name: study for study in _ALL}
"""Every study that can be asked for by name."""

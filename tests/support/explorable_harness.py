"""Made-up lanes and bare pages that hold explorables the way a built chapter does."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from ipywidgets.embed import dependency_state, embed_data

from grokbook.config import RunConfig
from grokbook.events import FACTORS, RULES, grok_step, growth_onset
from grokbook.geometry.trajectory import plane
from grokbook.instruments.runs import Run
from grokbook.palette import DARK_PAGE
from grokbook.record import RunRecord
from grokbook.studies.arms import Arm, arms
from grokbook.studies.deleted_runs import gather
from grokbook.studies.deletion import Trials
from grokbook.tasks.modular import Table
from grokbook.widgets import Course, Cut, Lane, Pace, Passage, Surgery, frame_axis
from grokbook.widgets.courses import BARS
from grokbook.widgets.fragility import Group
from grokbook.widgets.paces import Curvature
from grokbook.widgets.passages import BARS as REMOVALS
from grokbook.widgets.passages import POINTS

HOST = Path(__file__).parents[2] / "grokbook" / "publishing" / "static" / "gb-host.js"
CADENCE = 100
SETTLE = 350  # ms: longer than the delay with which the address is written


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def _share(right: np.ndarray) -> np.ndarray:
    """(E,) share of right answers from (E, pairs); NaN without pairs."""
    return right.mean(-1) if right.size else np.full(len(right), np.nan)


def synthetic_lane(
    frames: np.ndarray,
    tasks: tuple[str, ...] = ("add", "mul"),
    grok: tuple[int | None, ...] = (9000, 7800),
    weight_decay: float = 1.0,
    seed: int = 42,
    last: int = 11000,
    modulus: int = 97,
    noise: float = 0.03,
) -> Lane:
    """A run that memorises in 600 steps, waits, and groks task t around ``grok[t]`` (None: never).

    ``noise`` is the share of undecided answers that a frame draws afresh.
    """
    rng = np.random.default_rng([seed, int(1000 * weight_decay), len(tasks)])
    side = modulus - 1
    table = Table.make(tasks, modulus, "nonzero", 0.5, seed)
    trained = table.trained.reshape(side, side)
    control = np.stack([table.twinless(task).reshape(side, side) for task in tasks])
    steps = np.arange(0, last + 1, CADENCE)
    # Each pair flips to right when the run's progress passes its own level; twins a little sooner.
    level = rng.random((len(tasks), side, side))
    sooner = np.where(trained.T, 0.85, 1.0)

    def tables(step: int) -> np.ndarray:
        step = min(step, last)
        known = _sigmoid(np.array((step - 350) / 60))
        out = np.empty((len(tasks), side, side), dtype=bool)
        for t, centre in enumerate(grok):
            width = last / 30
            seen = 0.0 if centre is None else float(_sigmoid(np.array((step - centre) / width)))
            share = 0.02 + 0.98 * seen
            undecided = np.random.default_rng([seed, t, step]).random((side, side)) < noise
            out[t] = np.where(trained, level[t] < known, level[t] * sooner < share)
            out[t] ^= undecided & ~trained & (seen < 0.98)
        return out

    every = np.stack([tables(int(step)) for step in steps])
    accuracies = {
        "train_accuracy": every[:, :, trained].mean(-1).T,
        "test_accuracy": every[:, :, ~trained].mean(-1).T,
        "control_accuracy": np.stack(
            [_share(every[:, t, pairs]) for t, pairs in enumerate(control)]
        ),
    }

    def crossings(name: str) -> dict:
        return {
            rule: tuple(grok_step(steps, line, rule) for line in accuracies[name]) for rule in RULES
        }

    setting = {1: "single", 2: "dual", 3: "tri"}[len(tasks)]
    return Lane(
        label=f"{' + '.join(tasks)}, seed {seed}",
        setting=f"{setting}, λ = {weight_decay:g}",
        weight_decay=weight_decay,
        learning_rate=1e-3,
        seed=seed,
        tasks=tasks,
        modulus=modulus,
        low=1,
        steps=steps,
        answers=np.stack([tables(int(step)) for step in frames]),
        trained=trained,
        control_pairs=control,
        crossings=crossings("test_accuracy"),
        control_crossings=crossings("control_accuracy"),
        run_id=f"run{seed}d{weight_decay:g}t{len(tasks)}".replace(".", "_"),
        command=f"grokbook train --tasks {','.join(tasks)} --seed {seed} --modulus {modulus}",
        **accuracies,
    )


def small_lanes() -> tuple[list[Lane], np.ndarray]:
    """Four lanes of a 13-element field: mul first, a tie, three tasks, and one that never groks."""
    frames = frame_axis(12000, CADENCE, 24)
    common = {"frames": frames, "modulus": 13, "noise": 0.0}
    return [
        synthetic_lane(**common, grok=(9000, 7000), seed=42),
        synthetic_lane(**common, grok=(8000, 8000), seed=137),
        synthetic_lane(
            **common,
            tasks=("add", "mul", "sq"),
            grok=(9000, 8000, 6000),
            weight_decay=0.5,
            seed=42,
            last=12000,
        ),
        synthetic_lane(**common, grok=(None, None), weight_decay=0.0, seed=42, last=12000),
    ], frames


def page_html(*widgets: object, head: str = "", before: str = "") -> str:
    """A page that holds widgets as myst-nb writes it: state, a script for each view, the host."""
    views = list(widgets)
    needed = dependency_state(views, drop_defaults=False)
    data = embed_data(views=views, drop_defaults=False, state=needed)
    state = json.dumps(data["manager_state"]).replace("<", "\\u003c")
    shown = "\n".join(
        '<div class="cell_output" style="overflow-x:auto"><script type="application/vnd.jupyter.'
        f'widget-view+json">{json.dumps(view)}</script></div>'
        for view in data["view_specs"]
    )
    return (
        '<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>harness</title>'
        '<link rel="icon" href="data:,">'
        "<style>body{margin:0 auto;padding:16px;max-width:1200px;background:#fff;color:#222}"
        f'html[data-theme="dark"]{{--pst-color-background:{DARK_PAGE};--pst-color-text-base:#e6e6e6}}'
        f'html[data-theme="dark"] body{{background:{DARK_PAGE};color:#e6e6e6}}</style>'
        f'{head}<script src="gb-host.js" defer></script>'
        f'<script type="application/vnd.jupyter.widget-state+json">{state}</script></head>'
        f"<body>{before}{shown}</body></html>"
    )


def synthetic_course(
    seed: int = 42, grok: int | None = 9000, weight_decay: float = 1.0, last: int = 11000
) -> Course:
    """A run whose defect grows a hundredfold; the published one is rounded at the start."""
    rng = np.random.default_rng([seed, last])
    steps = np.arange(0, last + 1, CADENCE)
    read, path, shared = steps[::2], steps[:: max(1, last // 6000)], steps[::3]
    centre = (grok or 3 * last) - 2500
    truth = 0.2 * 10 ** (2.5 * _sigmoid((read - centre) / 1500)) * rng.lognormal(0, 0.1, read.shape)
    rounding = 1.2 * np.exp(-read / 900) + 1e-3
    published = np.hypot(truth, rounding)
    walk = np.cumsum(rng.normal(size=(len(path), 30)) + np.linspace(1, -1, 30), axis=0)
    moved = walk - walk[0]
    points, held = plane(moved @ moved.T)
    base = np.linspace(0.02, 0.05, len(shared))
    shares = dict(
        zip(BARS, (0.4 * base, 0.9 * base, 1.2 * base, 0.3 * base, 0.4 * base, base), strict=True)
    )
    rise = 1.0 if grok is None else 0.02 + 0.98 * _sigmoid((steps - grok) / 250)
    test = np.stack([np.clip(rise * np.ones(steps.shape), 0, 1)] * 2)
    test = np.full_like(test, 0.02) if grok is None else test
    found = {"published": published, "corrected": truth}
    return Course(
        label=f"add + mul, seed {seed}",
        setting=f"dual, λ = {weight_decay:g}",
        weight_decay=weight_decay,
        learning_rate=1e-3,
        seed=seed,
        tasks=("add", "mul"),
        run_id=f"{seed:04d}{int(10 * weight_decay):02d}",
        command=f"grokbook train --tasks add,mul --seed {seed}",
        steps=steps,
        accuracy=test,
        loss=4.6 * np.exp(-steps / 400) + 1e-4,
        gradient=np.exp(-steps / 3000) + 0.02,
        read=read,
        defects=found,
        rounding=rounding,
        path=path,
        plane=points,
        held=held,
        walk=0.608,
        shared=shared,
        shares=shares,
        onsets={
            name: tuple(growth_onset(factor)(read, values).step for factor in FACTORS)
            for name, values in found.items()
        },
        placebos={"constant": 1000, "loss": 1600, "memorisation": 900, "norm": None},
        grok=grok,
    )


def small_courses() -> list[Course]:
    """Two runs that grok at λ = 1, one at 0.5, and one without decay that never does."""
    return [
        synthetic_course(137, grok=8000),
        synthetic_course(42, grok=9000),
        synthetic_course(42, grok=None, weight_decay=0.0, last=14000),
        synthetic_course(42, grok=11000, weight_decay=0.5, last=13000),
    ]


def synthetic_cut(at: list[float], breaks: float, tasks: int, tables: bool, side: int) -> Cut:
    """Right answers come back at a depth: as published late, with the control at half of it."""
    rng, depth = np.random.default_rng(len(at)), np.array(at)
    accuracy, change, answers = {}, {}, {}
    for line, where in (("published", breaks), ("control", breaks / 2), ("other", 1.05 * breaks)):
        rise = 0.01 + 0.98 * _sigmoid(40 * (depth / depth[-1] - where / depth[-1]))
        accuracy[line] = np.stack([np.clip(rise - 0.02 * t, 0, 1) for t in range(tasks)])
        change[line] = (1 - depth / depth[-1]) * (3.0 if line != "control" else 0.9)
        draws = rng.random((len(depth), tasks, side, side))
        answers[line] = draws < accuracy[line].T[:, :, None, None]
    noise = {
        line: np.stack([0.5 * accuracy[line].min(axis=0), 0.6 * accuracy[line].max(axis=0)])
        for line in ("published", "control")
    }
    spectrum = {"published": 0.5 ** np.arange(1, 21), "control": 0.4 ** np.arange(1, 21)}
    return Cut(
        depth,
        accuracy,
        change,
        noise,
        {} if breaks < 1 else spectrum,
        {line: answers[line] for line in ("published", "control")} if tables else {},
    )


def synthetic_surgery(
    seed: int = 42,
    tasks: tuple[str, ...] = ("add", "mul"),
    weight_decay: float = 1.0,
    kinds: tuple[str, ...] = ("scale", "share", "rank", "directions"),
    tables: bool = True,
    modulus: int = 13,
) -> Surgery:
    """A run that every published cut breaks sooner than the cut of the weights does."""
    side = modulus - 1
    depths = {
        "scale": ([0.1, 0.5, 0.9, 0.95, 1.0, 1.05, 1.5], 0.97),
        "share": ([0.1, 0.2, 0.5, 0.8, 1.0], 0.9),
        "rank": ([1, 5, 20, 64, 96, 128], 100),
        "directions": (list(range(1, 21)), 6),
    }
    table = Table.make(tasks, modulus, "nonzero", 0.5, seed)
    return Surgery(
        label=f"{' + '.join(tasks)}, seed {seed}",
        setting=f"{ {2: 'dual', 3: 'tri'}[len(tasks)] }, λ = {weight_decay:g}",
        weight_decay=weight_decay,
        seed=seed,
        tasks=tasks,
        titles=tuple({"add": "a + b", "mul": "a × b", "sq": "a² + b²"}[task] for task in tasks),
        low=1,
        trained=table.trained.reshape(side, side),
        run_id=f"cut{seed}t{len(tasks)}",
        command=f"grokbook train --tasks {','.join(tasks)} --seed {seed}",
        stop=14_900,
        shown=16_900 if tables else None,
        cuts={
            kind: synthetic_cut(*depths[kind], len(tasks), tables and kind != "directions", side)
            for kind in kinds
        },
    )


def small_surgeries() -> list[Surgery]:
    """One run with everything, one without tables, one of three tasks cut in one way alone."""
    return [
        synthetic_surgery(),
        synthetic_surgery(137, tables=False),
        synthetic_surgery(42, ("add", "mul", "sq"), kinds=("directions",), tables=False),
    ]


def synthetic_run(
    seed: int = 42,
    grok: int | None = 9000,
    arm: Arm | None = None,
    dose: float = 0.0,
    last: int | None = None,
    tasks: tuple[str, ...] = ("add", "mul"),
    name: str = "",
) -> Run:
    """A run, plain or of an arm, whose tasks grok by ``grok`` (None: it is cut off at ``last``).

    Every task is at one for good from 200 steps before ``grok`` on, so that ``grok`` is the third
    evaluation of the last task, to the step; the first task is 300 steps sooner.
    """
    last = last or (grok + 2_000 if grok and arm is None else grok)
    change = None
    if arm is not None:
        basis = hashlib.sha256(arm.name.encode()).hexdigest()
        change = {"transform": arm.transform, "strength": dose, "start": 500, "basis": basis}
    config = RunConfig(tasks=tasks, seed=seed, weight_decay=1.0, intervention=change)
    steps = np.array([0, 1, *range(CADENCE, last + 1, CADENCE)])
    rows = {"step": steps, "parameter_norm": 20 + 98 * np.exp(-steps * (1 - dose) / 4000)}
    for k, task in enumerate(reversed(tasks)):
        up = np.full(len(steps), 0.02) if grok is None else _sigmoid((steps - grok + 900) / 150)
        if grok is not None:
            up = np.where(steps >= grok - 200 - 300 * (k > 0), 1.0, np.minimum(up, 0.97))
        rows |= {f"test_accuracy_{task}": up, f"train_accuracy_{task}": np.ones(len(steps))}
    record = RunRecord(
        config=config,
        status="finished",
        seconds=600.0,
        source="recorded",
        numerics={},
        metrics=pd.DataFrame(rows),
        bits=np.zeros((len(steps), len(tasks), 1), dtype=np.uint8),
    )
    basis = {} if arm is None else {"measure": arm.measure, "parameters": arm.parameters}
    return Run(name or f"{config.id}-{seed}", record, basis=basis)


DOSES = (0.03, 0.07, 0.25, 0.5)
ARMS = arms(["update", "amplify", "random-matched", "other-seed"])
"""Those of the fifth chapter: two mechanisms, two bases."""


def small_trials(setting: str = "dual") -> Trials:
    """Three plain runs, two of them twice; deletion at three doses, cut off at a quarter.

    At 7 % two of four controls are there: on the update with two seeds, the other seed's with one.
    """
    tasks = {"dual": ("add", "mul"), "tri": ("add", "mul", "sq")}[setting]
    groks = {42: 9000, 137: 7000, 2024: 8000}
    by_name = {arm.name: arm for arm in ARMS}
    plain = [synthetic_run(seed, grok, tasks=tasks) for seed, grok in groks.items()]
    twice = {42: 9900, 137: 7000 - 400}
    again = [synthetic_run(s, g, tasks=tasks, name=f"again-{s}") for s, g in twice.items()]
    made = [("own", 0.03, 42, 10800), ("own", 0.03, 137, 9100), ("own", 0.03, 2024, 7600)]
    made += [("own", 0.07, 42, 18000), ("own", 0.07, 137, 12600), ("own", 0.07, 2024, 16000)]
    made += [("own", 0.25, 42, None), ("own", 0.25, 137, 21000)]
    made += [("update", 0.07, 42, 9900), ("update", 0.07, 137, 9100), ("update", 0.07, 2024, None)]
    made += [("other-seed", 0.07, 42, 20700)]
    changed = [
        synthetic_run(s, g, by_name[a], f, None if g else 24000, tasks) for a, f, s, g in made
    ]

    def of(runs: list[Run]):
        return lambda config: [run for run in runs if run.config.seed == config.seed]

    every = of([*plain, *again])
    return gather(plain, ARMS, every, of(changed))


def small_groups() -> list[Group]:
    """Two settings, the second one without deleted runs."""
    trials, tri = small_trials(), synthetic_run(42, 12000, tasks=("add", "mul", "sq"))
    published = {0.0: 14100, 0.03: 23500, 0.1: None, 0.5: 36900}
    missing = {("own", 0.5): "grokbook study deletion --set intervention.strength=0.5"}
    missing |= {("amplify", 0.07): "grokbook study deletion-amplify"}
    alone = gather([tri], ARMS, lambda config: [], lambda config: [])
    every = {(arm.name, dose): f"grokbook study {arm.study}" for arm in ARMS for dose in DOSES}
    return [
        Group("dual, λ = 1", trials, published, 20_000, missing),
        Group("tri, λ = 1", alone, {}, None, every),
    ]


def synthetic_pace(
    seed: int = 42,
    groks: tuple[int | None, ...] = (9100, 8900),
    weight_decay: float = 1.0,
    learning_rate: float = 1e-3,
    last: int = 11000,
    tasks: tuple[str, ...] = ("add", "mul"),
    measured: bool = False,
) -> Pace:
    """A run whose tasks grok at given steps; its weights shrink as decay would have it."""
    steps = np.arange(0, last + 1, CADENCE)
    rises = [
        np.full(len(steps), 0.02) if grok is None else 0.02 + 0.98 * _sigmoid((steps - grok) / 250)
        for grok in groks
    ]
    tau = learning_rate * weight_decay * steps
    read = steps[:: max(1, len(steps) // 30)]
    lowest = -10.0 - 40 * np.sin(np.linspace(0.2, 2.8, len(read)))
    return Pace(
        label=f"{' + '.join(tasks)}, seed {seed}",
        setting={2: "dual", 3: "tri"}.get(len(tasks), tasks[0]),
        weight_decay=weight_decay,
        learning_rate=learning_rate,
        exchanged=learning_rate != 1e-3,
        seed=seed,
        tasks=tasks,
        run_id=f"{seed:04d}{int(100 * weight_decay):03d}{len(tasks)}{int(1e5 * learning_rate)}",
        command=f"grokbook train --tasks {','.join(tasks)} --seed {seed}",
        steps=steps,
        accuracy=np.stack(rises),
        norm=np.hypot(118 * np.exp(-tau), 35.0),
        groks=groks,
        onsets={"dual": (5000, None), "tri": (2000, 1800), "ours": (1500, 400)} if measured else {},
        placebos={"constant": 1000, "loss": 1600, "memorisation": 900, "norm": None}
        if measured
        else {},
        curvature={
            "published": Curvature(read, lowest, np.full(len(read), 0.8)),
            "corrected": Curvature(read[::7], 1.1 * lowest[::7], np.full(len(read[::7]), 0.02)),
        }
        if measured
        else {},
    )


def small_paces() -> list[Pace]:
    """Three seeds at λ = 1, one measured; others at 0.5, with another η, cut off, with three tasks.

    Two runs of an exchanged pair have the τ of a run at λ = 1; one without decay never groks.
    """
    tri = ("add", "mul", "sq")
    return [
        synthetic_pace(42, (9100, 8900), measured=True),
        synthetic_pace(137, (7100, 6900)),
        synthetic_pace(2024, (10_200, 9_800), last=12_000),
        synthetic_pace(42, (16_100, 15_900), weight_decay=0.5, last=18_000),
        synthetic_pace(42, (18_100, 17_900), 1.0, learning_rate=5e-4, last=20_000),
        synthetic_pace(42, (4600, 4400), 1.0, learning_rate=2e-3, last=7_000),
        synthetic_pace(137, (None, 29_000), weight_decay=0.3, last=30_000),
        synthetic_pace(42, (None, None), weight_decay=0.0, last=50_000),
        synthetic_pace(42, (12_000, 11_000, 10_000), tasks=tri, last=14_000),
        synthetic_pace(137, (15_000, 13_000, 14_000), tasks=tri, last=17_000),
    ]


def synthetic_passage(
    seed: int = 42,
    grok: int | None = 600,
    weight_decay: float = 1.0,
    last: int = 4_000,
    labels: str = "depth",
    unit: int | None = None,
    measured: bool = True,
    back: float = 3.0,
    left: bool = False,
) -> Passage:
    """A run of which decay moves the first direction from the grok step to ``back`` times it.

    Without the path of pure decay the gradient moves it throughout, or, if ``left``, as before.
    """
    unit = grok or unit
    steps, ends = np.array([0, 1, *range(100, last + 1, 100)]), np.arange(200, last + 1, 100)
    turned = (ends >= (unit or last)) & (ends < back * (unit or last)) & (weight_decay > 0)
    first = np.where(turned, 0.05, 0.97)
    published = np.stack([first, 1 - 0.5 * turned, np.full(len(ends), 0.8), 0.3 + 0 * first], 1)
    published = published if weight_decay else np.ones_like(published)
    less = np.where(turned, 0.05 if left else 0.94, 0.96)[:, None] + np.zeros(4)
    none = np.full((len(ends), 4), np.nan)
    cosines = np.stack(
        [np.where(turned, value, other)[:, None] * np.array([1, 0.3, 0.1, 0.02])
         for value, other in ((0.7, 0.4), (0.9, 0.1), (0.1, 0.6))]
    )  # fmt: skip
    at = np.arange(500, last + 1, 500) if measured else np.array([], dtype=int)
    a = len(at)
    changes = {bar: np.tile([[-0.02 * i], [0.01]], (1, a)) for i, bar in enumerate(REMOVALS)}
    changes["taken out"], changes["random"] = np.tile([[-0.3], [0.0]], (1, a)), np.zeros((2, a))
    size = np.append(np.geomspace(1e-3, 8.0, POINTS - 1), np.nan)
    fall = np.append(0.98 - 0.6 * (np.arange(POINTS - 1) / (POINTS - 2)) ** 6, np.nan)
    curves = np.tile(np.stack([size, fall]), (a, 4, 1, 1))
    probes = {
        kind: np.stack([np.linspace(0.98, raw, a), np.linspace(0.99, fair, a)])
        for kind, raw, fair in (
            ("linear", 0.7, 0.97),
            ("quadratic", 0.6, 0.98),
            ("mlp", 0.98, 0.99),
        )
    }
    rise = 0.3 + 0.68 * _sigmoid((steps - (unit or last)) / 60)
    return Passage(
        label=f"seed {seed}",
        setting=f"λ = {weight_decay:g}" + ", random labels" * (labels == "random"),
        weight_decay=weight_decay,
        learning_rate=1e-3,
        seed=seed,
        labels=labels,
        init_scale=1.0,
        plain=labels == "depth",
        run_id=f"{seed:04d}{int(10 * weight_decay):02d}{labels}",
        command=f"grokbook train --tasks depth --weight-decay {weight_decay:g} --seed {seed}",
        steps=steps,
        accuracy=rise if grok else np.full(len(steps), 0.6),
        fair=0.9 * rise,
        grok=grok,
        unit=unit,
        ends=ends,
        shares={"published": published, "less decay": less if weight_decay else none},
        signed=1.2 * published - 0.1,
        chance=np.stack([0.8 * first, 0.9 * first], axis=1) if weight_decay else none[:, :2],
        cosines={"published": cosines, "less decay": 0.5 * cosines},
        ablated=at,
        changes=changes,
        removed=np.full(a, 0.6),
        alone=np.full(a, -0.4),
        swept=at,
        curves=curves,
        marks=np.tile([2.0, 8.0], (a, 4, 1)),
        drift=np.tile(np.stack([fall, np.full(POINTS, 0.01)]), (a, 1, 1)),
        probed=at,
        probes=probes,
        strings={"ablated": 300, "swept": 200},
    )


def small_passages() -> list[Passage]:
    """Two that grok, one of them with a twin on random labels, and one without decay."""
    return [
        synthetic_passage(42),
        synthetic_passage(137, grok=1_000),
        synthetic_passage(42, grok=None, weight_decay=0.0, unit=600),
        synthetic_passage(42, grok=None, labels="random", unit=600, measured=False),
    ]


def write_page(folder: Path, *widgets: object, name: str = "index.html", **parts: str) -> Path:
    """Write the page and the host into ``folder``; returns the page's path."""
    (folder / "gb-host.js").write_text(HOST.read_text(encoding="utf-8"), encoding="utf-8")
    path = folder / name
    path.write_text(page_html(*widgets, **parts), encoding="utf-8")
    return path


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback; gives its address without a slash at the end."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def hushed(page, base: str) -> Iterator[object]:
    """A wide page that must make no error, no console message and no request to anywhere else."""
    page.noise = []
    own = (base, "file://", "blob:", "data:")
    heard = {
        "request": lambda r: r.url.startswith(own) or page.noise.append(r.url),
        "console": lambda m: m.type in ("error", "warning") and page.noise.append(m.text),
        "pageerror": lambda e: page.noise.append(str(e)),
    }
    page.set_viewport_size({"width": 1400, "height": 900})
    for event, note in heard.items():
        page.on(event, note)
    yield page
    for event, note in heard.items():
        page.remove_listener(event, note)
    assert page.noise == []


def standing_text(page) -> str:
    """The words of an explorable, but for those that it says aloud a moment after a change."""
    return page.locator(".gb-explorable").evaluate(
        "(el) => { const copy = el.cloneNode(true); copy.querySelector('.gb-live')?.remove();"
        " return copy.textContent; }"
    )


def show(page, address: str):
    """Open an address and wait until its explorables are drawn."""
    page.goto("about:blank")
    page.goto(address)
    page.evaluate("window.grokbook.drawn")
    return page


def move(page, frame: int) -> None:
    """Put the first slider on a frame."""
    page.locator(".gb-slider").first.evaluate(
        "(el, v) => { el.value = v; el.dispatchEvent(new Event('input', {bubbles: true})); }",
        str(frame),
    )


def hex_of(colour: str) -> str:
    """``rgb(…)`` as a page computes it, as ``#rrggbb``."""
    channels = [int(float(c)) for c in re.findall(r"[\d.]+", colour)[:3]]
    return "#" + "".join(f"{c:02x}" for c in channels)

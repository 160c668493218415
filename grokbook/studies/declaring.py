"""Finding a study by its name or file, and changing its declaration.

A file is TOML:

    [study]                       # name and title; a source if wanted
    name = "switched_off"
    title = "decay switched off"
    seeds = [42, 137]             # or how many: 8; by default the published 42, 137, 2024

    [study.after]                 # if its runs use bases of another study's runs
    study = "dual"                # a name, or a file beside this one
    measure = "trajectory"
    parameters = { k = 20 }

    [run]                         # fields of every run
    tasks = ["add", "mul"]
    schedule = ["2000:weight_decay=0"]

    [grid]                        # field = values; the first is outermost
    weight_decay = [1.0, 0.5]
    "batch_size,learning_rate" = [[512, 1e-3], [1024, 2e-3]]      # two points, not four

    [plan]                        # fields of the plan; after_grok = "never" goes to the budget
    steps = 60_000
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grokbook.changes import read_value
from grokbook.checks import ConfigError, suggest
from grokbook.studies.published import STUDIES
from grokbook.studies.study import (
    INTERVENTION_FIELDS,
    PLAN_FIELDS,
    PUBLISHED_SEEDS,
    RUN_FIELDS,
    Dependency,
    Study,
    first_seeds,
    together,
)

_SETTABLE = (
    *(name for name in RUN_FIELDS if name != "intervention"),
    "seed",
    *INTERVENTION_FIELDS,
    *(f"plan.{name}" for name in PLAN_FIELDS),
)
_WORDS = {"true": True, "false": False}


def find(name: str, folder: Path | None = None) -> tuple[Study, ...]:
    """A study and what it depends on, each after the one that it needs.

    Args:
        name: of a published study, or the path of a TOML file.
        folder: where a relative path begins; by default the current folder.

    Raises:
        ConfigError: if there is no such study or file, it is no declaration, or studies depend on
            each other in a circle.
    """
    chain: list[Study] = []
    wanted, where, names = name, folder or Path(), []
    while True:
        study, where = _one(wanted, where)
        names.append(study.name)
        if study.name in names[:-1]:
            raise ConfigError(f"studies depend on each other in a circle: {' → '.join(names)}")
        chain.insert(0, study)
        if study.after is None:
            return tuple(chain)
        wanted = study.after.study


def change(
    chain: Sequence[Study], settings: Sequence[str] = (), seeds: int | None = None
) -> tuple[Study, ...]:
    """A chain with other values.

    What is said of runs and seeds holds for every study of the chain, so that runs go on matching;
    what is said of the intervention (``intervention.<field>``) or the plan (``plan.<field>``)
    holds for the last one alone.

    Args:
        chain: from `find`.
        settings: ``field=value`` or ``field=value,value``; for a field of the grid its new
            values, else a new value for all runs, or, if there are several, a new outermost field
            of the grid.  Tasks of one run are joined by ``+``.
        seeds: so many of `first_seeds`.

    Raises:
        ConfigError: naming a setting that is none.
    """
    found, given = list(chain), set()
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign or not text:
            raise ConfigError(f"--set {setting} is not of the form FIELD=VALUE")
        if name in given:
            raise ConfigError(f"--set {setting}: {name} is given twice")
        given.add(name)
        if name not in _SETTABLE:
            raise ConfigError(f"--set {setting}: no field {name!r}; {suggest(name, _SETTABLE)}")
        values = [_value(name, word) for word in text.split(",")]
        last = name.startswith(("plan.", "intervention."))
        found[-1 if last else 0 :] = [_set(s, name, values) for s in found[-1 if last else 0 :]]
    if seeds is not None:
        if "seed" in given:
            raise ConfigError(f"--seeds {seeds}: seeds are given by --set seed=… already")
        found = [dataclasses.replace(study, seeds=first_seeds(seeds)) for study in found]
    return tuple(found)


def _set(study: Study, name: str, values: list[Any]) -> Study:
    if name == "seed":
        return dataclasses.replace(study, seeds=tuple(values))
    if name.startswith("plan."):
        if len(values) > 1:
            raise ConfigError(f"--set {name}: a plan has one value, not {len(values)}")
        plan = _plan({name.removeprefix("plan."): values[0]})
        return dataclasses.replace(study, plan={**study.plan, **plan})
    if name in study.grid:
        return dataclasses.replace(study, grid={**study.grid, name: tuple(values)})
    for key in study.grid:
        if name in together(key):
            both = " and ".join(together(key))
            raise study.error(f"--set {name}: its grid gives {both} together, and no other values")
    if len(values) == 1:
        return dataclasses.replace(study, base={**study.base, name: values[0]})
    base = {field: value for field, value in study.base.items() if field != name}
    return dataclasses.replace(study, base=base, grid={name: tuple(values), **study.grid})


def _value(name: str, word: str) -> Any:
    if name == "tasks":
        return tuple(word.split("+"))
    if name == "schedule":
        return (word,)
    return _WORDS.get(word, read_value(word))


def _plan(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of a plan; no notation here knows None, so never is a word."""
    return {k: None if (k, v) == ("after_grok", "never") else v for k, v in values.items()}


def _one(name: str, folder: Path) -> tuple[Study, Path]:
    """A study, and the folder in which files that it names lie."""
    if name in STUDIES:
        return STUDIES[name], folder
    path = folder / name
    if path.suffix != ".toml":
        known = ", ".join(STUDIES)
        raise ConfigError(f"unknown study {name!r}; known: {known}, or a .toml file of your own")
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"study {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"study {path} is not text in UTF-8") from None
    try:
        return dataclasses.replace(from_toml(text), file=str(path)), path.parent
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def from_toml(text: str) -> Study:
    """A study from the text of a file.

    Raises:
        ConfigError: naming what is wrong.
    """
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is not TOML: {error}") from None
    tables = {"study": ("name", "title", "source", "seeds", "after"), "run": (), "grid": ()}
    for name, table in read.items():
        if name not in (*tables, "plan"):
            raise ConfigError(f"unknown table [{name}]; {suggest(name, (*tables, 'plan'))}")
        if not isinstance(table, dict):
            raise ConfigError(f"[{name}] must be a table, not {table!r}")
    head = read.get("study", {})
    for name in head:
        if name not in tables["study"]:
            raise ConfigError(
                f"unknown field {name!r} of [study]; {suggest(name, tables['study'])}"
            )
    for name in ("name", "title"):
        if name not in head:
            raise ConfigError(f"[study] has no {name}")
    if head["name"] in STUDIES:
        raise ConfigError(f"{head['name']!r} is a published study; give yours another name")
    if read.get("grid", None) == {}:
        raise ConfigError("the grid is empty; name a field and its values, or leave [grid] out")
    seeds = head.get("seeds", list(PUBLISHED_SEEDS))
    if not isinstance(seeds, list):
        seeds = first_seeds(seeds)
    return Study(
        name=head["name"],
        title=head["title"],
        source=head.get("source", ""),
        seeds=tuple(seeds),
        base=read.get("run", {}),
        grid=read.get("grid", {}),
        plan=_plan(read.get("plan", {})),
        after=_after(head.get("after")),
    )


def _after(table: Any) -> Dependency | None:
    if table is None:
        return None
    names = [field.name for field in dataclasses.fields(Dependency)]
    if not isinstance(table, dict):
        raise ConfigError(f"[study.after] must be a table, not {table!r}")
    for name in table:
        if name not in names:
            raise ConfigError(f"unknown field {name!r} of [study.after]; {suggest(name, names)}")
    for name, kind in (("study", str), ("measure", str)):
        if not isinstance(table.get(name), kind):
            raise ConfigError(f"[study.after] needs {name} as text, not {table.get(name)!r}")
    parameters = table.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ConfigError(f"parameters of [study.after] must be a table, not {parameters!r}")
    return Dependency(table["study"], table["measure"], parameters)

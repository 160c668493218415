"""Verifying recorded results: files are as written, and what they say of each other is true."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from grokbook.config import Config
from grokbook.record import RunRecord
from grokbook.store.files import check

Read = Callable[[Config, dict[str, Any], str], RunRecord]


def problems(folder: Path, manifest: Mapping[str, dict[str, Any]], read: Read) -> list[str]:
    """Everything that is wrong with recorded runs, one line each.

    Args:
        folder: of the results.
        manifest: their entries by name.
        read: gives the record of a config, its entry and its name.
    """
    found = []
    for name, entry in manifest.items():
        config = Config.from_json(entry["config"])
        damaged = [
            f"recorded result {problem}"
            for file, facts in entry["files"].items()
            if (problem := check(folder / "runs" / name / file, facts))
        ]
        found += damaged or _disagreements(name, entry, read(config, entry, name))
        if config.id != name.partition("-")[0]:
            found.append(f"recorded run {name} ({entry['label']}) has another config's id")
    known = {folder / "runs" / name / file for name in manifest for file in manifest[name]["files"]}
    return found + [
        f"{path} is not in the manifest"
        for path in sorted((folder / "runs").rglob("*"))
        if path.is_file() and path not in known
    ]


def _disagreements(name: str, entry: Mapping[str, Any], record: RunRecord) -> list[str]:
    """Do a record's answers give its accuracies, and these its grok steps?"""
    correct, found = record.correct(), []
    rows = np.searchsorted(record.steps, record.answer_steps)
    for k, task in enumerate(record.config.tasks):
        for part in ("train", "test"):
            if not np.array_equal(
                record.table.average(correct[:, k], part), record.accuracy(task, part)[rows]
            ):
                found.append(
                    f"recorded run {name}: its {part} answers to {task} do not give its accuracies"
                )
        twinless = correct[:, k, record.table.twinless(task)].sum(axis=1)
        if not np.array_equal(twinless, record.twinless_right[k, rows]):
            found.append(
                f"recorded run {name}: its answers to twinless pairs of {task} do not give "
                "their number"
            )
        if record.grok_steps(task) != entry["grok_steps"][task]:
            found.append(
                f"recorded run {name}: its accuracies do not give the grok steps of "
                f"{task} in the manifest"
            )
    return found

"""From measured runs to the surgeries that the fourth chapter's explorable shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from grokbook.geometry.compression import pruned, scaled, truncated
from grokbook.geometry.loss import Loss
from grokbook.instruments.runs import Missing, Run
from grokbook.models.exchange import from_state_dict
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout
from grokbook.studies.settings import group_title, run_title
from grokbook.tasks.operations import OPERATIONS
from grokbook.widgets.surgeries import Cut, Surgery

FAMILIES = {"scale": "scaling", "share": "pruning", "rank": "truncation"}
"""Kinds of cut, and what the instrument calls them."""

COMPRESSIONS = {
    "published": "published",
    "control": "corrected",
    "other": "published, other init",
}
RECONSTRUCTIONS = {
    "published": "published",
    "control": "held-out",
    "other": "published, own first",
}
"""Line of a cut ↦ variant of the instrument."""


def surgery(run: Run, weights: Mapping[str, np.ndarray] | None = None) -> Surgery:
    """One run as a surgery.

    Args:
        run: with compression or reconstruction measured, or both.
        weights: its parameters by name at its last step: gives answer tables and singular values.

    Raises:
        Missing: if neither was measured.
    """
    config, table = run.config, run.record.table
    cuts = {}
    for kind, family in FAMILIES.items():
        cut = _cut(run, "compression", f"{family}_", COMPRESSIONS)
        if cut is not None:
            cuts[kind] = cut
    directions = _cut(run, "reconstruction", "", RECONSTRUCTIONS)
    if directions is not None:
        rows = run.at_stop("reconstruction", "spectrum", variant="published")
        spectrum = {"published": rows.sort_values("at")["value"].to_numpy(float)}
        cuts["directions"] = replace(directions, spectrum=spectrum)
    if not cuts:
        raise Missing(f"neither compression nor reconstruction of {run.name} was measured")
    if weights is not None:
        cuts = answered(run, weights, cuts)
    return Surgery(
        label=run_title(config),
        setting=group_title(config),
        weight_decay=config.weight_decay,
        seed=config.seed,
        tasks=config.tasks,
        titles=tuple(OPERATIONS[task].formula for task in config.tasks),
        low=table.low,
        trained=table.trained.reshape(table.side, table.side),
        run_id=config.id,
        command=config.command,
        stop=run.stop,
        shown=run.record.last_step if any(cut.tables for cut in cuts.values()) else None,
        cuts=cuts,
    )


def _cut(run: Run, instrument: str, prefix: str, variants: Mapping[str, str]) -> Cut | None:
    """A measured cut; None if it was not measured."""
    accuracy, change, noise = {}, {}, {}
    try:
        at, _, _ = accuracies(run, instrument, prefix, "published")
    except Missing:
        return None
    for line, variant in variants.items():
        try:
            _, accuracy[line], _ = accuracies(run, instrument, prefix, variant)
        except Missing:
            if line != "other":  # the instrument has it in a later version alone
                raise
            continue
        rows = run.at_stop(instrument, f"{prefix}change", variant=variant)
        change[line] = rows.sort_values("at")["value"].to_numpy(float)
    for line in ("published", "control"):
        # Noise is as large as what a projection leaves out; a held-out basis has none of its own.
        of = variants[line] if instrument == "compression" else variants["published"]
        _, mean, sd = accuracies(run, instrument, prefix, f"{of}, noise")
        low, high = np.clip([(mean - sd).min(axis=0), (mean + sd).max(axis=0)], 0, 1)
        noise[line] = np.stack([low, high])
    # A path with few snapshots has fewer directions without its end.
    n = min(values.shape[-1] for values in accuracy.values())
    return Cut(
        at[:n],
        *(
            {line: values[..., :n] for line, values in each.items()}
            for each in (accuracy, change, noise)
        ),
    )


def accuracies(
    run: Run, instrument: str, prefix: str, variant: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depths (n,), test accuracies (T, n) and their standard deviation over draws, 0 without.

    Raises:
        Missing: if they were not measured.
    """
    at, values, spread = np.empty(0), [], []
    for task in run.tasks:
        rows = run.at_stop(instrument, f"{prefix}test_accuracy", part=task, variant=variant)
        rows = rows.sort_values("at")
        # float32 of the file, as the decimal that was asked for
        at = np.array([float(f"{each:g}") for each in rows["at"]])
        values.append(rows["value"].to_numpy(float))
        spread.append(np.nan_to_num(rows["error"].to_numpy(float)))
    return at, np.array(values), np.array(spread)


def answered(run: Run, weights: Mapping[str, np.ndarray], cuts: Mapping[str, Cut]):
    """The cuts with answers of the last weights, and singular values where a rank is cut."""
    layout = Layout.of(run.config)
    state = {name: torch.as_tensor(each) for name, each in weights.items()}
    theta = from_state_dict(layout, state)[0]
    start = initial_parameters(layout, [run.config.init_seed])[0]
    origins = {"published": start, "control": torch.zeros_like(theta)}
    loss = Loss.on(layout, run.record.table, range(len(run.record.table.pairs)))
    found = dict(cuts)
    for kind in FAMILIES:
        if kind not in cuts:
            continue
        tables, spectra = {}, {}
        for line, origin in origins.items():
            new = _thetas(kind, layout, theta, origin, cuts[kind].at)
            tables[line] = np.stack([_right(loss, each, run.record.table.side) for each in new])
            if kind == "rank":
                spectra[line] = singular_shares(layout, theta - origin)
        found[kind] = replace(cuts[kind], tables=tables, spectrum=spectra)
    return found


def _thetas(
    kind: str, layout: Layout, theta: Tensor, origin: Tensor, at: np.ndarray
) -> list[Tensor]:
    if kind == "rank":
        ranks = [int(rank) for rank in at]
        cut = truncated(layout, theta, origin, ranks)
        return [cut[rank].theta for rank in ranks]
    one = scaled if kind == "scale" else pruned
    return [one(theta, origin, float(each)).theta for each in at]


def _right(loss: Loss, theta: Tensor, side: int) -> np.ndarray:
    """(T, side, side) bool, right or wrong on every pair of the table."""
    return loss.right(theta).T.reshape(-1, side, side).numpy()


def singular_shares(layout: Layout, displacement: Tensor) -> np.ndarray:
    """Mean over the square matrices of σ_j² / Σσ², (d,), j = 1 … d.

    Matrices of less than full width have fewer singular values and are left out.
    """
    shares = []
    for name, part in layout.slices.items():
        shape = layout.shapes[name]
        if len(shape) == 2 and min(shape) == layout.width:
            squares = torch.linalg.svdvals(displacement[part].double().view(shape)).square()
            shares.append((squares / squares.sum()).numpy())
    return np.mean(shares, axis=0)

"""The files that readers use, from what a run left on disk; nothing is trained.

A run that has ended or was interrupted lists ``metrics.parquet``, ``answers.npz`` and
``band.npz``.  A run that was killed has a resume point instead, which holds all that these files
say; they are made from it, to the bytes that an interruption there would have written.
``gram.npz`` is made from the snapshots, after the run.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from safetensors import numpy as safetensors

from grokbook.config import Config
from grokbook.geometry.trajectory import gram
from grokbook.models.exchange import to_state_dict
from grokbook.models.layout import Layout
from grokbook.store.compact import gram_products
from grokbook.store.files import StoreError
from grokbook.store.run_directory import RunDirectory
from grokbook.thinning import thin
from grokbook.training.log import Log

MEASURED = ("metrics.parquet", "answers.npz", "band.npz")
GRAM_POINTS = 64

HEAD_PREFIX = "heads."
"""How names of readouts begin."""


@dataclass(frozen=True)
class Measured:
    """What a run has measured.

    Attributes:
        step: updates made until then.
        status: ``"finished"``, ``"diverged"``, or ``"partial"`` if the run has not ended.
        files: the bytes of `MEASURED` by name.
    """

    step: int
    status: str
    files: dict[str, bytes]


def measured(run: RunDirectory) -> Measured:
    """A run's measurements: its listed files, or files made from its newest resume point.

    A damaged resume point is passed over as `RunDirectory.resume` does it.

    Raises:
        StoreError: if a listed file is damaged, or the run has nothing yet.
    """
    status = run.status if run.ended else "partial"
    if run.marker.get("files"):
        files = {name: run.file(name).read_bytes() for name in MEASURED}
        return Measured(run.step, status, files)
    state = run.resume()
    if state is None:
        raise StoreError(
            f"run {run.config.id} ({run.config.label}) has nothing to show yet: it is {run.status}"
        )
    step = run.marker["resume"][0]["step"]
    return Measured(step, status, from_state(run.config, run.marker["plan"]["window"], state))


def band_file(steps: np.ndarray, products: np.ndarray, window: int) -> bytes:
    """``band.npz``: steps (B,), packed inner products (B, w(w+1)/2) and the window w."""
    return _deflated(steps=steps, products=products, window=np.array(window))


def from_state(config: Config, window: int, state: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """The bytes of `MEASURED` from a resume point.

    Args:
        config: of the run.
        window: updates in the band's rolling window, as in the run's plan.
        state: arrays by name, as `RunDirectory.resume` gives them.
    """
    log = Log(config.tasks, config.table().count)
    log.load({name: state[f"log.{name}"] for name in ("rows", "answers")})
    band = band_file(state["streams.band.steps"], state["streams.band"], window)
    return log.files() | {"band.npz": band}


def gram_file(run: RunDirectory) -> bytes:
    """``gram.npz``: the listed one of a run that was packed, else from the snapshots.

    Gram matrices of at most 64 snapshots of the global stream, and the last snapshot.

    Raises:
        StoreError: if a snapshot is damaged, or there is none.
    """
    if "gram.npz" in run.marker.get("files", {}):
        return run.file("gram.npz").read_bytes()
    steps = [step for step in run.snapshots() if step % run.spacing == 0 or step == run.step]
    if not steps:
        raise StoreError(
            f"run {run.config.id} ({run.config.label}) has no snapshots to make Gram matrices of"
        )
    chosen = thin(np.array(steps, dtype=np.int64), GRAM_POINTS)
    snapshots = np.stack([run.snapshot(int(step)) for step in chosen])
    matrices = gram(snapshots, Layout.of(run.config).attention_blocks())
    return _deflated(
        steps=chosen,
        blocks=np.array(list(matrices)),
        products=np.stack(list(matrices.values())),
    )


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Grams:
    """What ``gram.npz`` says.

    Attributes:
        steps: (n,) of the snapshots.
        products: block ↦ (n, n) inner products of its displacements; ``"all"`` is all together.
    """

    steps: np.ndarray
    products: dict[str, np.ndarray]

    @classmethod
    def read(cls, content: bytes) -> Grams:
        """From the bytes of the file."""
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = dict(archive)
        names = map(str, arrays["blocks"])
        return cls(arrays["steps"], dict(zip(names, gram_products(arrays), strict=True)))


def weights_file(run: RunDirectory, begins: str = "") -> bytes:
    """``weights.safetensors``: parameters at the run's last step, as plain PyTorch names them.

    Args:
        run: in the store.
        begins: only those whose name begins so.

    Raises:
        StoreError: if the run has no resume point that is whole.
    """
    state = run.resume()
    if state is None:
        raise StoreError(f"run {run.config.id} ({run.config.label}) has no weights here")
    theta = torch.from_numpy(state["trainer.theta"])[None]
    named = to_state_dict(Layout.of(run.config), theta)
    arrays = {name: value.numpy() for name, value in named.items() if name.startswith(begins)}
    return safetensors.save(arrays, metadata={"step": str(int(state["trainer.step"][0]))})


def _deflated(**arrays: np.ndarray) -> bytes:
    """An ``.npz`` as the store has it; `grokbook.store.compact` makes smaller ones for results."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()

"""A run as an instrument sees it: snapshots, data, losses; nothing of how it was trained."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from grokbook.config import Config, DyckConfig, RunConfig
from grokbook.models.layout import Layout
from grokbook.store import RunDirectory, Store, StoreError
from grokbook.tasks.modular import Table
from grokbook.thinning import thin

if TYPE_CHECKING:  # declaring a study asks for names alone, and PyTorch takes seconds to load
    from torch import Tensor

    from grokbook.geometry.loss import Loss
    from grokbook.record import RunRecord


Made = TypeVar("Made")

PATH = 100
"""Most snapshots that a trajectory's basis is made from (2602.18523 section 4.7)."""


class Subject:
    """An ended run and what it kept.

    Attributes:
        run: its directory.
        config: of the run.
        store: where runs of other seeds are, or None.
        layout: of its parameters.
        cache: what an instrument's points share, see `once`.
    """

    def __init__(self, run: RunDirectory, store: Store | None = None) -> None:
        self.run, self.config, self.store = run, run.config, store
        self.layout = Layout.of(run.config)
        self.cache: dict[tuple[Any, ...], Any] = {}

    def once(self, key: tuple[Any, ...], make: Callable[[], Made]) -> Made:
        """What an instrument's points share, made when it is first asked for.

        Args:
            key: the instrument's name, and whatever else it hangs on.
            make: makes it.
        """
        if key not in self.cache:
            self.cache[key] = make()
        return self.cache[key]

    @cached_property
    def table(self) -> Table:
        """Pairs, labels and split."""
        return self.config.table()

    @cached_property
    def record(self) -> RunRecord:
        """Its metrics and answers."""
        return self.run.record()

    @property
    def last(self) -> int:
        """The last step."""
        return self.run.step

    @property
    def cadence(self) -> int:
        """Steps between evaluations."""
        return self.run.marker["plan"]["cadence"]

    @cached_property
    def steps(self) -> np.ndarray:
        """Steps of all snapshots, ascending."""
        return np.array(sorted(self.run.snapshots()), dtype=np.int64)

    @cached_property
    def groks(self) -> list[int | None]:
        """The published grok step of each task, or None."""
        return self.record.groks

    @cached_property
    def grok(self) -> int | None:
        """The step at which the published run stops: every task at 98 % three times running."""
        return None if None in self.groks else max(self.groks)

    @cached_property
    def stop_snapshot(self) -> int:
        """The last snapshot at or before the published stop; of all, if the run never grokked."""
        kept = self.steps if self.grok is None else self.steps[self.steps <= self.grok]
        return int(kept[-1])

    def spaced(self, count: int, *, until: int | None = None) -> np.ndarray:
        """At most ``count`` steps of the evenly spaced stream, first and last included.

        Args:
            count: of steps.
            until: leave out later ones; by default the run's end.
        """
        until = self.last if until is None else until
        kept = self.steps[self.steps <= until]
        return thin(kept[(kept % self.run.spacing == 0) | (kept == kept[-1])], count)

    def path(self, *, to_grok: bool = True, until: int = 100) -> np.ndarray:
        """The steps whose snapshots make the basis of a trajectory, at most `PATH`.

        Args:
            to_grok: only up to the published stop, if the run has one; else to its end.
            until: per cent of those steps.
        """
        end = self.grok if to_grok and self.grok is not None else self.last
        return self.spaced(PATH, until=end * until // 100)

    def theta(self, step: int) -> Tensor:
        """All parameters at a snapshot, (P,) float32.

        Raises:
            StoreError: if the run did not keep them, or the file is damaged.
        """
        import torch

        return torch.from_numpy(self.run.snapshot(int(step), "theta").copy())

    def thetas(self, steps: Sequence[int]) -> np.ndarray:
        """All parameters at several snapshots, (n, P) float32."""
        return np.stack([self.run.snapshot(int(step), "theta") for step in steps])

    def attention(self, steps: Sequence[int]) -> np.ndarray:
        """The attention matrices at several snapshots, (n, D) float32."""
        return np.stack([self.run.snapshot(int(step)) for step in steps])

    @cached_property
    def band(self) -> dict[str, np.ndarray]:
        """The band stream: ``steps`` (B,), packed ``products`` (B, w(w+1)/2), ``window``."""
        with np.load(io.BytesIO(self.run.file("band.npz").read_bytes())) as archive:
            return dict(archive)

    def loss(self, indices: Sequence[int] | Tensor, heads: Sequence[int] | None = None) -> Loss:
        """The loss on pairs of the run's table."""
        from grokbook.geometry.loss import Loss

        return Loss.on(self.layout, self.table, indices, heads)

    def loss_pairs(self, purpose: str, step: int, count: int) -> list[tuple[Loss, Loss]]:
        """Losses on pairs of independent batches of the published size, whatever the run's was.

        Args:
            purpose: of the draw, ``"<instrument>/<what for>"``: names its seed.
            step: of the snapshot.
            count: of pairs.
        """
        from grokbook.geometry.loss import PUBLISHED_BATCH, batches

        drawn = batches(self.table, self.seed(purpose, step), PUBLISHED_BATCH, 2 * count)
        losses = [self.loss(indices) for indices in drawn]
        return list(zip(losses[::2], losses[1::2], strict=True))

    def seed(self, name: str, step: int = 0) -> int:
        """A seed of one purpose's own: of its name, ``"instrument/purpose"``, seed and step.

        Runs of one seed share it, whatever their weight decay: they are compared on the same
        batches and nulls, so that these are no part of a difference.  Runs of other seeds draw
        their own.
        """
        return zlib.crc32(f"{name}/{self.config.seed}/{step}".encode())

    def sibling(self) -> Subject | None:
        """The same experiment under another seed, for controls; None if the store has none.

        The next seed up, and the lowest after the highest, so that siblings are paired alike
        whatever else the store holds; ended runs only.
        """
        if self.store is None:
            return None
        others = {}
        for run in self.store.runs():
            if run.ended and _apart_from_seeds(run.config) == _apart_from_seeds(self.config):
                others.setdefault(run.config.seed, run)
        others.pop(self.config.seed, None)
        if not others:
            return None
        higher = [seed for seed in others if seed > self.config.seed]
        return Subject(others[min(higher or others)], self.store)

    @property
    def whole(self) -> bool:
        """Are all the snapshots here that were kept?  A run that came in a pack may lack some."""
        plan, spacing = self.run.marker["plan"], self.run.spacing
        every = range(0, self.last, self.cadence)
        kept = {step for step in every if step <= plan["dense_until"] or step % spacing == 0}
        return {*kept, self.last} <= {*self.steps.tolist()}

    def has(self, kind: str) -> bool:
        """Did the run keep that, and is it one on that (`grokbook.instruments.instrument`)?"""
        if kind in ("pairs", "strings"):
            return isinstance(self.config, RunConfig if kind == "pairs" else DyckConfig)
        if kind == "band":
            return "band.npz" in self.run.marker.get("files", {})
        if not len(self.steps):
            return False
        try:
            self.run.snapshot(int(self.steps[0]), kind)
        except StoreError:
            return False
        return True


def _apart_from_seeds(config: Config) -> dict[str, Any]:
    """What two runs share that differ in their seeds alone."""
    seeds = ("seed", *config.seeds)
    return {name: value for name, value in config.to_json().items() if name not in seeds}

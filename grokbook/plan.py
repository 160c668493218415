"""How a run is carried out: how far, how often measured, what is kept.

None of this is part of a run's identity: a longer plan continues the same run.  PyTorch is loaded
only when sizes are asked for, so that a plan that no run can have is refused at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from grokbook.checks import ConfigError, integer, number
from grokbook.config import Config
from grokbook.config.modular import PUBLISHED_STEPS, PUBLISHED_STEPS_WITHOUT_DECAY

if TYPE_CHECKING:
    from grokbook.models.layout import Layout

__all__ = ["PUBLISHED_STEPS", "PUBLISHED_STEPS_WITHOUT_DECAY", "Plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Budget, stop rule, cadences and limits.

    Attributes:
        steps: budget; the run ends there if it has not ended before.
        after_grok: steps to go on after the published stop (the evaluation at which every task
            has had three in a row at 0.98 or more); None never stops early.
        cadence: steps between evaluations and between snapshots.
        dense_until: every snapshot up to this step is kept.
        global_limit: the global stream is halved when it would pass this many snapshots.
        window: updates in the rolling window of the band stream.
        resume_seconds: seconds between resume points.
        full_state: snapshots hold all parameters, not the attention matrices alone.
    """

    steps: int = PUBLISHED_STEPS
    after_grok: int | None = 0
    cadence: int = 100
    dense_until: int = 5_000
    global_limit: int = 256
    window: int = 20
    resume_seconds: float = 60.0
    full_state: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "cadence", "global_limit", "window"):
            integer(name.replace("_", " "), getattr(self, name), low=1, high=10**9)
        integer("dense until", self.dense_until, low=0)
        number("resume seconds", self.resume_seconds, low=0)
        if self.after_grok is not None:
            integer("after grok", self.after_grok, low=0)
        if self.steps % self.cadence:
            raise ConfigError(
                f"steps must be a multiple of the evaluation cadence "
                f"{self.cadence}, not {self.steps}"
            )

    def end(self, groks: Iterable[int | None]) -> int:
        """The step at which this plan ends, given each task's published grok step so far.

        >>> Plan(steps=900, after_grok=200).end([300, 500]), Plan(steps=900).end([300, None])
        (700, 900)
        """
        groks = list(groks)
        if self.after_grok is None or None in groks:
            return self.steps
        return min(self.steps, max(groks) + self.after_grok)

    @classmethod
    def published(cls, config: Config, *, after_grok: int = 0) -> Plan:
        """The published budget and stop rule for a configuration; some have no stop rule."""
        return cls(steps=config.published_steps, after_grok=after_grok if config.stops else None)

    def resume_bytes(self, config: Config) -> int:
        """Upper bound on the size of a resume point, in bytes."""
        layout = _layout(config)
        state = (7 * layout.size + (self.window + 3) * layout.attention_size) * 4
        return state + self._log_bytes(config)

    def snapshot_bytes(self, config: Config) -> int:
        """Size of a snapshot, in bytes."""
        layout = _layout(config)
        return (4 + 8) * layout.attention_size + 4 * layout.size * self.full_state

    def _log_bytes(self, config: Config) -> int:
        """Upper bound on the answers, the band and the metrics of the whole run."""
        evaluations = self.steps // self.cadence + 2
        answers = evaluations * len(config.tasks) * (config.most_items // 8 + 1)
        band = evaluations * 8 * self.window * (self.window + 1) // 2
        return answers + band + evaluations * 8 * (10 + 4 * len(config.tasks))

    def disk_bytes(self, config: Config) -> int:
        """Upper bound on what the run will need on disk, in bytes."""
        evaluations = self.steps // self.cadence + 2
        kept = min(evaluations, self.global_limit + self.dense_until // self.cadence + 2)
        # Two resume points are kept and a third is written beside them; each, like the finished
        # record, carries the answers, the band and the metrics.
        saved = 3 * self.resume_bytes(config) + self._log_bytes(config)
        return kept * self.snapshot_bytes(config) + saved

    def to_json(self) -> dict[str, Any]:
        """Every field as JSON types."""
        return asdict(self)


def _layout(config: Config) -> Layout:
    from grokbook.models.layout import Layout

    return Layout.of(config)

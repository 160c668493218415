"""One line that says how a run is doing."""

from __future__ import annotations

import sys
from typing import Self

from tqdm.std import tqdm

from grokbook.training.run import Progress


class ProgressLine:
    """A progress line on standard error: steps/s, accuracies, time left at most.

    The time left is to the end of the budget; a run that groks stops before it.
    """

    def __init__(self, tasks: tuple[str, ...]) -> None:
        self._tasks = tasks
        self._bar: tqdm | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, progress: Progress) -> None:
        """Redraw the line."""
        if self._bar is None:
            self._bar = tqdm(
                total=progress.end,
                initial=progress.step,
                file=sys.stderr,
                unit=" steps",
                dynamic_ncols=True,
                bar_format="{desc}  [{elapsed}, at most {remaining} left, {rate_noinv_fmt}]",
            )
        accuracy = "  ".join(
            f"{task} train {progress.row[f'train_accuracy_{task}']:.1%} "
            f"test {progress.row[f'test_accuracy_{task}']:.1%}"
            for task in self._tasks
        )
        self._bar.n = progress.step
        self._bar.set_description_str(
            f"step {progress.step:,}/{progress.end:,}  {accuracy}", refresh=False
        )
        self._bar.refresh()

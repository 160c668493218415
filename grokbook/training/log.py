"""What a run writes down at every evaluation: one row of numbers, one table of answers.

Columns of ``metrics.parquet``, one row an evaluation (steps 0, 1 and every multiple of the
cadence):

    step                     updates made                                             int64
    train_loss_<task>        mean cross-entropy on the full training set              nats
    test_loss_<task>         the same on the full test set                            nats
    train_accuracy_<task>    share right on the full training set                     [0, 1]
    test_accuracy_<task>     the same on the full test set                            [0, 1]
    batch_loss               sum over tasks on the last batch, before its update      nats
    gradient_norm            ‖g‖ of that batch before clipping                        L2 norm
    update_norm              ‖u‖ of the Adam step that followed, decay not in it      L2 norm
    parameter_norm           ‖θ‖                                                      L2 norm
    attention_norm           ‖(W_Q, W_K, W_V, W_O) of all layers‖                     L2 norm
    embedding_norm           ‖token embedding‖                                        L2 norm
    decay_displacement       ‖D‖, D what decay moved θ by since the row before        L2 norm
    learned_displacement     ‖S‖, S what Adam steps (and noise) moved θ by            L2 norm
    displacement_product     ⟨D, S⟩; ‖Δθ‖² = ‖D‖² + ‖S‖² + 2 ⟨D, S⟩              squared norm

At step 0 no batch has been seen: batch_loss, gradient_norm and update_norm are NaN there.
"""

from __future__ import annotations

import io

import numpy as np
import pandas as pd

from grokbook.events import PUBLISHED_RULE, RULES
from grokbook.training.evaluation import Evaluation

_PER_TASK = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
_WHOLE = (
    *("batch_loss", "gradient_norm", "update_norm"),
    *("parameter_norm", "attention_norm", "embedding_norm"),
    *("decay_displacement", "learned_displacement", "displacement_product"),
)


def columns(tasks: tuple[str, ...]) -> list[str]:
    """Column names of ``metrics.parquet``, in order."""
    return ["step", *(f"{name}_{task}" for task in tasks for name in _PER_TASK), *_WHOLE]


class Log:
    """Rows and packed answers, in order of steps.

    Attributes:
        tasks: names, in order of heads.
        items: of the table, N.
        groks: the published grok step of each task so far, or None.
    """

    def __init__(self, tasks: tuple[str, ...], items: int) -> None:
        self.tasks, self.items = tasks, items
        self.groks: list[int | None] = [None] * len(tasks)
        self._streaks = [0] * len(tasks)
        self._rows: list[np.ndarray] = []
        self._answers: list[np.ndarray] = []

    def add(self, step: int, result: Evaluation, whole: dict[str, float]) -> None:
        """Append one evaluation."""
        row = [float(step)]
        for task in range(len(self.tasks)):
            row += [float(getattr(result, name)[task]) for name in _PER_TASK]
        row += [whole[name] for name in _WHOLE]
        self._rows.append(np.array(row))
        self._answers.append(np.packbits(result.correct.T, axis=1))
        self._follow(step, result.test_accuracy)

    def _follow(self, step: int, test_accuracy: np.ndarray) -> None:
        """Keep the published rule's streaks, so that the stop rule costs nothing."""
        rule = RULES[PUBLISHED_RULE]
        for task, accuracy in enumerate(test_accuracy):
            self._streaks[task] = self._streaks[task] + 1 if accuracy >= rule.accuracy else 0
            if self._streaks[task] == rule.row and self.groks[task] is None:
                self.groks[task] = step

    def frame(self) -> pd.DataFrame:
        """The rows as a table."""
        names = columns(self.tasks)
        table = pd.DataFrame(np.array(self._rows).reshape(-1, len(names)), columns=names)
        return table.astype({"step": np.int64})

    @property
    def last(self) -> dict[str, float]:
        """The newest row by column."""
        return dict(zip(columns(self.tasks), self._rows[-1].tolist(), strict=True))

    def state(self) -> dict[str, np.ndarray]:
        """What a resume point must hold."""
        width = (self.items + 7) // 8
        return {
            "rows": np.array(self._rows).reshape(-1, len(columns(self.tasks))),
            "answers": np.array(self._answers, dtype=np.uint8).reshape(-1, len(self.tasks), width),
        }

    def load(self, state: dict[str, np.ndarray]) -> None:
        """Return to a saved state."""
        self._rows, self._answers = list(state["rows"].copy()), list(state["answers"].copy())
        table = self.frame()
        accuracies = table[[f"test_accuracy_{task}" for task in self.tasks]].to_numpy()
        for step, row in zip(table["step"], accuracies, strict=True):
            self._follow(int(step), row)

    def files(self) -> dict[str, bytes]:
        """``metrics.parquet`` and ``answers.npz`` (steps, bits: evaluations × tasks × packed)."""
        metrics, answers = io.BytesIO(), io.BytesIO()
        table = self.frame()
        table.to_parquet(metrics, index=False, compression="zstd")
        np.savez_compressed(answers, steps=table["step"].to_numpy(), bits=self.state()["answers"])
        return {"metrics.parquet": metrics.getvalue(), "answers.npz": answers.getvalue()}

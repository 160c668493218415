"""The lane: one training run as an explorable shows it, and the frames all lanes share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grokbook.events import RULES
from grokbook.tasks.operations import OPERATIONS

Crossing = tuple[int | None, ...]


@dataclass(frozen=True, eq=False)
class Lane:
    """One run: curves, answer tables at shared frames, and when each task was learned.

    T tasks, E evaluations, F shared frames and n = modulus - low operands a side. A twin of a pair
    is another pair with the same answer by a symmetry of the task (see `Table.twins`); a twinless
    pair is a test pair none of whose twins was trained on. The control counts twinless pairs only.

    Attributes:
        label: what a reader calls the run, e.g. ``"add + mul, seed 42"``.
        setting: what distinguishes its group, e.g. ``"dual, λ = 1"``.
        weight_decay: λ a step.
        learning_rate: η a step; the clock is τ = ηλ·step.
        seed: the run's.
        tasks: T names from `grokbook.tasks.operations.OPERATIONS`.
        modulus: p.
        low: smallest operand, 0 or 1.
        steps: (E,) increasing evaluation steps.
        train_accuracy: (T, E), 0 to 1, on all training pairs.
        test_accuracy: (T, E), 0 to 1, on all test pairs.
        control_accuracy: (T, E), 0 to 1, on the twinless pairs, NaN where there is none.
        answers: (F, T, n, n) bool, right or wrong, first operand down, second across; frames beyond
            the run's end repeat its last table.
        trained: (n, n) bool, the training pairs.
        control_pairs: (T, n, n) bool, the twinless pairs of each task.
        crossings: rule of `grokbook.events.RULES` ↦ the step at which each task crosses, or None.
        control_crossings: the same on the twinless pairs.
        run_id: the config's id.
        command: the command line that repeats the run.

    Raises:
        ValueError: in one line, if anything does not fit together.
    """

    label: str
    setting: str
    weight_decay: float
    learning_rate: float
    seed: int
    tasks: tuple[str, ...]
    modulus: int
    low: int
    steps: np.ndarray
    train_accuracy: np.ndarray
    test_accuracy: np.ndarray
    control_accuracy: np.ndarray
    answers: np.ndarray
    trained: np.ndarray
    control_pairs: np.ndarray
    crossings: Mapping[str, Crossing]
    control_crossings: Mapping[str, Crossing]
    run_id: str
    command: str

    def __post_init__(self) -> None:
        self._check_setting()
        tasks, side = len(self.tasks), self.side
        steps = np.asarray(self.steps)
        if steps.ndim != 1 or steps.size < 2 or steps.dtype.kind not in "iu":
            self._refuse(f"steps must be a line of two or more integers, got {steps.shape}")
        if steps[0] < 0 or np.any(np.diff(steps) <= 0):
            self._refuse("steps must start at 0 or later and increase")
        self._set("steps", steps.astype(np.int64))
        for name in ("train_accuracy", "test_accuracy", "control_accuracy"):
            self._set_accuracy(name, (tasks, steps.size))
        self._set_table("trained", (side, side))
        answers = np.asarray(self.answers)
        frames = answers.shape[0] if answers.ndim == 4 else 0
        if not frames:
            self._refuse(f"answers must be (frames, tasks, n, n), got {answers.shape}")
        self._set_table("answers", (frames, tasks, side, side))
        self._set_table("control_pairs", (tasks, side, side))
        if np.any(self.control_pairs & self.trained):
            self._refuse("control_pairs holds training pairs; a twinless pair is a test pair")
        for name in ("crossings", "control_crossings"):
            self._set_crossings(name)

    def _check_setting(self) -> None:
        if not self.tasks or len(set(self.tasks)) != len(self.tasks):
            self._refuse(f"tasks must be distinct and at least one, got {self.tasks}")
        for task in self.tasks:
            if task not in OPERATIONS:
                self._refuse(f"unknown task {task!r}; known: {', '.join(OPERATIONS)}")
        if self.low not in (0, 1) or not 2 <= self.modulus <= 4096:
            self._refuse(f"low must be 0 or 1 and modulus 2..4096, got {self.low}, {self.modulus}")
        if not self.weight_decay >= 0 or not self.learning_rate > 0:
            self._refuse(
                "weight_decay must be >= 0 and learning_rate > 0, "
                f"got {self.weight_decay} and {self.learning_rate}"
            )
        for name in ("run_id", "command"):
            if not getattr(self, name):
                self._refuse(f"{name} is empty")
        self._set("tasks", tuple(self.tasks))

    def _set_accuracy(self, name: str, shape: tuple[int, int]) -> None:
        values = np.asarray(getattr(self, name), dtype=np.float64)
        if values.shape != shape:
            self._refuse(f"{name} must be (tasks, evaluations) = {shape}, got {values.shape}")
        missing = np.isnan(values)
        if missing.any() and name != "control_accuracy":
            self._refuse(f"{name} holds NaN")
        if np.any((values[~missing] < 0) | (values[~missing] > 1)):
            self._refuse(f"{name} must lie between 0 and 1")
        self._set(name, values)

    def _set_table(self, name: str, shape: tuple[int, ...]) -> None:
        table = np.asarray(getattr(self, name))
        if table.dtype != np.bool_ or table.shape != shape:
            self._refuse(f"{name} must be bool {shape}, got {table.dtype} {table.shape}")
        self._set(name, table)

    def _set_crossings(self, name: str) -> None:
        given = getattr(self, name)
        if sorted(given) != sorted(RULES):
            self._refuse(f"{name} must have the keys {tuple(RULES)}, got {tuple(given)}")
        clean: dict[str, Crossing] = {}
        for rule in RULES:
            steps = tuple(None if s is None else int(s) for s in given[rule])
            if len(steps) != len(self.tasks):
                self._refuse(f"{name}[{rule!r}] must have one entry a task")
            if any(s is not None and not 0 <= s <= self.last_step for s in steps):
                self._refuse(f"{name}[{rule!r}] lies outside the run, {steps}")
            clean[rule] = steps
        self._set(name, clean)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _refuse(self, reason: str) -> None:
        raise ValueError(f"lane {self.label!r}: {reason}")

    @property
    def side(self) -> int:
        """Operands a side of the table, n = modulus - low."""
        return self.modulus - self.low

    @property
    def last_step(self) -> int:
        """The last evaluation's step."""
        return int(self.steps[-1])

    @property
    def titles(self) -> tuple[str, ...]:
        """The tasks as formulas, in order."""
        return tuple(OPERATIONS[task].formula for task in self.tasks)

    def crossing(self, rule: str, control: bool = False) -> Crossing:
        """Step at which each task crosses under ``rule``, None where it never does."""
        return (self.control_crossings if control else self.crossings)[rule]


def frame_axis(last_step: int, cadence: int = 100, count: int = 64) -> np.ndarray:
    """Steps at which every lane shows its tables: (<= count,) int64, from 0 to ``last_step``.

    All are multiples of ``cadence``. A quarter of the frames lies in the first 1,000 steps, where
    a network memorises; the rest are spread evenly up to the last multiple of ``cadence``.

    Raises:
        ValueError: if there is no room for two frames.
    """
    if cadence < 1 or count < 2 or last_step < cadence:
        raise ValueError(
            f"no frames: last_step {last_step}, cadence {cadence}, count {count} "
            "(need cadence >= 1, count >= 2, last_step >= cadence)"
        )
    last = last_step // cadence
    if last + 1 <= count:
        return np.arange(last + 1, dtype=np.int64) * cadence
    early_end = min(last, max(1, 1000 // cadence))
    early = np.linspace(0, early_end, min(early_end + 1, max(1, count // 4)))
    late = np.linspace(early_end, last, count - early.size + 1)
    ticks = np.unique(np.rint(np.concatenate([early, late])).astype(np.int64))
    return ticks * cadence

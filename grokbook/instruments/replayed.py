"""Adam's second moment, which no snapshot holds: from training a run again, to the same bits.

A run is a deterministic function of its config, so its optimiser is where it was if its weights
are.  That they are is compared, to the bit, with every snapshot at which something is read; where
they are not, as under other numerics, nothing is read: v̂ is had exactly or not at all.  Cost: that
of training up to the last step that is asked for.
"""

from __future__ import annotations

import numpy as np
import torch

from grokbook.instruments.subject import Subject
from grokbook.training.process import single_thread
from grokbook.training.trainer import Trainer


class Replayed:
    """A run that is trained again as far as it is asked about; steps had better ascend.

    Attributes:
        same: were all weights that were compared those of the snapshots, to the bit?
    """

    def __init__(self, subject: Subject) -> None:
        self._subject, self.same = subject, subject.config.intervention is None
        self._trainer: Trainer | None = None

    @classmethod
    def of(cls, subject: Subject) -> Replayed:
        """Begun once for all points."""
        return subject.once(("replayed",), lambda: cls(subject))

    def preconditioner(self, step: int) -> np.ndarray | None:
        """D = 1/(√v̂ + ε) of the attention matrices, as the update that ended at ``step`` had it.

        Args:
            step: of a snapshot of all parameters, 1 or more.

        Returns:
            (A,) float64; None if the run trained again has other bits there, or had elsewhere, or
            if something intervened in it, whose basis would be asked for.
        """
        if not self.same:
            return None
        trainer = self._at(step)
        self.same = torch.equal(trainer.theta[0], self._subject.theta(step))
        if not self.same:
            self._trainer = None
            return None
        square = trainer.layout.attention(trainer.adam.square)[0].double().numpy()
        age, (config,) = updates(self._subject.config.resets, step), trainer.configs
        return 1 / (np.sqrt(square / (1 - config.beta2**age)) + config.epsilon)

    def _at(self, step: int) -> Trainer:
        with single_thread():
            if self._trainer is None or self._trainer.step > step:
                self._trainer = Trainer([self._subject.config])
            self._trainer.advance(step - self._trainer.step)
        return self._trainer


def updates(resets: tuple[int, ...], step: int) -> int:
    """Updates in the moments after ``step``, by the steps at which they were set to 0.

    A reset at step s comes before the update after s.

    >>> updates((400,), 400), updates((400,), 401)
    (400, 1)
    """
    return step - max((each for each in resets if each < step), default=0)

"""The first 500 steps of two released runs, to the printed digit (2602.16746, released dynamics).

The released script measured a defect at step 0 and at every 100th step, which drew ten more
batches from the same generator before training went on; so the stream skips ten there.
"""

import pytest

from grokbook.config import RunConfig
from grokbook.training.evaluation import evaluate
from grokbook.training.trainer import Trainer

RELEASED = {
    "add": (0.1027, 0.4114, 0.7570, 0.9541, 0.9960),
    "mul": (0.1174, 0.4293, 0.7912, 0.9672, 0.9967),
}


@pytest.mark.long(18)
@pytest.mark.parametrize("task", ["add", pytest.param("mul", marks=pytest.mark.slow)])
def test_train_accuracy_to_the_printed_digit(task):
    trainer = Trainer([RunConfig(tasks=(task,), seed=42)])
    trainer.batches[0].skip(10)
    measured = []
    for _ in range(5):
        trainer.advance(100)
        result = evaluate(trainer.layout, trainer.theta, trainer.tables)[0]
        measured.append(round(float(result.train_accuracy[0]), 4))
        trainer.batches[0].skip(10)
    assert tuple(measured) == RELEASED[task]

"""Facts about the untrained model that need no training to check, exact to the last count.

Counts, norms and sizes: 2602.16746 section 2 and the released step-0 accuracies; 2602.18523
section 2.  They pin the split, the targets and every initial weight at once.
"""

import pytest
import torch

from grokbook.config import RunConfig
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout, TrunkLayout
from grokbook.tasks.modular import Table
from grokbook.training.evaluation import evaluate

COUNTS = {
    ("add", 42): (57, 48),
    ("add", 137): (59, 50),
    ("add", 2024): (50, 54),
    ("sub", 42): (39, 49),
    ("sub", 137): (50, 46),
    ("sub", 2024): (43, 50),
    ("mul", 42): (40, 52),
    ("mul", 137): (36, 49),
    ("mul", 2024): (57, 36),
    ("sq", 42): (57, 54),
    ("sq", 137): (45, 54),
    ("sq", 2024): (54, 59),
    ("x2_xy_y2", 42): (47, 53),
    ("x3_xy", 42): (40, 49),
}


@pytest.mark.parametrize(("task", "seed"), COUNTS)
def test_step_zero_counts(task, seed):
    config = RunConfig(tasks=(task,), seed=seed)
    layout = Layout.of(config)
    table = Table.make(config.tasks, config.modulus, config.domain, config.train_fraction, seed)
    result = evaluate(layout, initial_parameters(layout, [seed]), [table])[0]
    correct = result.correct[:, 0]
    assert (correct[table.train].sum(), correct[table.test].sum()) == COUNTS[task, seed]


@pytest.mark.parametrize(("tasks", "size"), [(1, 290_401), (2, 302_914), (3, 315_427)])
def test_parameter_count(tasks, size):
    assert TrunkLayout(modulus=97, tasks=tasks).size == size


def test_three_layers_and_attention_share():
    assert TrunkLayout(modulus=97, tasks=1, layers=3).size == 422_881
    assert TrunkLayout(modulus=97, tasks=2).attention_size == 131_072


@pytest.mark.parametrize(
    ("tasks", "norms"),
    [
        (1, (117.623, 118.065, 115.921)),
        (2, (117.762, 118.202, 116.062)),
        (3, (117.900, 118.339, 116.201)),
    ],
)
def test_initial_norms(tasks, norms):
    theta = initial_parameters(TrunkLayout(modulus=97, tasks=tasks), [42, 137, 2024])
    assert theta.norm(dim=1).tolist() == pytest.approx(norms, abs=5e-4)


def test_blocks_start_identical():
    layout = TrunkLayout(modulus=97, tasks=2)
    views = layout.views(initial_parameters(layout, [137]))
    for name, view in views.items():
        if name.startswith("encoder.layers.0."):
            assert torch.equal(view, views[name.replace("layers.0", "layers.1")])


def test_initialisation_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    initial_parameters(TrunkLayout(modulus=97, tasks=1), [42])
    assert torch.equal(before, torch.get_rng_state())

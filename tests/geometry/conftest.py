"""A model small enough for brute force: 358 parameters in float64."""

from types import SimpleNamespace

import pytest
import torch

from grokbook.config import RunConfig
from grokbook.geometry.loss import Loss
from grokbook.models.initialise import initial_parameters
from grokbook.models.layout import Layout


@pytest.fixture(scope="session")
def tiny():
    """``layout``, ``table``, ``theta`` (P,) float64 and ``loss`` on 9 examples."""
    config = RunConfig(tasks=("add", "mul"), modulus=5, width=4, heads=2, hidden=4)
    layout, table = Layout.of(config), config.table()
    theta = initial_parameters(layout, [1], dtype=torch.float64)[0]
    # Away from the start, where the two blocks are equal and all biases of attention are 0.
    theta += 0.3 * torch.randn(len(theta), generator=torch.Generator().manual_seed(2)).double()
    loss = Loss.on(layout, table, [0, 3, 3, 5, 8, 9, 11, 14, 15])
    return SimpleNamespace(config=config, layout=layout, table=table, theta=theta, loss=loss)

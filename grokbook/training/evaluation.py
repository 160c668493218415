"""Accuracy and loss on the whole table, train and test at once.

The published loop evaluates the full training and test sets; together they are every pair, so
one pass over the table in its own order serves both and yields the right/wrong table as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models import linear, trunk
from grokbook.models.layout import Layout
from grokbook.tasks.modular import Table

_ROWS = {"cpu": 2304, "cuda": 262_144}
"""Examples a forward pass, over all models: activations stay in cache, or in the GPU's memory."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Evaluation:
    """One model on its whole table.

    Attributes:
        correct: (N, T) bool, is the largest logit the label?
        train_loss, test_loss: (T,) mean cross-entropy in nats.
        train_accuracy, test_accuracy: (T,) shares in [0, 1].
    """

    correct: np.ndarray
    train_loss: np.ndarray
    test_loss: np.ndarray
    train_accuracy: np.ndarray
    test_accuracy: np.ndarray


@torch.no_grad()
def evaluate(layout: Layout, flat: Tensor, tables: Sequence[Table]) -> list[Evaluation]:
    """Evaluate M models on every pair of their tables.

    Args:
        layout: of the models.
        flat: (M, P) parameters.
        tables: one a model; they list the same pairs.
    """
    parameters = layout.views(flat)
    pairs = torch.from_numpy(tables[0].pairs).to(flat.device)
    labels = torch.from_numpy(np.stack([table.labels for table in tables])).to(flat.device)
    product = linear.linear if flat.device.type == "cpu" else trunk.plain_linear
    chunk = max(1, _ROWS[flat.device.type] // len(tables))
    correct, loss = [], []
    for start in range(0, len(pairs), chunk):
        part = slice(start, start + chunk)
        asked = pairs[part].expand(len(tables), -1, -1)
        out = trunk.logits(layout, parameters, asked, linear=product)
        wanted = labels[:, part]
        correct.append(out.argmax(-1) == wanted)
        nats = F.cross_entropy(out.flatten(0, 2), wanted.flatten(), reduction="none")
        loss.append(nats.view(wanted.shape))
    right, nats = (torch.cat(parts, dim=1) for parts in (correct, loss))
    return [
        _summarise(*arrays, table.trained)
        for *arrays, table in zip(
            right.cpu().numpy(), nats.double().cpu().numpy(), tables, strict=True
        )
    ]


def _summarise(right: np.ndarray, nats: np.ndarray, trained: np.ndarray) -> Evaluation:
    train, test = trained, ~trained
    return Evaluation(
        right, nats[train].mean(0), nats[test].mean(0), right[train].mean(0), right[test].mean(0)
    )

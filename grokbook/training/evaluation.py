"""Accuracy and loss on the whole table, train and test at once.

The published loop evaluates the full training and test sets; together they are every pair, so
one pass over the table in its own order serves both and yields the right/wrong table as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokbook.models import trunk
from grokbook.models.layout import Layout
from grokbook.tasks.modular import Table

_CHUNK = 2304
"""Pairs a forward pass: activations stay in cache."""


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
def evaluate(layout: Layout, flat: Tensor, table: Table, model: int = 0) -> Evaluation:
    """Evaluate one model of a flat (M, P) buffer on every pair of the table."""
    parameters = layout.views(flat[model : model + 1])
    pairs = torch.from_numpy(table.pairs).to(flat.device)
    labels = torch.from_numpy(table.labels).to(flat.device)
    correct, loss = [], []
    for start in range(0, len(pairs), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        out = trunk.logits(layout, parameters, pairs[None, chunk])[0]
        correct.append(out.argmax(-1) == labels[chunk])
        loss.append(
            F.cross_entropy(out.flatten(0, 1), labels[chunk].flatten(), reduction="none").view(
                labels[chunk].shape
            )
        )
    right = torch.cat(correct).cpu().numpy()
    nats = torch.cat(loss).double().cpu().numpy()
    train, test = table.trained, ~table.trained
    return Evaluation(
        right, nats[train].mean(0), nats[test].mean(0), right[train].mean(0), right[test].mean(0)
    )

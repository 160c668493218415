"""A causal decoder of 180 parameters that predicts the depth of brackets, as functions of θ.

Strings over 1 = open, 2 = close, 0 = padding; two layers of attention with two heads, residual, no
feed-forward part and no normalisation: what is tested is geometry, and brute force must be quick.
"""

from functools import cached_property
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F

LENGTH, WIDTH, HEADS, LAYERS, DEPTHS = 6, 4, 2, 2, 4
SHAPES = [(3, WIDTH), (LENGTH, WIDTH), *[(WIDTH, WIDTH)] * (4 * LAYERS), (DEPTHS, WIDTH)]
SIZES = [a * b for a, b in SHAPES]
SIZE = sum(SIZES)


def balanced(length):
    """All strings of brackets of this length that close, as lists of 1 and 2."""
    found = []
    for symbols in product((1, 2), repeat=length):
        depths = np.cumsum([1 if symbol == 1 else -1 for symbol in symbols])
        if depths.min() >= 0 and depths[-1] == 0:
            found.append(list(symbols))
    return found


class SmallDecoder:
    """The model on all balanced strings of two, four and six brackets, 8 in number."""

    def __init__(self):
        strings = [s for length in (2, 4, 6) for s in balanced(length)]
        self.tokens = torch.tensor([s + [0] * (LENGTH - len(s)) for s in strings])
        self.valid = self.tokens > 0
        moves = (self.tokens == 1).long() - (self.tokens == 2).long()
        self.depths = moves.cumsum(1)
        self.labels = self.depths[self.valid]
        self.strings = torch.arange(len(strings))[:, None].expand(-1, LENGTH)[self.valid].numpy()
        self.size = SIZE

    @cached_property
    def theta(self):
        """θ (P,) in float64, away from any symmetry."""
        drawn = torch.randn(SIZE, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        return 0.7 * drawn

    def _run(self, theta):
        parts = [p.view(s) for p, s in zip(theta.split(SIZES), SHAPES, strict=True)]
        tokens, places, *weights, head = parts
        state = tokens[self.tokens] + places
        mask = torch.full((LENGTH, LENGTH), -torch.inf, dtype=theta.dtype).triu(1)
        states, scores = [], []
        for layer in range(LAYERS):
            q, k, v, o = weights[4 * layer : 4 * layer + 4]
            split = (len(state), LENGTH, HEADS, WIDTH // HEADS)
            heads = [(state @ w.T).view(split).transpose(1, 2) for w in (q, k, v)]
            score = heads[0] @ heads[1].transpose(-1, -2) / (WIDTH // HEADS) ** 0.5
            mixed = (score + mask).softmax(-1) @ heads[2]
            state = state + mixed.transpose(1, 2).reshape(len(state), LENGTH, WIDTH) @ o.T
            states.append(state)
            scores.append(score)
        return states, torch.stack(scores), state @ head.T

    def hidden(self, theta):
        """(N, T, d) a layer."""
        return self._run(theta)[0]

    def scores(self, theta):
        """(layers, N, heads, T, T) before the mask."""
        return self._run(theta)[1]

    def attention(self, theta):
        """(layers, N, heads, T, T) probabilities."""
        mask = torch.full((LENGTH, LENGTH), -torch.inf, dtype=theta.dtype).triu(1)
        return (self._run(theta)[1] + mask).softmax(-1)

    def logits(self, theta):
        """(n, C) of the brackets."""
        return self._run(theta)[2][self.valid]

    def loss(self, theta):
        """Mean cross-entropy of the brackets, nats."""
        return F.cross_entropy(self.logits(theta), self.labels)

    def matrices(self, theta):
        """W_Q and W_K, each (layers, d, d)."""
        parts = [p.view(s) for p, s in zip(theta.split(SIZES), SHAPES, strict=True)]
        return torch.stack(parts[2:-1:4]), torch.stack(parts[3:-1:4])

"""Distinct prefixes of sequences, as nodes of a tree.

A causal model sees a token and what stands before it, so tokens with equal prefixes have equal
hidden states, equal answers and equal gradients.  What such a model does with a set of sequences
is therefore one pass over the tree of their distinct prefixes, a node a prefix, each attending to
its ancestors and itself; how often a prefix occurs is a weight.

Nodes are in order of a walk that visits a prefix before what extends it.  In that order the
ancestors of any run of nodes lie in the run itself or on the path to its first node, so attention
needs scores only within short runs and with one path each: see `Prefixes.runs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Runs(NamedTuple):
    """Some nodes of a tree, cut into C runs of c, and what each run may attend to.

    Attributes:
        asking: (C, c) int64, the nodes by their place among the chosen ones; in the last run
            the last node is repeated until it is full.
        seen: (C, T + c) int64, keys likewise: the path to the run's first node, then the run.
        hidden: (C, c, T + c) bool, which keys a node does not attend to: what is no ancestor, and
            what only fills up.
    """

    asking: np.ndarray
    seen: np.ndarray
    hidden: np.ndarray


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Prefixes:
    """The tree of the distinct prefixes of some sequences.

    Attributes:
        token: (N,) int64, the last token of each prefix.
        position: (N,) int64, of that token in the sequence, from 0.
        ancestors: (N, T) int64: column t holds the first t + 1 tokens as a node; columns past the
            prefix's own end hold the node itself.
        paths: (S, T) int64, the node of every token of every sequence; −1 past its end.
    """

    token: np.ndarray
    position: np.ndarray
    ancestors: np.ndarray
    paths: np.ndarray

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]]) -> Prefixes:
        """The prefixes of sequences of tokens that are whole numbers from 0.

        Raises:
            ValueError: if there are none, or one is empty or holds a negative token.

        >>> tree = Prefixes.of([(0, 1), (0, 0, 1, 1), (0, 1)])
        >>> tree.token.tolist(), tree.position.tolist()
        ([0, 0, 1, 1, 1], [0, 1, 2, 3, 1])
        >>> tree.paths.tolist()
        [[0, 4, -1, -1], [0, 1, 2, 3], [0, 4, -1, -1]]
        >>> tree.ancestors[2].tolist()
        [0, 1, 2, 2]
        """
        if not sequences or not all(len(each) for each in sequences):
            raise ValueError("a tree of prefixes needs sequences, none of them empty")
        if any(token < 0 for each in sequences for token in each):
            raise ValueError("tokens are 0 or larger")
        lengths = np.array([len(each) for each in sequences])
        padded = np.full((len(sequences), lengths.max()), -1, dtype=np.int64)
        for row, each in zip(padded, sequences, strict=True):
            row[: len(each)] = each
        # In order of tokens, with the end before any: a walk meets each prefix where it is new.
        distinct, which = np.unique(padded, axis=0, return_inverse=True)
        equal = np.logical_and.accumulate(distinct[1:] == distinct[:-1], axis=1)
        new = distinct >= 0
        new[1:] &= ~equal
        number = np.cumsum(new).reshape(new.shape) - 1
        paths = np.where(new, number, -1)
        for row in range(1, len(paths)):
            known = equal[row - 1] & (distinct[row] >= 0)
            paths[row, known] = paths[row - 1, known]
        where, position = np.nonzero(new)
        columns = np.minimum(np.arange(new.shape[1]), position[:, None])
        ancestors = paths[where[:, None], columns]
        return cls(distinct[new], position, ancestors, paths[which.reshape(-1)])

    def __len__(self) -> int:
        return len(self.token)

    def runs(self, size: int, chosen: np.ndarray | None = None) -> Runs:
        """Cut nodes into runs for attention.

        Args:
            size: c, nodes a run.
            chosen: ascending nodes, each with all its ancestors; by default all.

        >>> runs = Prefixes.of([(0, 0, 1), (0, 1)]).runs(2)
        >>> runs.asking.tolist(), runs.seen[1].tolist()
        ([[0, 1], [2, 3]], [0, 1, 2, 2, 3])
        >>> runs.hidden[1].astype(int).tolist()
        [[0, 0, 1, 0, 1], [0, 1, 1, 1, 0]]
        """
        nodes = np.arange(len(self)) if chosen is None else chosen
        place = np.zeros(len(self), dtype=np.int64)
        place[nodes] = np.arange(len(nodes))
        slots = np.arange(-(-len(nodes) // size) * size).reshape(-1, size)
        asking = np.minimum(slots, len(nodes) - 1)
        run = nodes[asking]
        first = run[:, 0]
        keys = np.concatenate([self.ancestors[first], run], axis=1)
        at = np.broadcast_to(self.position[keys][:, None], (len(run), size, keys.shape[1]))
        hidden = np.take_along_axis(self.ancestors[run], at, axis=2) != keys[:, None]
        path = np.arange(self.ancestors.shape[1]) >= self.position[first][:, None]
        fills = np.concatenate([path, slots >= len(nodes)], axis=1)
        return Runs(asking, place[keys], hidden | fills[:, None])

    def counts(self, sequences: np.ndarray | slice = slice(None)) -> np.ndarray:
        """(N,) int64: how many of the sequences begin with each prefix.

        Args:
            sequences: indices of some, a repeated one counted again; by default all.
        """
        chosen = self.paths[sequences]
        return np.bincount(chosen[chosen >= 0], minlength=len(self))

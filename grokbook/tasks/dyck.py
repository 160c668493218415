"""Dyck-1: balanced brackets, and at every one of them the depth that it leads to.

The corpus is one stream of strings, cut by one permutation; both come from one seed, which is the
same for every run.  Strings repeat, and most test tokens stand behind a prefix that was trained
on: `Corpus` counts both, and gives the weights of a test without them.  Source: 2604.07380 and
2602.16967, Dyck-1 depth prediction.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from grokbook.tasks.permutations import torch_permutation
from grokbook.tasks.prefixes import Prefixes

TASK = "depth"
"""The one task: its name in configurations, files and tables."""

OPEN, CLOSE, PAD = 0, 1, 2
TOKENS = 3
"""Of the vocabulary; the third pads shorter strings, and no label hangs on it."""

PAIRS = 12
"""Most pairs of brackets in a string."""
LENGTH = 2 * PAIRS
DEPTHS = PAIRS + 1
"""Answers: depths 0 … 12."""
STRINGS, TRAINED = 5_050, 50
OPENS = 0.55
"""Chance that a bracket opens where it could close as well."""

LABELS = ("depth", "random")
_SHUFFLE = 32_452_843
"""Keeps the shuffle of labels apart from other uses of the same seed."""


def strings(seed: int, count: int = STRINGS) -> list[tuple[int, ...]]:
    """Balanced strings of 1 to 12 pairs, as published: one stream of Python's generator.

    >>> "".join("()"[token] for token in strings(0, 2)[1])
    '(()(((())())()))'
    """
    draw, found = random.Random(seed), []
    for _ in range(count):
        pairs, opened, string = draw.randint(1, PAIRS), 0, []
        for at in range(2 * pairs):
            depth = 2 * opened - at
            opens = opened < pairs
            if opens and depth:
                opens = draw.random() < OPENS
            string.append(OPEN if opens else CLOSE)
            opened += opens
        found.append(tuple(string))
    return found


def depths(string: tuple[int, ...]) -> np.ndarray:
    """The depth after every token.

    >>> depths((OPEN, OPEN, CLOSE, CLOSE)).tolist()
    [1, 2, 1, 0]
    """
    return np.cumsum(1 - 2 * np.array(string, dtype=np.int64))


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Corpus:
    """Training and test strings as trees of prefixes, with a label a prefix.

    What is answered are *items*: first the distinct prefixes of the training strings, then those
    of the test strings; a prefix of both is an item of each.  An item counts as often as its
    prefix occurs.

    Attributes:
        train_strings, test_strings: in the order of the split; batches draw from the first.
        train_tree, test_tree: their distinct prefixes.
        labels: (N, 1) int64, of the items.
        tasks: the one task's name.
    """

    train_strings: tuple[tuple[int, ...], ...]
    test_strings: tuple[tuple[int, ...], ...]
    train_tree: Prefixes
    test_tree: Prefixes
    labels: np.ndarray
    tasks: tuple[str, ...] = (TASK,)

    @classmethod
    def make(cls, seed: int, labels: str = "depth", label_seed: int = 0) -> Corpus:
        """The corpus of a data seed.

        Args:
            seed: of the strings and of the split.
            labels: ``"depth"``; or ``"random"``, where the depths of the distinct training
                prefixes are dealt out to them anew.  A causal model answers equal prefixes alike,
                so only labels that hang on the prefix can be learned by heart.  Test labels are
                the true depths either way.
            label_seed: of that dealing.

        Raises:
            ValueError: for other labels.
        """
        if labels not in LABELS:
            raise ValueError(f"unknown labels {labels!r}; known labels: {', '.join(LABELS)}")
        parts = split(seed)
        trees = [_tree(seed, part) for part in (0, 1)]
        true = [_true_depths(tree) for tree in trees]
        if labels == "random":
            true[0] = np.random.default_rng([label_seed, _SHUFFLE]).permutation(true[0])
        return cls(*parts, *trees, np.concatenate(true)[:, None])

    @property
    def count(self) -> int:
        """N, the number of items."""
        return len(self.labels)

    @property
    def drawn_from(self) -> int:
        """Strings that a batch draws from."""
        return len(self.train_strings)

    @cached_property
    def trained(self) -> np.ndarray:
        """(N,) bool: is the item one of the training part?"""
        return np.arange(self.count) < len(self.train_tree)

    @cached_property
    def weights(self) -> np.ndarray:
        """(N,) int64: how often each item's prefix occurs in its part."""
        return np.concatenate([self.train_tree.counts(), self.test_tree.counts()])

    def average(self, values: np.ndarray, part: str) -> np.ndarray:
        """Mean over the tokens of a part: (…, N) ↦ (…).

        Args:
            values: of the items.
            part: ``"train"`` or ``"test"``.
        """
        mask = self.trained if part == "train" else ~self.trained
        counts = self.weights[mask]
        return values[..., mask] @ counts.astype(np.float64) / counts.sum()

    def twinless(self, task: str) -> np.ndarray:
        """(N,) bool: is this a test item whose prefix is no prefix of a training string?

        Every such prefix is one item, so the mean over them is free of repetition as well.  It is
        the control that records keep: a model that has learned its training prefixes by heart
        gains nothing here.
        """
        return self._unseen

    @cached_property
    def _unseen(self) -> np.ndarray:
        known = set(_prefixes(self.train_strings))
        fresh = np.zeros(self.count, dtype=bool)
        first = len(self.train_tree)
        for string, path in zip(self.test_strings, self.test_tree.paths, strict=True):
            for at, node in enumerate(path[: len(string)].tolist()):
                fresh[first + node] = string[: at + 1] not in known
        return fresh

    @cached_property
    def unseen_strings(self) -> np.ndarray:
        """(N,) int64 weights: the distinct test strings that are no training strings.

        A weaker control than `twinless`: each such string counts once, with all its tokens, also
        those behind a prefix that was trained on.
        """
        known, chosen = set(self.train_strings), {}
        for at, string in enumerate(self.test_strings):
            if string not in known:
                chosen.setdefault(string, at)
        counts = self.test_tree.counts(np.array(list(chosen.values()), dtype=np.int64))
        return np.concatenate([np.zeros(len(self.train_tree), dtype=np.int64), counts])


def _prefixes(some: tuple[tuple[int, ...], ...]) -> set[tuple[int, ...]]:
    return {string[: end + 1] for string in some for end in range(len(string))}


@functools.lru_cache(maxsize=8)
def split(seed: int) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Training and test strings of a data seed, in order; of seed 0 as published."""
    drawn = strings(seed)
    order = torch_permutation(len(drawn), seed).tolist()
    return tuple(drawn[at] for at in order[:TRAINED]), tuple(drawn[at] for at in order[TRAINED:])


@functools.lru_cache(maxsize=16)
def _tree(seed: int, part: int) -> Prefixes:
    return Prefixes.of(split(seed)[part])


def _true_depths(tree: Prefixes) -> np.ndarray:
    """(N,) the depth that each prefix leads to."""
    steps = (1 - 2 * tree.token)[tree.ancestors]
    own = np.arange(steps.shape[1]) <= tree.position[:, None]
    return np.where(own, steps, 0).sum(axis=1)

"""Which tokens a probe is fitted on, and which it is judged by: split by token, or by string.

Tokens of one string share a context, and strings occur more than once: a split over tokens, as
published, puts most test strings into the training part as well.  Source: 2604.07380 section 4.10,
weakness G.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEST_SHARE = 0.3
"""Of the tokens, as published."""
SPLITS = ("token", "string")


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Split:
    """Places of training and test tokens.

    Attributes:
        train: (n,) int64.
        test: (m,) int64.
        by: ``"token"`` or ``"string"``.
        leaked: share of the test tokens whose string is in the training part, too; 0 by string.
    """

    train: np.ndarray
    test: np.ndarray
    by: str
    leaked: float


def split(strings: np.ndarray, *, by: str, seed: int, share: float = TEST_SHARE) -> Split:
    """A random split.

    Args:
        strings: (n,) id of each token's string; equal strings have one id.
        by: ``"token"``: ⌈share · n⌉ tokens are drawn for the test, as published; ``"string"``:
            strings are drawn until they have as many.
        seed: of a private generator.
        share: of the tokens.

    Raises:
        ValueError: for another ``by``, a share outside (0, 1), or a part without tokens.

    >>> split(np.repeat(np.arange(10), 3), by="string", seed=0).leaked
    0.0
    """
    strings = np.asarray(strings)
    if by not in SPLITS:
        raise ValueError(f"a split is by token or by string, not by {by!r}")
    if not 0 < share < 1:
        raise ValueError(f"the test's share must lie in (0, 1), not {share}")
    generator = np.random.default_rng(seed)
    wanted = int(np.ceil(share * len(strings)))
    if by == "token":
        order = generator.permutation(len(strings))
        chosen = np.zeros(len(strings), dtype=bool)
        chosen[order[:wanted]] = True
    else:
        names, counts = np.unique(strings, return_counts=True)
        order = generator.permutation(len(names))
        until = int(np.searchsorted(counts[order].cumsum(), wanted)) + 1
        chosen = np.isin(strings, names[order[:until]])
    train, test = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    if not len(train) or not len(test):
        raise ValueError(f"{len(strings)} tokens by {by} leave a part without any")
    return Split(train, test, by, float(np.isin(strings[test], strings[train]).mean()))


def folds(strings: np.ndarray, count: int = 5, *, seed: int) -> np.ndarray:
    """(n,) a fold for every token, all tokens of a string in one; as many folds as strings at most.

    Strings are dealt out at random, each to the fold with the fewest tokens so far.
    """
    names, places, counts = np.unique(strings, return_inverse=True, return_counts=True)
    count = min(count, len(names))
    filled, dealt = np.zeros(count), np.zeros(len(names), dtype=np.int64)
    for name in np.random.default_rng(seed).permutation(len(names)):
        dealt[name] = int(filled.argmin())
        filled[dealt[name]] += counts[name]
    return dealt[places]

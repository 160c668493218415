"""Which tokens a probe is fitted on, and which it is judged by: split by token, string or prefix.

Tokens of one string share a context, and strings occur more than once: a split over tokens, as
published, puts most test strings into the training part as well.  A causal model gives equal
prefixes equal representations, also those of different strings, so that even a split by string
judges by rows that were fitted on; one by prefix does not.  Source: 2604.07380 section 4.10,
weakness G.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

TEST_SHARE = 0.3
"""Of the tokens, as published."""
SPLITS = ("token", "string", "prefix")
"""What is not to be on both sides, from the weakest to the strictest."""


@dataclass(frozen=True, eq=False)  # arrays have no truth value to compare by
class Split:
    """Places of training and test tokens.

    Attributes:
        train: (n,) int64.
        test: (m,) int64.
        by: one of `SPLITS`.
        units: (n + m,) id of what each token was split by.
        leaked: share of the test tokens whose string is in the training part, too.
        repeated: share of them whose prefix is; NaN if prefixes were not given.
    """

    train: np.ndarray
    test: np.ndarray
    by: str
    units: np.ndarray
    leaked: float
    repeated: float


def split(
    strings: np.ndarray,
    prefixes: np.ndarray | None = None,
    *,
    by: str,
    seed: int,
    share: float = TEST_SHARE,
) -> Split:
    """A random split.

    Args:
        strings: (n,) id of each token's string; equal strings have one id.
        prefixes: (n,) id of what the model has seen at each token; equal prefixes have one id.
        by: ``"token"``: ⌈share · n⌉ tokens are drawn for the test, as published; ``"string"``,
            ``"prefix"``: these are drawn until they have as many tokens.
        seed: of a private generator.
        share: of the tokens.

    Raises:
        ValueError: for another ``by``, prefixes that are missing or too few, a share outside
            (0, 1), or a part without tokens.

    >>> split(np.repeat(np.arange(10), 3), by="string", seed=0).leaked
    0.0
    """
    strings = np.asarray(strings)
    if by not in SPLITS:
        raise ValueError(f"a split is by {', '.join(SPLITS)}, not by {by!r}")
    if not 0 < share < 1:
        raise ValueError(f"the test's share must lie in (0, 1), not {share}")
    if (prefixes is None and by == "prefix") or np.shape(prefixes) not in ((), strings.shape):
        raise ValueError(f"{len(strings)} tokens need a prefix each")
    tokens = np.arange(len(strings))
    units = {"token": tokens, "string": strings, "prefix": prefixes}[by]
    names, counts = np.unique(units, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    wanted = int(np.ceil(share * len(strings)))
    until = int(np.searchsorted(counts[order].cumsum(), wanted)) + 1
    chosen = np.isin(units, names[order[:until]])
    train, test = np.flatnonzero(~chosen), np.flatnonzero(chosen)
    if not len(train) or not len(test):
        raise ValueError(f"{len(strings)} tokens by {by} leave a part without any")

    def known(ids: np.ndarray) -> float:
        return float(np.isin(ids[test], ids[train]).mean())

    repeated = float("nan") if prefixes is None else known(np.asarray(prefixes))
    return Split(train, test, by, np.asarray(units), known(strings), repeated)


def folds(units: np.ndarray, count: int = 5, *, seed: int) -> np.ndarray:
    """(n,) a fold for every token, all tokens of a unit in one; as many folds as units at most.

    Units are dealt out at random, each to the fold with the fewest tokens so far.
    """
    names, places, counts = np.unique(units, return_inverse=True, return_counts=True)
    count = min(count, len(names))
    filled, dealt = np.zeros(count), np.zeros(len(names), dtype=np.int64)
    for name in np.random.default_rng(seed).permutation(len(names)):
        dealt[name] = int(filled.argmin())
        filled[dealt[name]] += counts[name]
    return dealt[places]

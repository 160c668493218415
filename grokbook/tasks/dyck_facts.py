"""What the published split of Dyck-1 gives away, counted on the corpus itself.

Labels are true depths throughout: these are facts of the strings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from grokbook.tasks import dyck
from grokbook.tasks.dyck import Corpus

ANALYSED = 300
"""Test strings, the first, on which the published analyses look at the model."""

Place = tuple[tuple[int, ...], int, int]
"""A string, a position in it, the depth there."""


@dataclass(frozen=True)
class Facts:
    """Counts and shares of a corpus.

    Attributes:
        strings, tokens: of training and of test part.
        distinct: distinct strings in both parts, and in the training part.
        lengths: strings of each length in the training part.
        depths: tokens of each depth in the training part.
        too_deep: share of test tokens deeper than any training token.
        seen_strings: share of test strings that are training strings.
        tokens_of_seen_strings: share of test tokens in these.
        seen_prefixes: share of test tokens whose whole prefix is one of a training string.
        seen_places: share of test tokens whose position and depth occur together in training.
        unseen_prefixes: distinct prefixes of test strings that no training string has.
        unseen_strings: distinct test strings that are no training strings.
        by_position: accuracy on all strings of the commonest depth at each position.
        by_position_and_token: the same at each position, given the token.
        analysed: tokens, depths, distinct strings and training strings among the first 300 test
            strings.
    """

    strings: tuple[int, int]
    tokens: tuple[int, int]
    distinct: tuple[int, int]
    lengths: dict[int, int]
    depths: dict[int, int]
    too_deep: float
    seen_strings: float
    tokens_of_seen_strings: float
    seen_prefixes: float
    seen_places: float
    unseen_prefixes: int
    unseen_strings: int
    by_position: float
    by_position_and_token: float
    analysed: tuple[int, int, int, int]


def facts(corpus: Corpus) -> Facts:
    """Count."""
    train, test = corpus.train_strings, corpus.test_strings
    known = set(train)
    trained, tested = list(_places(train)), list(_places(test))
    everything = trained + tested
    depths = Counter(depth for _, _, depth in trained)
    seen = {(at, depth) for _, at, depth in trained}
    first = test[:ANALYSED]
    analysed = list(_places(first))
    prefixes = {string[: at + 1] for string, at, _ in trained}
    return Facts(
        strings=(len(train), len(test)),
        tokens=(len(trained), len(tested)),
        distinct=(len(known | set(test)), len(known)),
        lengths=dict(sorted(Counter(map(len, train)).items())),
        depths=dict(sorted(depths.items())),
        too_deep=_share(tested, lambda place: place[2] > max(depths)),
        seen_strings=sum(string in known for string in test) / len(test),
        tokens_of_seen_strings=_share(tested, lambda place: place[0] in known),
        seen_prefixes=_share(tested, lambda place: place[0][: place[1] + 1] in prefixes),
        seen_places=_share(tested, lambda place: place[1:] in seen),
        unseen_prefixes=int(corpus.twinless(dyck.TASK).sum()),
        unseen_strings=len(set(test) - known),
        by_position=_majority(everything, lambda place: place[1]),
        by_position_and_token=_majority(everything, lambda place: (place[1], place[0][place[1]])),
        analysed=(
            len(analysed),
            len({depth for _, _, depth in analysed}),
            len(set(first)),
            sum(string in known for string in first),
        ),
    )


def _places(strings: tuple[tuple[int, ...], ...]) -> Iterator[Place]:
    for string in strings:
        for at, depth in enumerate(dyck.depths(string).tolist()):
            yield string, at, depth


def _share(places: list[Place], holds: Callable[[Place], bool]) -> float:
    return float(np.mean([holds(place) for place in places]))


def _majority(places: list[Place], given: Callable[[Place], object]) -> float:
    """Accuracy of the commonest depth among places that have something in common."""
    counts: dict[object, Counter[int]] = {}
    for place in places:
        counts.setdefault(given(place), Counter())[place[2]] += 1
    return sum(max(each.values()) for each in counts.values()) / len(places)

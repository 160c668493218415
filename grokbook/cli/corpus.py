"""``grokbook describe dyck``: what the corpus holds, and what its split gives away."""

from __future__ import annotations

import typer

from grokbook.cli.words import paragraph


def describe_dyck() -> None:
    """Count on the corpus itself, and say it."""
    from grokbook.tasks import dyck
    from grokbook.tasks.dyck_facts import ANALYSED, facts

    found = facts(dyck.Corpus.make(0))
    (train, test), (trained, tested) = found.strings, found.tokens
    typer.echo("dyck: the depth of balanced brackets, at every one of them\n")
    tokens, depths, distinct, known = found.analysed
    for title, text in (
        (
            "corpus",
            f"{train + test:,} strings of 1 to {dyck.PAIRS} pairs, {found.distinct[0]:,} of them "
            "distinct; data seed 0, the same for every run",
        ),
        (
            "train",
            f"{train} strings, {found.distinct[1]} of them distinct, {trained:,} tokens; lengths "
            f"{_counts(found.lengths)}; depths {_counts(found.depths)}",
        ),
        ("test", f"{test:,} strings, {tested:,} tokens; {found.too_deep:.3%} of them deeper"),
        (
            "leakage",
            f"{found.seen_strings:.1%} of the test strings are training strings "
            f"({found.tokens_of_seen_strings:.1%} of the tokens); {found.seen_prefixes:.1%} of the "
            "test tokens stand behind a prefix of a training string; "
            f"{found.seen_places:.1%} have a position and depth that occur together in training",
        ),
        (
            "control",
            f"the {found.unseen_prefixes:,} distinct test prefixes that no training string has, "
            "each counted once: a column of every record. Weaker: the "
            f"{found.unseen_strings:,} distinct test strings that are no training strings",
        ),
        (
            "baseline",
            f"{found.by_position:.1%} for the commonest depth at each position, "
            f"{found.by_position_and_token:.1%} given the token as well",
        ),
        (
            "analyses",
            f"as published on the first {ANALYSED} test strings: {tokens:,} tokens of {depths} "
            f"depths, {distinct} distinct strings, {known} that are training strings",
        ),
        ("source", "2602.16967 section 3, 2604.07380 section 2; generated, nothing is fetched"),
    ):
        typer.echo(paragraph(text, " " * 10, f"{title + ':':10}"))


def _counts(counts: dict[int, int]) -> str:
    """Numbers and how often each occurs, ``2 × 5`` for five of length 2."""
    return ", ".join(f"{value} × {count}" for value, count in counts.items())

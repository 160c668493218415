"""The command line that carries out a study, or measures its runs, as a person types it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def command(
    verb: str,
    study: str,
    *words: str,
    changes: Iterable[str] = (),
    seeds: int | None = None,
    more: Iterable[str] = (),
) -> str:
    """One line for a shell.

    Args:
        verb: ``"study"`` or ``"measure"``.
        study: by name, or a file.
        words: that come first after it.
        changes: of the study, FIELD=VALUE each.
        seeds: so many; None for those of the study.
        more: words that come last.

    >>> command("measure", "dual", "--instruments", "hessian", changes=["seed=1,2"])
    'grokbook measure dual --instruments hessian --set seed=1,2'
    >>> command("study", "my study.toml", seeds=8, more=["--measure"])
    "grokbook study 'my study.toml' --seeds 8 --measure"
    """
    changed = [word for change in changes for word in ("--set", change)]
    counted = [] if seeds is None else ["--seeds", str(seeds)]
    return shlex.join(["grokbook", verb, study, *words, *changed, *counted, *more])

"""What a name on the command line means: a study, or a run of the store."""

from __future__ import annotations

import re

_RUN = re.compile("[0-9a-f]{1,12}(-[0-9a-f]{0,8})?")
"""A config id or the beginning of one, and the numerics of one of several executions."""


def is_run(name: str) -> bool:
    """Is it a run's id, or the beginning of one? A study that is called so comes first.

    >>> is_run("274dd975d93d"), is_run("274d"), is_run("dual"), is_run("dad.toml"), is_run("add")
    (True, True, False, False, False)
    """
    from grokbook.studies.published import STUDIES

    return name not in STUDIES and _RUN.fullmatch(name) is not None

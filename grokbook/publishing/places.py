"""Where chapter sources lie and where their executed forms are published.

Apart from the module that executes them, because that one takes seconds to import.
"""

from pathlib import Path


def sources(root: Path) -> list[Path]:
    """The chapter sources below `root`, in order."""
    return sorted((Path(root) / "notebooks").glob("*.ipynb"))


def target_of(source: Path, root: Path) -> Path:
    """Where the executed form of a source is published: `index` is the front page."""
    folder = Path(root) / "book"
    return folder / source.name if source.stem == "index" else folder / "chapters" / source.name


def account_of(source: Path, root: Path) -> Path:
    """Where the execution of a source leaves what it cost."""
    return Path(root) / "_build" / "accounts" / f"{source.stem}.json"


def accounts(root: Path) -> list[tuple[Path, Path]]:
    """Every source with its account, the front page first, then in the order of the book."""
    every = sorted(sources(root), key=lambda source: (source.stem != "index", source.stem))
    return [(source, account_of(source, root)) for source in every]

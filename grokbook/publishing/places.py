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

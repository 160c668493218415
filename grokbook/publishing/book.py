"""The book: built by Jupyter Book with warnings as errors, then read again and checked."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from grokbook.publishing.places import sources, target_of

HTML = "_build/html"
REPORT = "_build/report.txt"
COMMAND = (
    *("-c", "from jupyter_book.cli.main import main; main()", "build", ".", "--all"),
    *("-W", "-n", "--keep-going", "-q"),
)
_SHOWN = 25
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class BookError(RuntimeError):
    """A book that was not built, or not as it should be; the message lists why."""


def build(root: Path) -> None:
    """Build the pages below `root` into `_build/html` and write the report of their weights.

    Raises:
        BookError: Jupyter Book warned or failed, or a built page has a fault.
    """
    from grokbook.publishing.links import faults, read_pages
    from grokbook.publishing.weights import weigh

    html = root / HTML
    _forget_leftovers(root)
    shutil.rmtree(html, ignore_errors=True)
    done = subprocess.run(
        [sys.executable, *COMMAND], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BookError(_said(done.stdout + done.stderr, root))
    pages = read_pages(html)
    found = faults(html, pages)
    if found:
        more = [f"... and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise BookError("\n".join([*found[:_SHOWN], *more]))
    rows = [
        f"  {w.html / 1000:8,.0f} kB  {w.cold / 1000:8,.0f} kB   {w.name}"
        for w in weigh(html, pages)
        if w.name not in ("index.html", "genindex.html", "search.html")
    ]
    title = f"  {'page':>11}  {'first visit':>11}"
    (root / REPORT).write_text("\n".join([title, *rows]) + "\n", encoding="utf-8")


def print_report(root: Path, start: float) -> None:
    """Print the weights, where the book is and how to see it; `start` is a monotonic time."""
    print((root / REPORT).read_text(encoding="utf-8"), end="")
    print(f"the book: {HTML}/index.html  ({time.monotonic() - start:.1f} s)")
    print("to read it: make serve, or open that file in a browser")


def _forget_leftovers(root: Path) -> None:
    """Executed chapters whose source is gone."""
    wanted = {target_of(source, root) for source in sources(root)}
    for old in {*(root / "book" / "chapters").glob("*.ipynb"), root / "book" / "index.ipynb"}:
        if old not in wanted and not old.name.endswith(".failed.ipynb"):
            old.unlink(missing_ok=True)


def _said(output: str, root: Path) -> str:
    """What Jupyter Book printed, without its frame, its colours and the folder's own path."""
    plain = _COLOUR.sub("", output).replace(f"{root}/", "")
    lines = [line for line in plain.splitlines() if line.strip() and set(line.strip()) != {"="}]
    telling = [line for line in lines if "WARNING" in line or "ERROR" in line or "rror:" in line]
    return "\n".join((telling or lines[-15:])[:_SHOWN])


def main() -> int:
    """`python -m grokbook.publishing.book`, in the root of the repository."""
    print("building the pages, and checking every link", flush=True)
    try:
        build(Path.cwd())
    except BookError as error:
        print(f"the book is not as it should be:\n{error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

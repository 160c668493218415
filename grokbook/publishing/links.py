"""Everything that a built page points to is there, and nothing comes from outside.

`faults` reads the built pages and style sheets only; what scripts ask for when they run is the
browser tests' business.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

_LOADED = {
    "audio": ("src",),
    "embed": ("src",),
    "form": ("action",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
}
_FOLLOWED = {"a": ("href",), "area": ("href",)}
# relations that a browser does not fetch
_NOT_FETCHED = {"canonical", "license", "author"}
_IN_CSS = re.compile(r"""url\(\s*(['"]?)(.*?)\1\s*\)|@import\s+(['"])(.*?)\3""")
_IGNORED = ("data:", "blob:", "mailto:", "javascript:", "about:")
# an explorable's state, such as #order.run-42.at-700, is no place in the page
_STATE = re.compile(r"\w+(\.\w+-[^.]*)+")
# what Jupyter shows of a value that has nothing to say
_OBJECT = re.compile(r"<[\w.]+ object(?: at [^>]*)?>")
# how the theme marks what a cell raised
_ERRORS = ".output.traceback, .highlight-ipythontb, .output.error"


@dataclass(frozen=True)
class Page:
    """A parsed page: its path and the ids that a link can aim at."""

    path: Path
    soup: BeautifulSoup
    ids: frozenset[str]


def read_pages(root: Path) -> dict[Path, Page]:
    """Parse every page below `root`, without the theme's own files."""
    pages = {}
    for path in sorted(root.rglob("*.html")):
        if "_static" in path.relative_to(root).parts:
            continue
        soup = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        ids = {tag["id"] for tag in soup.find_all(id=True)}
        ids |= {tag["name"] for tag in soup.find_all("a", attrs={"name": True})}
        pages[path.resolve()] = Page(path, soup, frozenset(ids))
    return pages


def faults(root: Path, pages: dict[Path, Page] | None = None) -> list[str]:
    """What is wrong with the built book below `root`: one line each, none if all is well.

    A link to a file or anchor that does not exist; a script, style, font, image or frame from
    outside; a page with the error of a failed cell, or with the name of a class
    where it should say something.
    """
    pages = read_pages(root) if pages is None else pages
    found = []
    for page in pages.values():
        place = page.path.relative_to(root)
        for kind, url in _urls(page.soup):
            problem = _fault(url, kind, page.path, root, pages)
            if problem:
                found.append(f"{place}: {problem}")
        found += [
            f"{place}: an error was published: {tag.get_text().strip().splitlines()[-1][:120]}"
            for tag in page.soup.select(_ERRORS)
            if tag.get_text().strip()
        ]
        found += [
            f"{place}: an object was shown instead of what it says: {tag.get_text().strip()[:120]}"
            for tag in page.soup.select(".cell_output pre")
            if _OBJECT.fullmatch(tag.get_text().strip())
        ]
    for sheet in sorted(root.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8", errors="replace")
        for url in _css_urls(text):
            problem = _fault(url, "style", sheet, root, pages)
            if problem:
                found.append(f"{sheet.relative_to(root)}: {problem}")
    return list(dict.fromkeys(found))


def _urls(soup):
    """Pairs of element name and address, of everything that a page loads or links to."""
    for tag in soup.find_all([*_LOADED, *_FOLLOWED]):
        if tag.name == "link" and _NOT_FETCHED.intersection(tag.get("rel") or ()):
            continue
        for attribute in (*_LOADED.get(tag.name, ()), *_FOLLOWED.get(tag.name, ())):
            value = tag.get(attribute)
            if value is None:
                continue
            if attribute == "srcset":
                yield from (
                    (tag.name, part.split()[0]) for part in value.split(",") if part.strip()
                )
            else:
                yield tag.name, value.strip()
    for tag in soup.find_all(style=True):
        yield from (("style", url) for url in _css_urls(tag["style"]))
    for tag in soup.find_all("style"):
        yield from (("style", url) for url in _css_urls(tag.get_text()))


def _css_urls(text):
    return [match[2] or match[4] or "" for match in _IN_CSS.finditer(text)]


def _fault(url, kind, origin, root, pages):
    if not url or url.startswith(_IGNORED):
        return None
    parts = urlsplit(url)
    if parts.scheme or url.startswith("//"):
        return None if kind in _FOLLOWED else f"{kind} from outside: {url}"
    if parts.path.startswith("/"):
        return f"{kind} breaks when the book is read from disk: {url}"
    target = (origin.parent / unquote(parts.path)).resolve() if parts.path else origin.resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(root.resolve()) or not target.exists():
        return f"{kind} leads nowhere: {url}"
    anchor = unquote(parts.fragment)
    aimed = kind in _FOLLOWED and anchor and not _STATE.fullmatch(anchor) and target in pages
    if aimed and anchor != "top" and anchor not in pages[target].ids:
        return f"no such anchor: {url}"
    return None

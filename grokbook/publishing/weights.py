"""What a page weighs: itself, and what a first visit loads with it."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from grokbook.publishing.links import Page

# what scripts load by themselves: a selector of pages that need it, and the file
_LAZY = ((".gb-plotly", "vendor/plotly-cartesian-*.min.js"),)
# the theme's icons
_ALWAYS = ("vendor/fontawesome/webfonts/fa-solid-900.woff2",)


@dataclass(frozen=True)
class Weight:
    """Bytes of a page's HTML, and of everything that a visitor with an empty cache loads."""

    name: str
    html: int
    cold: int


def weigh(root: Path, pages: dict[Path, Page]) -> list[Weight]:
    """The weight of every page, uncompressed, heaviest HTML first."""
    weights = []
    for page in pages.values():
        files = {page.path}
        for tag in page.soup.find_all(["script", "link", "img"]):
            if tag.name == "link" and not {"stylesheet", "icon"}.intersection(tag.get("rel") or ()):
                continue
            parts = urlsplit(tag.get("src") or tag.get("href") or "")
            if parts.path and not parts.scheme:
                files.add((page.path.parent / unquote(parts.path)).resolve())
        static = root / "_static"
        for pattern in (*_ALWAYS, *(file for css, file in _LAZY if page.soup.select_one(css))):
            files.update(path.resolve() for path in static.glob(pattern))
        files = {path.resolve() for path in files if path.is_file()}
        weights.append(
            Weight(
                name=str(page.path.relative_to(root)),
                html=page.path.stat().st_size,
                cold=sum(path.stat().st_size for path in files),
            )
        )
    return sorted(weights, key=lambda w: -w.html)

"""Fixtures for tests that read the built book in Chromium, cut off from the outside."""

import os
import shutil
import threading
from pathlib import Path

import pytest
import yaml

from grokbook.publishing.server import make_server

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "_build" / "html"
CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
_OURS = ("data:", "blob:", "about:")


def pages_of_toc() -> list[str]:
    """Addresses, below the built book, of the pages that _toc.yml names."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"]]
    for part in toc.get("parts", []):
        names += [chapter["file"] for chapter in part["chapters"]]
    return [f"{name}.html" for name in names]


def pytest_collection_modifyitems(items):
    """All need Chromium; the built book only those that ask for `site`, directly or not."""
    built = (BOOK / "index.html").exists()
    for item in items:
        if Path(__file__).parent not in Path(item.path).parents:
            continue
        item.add_marker(pytest.mark.browser)
        if not CHROMIUM:
            reason = "no Chromium for the browser tests (Debian, Ubuntu: apt-get install chromium)"
            item.add_marker(pytest.mark.skip(reason=reason))
        elif not built and "site" in item.fixturenames:
            reason = "no built book for the browser tests (make book)"
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def site():
    """The built book on loopback; the address without a slash at its end."""
    server = make_server(BOOK)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def offline(page, site):
    """A page that reaches the book alone. Anything else, and any error, fails the test at its end.

    `page.requested` lists every address that was asked for.
    """
    page.outside, page.errors, page.requested = [], [], []

    def gate(route):
        url = route.request.url
        page.requested.append(url)
        if url.startswith((f"{site}/", f"{BOOK.as_uri()}/", *_OURS)):
            route.continue_()
        else:
            page.outside.append(url)
            route.abort()

    page.route("**/*", gate)
    page.on("pageerror", lambda error: page.errors.append(f"page: {error}"))
    page.on(
        "console",
        lambda message: message.type == "error" and page.errors.append(f"console: {message.text}"),
    )
    page.on("requestfailed", lambda request: page.errors.append(f"failed: {request.url}"))
    page.on(
        "response",
        lambda reply: reply.status >= 400 and page.errors.append(f"{reply.status}: {reply.url}"),
    )
    yield page
    assert page.outside == []
    assert page.errors == []


@pytest.fixture(params=["http", "file"])
def address(request, site):
    """Turns a page's name into its address: from a server, and from disk."""
    base = site if request.param == "http" else BOOK.as_uri()
    return lambda name: f"{base}/{name}"


@pytest.fixture
def read_to_end(offline):
    """Opens a page and scrolls through it until every lazy figure is drawn; returns it."""

    def read(url):
        offline.goto(url)
        height = offline.evaluate("document.documentElement.scrollHeight")
        for y in range(0, height + 800, 800):
            offline.evaluate("y => window.scrollTo(0, y)", y)
            offline.wait_for_timeout(40)
        offline.wait_for_function(
            "[...document.querySelectorAll('.gb-plotly')].every("
            "b => ['drawn', 'failed'].includes(b.dataset.state) || !b.checkVisibility())",
            timeout=20_000,
        )
        return offline

    return read


@pytest.fixture(scope="module")
def bench(folder):
    """The address of a module's own bare pages, which its fixture `folder` has written."""
    from explorable_harness import serving

    with serving(folder) as address:
        yield address


@pytest.fixture
def quiet(page, bench):
    """A page for them that must make no noise; see `hushed`."""
    from explorable_harness import hushed

    with hushed(page, bench) as listened:
        yield listened

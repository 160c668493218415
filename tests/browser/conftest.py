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
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# How a page of the book is met: "dark" from disk, the others from a server; "paper" is printed as
# it was opened, the others are read through.
WAYS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}},
    "paper": {"color_scheme": "dark"},
}
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


def listen(page, site):
    """Keep what the page requests, and apart from it what lies outside the book, and its errors."""
    page.outside, page.errors, page.requested = [], [], []

    def asked(request):
        page.requested.append(request.url)
        if not request.url.startswith((f"{site}/", f"{BOOK.as_uri()}/", *_OURS)):
            page.outside.append(request.url)

    page.on("request", asked)
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


def read_to_end(page):
    """Scroll through a page until every lazy figure is drawn."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for y in range(0, height + 800, 800):
        page.evaluate("top => window.scrollTo({top, behavior: 'instant'})", y)
        page.wait_for_timeout(40)
    page.wait_for_function(
        "[...document.querySelectorAll('.gb-plotly')].every("
        "b => ['drawn', 'failed'].includes(b.dataset.state) || !b.checkVisibility())",
        timeout=20_000,
    )


@pytest.fixture(scope="module")
def readers(browser):
    """A reader for each way, who goes from page to page and has the shared files at hand."""
    made = {way: browser.new_context(**settings) for way, settings in WAYS.items()}
    yield made
    for context in made.values():
        context.close()


@pytest.fixture(scope="module")
def opened(request, readers, site):
    """A page of the book as it is met: (way, name). Loading costs more than any question does."""
    way, name = request.param
    page = readers[way].new_page()
    listen(page, site)
    page.goto(f"{BOOK.as_uri() if way == 'dark' else site}/{name}")
    if way != "paper":
        read_to_end(page)
    yield page
    page.close()


@pytest.fixture
def met(opened):
    """The opened page, cut off from the outside.

    Whoever changes it changes it back. What it asks of others, and its errors, fail the test in
    which they come; those of its loading the first one.
    """
    yield opened
    outside, errors = opened.outside[:], opened.errors[:]
    opened.outside.clear()
    opened.errors.clear()
    assert outside == []
    assert errors == []


@pytest.fixture(scope="module")
def sheet(browser):
    """One tab for all the bare pages of a module: a new one costs more than most questions."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def page(sheet):
    """The tab as if it were new: nothing open, nothing emulated, the mouse in its corner."""
    sheet.goto("about:blank")
    sheet.emulate_media(media="null", color_scheme="null", reduced_motion="null")
    sheet.mouse.move(0, 0)
    return sheet


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

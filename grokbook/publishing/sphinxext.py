"""Sphinx extension: plotly figures and explorables on pages that need neither kernel nor network.

Figures are stored as JSON and drawn by `gb-plotly.js` when they come near the screen, by one
shared plotly.js. Explorables (anywidgets) are run by `gb-host.js`, which reads the state that
papermill saved.
"""

import json
import re
from html import escape
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from sphinx.builders.html._assets import _JavaScript
from sphinx.errors import ExtensionError

PLOTLY = "application/vnd.plotly.v1+json"
HERE = Path(__file__).parent
HEIGHT = 420
APART = 100_000
"""A page holds the state of its explorables up to so many characters; more is a file beside it."""
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=%)")
_VERSION = re.compile(r"plotly\.js v(\d+\.\d+\.\d+)")


class PlotlyRenderer:
    """MyST-NB renderer of plotly figures; found by its entry point in pyproject.toml."""

    # for every builder, or those that make no pages would warn of an unknown output
    mime_priority_overrides = (("*", PLOTLY, 1),)

    @staticmethod
    def handle_mime(renderer, data, inline):
        """The figure as a box that holds its JSON; None for any other kind of output."""
        if inline or data.mime_type != PLOTLY:
            return None
        figure = json.loads(data.content) if isinstance(data.content, str) else dict(data.content)
        layout = dict(figure.get("layout") or {})
        # backgrounds, grids and fonts follow the page's theme; traces keep their own colours
        layout.pop("template", None)
        figure["layout"] = layout
        name = (data.output_metadata or {}).get("alt") or _title(layout) or "Interactive figure"
        box = (
            f'<div class="gb-plotly" role="group" aria-label="{escape(name, quote=True)}"'
            f' style="min-height:{int(layout.get("height") or HEIGHT)}px">'
            f'<script type="{PLOTLY}">{_script_safe(json.dumps(figure, separators=(",", ":")))}'
            f'</script><noscript><p class="gb-note">{escape(name)}: this figure is drawn by'
            f" JavaScript, which is switched off here.</p></noscript></div>"
        )
        return [nodes.raw(text=box, format="html", classes=["output", "gb-wide"])]


def _title(layout):
    title = layout.get("title") or ""
    text = title.get("text", "") if isinstance(title, dict) else str(title)
    return re.sub(r"<[^>]+>", " ", text).strip()


def _script_safe(text):
    """JSON that can stand inside a script element: `<!--` and `</script` end one, or a page."""
    return text.replace("<", "\\u003c")


def vendored(pattern, folder):
    """The one vendored file that matches; its name carries its version.

    Raises:
        ExtensionError: none or several do.
    """
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ExtensionError(f"{folder} should hold one {pattern}, it holds {len(found)}")
    return found[0].name


def plotly_js_version():
    """The version of plotly.js that the installed plotly writes figures for."""
    bundled = files("plotly") / "package_data" / "plotly.min.js"
    with bundled.open(encoding="utf-8") as text:
        return _VERSION.search(text.read(500))[1]


def _configure(app, config):
    config.html_static_path.append(str(HERE / "static"))
    config.templates_path.append(str(HERE / "templates"))
    vendor = Path(app.srcdir) / "book" / "_static" / "vendor"
    plotly = vendored("plotly-cartesian-*.min.js", vendor)
    if plotly_js_version() not in plotly:
        raise ExtensionError(
            f"{plotly} does not belong to the installed plotly, which wants {plotly_js_version()}"
        )
    mathjax = f"vendor/{vendored('mathjax-*-tex-svg.js', vendor)}"
    config.mathjax_path = mathjax
    addresses = {"data-plotly": f"vendor/{plotly}", "data-mathjax": mathjax}
    app.add_js_file("gb-plotly.js", loading_method="defer", **addresses)
    app.add_css_file("gb-book.css", priority=900)


def _clean_scripts(app, pagename, templatename, context, doctree):
    """Drop scripts that a page does not need; make stored JSON script-safe, and store much apart.

    Jupyter Book adds Thebe even when it is off. Sphinx adds MathJax (2 MB) also to a page without
    equations when a page below it in the contents has some.
    """
    apart = []
    equations = app.env.get_domain("math").data["has_equations"].get(pagename, False)
    kept = []
    for script in context["script_files"]:
        attributes = getattr(script, "attributes", None) or {}
        body = attributes.get("body") or ""
        name = str(getattr(script, "filename", None) or "")
        unneeded = name.endswith(app.config.mathjax_path) and not equations
        if unneeded or "THEBE" in body or "sphinx-thebe" in name:
            continue
        if "json" in (attributes.get("type") or ""):
            if len(body) > APART:
                apart.append(body)
                continue
            attributes["body"] = _script_safe(body)
        kept.append(script)
    if apart:  # before the host, which reads it
        kept.insert(0, _stored(app, pagename, apart))
    context["script_files"] = kept
    context["css_files"] = [c for c in context["css_files"] if "thebe" not in str(c.filename or "")]


def keep_together(app, doctree, docname):
    """No line ends between a number and its per cent; code stays as it was typed."""
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, nodes.literal | nodes.literal_block):
            whole = _BEFORE_UNIT.sub("\u00a0", text)
            if whole != text:
                text.parent.replace(text, nodes.Text(whole))


def _stored(app, pagename, states):
    """States of explorables as a script of its own, which a page can load from disk as well."""
    name = f"_state/{pagename}.js"
    path = Path(app.outdir) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"(window.grokbook ??= {{}}).stored = [{','.join(states)}];\n"
    path.write_text(text, encoding="utf-8")
    return _JavaScript(name, defer="defer")


def setup(app):
    """Register with Sphinx."""
    app.connect("config-inited", _configure)
    app.connect("doctree-resolved", keep_together)
    # after every extension that adds scripts
    app.connect("html-page-context", _clean_scripts, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}

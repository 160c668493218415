"""Plotly figures: colours from the one palette, axes with units, no baked-in backgrounds."""

from __future__ import annotations

import plotly.io

# The notebook stores a figure's data, never a copy of the library; JupyterLab and the book bring
# their own.
plotly.io.renderers.default = "plotly_mimetype"
plotly.io.templates.default = "none"

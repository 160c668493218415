"""What the figures of all chapters share."""

BELOW = {"orientation": "h", "x": 0, "yref": "container", "y": 0, "yanchor": "bottom"}
"""The legend at the figure's foot, where it covers no axis however many panels there are."""

MARGIN = {"t": 70, "r": 10, "b": 110, "l": 70}
"""Pixels around one panel with a title above and a legend below."""

"""Explorables: widgets that answer in the browser, with and without a kernel."""

from .front import FrontPicture
from .lanes import THRESHOLDS, Lane, frame_axis
from .palette import css_variables, decay_colour, published_colour, task_colour, task_text_colour
from .staggered import StaggeredOrder, order_sentence

__all__ = [
    "THRESHOLDS",
    "FrontPicture",
    "Lane",
    "StaggeredOrder",
    "css_variables",
    "decay_colour",
    "frame_axis",
    "order_sentence",
    "published_colour",
    "task_colour",
    "task_text_colour",
]

"""Explorables: widgets that answer in the browser, with and without a kernel."""

from grokbook.widgets.front import FrontPicture
from grokbook.widgets.lanes import Lane, frame_axis
from grokbook.widgets.staggered import StaggeredOrder, order_sentence

__all__ = ["FrontPicture", "Lane", "StaggeredOrder", "frame_axis", "order_sentence"]

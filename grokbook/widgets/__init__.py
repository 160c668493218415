"""Explorables: widgets that answer in the browser, with and without a kernel."""

from grokbook.widgets.clocks import clock_sentence
from grokbook.widgets.courses import Course
from grokbook.widgets.fragility import Fragility
from grokbook.widgets.front import FrontPicture
from grokbook.widgets.integrability import Integrability, lead_sentence
from grokbook.widgets.lanes import Lane, frame_axis
from grokbook.widgets.paces import Pace
from grokbook.widgets.phase_structure import PhaseStructure
from grokbook.widgets.staggered import StaggeredOrder, order_sentence

__all__ = [
    "Course",
    "Fragility",
    "FrontPicture",
    "Integrability",
    "Lane",
    "Pace",
    "PhaseStructure",
    "StaggeredOrder",
    "clock_sentence",
    "frame_axis",
    "lead_sentence",
    "order_sentence",
]

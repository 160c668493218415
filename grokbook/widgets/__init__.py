"""Explorables: widgets that answer in the browser, with and without a kernel."""

from grokbook.widgets.clock_words import clock_sentence
from grokbook.widgets.courses import Course
from grokbook.widgets.fragility import Fragility
from grokbook.widgets.front import FrontPicture
from grokbook.widgets.incompressibility import Incompressibility, cut_sentence
from grokbook.widgets.integrability import Integrability, lead_sentence
from grokbook.widgets.lanes import Lane, frame_axis
from grokbook.widgets.lifecycle import EdgeLifecycle
from grokbook.widgets.paces import Pace
from grokbook.widgets.passages import Passage
from grokbook.widgets.phase_structure import PhaseStructure
from grokbook.widgets.staggered import StaggeredOrder, order_sentence
from grokbook.widgets.surgeries import Cut, Surgery
from grokbook.widgets.turns import turn_sentence

__all__ = [
    "Course",
    "Cut",
    "EdgeLifecycle",
    "Fragility",
    "FrontPicture",
    "Incompressibility",
    "Integrability",
    "Lane",
    "Pace",
    "Passage",
    "PhaseStructure",
    "StaggeredOrder",
    "Surgery",
    "clock_sentence",
    "cut_sentence",
    "frame_axis",
    "lead_sentence",
    "order_sentence",
    "turn_sentence",
]

"""When things happen: grok steps, onsets, placebos, and the leads between them.

An event is found by a rule on a series of readings.  Every rule has the same interface, so that a
detector of something deep and one that looks at the training loss can be compared.
Chapters do so run by run, with `grokbook.events.track_record`; `grokbook.events.skill` has rates
with intervals for it, and is imported by its own name, since it needs SciPy.
"""

from grokbook.events.grok import PUBLISHED_RULE, RULES, Rule, crossing, grok_step
from grokbook.events.leads import Lead, lead
from grokbook.events.onset import FACTORS, dual_onset, growth_onset, onset_grid, tri_onset
from grokbook.events.placebo import (
    MEMORISATION,
    PLACEBOS,
    above,
    below,
    below_share,
    constant_step,
)
from grokbook.events.series import Detector, Event

__all__ = [
    "FACTORS",
    "MEMORISATION",
    "PLACEBOS",
    "PUBLISHED_RULE",
    "RULES",
    "Detector",
    "Event",
    "Lead",
    "Rule",
    "above",
    "below",
    "below_share",
    "constant_step",
    "crossing",
    "dual_onset",
    "grok_step",
    "growth_onset",
    "lead",
    "onset_grid",
    "tri_onset",
]

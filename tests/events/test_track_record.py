"""How often a detector comes first, and where it should have stayed silent."""

import math

from grokbook.events.track_record import TrackRecord


def record(groks, steps):
    return TrackRecord.of("a detector", "ours", "true", groks, steps)


def test_a_lead_is_before_the_grok_step_and_not_at_it():
    found = record({"x": 900, "y": 900, "z": 900, "w": 900}, [800, 900, 1_000, None])
    assert found.leads == {"x": 100, "y": 0, "z": -100, "w": None}
    assert found.ahead == 1 and found.median == 0


def test_a_false_alarm_comes_while_the_others_take():
    """Up to the last grok step, that step among them; later nobody would wait for it."""
    groks = {"x": 900, "slow": 1_500, "at": None, "after": None, "silent": None}
    found = record(groks, [1, 1, 1_500, 1_501, None])
    assert (found.raised, found.quiet) == (1, 3)


def test_where_nothing_groks_every_flag_is_a_false_alarm():
    found = record({"x": None, "y": None}, [10**9, None])
    assert (found.raised, found.quiet, found.ahead) == (1, 2, 0) and math.isnan(found.median)

"""Negative results from how numbers were taken: sentences of made-up counts, and of the runs."""

from dataclasses import replace

import pytest

from grokbook.chapters import asked, incompressibility, phase_structure
from grokbook.chapters import negative_results_artefacts as artefacts
from grokbook.chapters.incompressibility import Cut
from grokbook.chapters.phase_structure import Depth
from grokbook.chapters.transverse_fragility_shares import ALIKE, PATH, outsides_of
from grokbook.claims.shelf import Shelf
from grokbook.widgets.from_phases import pace
from grokbook.widgets.incompressibility import OPENING

DEPTH = Depth("add + mul, seed 1", "dual", 1.0, "published", 40.0, 30.0, 500, 30, 900)
CONVERGED = replace(DEPTH, protocol="corrected", depth=20.0, residual=0.1)


def cuts(**accuracy):
    """One run's: protocol ↦ accuracy of the published examples; the same for every kind."""
    sizes = {"published": 0.15}
    return [
        Cut("one", kind, _name(protocol), OPENING[kind], sizes.get(protocol, 0.05), value)
        for kind in ("scale", "rank", "share")
        for protocol, value in accuracy.items()
    ]


def _name(protocol):
    return protocol.replace("_noise", ", noise").replace("_", " ")


@pytest.fixture(scope="module")
def runs():
    wanted = asked.wanted(["dual"], [1.0], [42, 137, 2024], modulus=97, learning_rate=1e-3)
    return [Shelf().run(config) for config in wanted]


def test_depths_are_compared_within_a_run():
    other = replace(DEPTH, label="add + mul, seed 2")  # has no second reading
    weaker = replace(DEPTH, weight_decay=0.5)  # the same seed is another run
    said = artefacts.depth_sentence([DEPTH, other, weaker, CONVERGED])
    assert said == (
        "On one run the deepest published reading has a residual of 75 % of its own size, as "
        "Lanczos estimates it, in 1 of 1 more than half of it. Converged on one batch the residual "
        "is 0.5 %, and the published depth, on other examples, is 2 times the converged one."
    )
    assert "grokbook measure dual" in artefacts.depth_sentence([DEPTH, other])


def test_a_small_residual_is_counted_as_small():
    fine = replace(DEPTH, residual=10.0)
    assert "in 0 of 1 more than half" in artefacts.depth_sentence([fine, CONVERGED])


def test_cuts_stand_beside_noise():
    found = cuts(
        published=1.0, corrected=90.0, corrected_noise=60.0, corrected_noise_by_tensor=98.0
    )
    assert artefacts.cut_sentence(found) == (
        "Test accuracy, mean of one run. As published, a cut moves the weights 3 times as far as "
        "the same cut of θ. Noise of the size of the latter, spread over all weights, leaves less "
        "than it by more than a point at 3 of 3 depths; but beside noise as large in every tensor "
        "the cut of θ is nowhere better, and up to 8.0 points worse (scaled by 0.95)."
    )
    better = [
        replace(cut, accuracy=80.0)
        if cut.kind == "rank" and cut.protocol.endswith("tensor")
        else cut
        for cut in found
    ]
    assert "at most 10.0 points better (rank 64), and up to 8.0" in artefacts.cut_sentence(better)
    row = artefacts.cut_table(found).iloc[0]
    assert list(row) == ["1.0", "90.0", "98.0", "60.0"]
    assert "grokbook measure dual" in artefacts.cut_sentence([])


def test_what_lies_outside():
    a, b = ({PATH: own, ALIKE: 99.9} for own in (99.0, 98.0))
    said = artefacts.outside_sentence({"a": a, "b": b})
    assert said == (
        "On 2 runs 98 to 99 % of the squared gradient lies outside the path's directions; outside "
        "random ones with the same footprint it is 99.9 %."
    )
    assert "grokbook measure dual" in artefacts.outside_sentence({})


def test_the_page_says_what_the_runs_say(runs):
    found = incompressibility.cuts(runs)
    shares = outsides_of(runs)
    depths = phase_structure.depths([pace(run, 1e-3) for run in runs])
    artefacts.guard(found, shares, depths)
    assert len(shares) == len(runs)
    with pytest.raises(AssertionError, match="moves the weights no further"):
        artefacts.guard([replace(cut, change=0.1) for cut in found], shares, depths)
    with pytest.raises(AssertionError, match="hundredth"):
        artefacts.guard(found, shares | {"x": {PATH: 50.0}}, depths)
    with pytest.raises(AssertionError, match="has converged"):
        artefacts.guard(found, shares, [replace(each, residual=0.0) for each in depths])
    loose = [replace(each, residual=each.depth) for each in depths]
    with pytest.raises(AssertionError, match="corrected one has not"):
        artefacts.guard(found, shares, loose)
    soft = [
        replace(cut, accuracy=0.0) if cut.protocol == "corrected, noise by tensor" else cut
        for cut in found
    ]
    with pytest.raises(AssertionError, match="a cut beats noise as large in every tensor"):
        artefacts.guard(soft, shares, depths)
    hard = [
        replace(cut, accuracy=99.0) if cut.protocol == "corrected, noise" else cut for cut in found
    ]
    with pytest.raises(AssertionError, match="as little as the cuts"):
        artefacts.guard(hard, shares, depths)

"""The instrument ``edge-curves``: its ends against the ablation, its middle against differences."""

import numpy as np
import pandas as pd
import pytest
import torch

from grokbook.instruments.edge_curves import EDGE_CURVES
from grokbook.instruments.network import AttentionSlot, judged
from grokbook.instruments.subject import Subject

PARAMETERS = EDGE_CURVES.complete({"strings": 20, "curved": 30, "draws": 3})


def one(rows, **chosen):
    for name, value in chosen.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_a_curve_of_a_run(small_strings):
    subject = Subject(small_strings.runs()[0], small_strings)
    rows = pd.DataFrame(EDGE_CURVES.rows(subject, 300, PARAMETERS))
    slot = AttentionSlot(subject.layout, subject.theta(300))
    a = slot.attention.double()
    moved = np.diff(subject.attention(range(250, 301, 10)).astype(np.float64), axis=0)
    sigma, v = np.linalg.svd(moved, full_matrices=False)[1:]
    swept, curved = (slot.of(judged(subject, count).loss) for count in (20, 30))
    here = float(swept(a))
    for k in (0, 1):
        unit = torch.from_numpy(v[k] * np.sign(v[k] @ a.numpy()))
        mine = rows[rows.part == f"v{k + 1}"]
        assert one(mine, quantity="sigma").value == pytest.approx(sigma[k], rel=1e-5)
        along = one(mine, quantity="along").value
        assert along == pytest.approx(float(unit @ a), rel=1e-4)
        gone = one(mine, quantity="removal_loss_change", variant="whole")
        assert gone.value == pytest.approx(float(swept(a - along * unit)) - here, rel=1e-4)
        own = [float(swept(a + sign * sigma[k] * unit)) - here for sign in (-1, 1)]
        found = one(mine, quantity="own_loss_change", variant="whole").value
        assert found == pytest.approx(max(own, key=abs), rel=1e-3)
        curve = mine[(mine.quantity == "loss") & (mine.variant == "whole")]
        assert curve["at"].min() == pytest.approx(-max(along, sigma[k]), rel=1e-6)
        step = 1e-3
        second = sum(w * float(curved(a + d * step * unit)) for w, d in ((1, 1), (1, -1), (-2, 0)))
        exact = one(mine, quantity="curvature", variant="exact, test")
        assert exact.value == pytest.approx(second / step**2, rel=1e-3, abs=1e-6)
        scale = float(a.norm()) ** 2
        relative = one(mine, quantity="relative_curvature", variant="exact, test")
        assert relative.value == pytest.approx(scale * exact.value, rel=1e-6)
        rough = one(mine, quantity="curvature", variant="difference, float32")
        fine = one(mine, quantity="curvature", variant="difference, float64")
        assert abs(rough.value - fine.value) < 20 * rough.error and fine.error < 1e-6 * rough.error
    published = rows[(rows.variant == "published") & (rows.quantity == "divergence")]
    assert published.groupby("part").size().tolist() == [25] * 4
    random = rows[(rows.variant == "random") & (rows.quantity == "divergence")]
    assert set(random.part) == {"v1"} and (random["count"] == 3).all()
    assert one(rows, quantity="curvature", part="random", variant="exact, training")["count"] == 3


def test_entropy_is_followed_at_the_phases(small_strings):
    """200 is a published step: the entropy of all 24 rows is at most ln(24!)/24."""
    subject = Subject(small_strings.runs()[0], small_strings)
    rows = pd.DataFrame(EDGE_CURVES.rows(subject, 200, PARAMETERS))
    entropy = rows[rows.quantity == "entropy"]
    assert len(entropy) == 4 * 7 and entropy.value.between(1.5, 2.2827).all()

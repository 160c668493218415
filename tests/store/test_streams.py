"""The three streams, for any plan: bounded, and a function of the step alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from grokbook.plan import Plan
from grokbook.store.streams import Streams, unpack


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(1, 120),
    cadence=st.integers(1, 7),
    dense=st.integers(0, 100),
    limit=st.integers(1, 20),
    cut=st.integers(0, 119),
)
def test_bounded_and_resumable(count, cadence, dense, limit, cut):
    plan = Plan(
        steps=cadence * count, cadence=cadence, dense_until=dense, global_limit=limit, window=3
    )
    whole, first = Streams(plan, 2), Streams(plan, 2)
    weights = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    for k in range(count):
        whole.offer(k * cadence, weights[k])
        if k == cut:  # go on in another process
            second = Streams(plan, 2)
            second.load({name: np.array(value) for name, value in first.state().items()})
            first = second
        first.offer(k * cadence, weights[k])
    coarse = [step for step in whole.steps if step % (whole.stride * cadence) == 0]
    assert len(coarse) <= limit
    assert coarse == [k * cadence for k in range(count) if k % whole.stride == 0]
    offered = [k * cadence for k in range(count)]
    assert whole.steps == [s for s in offered if s <= dense or s % (whole.stride * cadence) == 0]
    assert (first.steps, first.stride, first.band_steps) == (
        whole.steps,
        whole.stride,
        whole.band_steps,
    )
    assert np.array_equal(np.array(first.band), np.array(whole.band))
    assert len(whole.band) == max(0, count - plan.window)  # never thinned


def test_the_band_is_the_gram_matrix_of_the_last_updates():
    plan = Plan(steps=900, cadence=100, window=4)
    streams, generator = Streams(plan, 50), np.random.default_rng(1)
    walk = generator.normal(size=(9, 50)).cumsum(axis=0).astype(np.float32)
    for k, weights in enumerate(walk):
        streams.offer(100 * k, weights)
    updates = np.diff(walk, axis=0).astype(np.float64)
    assert streams.band_steps == [400, 500, 600, 700, 800]
    for matrix, end in zip(unpack(np.array(streams.band), 4), range(4, 9), strict=True):
        window = updates[end - 4 : end]
        np.testing.assert_allclose(matrix, window @ window.T, rtol=1e-6)


def test_a_band_is_resumed_to_the_bit_wherever_it_was_cut():
    """In vectors of real length the last bit of a product depends on the row it is computed in."""
    plan = Plan(steps=900, cadence=100, window=3)
    walk = np.random.default_rng(2).normal(size=(20, 1024)).cumsum(axis=0).astype(np.float32)
    whole = Streams(plan, 1024)
    for k, weights in enumerate(walk):
        whole.offer(100 * k, weights)
    for cut in range(1, 20):
        resumed = Streams(plan, 1024)
        for k, weights in enumerate(walk):
            if k == cut:
                state = {name: np.array(value) for name, value in resumed.state().items()}
                resumed = Streams(plan, 1024)
                resumed.load(state)
            resumed.offer(100 * k, weights)
        assert np.array_equal(resumed.band, whole.band), cut

"""Signals that a process hears."""

import os
import signal

import pytest

from grokbook.training.process import interrupts


def test_the_second_ctrl_c_ends_the_process_and_an_order_is_none():
    with interrupts() as stop:
        stop.set()  # an order to stop, seen while the first signal was still to be heard
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_first_ctrl_c_sets_the_event():
    with interrupts() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(1)

"""What a process that trains sets: one thread, a device, memory that is kept, signals heard."""

from __future__ import annotations

import ctypes
import functools
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from grokbook.checks import ConfigError
from grokbook.checks import device as known_device

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEEP = 1 << 30


@functools.cache
def keep_memory() -> bool:
    """Ask glibc to keep freed memory instead of giving it back after every step.

    Arrays of a megabyte come and go thousands of times a second; fresh pages for them cost up to
    a fifth of a step.  Where the C library is another one, nothing happens.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _KEEP)) and bool(mallopt(_M_TRIM_THRESHOLD, _KEEP))


@contextmanager
def single_thread() -> Iterator[None]:
    """One thread: the numerics that runs are recorded under, and the fastest use of a core."""
    keep_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare_device(device: str) -> None:
    """Make a device ready for training: on a GPU full float32 products, process-wide.

    Args:
        device: ``"cpu"`` or ``"cuda"``.

    Raises:
        ConfigError: if there is no such device, or it is not there.
    """
    if known_device(device) == "cuda":
        if not torch.cuda.is_available():
            raise ConfigError("device cuda is not there: PyTorch finds no GPU")
        torch.set_float32_matmul_precision("highest")  # neither TF32 nor bfloat16


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM set an event instead of ending the process; a second Ctrl-C does.

    Signals are counted, not the event looked at: an order to stop may have set it before the first
    Ctrl-C is heard, which waits while the process is in a long library call.
    """
    stop, heard = threading.Event(), False
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handle(number: int, frame: object) -> None:
        nonlocal heard
        if heard:
            raise KeyboardInterrupt
        heard = True
        stop.set()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""A step that can be captured: replayed as one CUDA graph, called as it is on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

_WARM_UP = 3
"""Calls before a capture: libraries allocate their workspaces in the first."""


class Captured:
    """A function without arguments that works on tensors which stay where they are.

    On a GPU the first call captures it; every call replays the graph.  Warming up runs the
    function, so what it changes is put back afterwards.

    Args:
        function: reads and writes fixed tensors; no branches on their values.
        changed: every tensor that it changes and that must survive warming up.
        device: where they are.
    """

    def __init__(
        self, function: Callable[[], None], changed: Sequence[Tensor], device: torch.device
    ) -> None:
        self._function, self._changed = function, tuple(changed)
        self._on_gpu = device.type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Call, or replay."""
        if not self._on_gpu:
            self._function()
            return
        if self._graph is None:
            self._capture()
        self._graph.replay()

    def _capture(self) -> None:
        saved = [tensor.clone() for tensor in self._changed]
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(_WARM_UP):
                self._function()
        torch.cuda.current_stream().wait_stream(aside)
        for tensor, value in zip(self._changed, saved, strict=True):
            tensor.copy_(value)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._function()

"""How fast: the published loop and ours side by side, against what the machine could do.

Every number of one measurement comes from the same minute of the same process: blocks of either
loop alternate, and the best rate of a bare matrix product is sampled between them, so that a busy
neighbour slows all of them alike.  BENCHMARKS.md says how to read the result.
"""

from grokbook.benchmark.arithmetic import published_flops, step_flops
from grokbook.benchmark.comparison import Benchmark, measure
from grokbook.benchmark.gpu import GpuBenchmark, measure_gpu
from grokbook.benchmark.medians import Median, median_interval
from grokbook.benchmark.two_workers import WorkerLost

__all__ = [
    "Benchmark",
    "GpuBenchmark",
    "Median",
    "WorkerLost",
    "measure",
    "measure_gpu",
    "median_interval",
    "published_flops",
    "step_flops",
]

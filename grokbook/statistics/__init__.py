"""How sure: intervals, exact and permutation tests, fits, orders and survival over runs.

The seed is the unit.  Every function takes one value a run, by the run's name where it has one, and
refuses a run that is there twice: evaluations, tasks and layers of one run are no further samples,
and runs of one seed are to be brought to one value first, or counted as one (`proportion`).  One
run has no interval.
"""

from grokbook.statistics.bootstrap import Bootstrap, bootstrap_interval
from grokbook.statistics.breaks import Break, breakpoint_comparison
from grokbook.statistics.counts import (
    BinomialTest,
    FisherTest,
    Proportion,
    binomial_test,
    chance_of_at_least,
    fisher_test,
    proportion,
)
from grokbook.statistics.fits import Fit, exponential, power_law, reciprocal
from grokbook.statistics.intervals import (
    Interval,
    difference_interval,
    mean_interval,
    prediction_interval,
)
from grokbook.statistics.nulls import LeadNulls, lead_nulls
from grokbook.statistics.orders import OrderTest, order_test
from grokbook.statistics.permutation import PermutationTest, holm, shuffle, sign_flip, two_sample
from grokbook.statistics.survival import LogRank, Survival, log_rank, survival
from grokbook.statistics.units import caution, distinct

__all__ = [
    "BinomialTest",
    "Bootstrap",
    "Break",
    "FisherTest",
    "Fit",
    "Interval",
    "LeadNulls",
    "LogRank",
    "OrderTest",
    "PermutationTest",
    "Proportion",
    "Survival",
    "binomial_test",
    "bootstrap_interval",
    "breakpoint_comparison",
    "caution",
    "chance_of_at_least",
    "distinct",
    "exponential",
    "difference_interval",
    "fisher_test",
    "holm",
    "lead_nulls",
    "log_rank",
    "mean_interval",
    "order_test",
    "power_law",
    "prediction_interval",
    "proportion",
    "reciprocal",
    "shuffle",
    "sign_flip",
    "survival",
    "two_sample",
]

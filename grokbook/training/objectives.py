"""Which objective a configuration has."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from grokbook.config import Config, DyckConfig, RunConfig
from grokbook.models.linear import Route
from grokbook.training.objective import Objective
from grokbook.training.pair_objective import PairObjective
from grokbook.training.prefix_objective import PrefixObjective

_KINDS: dict[type[Config], type[Objective]] = {
    RunConfig: PairObjective,
    DyckConfig: PrefixObjective,
}


def kind(config: Config) -> type[Objective]:
    """The class of a configuration's objective."""
    return _KINDS[type(config)]


def kinship(config: Config) -> tuple:
    """What the models of one ensemble have in common: shapes, data, β₁, β₂ and ε."""
    own = kind(config).kinship(config)
    return (*own, config.beta1, config.beta2, config.epsilon)


def objective(
    configs: Sequence[Config], theta: Tensor, gradient: Tensor, route: Route
) -> Objective:
    """The objective of models of one kinship; nothing is placed yet."""
    return kind(configs[0])(configs, theta, gradient, route)
